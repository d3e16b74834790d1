import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { zipSync } from 'fflate';
import { accessOf } from '../../core/gosum/zip-hashing.ts';
import type { ModuleSource } from '../../core/ports/module-source.ts';
import type { SourceFile } from '../../core/ports/source-host.ts';

/** Modules of our own on a module proxy of files, and the go command that knows nothing else. */

export type Files = Readonly<Record<string, string>>;

export function writeFiles(folder: string, files: Files): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
}

/** Publishes one module version. */
export function publish(proxy: string, path: string, version: string, files: Files): void {
  const at = join(proxy, path, '@v');
  mkdirSync(at, { recursive: true });
  const entries = Object.entries(files).map(([name, text]): [string, Uint8Array] => [
    `${path}@${version}/${name}`,
    Buffer.from(text),
  ]);
  writeFileSync(join(at, `${version}.zip`), zipSync(Object.fromEntries(entries)));
  writeFileSync(join(at, `${version}.mod`), files['go.mod'] ?? `module ${path}\n`);
  writeFileSync(join(at, `${version}.info`), JSON.stringify({ Version: version }));
  const known = existsSync(join(at, 'list')) ? readFileSync(join(at, 'list'), 'utf8') : '';
  writeFileSync(join(at, 'list'), `${known}${version}\n`);
}

/** Every regular file below a folder. */
export const treeOf = (folder: string): SourceFile[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => {
      const path = join(parentPath, name);
      return { path: path.slice(folder.length + 1), bytes: readFileSync(path) };
    });

/** The proxy as our own code asks it. */
export function modulesOf(proxy: string): ModuleSource {
  const read = (path: string, version: string, kind: 'mod' | 'zip') => {
    const file = join(proxy, path, '@v', `${version}.${kind}`);
    return existsSync(file) ? readFileSync(file) : undefined;
  };
  return {
    goMod: async (path, version) => read(path, version, 'mod'),
    async zip(path, version) {
      const bytes = read(path, version, 'zip');
      return bytes && { ...accessOf(bytes), release: async () => undefined };
    },
  };
}

export interface GoOutcome {
  readonly ok: boolean;
  readonly output: string;
}

/** Runs the go command; a failure is an outcome. */
export function goIn(
  folder: string,
  proxy: string,
  cache: string,
  args: readonly string[],
  workspace = false,
): GoOutcome {
  const env = {
    ...process.env,
    GOFLAGS: '-modcacherw',
    GOMODCACHE: cache,
    GOPROXY: pathToFileURL(proxy).href,
    GOSUMDB: 'off',
    GOTOOLCHAIN: 'local',
    GOWORK: workspace ? join(folder, 'go.work') : 'off',
  };
  try {
    const output = execFileSync('go', args, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], env });
    return { ok: true, output };
  } catch (error) {
    const output = error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error);
    return { ok: false, output };
  }
}

export function mustGo(...args: Parameters<typeof goIn>): string {
  const { ok, output } = goIn(...args);
  if (!ok) throw new Error(`go ${args[3].join(' ')}: ${output}`);
  return output;
}
