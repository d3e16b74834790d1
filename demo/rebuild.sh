#!/usr/bin/env bash
# Makes the demo's committed inputs again, with the same bytes: usage: demo/rebuild.sh [FOLDER]
# Needs git, go (GO_VERSION below: it is written into the binaries) and `npm ci`; nothing is fetched from a network.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
out="$(mkdir -p "${1:-$here/fixtures}" && cd "${1:-$here/fixtures}" && pwd)"
GO_VERSION=go1.26.8
[ "$(GOTOOLCHAIN=local go env GOVERSION)" = "$GO_VERSION" ] || { echo "needs $GO_VERSION" >&2; exit 2; }

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
export TZ=UTC LC_ALL=C
# Nothing of the machine's own settings may reach the result.
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1
export GIT_AUTHOR_NAME='Acme Release' GIT_AUTHOR_EMAIL='release@git.example.com'
export GIT_COMMITTER_NAME="$GIT_AUTHOR_NAME" GIT_COMMITTER_EMAIL="$GIT_AUTHOR_EMAIL"
export GOENV=off GOFLAGS=-modcacherw GOTOOLCHAIN=local GOWORK=off GOMODCACHE="$work/modules"
export GOPROXY="file://$work/proxy" GONOSUMDB='git.example.com/*' GOOS=linux GOARCH=amd64 CGO_ENABLED=0
script() { local name="$1"; shift; (cd "$here/.." && node --import tsx "demo/rebuild/$name.ts" "$@"); }

# module NAME VERSION FOLDER: publishes every file of the folder in the proxy.
module() {
  local files
  files="$(cd "$3" && find . -type f -not -path './.git/*' -printf '%P ')"
  # shellcheck disable=SC2086 # none of our file names holds a space
  script module-zip "$work/proxy" "git.example.com/acme/$1" "$2" "$3" $files
}

# --- modules: two dependencies, and one that stands in for a public module
cp -r "$here/source" "$work/source"
cp -r "$work/source/flagset" "$work/flagset-old"
sed -i 's|^// Value returns .*|// Value returns the value of the flag, or fallback.|' "$work/flagset-old/flagset.go"
module flagset v1.0.4 "$work/flagset-old"
module flagset v1.0.5 "$work/source/flagset"
(cd "$work/source/greeting" && go mod tidy)
module greeting v0.2.0 "$work/source/greeting"
(cd "$work/source/command" && go mod tidy)
module command v1.0.0 "$work/source/command"

# --- the sample service: v1.0.0, v1.0.3 and v1.0.4 are good; v1.0.1 has a go.sum line edited, v1.0.2 one deleted
(cd "$work/source/sample" && go mod tidy)
repository="$work/sample"
git init -q -b main --template= "$repository"
cp -r "$work/source/sample/." "$repository"
minute=0
release() { # TAG MESSAGE
  minute=$((minute + 1))
  local at; at="2026-11-01T09:0$minute:00Z"
  git -C "$repository" add -A
  GIT_AUTHOR_DATE="$at" GIT_COMMITTER_DATE="$at" git -C "$repository" commit -q -m "$2"
  git -C "$repository" tag "$1"
  mkdir "$work/$1"
  git -C "$repository" archive "$1" | tar -x -C "$work/$1"
  module sample "$1" "$work/$1"
}
release v1.0.0 'Say hello'
echo 'Released once more without a change to the code.' >> "$repository/README.md"
release v1.0.3 'Explain the release'
echo 'And once more.' >> "$repository/README.md"
release v1.0.4 'Explain the release again'
needed='^git.example.com/acme/flagset v1.0.5 h1:'
git -C "$repository" checkout -q --detach v1.0.0
sed -i "\|$needed|s/h1:\(.\)\(.\)/h1:\2\1/" "$repository/go.sum"
release v1.0.1 'Edit a line of go.sum'
git -C "$repository" checkout -q --detach v1.0.0
sed -i "\|$needed|d" "$repository/go.sum"
release v1.0.2 'Delete a line of go.sum'

rm -rf "$out"/{sample.git,images,proxy} "$out/inputs.json"
git init -q -b main --bare --template= "$out/sample.git"
git -C "$repository" push -q "$out/sample.git" main --tags
# One pack and packed tags: no empty folder is needed, which neither git nor npm would keep. The branch stays loose.
git -C "$out/sample.git" -c pack.threads=1 -c pack.writeReverseIndex=false -c repack.writeBitmaps=false repack -adfqn
git -C "$out/sample.git" pack-refs
find "$out/sample.git" -type d -empty -delete

# --- images: built from the tag's own commit, then with one hash of its build info changed, then from another commit
build() { # FOLDER COMMIT: a clone whose only tag is v1.0.0, at this commit
  git clone -q --no-tags --no-checkout "$repository" "$work/$1"
  git -C "$work/$1" fetch -q "$repository" "$2"
  git -C "$work/$1" checkout -q --detach FETCH_HEAD
  git -C "$work/$1" tag v1.0.0
  (cd "$work/$1" && go build -trimpath -buildvcs=true -ldflags='-s -w' -o "$work/$1.bin" .)
}
build good v1.0.0
build other-commit v1.0.3
cp "$work/good.bin" "$work/rehashed.bin"
script patch-build-info "$work/rehashed.bin" git.example.com/acme/flagset v1.0.5
for image in good rehashed other-commit; do
  script image-layout "$out/images/$image" v1.0.0 "$work/$image.bin" > "$work/$image.json"
done

# --- the checksum database, of hashes that the go command computed, and the proxy without the sample itself
go mod download -json git.example.com/acme/{flagset@v1.0.4,flagset@v1.0.5,greeting@v0.2.0,command@v1.0.0} > "$work/downloads"
go mod download -json git.example.com/acme/sample@v1.0.{0,1,2,3,4} >> "$work/downloads"
mkdir -p "$out/proxy/git.example.com/acme"
cp -r "$work/proxy/git.example.com/acme"/{flagset,greeting,command} "$out/proxy/git.example.com/acme/"
script checksum-database "$out/proxy" "$here/rebuild/test-only-checksum-database.key" < "$work/downloads" > "$work/verifier"

# --- what all this is called
commit() { git -C "$repository" rev-parse "$1^{commit}"; }
cat > "$out/inputs.json" << EOF
{
  "goVersion": "$GO_VERSION",
  "verifierKey": "$(cat "$work/verifier")",
  "commits": {
    "v1.0.0": "$(commit v1.0.0)",
    "v1.0.1": "$(commit v1.0.1)",
    "v1.0.2": "$(commit v1.0.2)",
    "v1.0.3": "$(commit v1.0.3)",
    "v1.0.4": "$(commit v1.0.4)"
  },
  "images": {
    "good": $(cat "$work/good.json"),
    "rehashed": $(cat "$work/rehashed.json"),
    "otherCommit": $(cat "$work/other-commit.json")
  }
}
EOF
