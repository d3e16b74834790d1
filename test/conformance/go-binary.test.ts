import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readBuildInfo } from '../../core/gobuildinfo/read.ts';

let folder = '';
const go = (args: string[], env: Record<string, string> = {}) =>
  execFileSync('go', args, {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, GOFLAGS: '-mod=mod', GOPROXY: 'off', GOWORK: 'off', CGO_ENABLED: '0', ...env },
  });

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'relseal-go-'));
  writeFileSync(join(folder, 'go.mod'), 'module example.test/tool\n\ngo 1.21\n');
  writeFileSync(join(folder, 'main.go'), 'package main\n\nfunc main() { println("x") }\n');
});
afterAll(() => rmSync(folder, { recursive: true }));

/** `go version -m`: version, main package, then module and build lines as key and value. */
function judged(file: string) {
  const [head = '', ...lines] = go(['version', '-m', file]).trimEnd().split('\n');
  const rows = lines.map((line) => line.slice(1).split('\t'));
  const builds = rows.filter(([word]) => word === 'build').map(([, setting = '']) => setting);
  return {
    goVersion: head.slice(head.lastIndexOf(': ') + 2),
    path: rows.find(([word]) => word === 'path')?.[1],
    builds,
  };
}

describe('build info, judged by the go command', () => {
  const targets = ['linux/amd64', 'darwin/arm64', 'windows/amd64'];
  it.each(
    targets.flatMap((target) => [
      [target, ''],
      [target, '-s -w'],
    ]),
  )('is read alike for %s, ldflags "%s"', async (target, flags) => {
    const [GOOS = '', GOARCH = ''] = target?.split('/') ?? [];
    const file = join(folder, `${GOOS}${flags ? '-stripped' : ''}`);
    go(['build', '-ldflags', flags ?? '', '-o', file, '.'], { GOOS, GOARCH });
    const bytes = readFileSync(file);
    const read = (offset: number, length: number) => bytes.subarray(offset, offset + length);
    const reading = await readBuildInfo({ size: bytes.length, read });
    const expected = judged(file);
    if (reading.kind !== 'found') throw new Error(JSON.stringify(reading));
    expect(reading.info).toMatchObject({ goVersion: expected.goVersion, path: expected.path });
    expect(reading.info.main?.path).toBe('example.test/tool');
    const settings = Object.entries(reading.info.settings).map(
      ([key, value]) => `${key}=${/[\s"`]/.test(value) ? JSON.stringify(value) : value}`,
    );
    expect(settings).toEqual(expected.builds);
  });
});
