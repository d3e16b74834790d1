/** Operating systems and architectures that Go knows or knew: in file names no other word says for what a file is. */

export interface GoPlatform {
  readonly goos: string;
  readonly goarch: string;
  readonly cgo: boolean;
  /** Minor number of the newest release tag: 26 makes `go1.1` to `go1.26` true. */
  readonly release: number;
  /** Whatever else is true: `-tags`, `goexperiment.…`, `amd64.v3`. */
  readonly tags: readonly string[];
}

const UNIX = 'aix android darwin dragonfly freebsd hurd illumos ios linux netbsd openbsd solaris';
const UNIX_SYSTEMS: ReadonlySet<string> = new Set(UNIX.split(' '));
const SYSTEMS: ReadonlySet<string> = new Set(`${UNIX} js nacl plan9 wasip1 windows zos`.split(' '));
const ARCHITECTURES: ReadonlySet<string> = new Set(
  (
    '386 amd64 amd64p32 arm arm64 arm64be armbe loong64 mips mips64 mips64le mips64p32 mips64p32le mipsle ppc ppc64 ' +
    'ppc64le riscv riscv64 s390 s390x sparc sparc64 wasm'
  ).split(' '),
);
/** A system that is another one too. */
const ALSO: Readonly<Record<string, string>> = { android: 'linux', illumos: 'solaris', ios: 'darwin' };
const RELEASE_TAG = /^go1\.([1-9][0-9]*)$/;

export function isTagOf(platform: GoPlatform, tag: string): boolean {
  const { goos, goarch, cgo, release, tags } = platform;
  if (tag === goos || tag === goarch || tag === 'gc' || tags.includes(tag)) return true;
  if (tag === ALSO[goos]) return true;
  if (tag === 'cgo') return cgo;
  if (tag === 'unix') return UNIX_SYSTEMS.has(goos);
  const [, minor] = RELEASE_TAG.exec(tag) ?? [];
  return minor !== undefined && Number(minor) <= release;
}

/** Tags that a file name asks for: `x_linux_arm64_test.go` is for linux and arm64, `linux.go` for everything. */
export function tagsOfName(name: string): string[] {
  const words = (name.split('.', 1)[0] ?? '').split('_').slice(1);
  if (words.at(-1) === 'test') words.pop();
  const [system = '', last = ''] = [words.at(-2), words.at(-1)];
  if (ARCHITECTURES.has(last)) return SYSTEMS.has(system) ? [system, last] : [last];
  return SYSTEMS.has(last) ? [last] : [];
}
