import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { draftOf } from '../test/contracts/ledger-drafts.ts';
import { runCommand } from '../test/fakes/fake-io.ts';
import { smallDataFolder } from '../test/fakes/small-data-folder.ts';
import { defaultConfigText } from './default-config.ts';
import { queryCommand } from './query-command.ts';

const RELEASE = 'git.example.com/acme/sample@v1.0.0';
const Answer = z.object({
  asOfIndex: z.int(),
  entries: z.array(
    z.object({ index: z.int(), leaf: z.string().length(64), entry: z.looseObject({ outcome: z.string() }) }),
  ),
  before: z.int().optional(),
});

let root: string;
let add: Awaited<ReturnType<typeof smallDataFolder>>['add'];
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'relseal-query-'));
  const drafts = [draftOf('a', RELEASE), draftOf('b', RELEASE, 'gosum.mismatch'), draftOf('c', 'other')];
  ({ add } = await smallDataFolder(join(root, 'data'), drafts));
});
afterAll(() => rm(root, { recursive: true, force: true }));

const ask = (...args: string[]) => runCommand(queryCommand, ['--data', join(root, 'data'), ...args]);
const found = async (...args: string[]) => Answer.parse((await ask(...args, '--json')).json());
const indices = async (...args: string[]) => (await found(...args)).entries.map(({ index }) => index);

describe('relseal query', () => {
  it('finds entries by each kind of fact, newest first', async () => {
    expect(await indices('--release', RELEASE)).toEqual([1, 0]);
    expect(await indices('--repository', 'git.example.com/acme/sample')).toEqual([1, 0]);
    expect(await indices('--tag', 'v1.0.0')).toEqual([1, 0]);
    expect(await indices('--commit', 'a'.repeat(40))).toEqual([2, 1, 0]);
    expect(await indices('--outcome', 'refuse')).toEqual([1]);
    expect(await indices('--run', 'source-release-1')).toEqual([2, 1, 0]);
  });

  it('gives pages, and says where the next one begins', async () => {
    const first = await found('--kind', 'check', '--limit', '2');
    expect([first.entries.map(({ index }) => index), first.before]).toEqual([[2, 1], 1]);
    const last = await found('--kind', 'check', '--limit', '2', '--before', '1');
    expect([last.entries.map(({ index }) => index), last.before]).toEqual([[0], undefined]);
  });

  it('answers an empty list and exit code 0 where there is no hit', async () => {
    expect((await ask('--tag', 'v9.9.9')).code).toBe(0);
    expect(await found('--tag', 'v9.9.9')).toEqual({ asOfIndex: 3, entries: [] });
  });

  it('shows index, leaf, kind, outcome, release and every reason to a reader', async () => {
    const [entry] = (await found('--outcome', 'refuse')).entries;
    const { out } = await ask('--outcome', 'refuse');
    expect(out.map((line) => line.trim().split(/\s+/))).toEqual([
      ['1', entry?.leaf, 'check', 'refuse', RELEASE],
      ['gosum.mismatch'],
    ]);
  });

  it('finds what was committed after the last question', async () => {
    expect(await indices('--release', 'late')).toEqual([]);
    await add([draftOf('d', 'late')]);
    expect(await indices('--release', 'late')).toEqual([3]);
  });

  it.each([
    ['no fact', []],
    ['two facts', ['--tag', 'v1', '--run', 'r']],
    ['a short commit', ['--commit', 'abc1234']],
    ['a digest without its algorithm', ['--digest', 'a'.repeat(64)]],
    ['a traceparent for a trace id', ['--trace', `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`]],
    ['an unknown outcome', ['--outcome', 'failed']],
    ['a limit of nothing', ['--tag', 'v1', '--limit', '0']],
    ['a page before no index', ['--tag', 'v1', '--before', '-1']],
    ['an unknown tenant', ['--tag', 'v1', '--tenant', 'nobody']],
    ['an empty value', ['--tag', '']],
  ])('refuses %s as wrong usage', async (_what, args) => {
    await expect(ask(...args)).rejects.toMatchObject({ name: 'UsageError' });
  });

  it('needs a tenant exactly where several are configured', async () => {
    const tenant = defaultConfigText.slice(defaultConfigText.indexOf('  - id: acme'));
    const other = tenant
      .replace('id: acme', 'id: other')
      .replace('ledger.example.com/acme', 'ledger.example.com/other');
    await smallDataFolder(join(root, 'two'), [draftOf('a')], defaultConfigText + other);
    const askTwo = (...args: string[]) =>
      runCommand(queryCommand, ['--data', join(root, 'two'), '--kind', 'check', '--json', ...args]);
    await expect(askTwo()).rejects.toThrow(/several tenants.*acme, other/);
    expect(Answer.parse((await askTwo('--tenant', 'acme')).json()).entries).toHaveLength(1);
    expect(Answer.parse((await askTwo('--tenant', 'other')).json()).entries).toHaveLength(0);
  });

  it('makes no data folder where there is none', async () => {
    await expect(runCommand(queryCommand, ['--data', join(root, 'none'), '--tag', 'v1'])).rejects.toThrow(
      /relseal init/,
    );
  });
});
