import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Corpus, judge, type Outcome, openCorpus } from './module-corpus.ts';
import { type Expected, type MutationKind, randomOf } from './module-mutations.ts';
import { ANSWER_MUTATIONS } from './module-mutations-of-answers.ts';
import { BYTES_MUTATIONS } from './module-mutations-of-bytes.ts';
import { GO_MOD_MUTATIONS } from './module-mutations-of-go-mod.ts';
import { GO_SUM_MUTATIONS } from './module-mutations-of-go-sum.ts';
import { VENDOR_MUTATIONS } from './module-mutations-of-vendor.ts';

/** Change it to make other mutations; what failed names it. */
const SEED = 'relseal-1';
const KINDS: readonly MutationKind[] = [
  ...GO_SUM_MUTATIONS,
  ...GO_MOD_MUTATIONS,
  ...BYTES_MUTATIONS,
  ...ANSWER_MUTATIONS,
  ...VENDOR_MUTATIONS,
];

let folder = '';
let corpus: Corpus;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'relseal-mutations-'));
  corpus = await openCorpus(folder);
}, 60_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What is wrong with an outcome; `undefined`: it is as it must be. */
function complaint({ codes, fault }: Outcome, expected: Expected): string | undefined {
  const found = fault ?? (codes.join(' ') || 'accepted');
  if (expected.kind === 'pass') return found === 'accepted' ? undefined : `${found}, though it means the same`;
  if (expected.kind === 'fault') return fault === expected.fault ? undefined : `${found}, not ${expected.fault}`;
  const [must, ...may] = expected.codes;
  const isListed = codes.every((code) => code === must || may.includes(code));
  const isRefused = codes.length > 0 && (must === '' || codes.some((code) => code === must));
  return isRefused && isListed ? undefined : `${found}, not ${expected.codes.join(' ')}`;
}

describe('a release of real modules', () => {
  it('is accepted as it is, with and without its vendor folder', async () => {
    expect(corpus.modules.length).toBeGreaterThanOrEqual(5);
    expect(await judge(corpus.plain)).toEqual({ codes: [] });
    expect(await judge(corpus.vendored)).toEqual({ codes: [] });
  });

  it('is mutated in more than two hundred ways', () => {
    expect(KINDS.reduce((sum, { rounds }) => sum + rounds, 0)).toBeGreaterThanOrEqual(200);
  });

  it.each(KINDS)('gets the right answer when $name', async ({ name, rounds, make }) => {
    const complaints: string[] = [];
    for (let round = 0; round < rounds; round++) {
      const seed = `${SEED}/${name}/${round}`;
      const { what, release, expected } = await make(corpus, randomOf(seed), round);
      const wrong = complaint(await judge(release), expected);
      if (wrong !== undefined) complaints.push(`${seed} (${what}): ${wrong}`);
    }
    expect(complaints).toEqual([]);
  });
});
