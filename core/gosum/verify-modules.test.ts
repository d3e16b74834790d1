import { createHash } from 'node:crypto';
import { zipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { type TestRecord, testChecksumDatabase } from '../../test/fakes/test-checksum-database.ts';
import { ModulePath, ModuleVersion } from '../brands.ts';
import { Fault } from '../faults.ts';
import type { ChecksumDatabase } from '../ports/checksum-database.ts';
import type { HeadStore, KeptHead } from '../ports/head-store.ts';
import type { ModuleSource } from '../ports/module-source.ts';
import { sourceFactsOf } from '../source/source-facts.ts';
import { h1OfFiles, h1OfGoMod } from './dirhash.ts';
import { type ReleasedModule, verifyModuleHashes } from './verify-modules.ts';

const utf8 = (text: string) => new TextEncoder().encode(text);

interface FakeModule {
  readonly path: ModulePath;
  readonly version: ModuleVersion;
  goMod: Uint8Array;
  zip: Uint8Array;
  readonly zipH1: string;
  readonly goModH1: string;
}

function moduleOf(path: string, version: string, code: string): FakeModule {
  const goMod = utf8(`module ${path}\n`);
  const files = { [`${path}@${version}/go.mod`]: goMod, [`${path}@${version}/code.go`]: utf8(code) };
  const h1 = h1OfFiles(
    Object.entries(files).map(([name, bytes]) => ({ name, sha256: createHash('sha256').update(bytes).digest('hex') })),
  );
  return {
    path: ModulePath.parse(path),
    version: ModuleVersion.parse(version),
    goMod,
    zip: zipSync(files),
    zipH1: h1,
    goModH1: h1OfGoMod(goMod),
  };
}

const linesOf = ({ path, version, zipH1, goModH1 }: FakeModule) =>
  `${path} ${version} ${zipH1}\n${path} ${version}/go.mod ${goModH1}\n`;
const recordOf = ({ path, version, zipH1, goModH1 }: FakeModule): TestRecord => ({
  module: path,
  version,
  zipH1,
  goModH1,
});

interface Heads extends HeadStore {
  readonly kept: Map<string, KeptHead>;
}
function memoryHeads(): Heads {
  const kept = new Map<string, KeptHead>();
  return {
    kept,
    load: async (log) => kept.get(log),
    save: async (log, head) => {
      if ((kept.get(log)?.size ?? 0) < head.size) kept.set(log, head);
    },
  };
}

/** A release that requires two modules, one of them indirectly through a third; everything agrees. */
function world() {
  const a = moduleOf('example.com/a', 'v1.0.0', 'package a\n');
  const b = moduleOf('example.com/b', 'v1.2.0', 'package b\n');
  const own = moduleOf('git.example.com/acme/app', 'v1.0.0', 'package main\n');
  const modules = [a, b, own];
  const asked: string[] = [];
  let open = 0;
  const find = (path: string, version: string) =>
    modules.find((each) => each.path === path && each.version === version);
  const source: ModuleSource = {
    goMod: async (path, version) => {
      asked.push(`go.mod ${path}@${version}`);
      return find(path, version)?.goMod;
    },
    zip: async (path, version) => {
      asked.push(`zip ${path}@${version}`);
      const zip = find(path, version)?.zip;
      if (!zip) return undefined;
      open += 1;
      return {
        size: zip.length,
        read: async (offset, length) => zip.subarray(offset, offset + length),
        release: async () => {
          open -= 1;
        },
      };
    },
  };
  const database = testChecksumDatabase([...modules.map(recordOf), ...[...Array(30).keys()].map(fillerRecord)]);
  const released: ReleasedModule = { ...own, published: true };
  return {
    ...{ a, b, own, modules, source, database, released, asked },
    heads: memoryHeads(),
    goMod: `module ${own.path}\n\ngo 1.23.0\n\nrequire example.com/a v1.0.0\nrequire example.com/b v1.2.0 // indirect\n`,
    goSum: linesOf(a) + linesOf(b),
    private: [] as string[],
    stillOpen: () => open,
  };
}
const fillerRecord = (at: number): TestRecord => ({
  module: `example.com/filler${at}`,
  version: 'v1.0.0',
  zipH1: `h1:${'A'.repeat(43)}=`,
  goModH1: `h1:${'B'.repeat(43)}=`,
});

type World = ReturnType<typeof world>;
const verify = (
  { source, database, heads, goMod, goSum, released, private: patterns }: World,
  changes: {
    database?: ChecksumDatabase;
    goSum?: string | undefined;
    goMod?: string;
    source?: ModuleSource;
    released?: ReleasedModule | undefined;
  } = {},
) => {
  const text = 'goSum' in changes ? changes.goSum : goSum;
  return verifyModuleHashes(
    {
      modules: changes.source ?? source,
      database: changes.database ?? database,
      heads,
      settings: { private: patterns },
    },
    {
      goMod: utf8(changes.goMod ?? goMod),
      goSum: text === undefined ? undefined : utf8(text),
      released: 'released' in changes ? changes.released : released,
    },
  );
};
const codes = ({ reasons }: { reasons: readonly { code: string }[] }) => reasons.map(({ code }) => code);

describe('the go.sum of a release', () => {
  it('passes when every line, the zips, the go.mod files and the database agree', async () => {
    const all = world();
    const verified = await verify(all);
    expect(verified.reasons).toEqual([]);
    expect(verified.lines).toEqual([
      {
        module: 'example.com/a',
        version: 'v1.0.0',
        kind: 'zip',
        h1: all.a.zipH1,
        where: 'go.sum:1',
        proved: 'database',
        recomputed: all.a.zipH1,
        record: 0,
      },
      {
        module: 'example.com/a',
        version: 'v1.0.0',
        kind: 'go.mod',
        h1: all.a.goModH1,
        where: 'go.sum:2',
        proved: 'database',
        recomputed: all.a.goModH1,
        record: 0,
      },
      {
        module: 'example.com/b',
        version: 'v1.2.0',
        kind: 'zip',
        h1: all.b.zipH1,
        where: 'go.sum:3',
        proved: 'database',
        recomputed: all.b.zipH1,
        record: 1,
      },
      {
        module: 'example.com/b',
        version: 'v1.2.0',
        kind: 'go.mod',
        h1: all.b.goModH1,
        where: 'go.sum:4',
        proved: 'database',
        recomputed: all.b.goModH1,
        record: 1,
      },
    ]);
    expect(verified.release).toEqual({ proved: 'database', record: 2 });
    expect(verified.head).toMatchObject({
      size: 33,
      log: expect.stringMatching(/^sumdb\.test\.example\+[0-9a-f]{8}$/),
    });
    expect(all.stillOpen()).toBe(0);
  });

  it('keeps the head it was proved in, and proves the next run from there', async () => {
    const all = world();
    const { head } = await verify(all);
    expect([...all.heads.kept]).toEqual([[head?.log, { size: 33, note: head?.note }]]);
    expect(codes(await verify(all))).toEqual([]);
  });

  it.each([
    ['zip', 'example.com/a v1.0.0'],
    ['go.mod', 'example.com/a v1.0.0/go.mod'],
  ])('names a missing %s line with module, version and place', async (_, key) => {
    const all = world();
    const goSum = all.goSum
      .split('\n')
      .filter((line) => !line.startsWith(`${key} `))
      .join('\n');
    const { reasons } = await verify(all, { goSum });
    expect(reasons).toMatchObject([
      {
        code: 'gosum.line-missing',
        where: 'go.mod:5',
        expected: `${key} h1:… in go.sum`,
        fix: expect.stringMatching(/./),
      },
    ]);
  });

  it('asks for the lines of what a requirement is replaced by, and none of a directory', async () => {
    const all = world();
    const fork = moduleOf('example.com/fork', 'v1.0.9', 'package a\n');
    const goMod = `${all.goMod}replace example.com/a => example.com/fork v1.0.9\n`;
    expect((await verify(all, { goMod })).reasons).toMatchObject([
      { code: 'gosum.line-missing', where: 'go.mod:5', expected: 'example.com/fork v1.0.9 h1:… in go.sum' },
      { code: 'gosum.line-missing', where: 'go.mod:5', expected: 'example.com/fork v1.0.9/go.mod h1:… in go.sum' },
    ]);
    const other = world();
    other.modules.push(fork);
    const database = testChecksumDatabase(other.modules.map(recordOf));
    expect(codes(await verify(other, { goMod, database, goSum: all.goSum + linesOf(fork) }))).toEqual([]);
    const local = `${all.goMod}replace example.com/a => ./a\n`;
    expect(codes(await verify(all, { goMod: local, goSum: linesOf(all.b) }))).toEqual([]);
  });

  it('names the line of an edited hash and both values', async () => {
    const all = world();
    for (const [line, h1] of [all.a.zipH1, all.a.goModH1, all.b.zipH1, all.b.goModH1].entries()) {
      const edited = h1.startsWith('h1:A') ? h1.replace('h1:A', 'h1:B') : h1.replace(/^h1:./, 'h1:A');
      const { reasons, lines } = await verify(all, { goSum: all.goSum.replace(h1, edited) });
      expect(reasons).toMatchObject([
        {
          code: 'gosum.mismatch',
          where: `go.sum:${line + 1}`,
          expected: expect.stringMatching(new RegExp(`${escaped(edited)}$`)),
          found: h1,
        },
      ]);
      expect(lines[line]).toMatchObject({ proved: 'refused', recomputed: h1 });
    }
  });

  it('refuses two hashes for one key', async () => {
    const all = world();
    const goSum = `${all.goSum}example.com/a v1.0.0 h1:${'E'.repeat(43)}=\n`;
    expect((await verify(all, { goSum })).reasons).toMatchObject([{ code: 'gosum.conflict', where: 'go.sum:5' }]);
  });

  it('proves a line that no requirement needs', async () => {
    const all = world();
    const surplus = moduleOf('example.com/surplus', 'v1.0.0', 'package x\n');
    const { reasons } = await verify(all, { goSum: all.goSum + linesOf(surplus) });
    expect(codes({ reasons })).toEqual(['gosum.module-missing', 'gosum.module-missing', 'sumdb.unknown-module']);
    expect(reasons[0]).toMatchObject({ where: 'go.sum:5', expected: 'the zip of example.com/surplus@v1.0.0' });
  });

  it('refuses zip bytes that were changed although go.sum and the database agree', async () => {
    const all = world();
    all.a.zip = moduleOf('example.com/a', 'v1.0.0', 'package a // changed\n').zip;
    const { reasons, lines } = await verify(all);
    expect(reasons).toMatchObject([
      {
        code: 'gosum.mismatch',
        where: 'go.sum:1',
        expected: `example.com/a v1.0.0 ${all.a.zipH1}`,
        found: lines[0]?.recomputed,
      },
    ]);
    expect(lines[0]?.recomputed).not.toBe(all.a.zipH1);
  });

  it('refuses any changed byte of a zip', async () => {
    const all = world();
    const original = all.a.zip;
    for (let at = 0; at < original.length; at += 97) {
      all.a.zip = Uint8Array.from(original, (byte, place) => (place === at ? byte ^ 0xff : byte));
      const { reasons, lines } = await verify(all);
      // A byte that no reader heeds (a time, a version) may change: then the files are the same.
      if (reasons.length === 0) expect(lines[0]?.recomputed).toBe(all.a.zipH1);
      else expect(codes({ reasons })).toEqual(['gosum.mismatch']);
    }
  });

  it('refuses what is no zip, with the reason', async () => {
    const all = world();
    all.a.zip = utf8('<html>a captive portal</html>');
    expect((await verify(all)).reasons).toMatchObject([
      { code: 'gosum.mismatch', where: 'go.sum:1', found: 'an invalid zip: no end of central directory' },
    ]);
    expect(all.stillOpen()).toBe(0);
  });

  it('refuses a module that was changed together with its go.sum line: the database holds another', async () => {
    const all = world();
    const changed = moduleOf('example.com/a', 'v1.0.0', 'package a // changed\n');
    all.modules[0] = changed;
    const { reasons } = await verify(all, { goSum: linesOf(changed) + linesOf(all.b) });
    expect(reasons).toMatchObject([
      {
        code: 'gosum.mismatch',
        where: 'go.sum:1',
        expected: `example.com/a v1.0.0 ${changed.zipH1}`,
        found: `the checksum database holds ${all.a.zipH1}`,
      },
    ]);
  });

  it('is refused as absent only when a line would be needed', async () => {
    const all = world();
    expect((await verify(all, { goSum: undefined })).reasons).toMatchObject([
      { code: 'gosum.file-missing', expected: 'the lines of example.com/a v1.0.0 (go.mod:5)' },
    ]);
    expect(codes(await verify(all, { goSum: undefined, goMod: `module ${all.own.path}\n` }))).toEqual([]);
    const local = `module ${all.own.path}\nrequire example.com/a v1.0.0\nreplace example.com/a v1.0.0 => ./a\n`;
    expect(codes(await verify(all, { goSum: undefined, goMod: local }))).toEqual([]);
  });

  it('is needed where the directory replaces another version of an indirect requirement', async () => {
    const all = world();
    const goMod = `module ${all.own.path}\nrequire example.com/b v1.2.0 // indirect\nreplace example.com/b v1.1.0 => ./b\n`;
    expect(codes(await verify(all, { goSum: undefined, goMod }))).toEqual(['gosum.file-missing']);
  });

  it('is refused where it or go.mod is no UTF-8 text', async () => {
    const all = world();
    const bytes = Uint8Array.of(0xff, 0xfe);
    const deps = { modules: all.source, database: all.database, heads: all.heads, settings: { private: [] } };
    const judge = (goMod: Uint8Array, goSum: Uint8Array) =>
      verifyModuleHashes(deps, { goMod, goSum, released: undefined });
    expect((await judge(utf8(all.goMod), bytes)).reasons).toMatchObject([{ code: 'gosum.malformed', where: 'go.sum' }]);
    expect((await judge(bytes, utf8(all.goSum))).reasons).toMatchObject([
      { code: 'gosum.go-mod-malformed', where: 'go.mod' },
    ]);
  });

  it('is not judged where go.mod is malformed, which is named with line and column', async () => {
    const all = world();
    expect(await verify(all, { goMod: `${all.goMod}requires x v1\n` })).toMatchObject({
      reasons: [{ code: 'gosum.go-mod-malformed', where: 'go.mod:7:1', found: 'requires' }],
      lines: [],
    });
    expect(all.asked).toEqual([]);
  });

  it('gives every reason at once, in the order of the files', async () => {
    const all = world();
    const goSum = `example.com/a v1.0.0 h1:${'I'.repeat(43)}=\nnonsense\nexample.com/new v1.0.0/go.mod h1:${'E'.repeat(43)}=\n`;
    expect(codes(await verify(all, { goSum, released: { ...all.released, zipH1: 'h1:other' } }))).toEqual([
      'gosum.malformed',
      'gosum.line-missing',
      'gosum.mismatch',
      'gosum.module-missing',
      'sumdb.unknown-module',
      'source.tag-moved',
    ]);
  });
});

describe('the checksum database of a release', () => {
  it('that does not know a module refuses it', async () => {
    const all = world();
    const database = testChecksumDatabase([recordOf(all.a), recordOf(all.own)]);
    const { reasons, lines } = await verify(all, { database });
    expect(reasons).toMatchObject([{ code: 'sumdb.unknown-module', where: 'example.com/b@v1.2.0' }]);
    expect(lines.map(({ proved }) => proved)).toEqual(['database', 'database', 'refused', 'refused']);
  });

  it('that holds a record without the line refuses the line', async () => {
    const all = world();
    const database: ChecksumDatabase = { ...all.database, lookup: async () => undefined };
    expect(codes(await verify(all, { database }))).toEqual(Array(3).fill('sumdb.unknown-module'));
  });

  it.each([
    ['lookup', 'lookup'],
    ['latest', 'latest'],
    ['tile', 'tile'],
  ] as const)('that cannot be reached for its %s is a fault, never a refusal', async (_, call) => {
    const all = world();
    const down = async (): Promise<never> => {
      throw new Fault('ChecksumDatabaseUnavailable', 'HTTP 503');
    };
    await expect(verify(all, { database: { ...all.database, [call]: down } })).rejects.toThrow(
      expect.objectContaining({ name: 'ChecksumDatabaseUnavailable' }),
    );
    expect(all.heads.kept.size).toBe(0);
  });

  it('that shows another history than before is refused as a fork, and the kept head stays', async () => {
    const all = world();
    const { head } = await verify(all);
    const forked = testChecksumDatabase([
      ...all.modules.map(recordOf),
      ...[...Array(40).keys()].map((at) => fillerRecord(at + 1)),
    ]);
    const verified = await verify(all, { database: forked });
    expect(codes(verified)).toEqual(['sumdb.fork']);
    expect(verified.lines.every(({ proved }) => proved === 'refused')).toBe(true);
    expect(verified.release).toEqual({ proved: 'refused' });
    expect([...all.heads.kept.values()]).toEqual([{ size: 33, note: head?.note }]);
  });

  it('that has grown is followed, and the larger head kept', async () => {
    const all = world();
    await verify(all);
    const grown = testChecksumDatabase([...all.modules.map(recordOf), ...[...Array(300).keys()].map(fillerRecord)]);
    expect(codes(await verify(all, { database: grown }))).toEqual([]);
    expect([...all.heads.kept.values()]).toMatchObject([{ size: 303 }]);
  });

  it('is never asked for private modules, nor opened when all are', async () => {
    const all = world();
    all.private.push('example.com/b', 'git.example.com/acme');
    const { reasons, lines, release } = await verify(all);
    expect(reasons).toEqual([]);
    expect(lines.map(({ proved }) => proved)).toEqual(['database', 'database', 'private', 'private']);
    expect(release).toEqual({ proved: 'private' });
    expect(all.database.asked.filter((asked) => asked.startsWith('lookup'))).toEqual(['lookup example.com/a@v1.0.0']);
    const none = world();
    none.private.push('example.com', 'git.example.com');
    expect(await verify(none)).not.toHaveProperty('head');
    expect(none.database.asked).toEqual([]);
  });

  it('still recomputes the lines of private modules', async () => {
    const all = world();
    all.private.push('example.com', 'git.example.com');
    all.a.zip = moduleOf('example.com/a', 'v1.0.0', 'package a // changed\n').zip;
    expect((await verify(all)).reasons).toMatchObject([{ code: 'gosum.mismatch', where: 'go.sum:1' }]);
  });

  it('is not asked for a release that was not published, whose version a lookup would reveal', async () => {
    const all = world();
    const { release, reasons } = await verify(all, { released: { ...all.released, published: false } });
    expect([release, reasons]).toEqual([{ proved: 'not-asked' }, []]);
    expect(all.database.asked.filter((asked) => asked.includes('acme/app'))).toEqual([]);
  });

  it('that holds other hashes of the release says that the tag was moved', async () => {
    const all = world();
    const other = `h1:${'Q'.repeat(43)}=`;
    const { reasons, release } = await verify(all, { released: { ...all.released, zipH1: other } });
    expect(reasons).toMatchObject([
      {
        code: 'source.tag-moved',
        where: 'git.example.com/acme/app@v1.0.0',
        expected: `git.example.com/acme/app v1.0.0 ${all.own.zipH1}`,
        found: other,
      },
    ]);
    expect(release).toEqual({ proved: 'refused', record: 2 });
    const both = { ...all.released, zipH1: other, goModH1: other };
    expect(codes(await verify(all, { released: both }))).toEqual(['source.tag-moved', 'source.tag-moved']);
  });

  it('is asked for each module version once', async () => {
    const all = world();
    await verify(all);
    const lookups = all.database.asked.filter((asked) => asked.startsWith('lookup'));
    expect(lookups).toHaveLength(3);
    expect(new Set(lookups).size).toBe(3);
  });
});

describe('the packages of a release', () => {
  /** The facts of a tree that imports `a`, and `b` in a file for one platform. */
  function factsOf({ goMod }: World, files: Readonly<Record<string, string>> = {}) {
    const tree = {
      'go.mod': goMod,
      'main.go': 'package main\n\nimport _ "example.com/a"\n',
      'on_plan9.go': '//go:build plan9\n\npackage main\n\nimport _ "example.com/b"\n',
      ...files,
    };
    const made = sourceFactsOf(
      Object.entries(tree).map(([path, text]) => ({ path, bytes: utf8(text) })),
      '',
    );
    if (made.kind === 'refused') throw new Error(JSON.stringify(made.reasons));
    return made.facts;
  }
  const verifyPackages = (all: World, goSum: string | undefined, files: Readonly<Record<string, string>> = {}) =>
    verifyModuleHashes(
      { modules: all.source, database: all.database, heads: all.heads, settings: { private: [] } },
      {
        goMod: utf8(all.goMod),
        goSum: goSum === undefined ? undefined : utf8(goSum),
        released: undefined,
        facts: factsOf(all, files),
      },
    );
  const without = (text: string, part: string) => {
    expect(text).toContain(part);
    return text
      .split('\n')
      .filter((row) => !row.startsWith(part))
      .join('\n');
  };

  it('need the lines of all that they import, whatever the platform, and say so', async () => {
    const all = world();
    const { reasons, warnings, needs } = await verifyPackages(all, all.goSum);
    expect([reasons, warnings, needs]).toEqual([
      [],
      [],
      { of: 'packages', counts: { required: 4, tidy: 0, surplus: 0 } },
    ]);
  });

  it('refuse a missing line at its requirement, with who needs it', async () => {
    const all = world();
    const { reasons } = await verifyPackages(all, without(all.goSum, 'example.com/b v1.2.0 '));
    expect(reasons).toMatchObject([
      {
        code: 'gosum.line-missing',
        where: 'go.mod:6',
        expected:
          'example.com/b v1.2.0 h1:… in go.sum: it may provide example.com/b, imported by git.example.com/acme/app',
      },
    ]);
  });

  it('only warn of a line that no build needs', async () => {
    const all = world();
    const { reasons, warnings } = await verifyPackages(
      all,
      without(without(all.goSum, 'example.com/b v1.2.0 '), 'example.com/b v1.2.0/go.mod'),
      { 'on_plan9.go': 'package main\n' },
    );
    expect(reasons).toEqual([]);
    expect(warnings).toMatchObject([
      { code: 'gosum.untidy', where: 'go.mod:6', expected: expect.stringContaining('example.com/b v1.2.0/go.mod') },
    ]);
  });

  it('warn of an import that no module provides, and count lines that nobody needs', async () => {
    const all = world();
    const files = { 'on_plan9.go': 'package main\n\nimport _ "example.com/c"\n' };
    const { reasons, warnings, needs } = await verifyPackages(all, all.goSum, files);
    expect(reasons).toEqual([]);
    expect(warnings).toMatchObject([{ code: 'gosum.untidy', where: 'example.com/c' }]);
    expect(needs.counts).toMatchObject({ surplus: 1 });
  });

  it('without a go.sum are refused where they need one', async () => {
    const all = world();
    expect((await verifyPackages(all, undefined)).reasons).toMatchObject([
      { code: 'gosum.file-missing', expected: expect.stringContaining('example.com/a v1.0.0') },
    ]);
    const files = { 'main.go': 'package main\n', 'on_plan9.go': 'package main\n' };
    expect((await verifyPackages(all, undefined, files)).reasons).toEqual([]);
  });

  it('are not looked at for a snapshot without facts, which is said', async () => {
    expect((await verify(world())).needs).toEqual({ of: 'direct-requirements' });
  });

  it('let go of every zip that was opened for them', async () => {
    const all = world();
    await verifyPackages(all, all.goSum);
    expect(all.stillOpen()).toBe(0);
  });
});

describe('the module proxy of a release', () => {
  it.each(['goMod', 'zip'] as const)('that is down for a %s is a fault, never a refusal', async (call) => {
    const all = world();
    const down = async (): Promise<never> => {
      throw new Fault('ModuleProxyUnreachable', 'HTTP 503');
    };
    await expect(verify(all, { source: { ...all.source, [call]: down } })).rejects.toThrow(
      expect.objectContaining({ name: 'ModuleProxyUnreachable' }),
    );
  });

  it('that breaks off while a zip is read is a fault, and the zip is let go', async () => {
    const all = world();
    const source: ModuleSource = {
      ...all.source,
      zip: async (path, version) => {
        const zip = await all.source.zip(path, version);
        const read = async (): Promise<never> => {
          throw new Fault('ModuleProxyUnreachable', 'the connection was reset');
        };
        return zip && { ...zip, read };
      },
    };
    await expect(verify(all, { source })).rejects.toThrow(expect.objectContaining({ name: 'ModuleProxyUnreachable' }));
    await new Promise((resolve) => setImmediate(resolve));
    expect(all.stillOpen()).toBe(0);
  });
});

const escaped = (text: string) => text.replace(/[+/=.]/g, '\\$&');
