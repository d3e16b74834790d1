#!/usr/bin/env bash
# Installs the tools that judge us into one folder: usage: install-tools.sh DIR. Does nothing for what is already there.
set -euo pipefail
dir="$1"
bin="$dir/bin"
mkdir -p "$bin"

# Go programs, pinned. Built with the module defaults whatever GOFLAGS the machine has.
go_tool() { # name, package@version
  [ -x "$bin/$1" ] && return 0
  echo "installing $1"
  local out
  out="$(mktemp -d)"
  GOBIN="$out" GOFLAGS=-mod=mod go install "$2"
  mv "$out"/* "$bin/$1"
  rmdir "$out"
}
go_tool tessera-fsck github.com/transparency-dev/tessera/cmd/fsck@v1.0.4
go_tool crane github.com/google/go-containerregistry/cmd/crane@v0.22.1
go_tool versitygw github.com/versity/versitygw/cmd/versitygw@v1.8.0
go_tool cosign-v3 github.com/sigstore/cosign/v3/cmd/cosign@v3.1.3
go_tool cosign-v2 github.com/sigstore/cosign/v2/cmd/cosign@v2.6.5

# Our own judge of ledgers, of other people's libraries; its go.sum pins them.
(cd "$(dirname "$0")/go-ledger-judge" && GOFLAGS=-mod=readonly go build -o "$bin/ledger-judge" .)

# The AWS emulator, in its own environment.
if [ ! -x "$dir/emu/bin/ministack" ]; then
  echo "installing the AWS emulator"
  python3 -m venv "$dir/emu"
  "$dir/emu/bin/pip" install --quiet ministack==1.5.33 cryptography
fi

# Debian packages, unpacked without installing them.
debian_tool() { # name, package
  [ -x "$bin/$1" ] && return 0
  echo "installing $1"
  local work
  work="$(mktemp -d)"
  (cd "$work" && (apt-get download "$2" || (apt-get update -q && apt-get download "$2")) && dpkg-deb -x ./*.deb x)
  cp "$work/x/usr/bin/$1" "$bin/$1"
  rm -rf "$work"
}
debian_tool docker-registry docker-registry # CNCF distribution
debian_tool prometheus prometheus
debian_tool minisign minisign
if [ ! -e "$dir/lib/libsodium.so.23" ]; then # which minisign is linked with
  mkdir -p "$dir/lib"
  work="$(mktemp -d)"
  (cd "$work" && (apt-get download libsodium23 || (apt-get update -q && apt-get download libsodium23)) && dpkg-deb -x ./*.deb x)
  cp "$work"/x/usr/lib/*/libsodium.so.23 "$dir/lib/"
  rm -rf "$work"
fi

# What most machines have, and a bare one gets: programs that keep their parts all over the system.
system_tool() { # name, package
  command -v "$1" >/dev/null || (apt-get update -q && apt-get install -y -q "$2")
}
system_tool gpg gnupg
system_tool ssh-keygen openssh-client
system_tool git git
ls "$bin"
