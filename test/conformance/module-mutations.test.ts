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
import { SHAPE_MUTATIONS } from './module-mutations-of-shapes.ts';
import { VENDOR_MUTATIONS } from './module-mutations-of-vendor.ts';

/** Change it to make other mutations; what failed names it. */
const SEED = 'relseal-1';
const AREAS: Readonly<Record<string, readonly MutationKind[]>> = {
  'go.sum': GO_SUM_MUTATIONS,
  'go.mod': GO_MOD_MUTATIONS,
  'module proxy': BYTES_MUTATIONS,
  'checksum database': ANSWER_MUTATIONS,
  'vendor folder': VENDOR_MUTATIONS,
  'any text': SHAPE_MUTATIONS,
};
const KINDS = Object.entries(AREAS).flatMap(([area, kinds]) => kinds.map((kind) => ({ ...kind, area })));

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

  /** By area, how many were refused or ended in a fault, as they must. */
  const stopped = new Map<string, number>();
  const mutated = new Set<string>();

  it.each(KINDS)('gets the right answer when $name', async ({ name, area, rounds, make }) => {
    const complaints: string[] = [];
    for (let round = 0; round < rounds; round++) {
      const seed = `${SEED}/${name}/${round}`;
      const { what, release, expected } = await make(corpus, randomOf(seed), round);
      const wrong = complaint(await judge(release), expected);
      if (wrong !== undefined) complaints.push(`${seed} (${what}): ${wrong}`);
      else if (expected.kind !== 'pass') stopped.set(area, (stopped.get(area) ?? 0) + 1);
      for (const { path } of corpus.modules) if (what.includes(path)) mutated.add(path);
    }
    expect(complaints).toEqual([]);
  });

  it('was stopped more than five hundred times, whatever was changed, and with each of its twelve modules', () => {
    const counts = [...stopped.values()];
    expect(counts.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(500);
    expect([...stopped.keys()]).toEqual(Object.keys(AREAS));
    expect(Math.min(...counts)).toBeGreaterThanOrEqual(40);
    expect(mutated.size).toBe(corpus.modules.length);
    expect(mutated.size).toBeGreaterThanOrEqual(12);
  });
});
