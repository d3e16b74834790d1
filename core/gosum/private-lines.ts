import type { ModuleHashes, PinAnswer } from '../modulelog/pin.ts';
import type { ModuleSource } from '../ports/module-source.ts';
import type { Refusal } from '../verdict.ts';
import { mapBounded } from './bounded.ts';
import { h1OfGoMod } from './dirhash.ts';
import type { JudgedLine } from './verify-lines.ts';

/** Modules that no public database may be asked for are proved by our own log: they are what they were at first use. */

/** Logs a module version at its first use, and compares it later (`pinModule`). */
export type PinPrivateModule = (hashes: ModuleHashes) => Promise<PinAnswer>;

export interface PinnedModules {
  readonly reasons: readonly Refusal[];
  /** Number of modules that the log holds as they are, whether this very run logged them or one before. */
  readonly pinned: number;
}

/** Each is an append of its own, so they wait for one another anyway. */
const AT_ONCE = 4;

/** Both hashes of a module whose zip line is good; a go.mod without a line of its own is read. */
async function hashesOf(
  modules: ModuleSource,
  { module: path, version, h1: zipH1 }: JudgedLine,
  goModLines: ReadonlyMap<string, JudgedLine>,
): Promise<ModuleHashes | undefined> {
  const line = goModLines.get(`${path}@${version}`);
  if (line) return line.recomputed === line.h1 ? { path, version, zipH1, goModH1: line.h1 } : undefined;
  const goMod = await modules.goMod(path, version);
  return goMod && { path, version, zipH1, goModH1: h1OfGoMod(goMod) };
}

/** Pins every private module whose lines are good; one whose lines are not is refused already and pins nothing. */
export async function pinPrivateModules(
  pin: PinPrivateModule,
  modules: ModuleSource,
  lines: readonly JudgedLine[],
): Promise<PinnedModules> {
  const ofPrivate = lines.filter(({ proved }) => proved === 'private');
  const goModLines = new Map(
    ofPrivate.filter(({ kind }) => kind === 'go.mod').map((line) => [`${line.module}@${line.version}`, line]),
  );
  const good = ofPrivate.filter(({ kind, h1, recomputed }) => kind === 'zip' && recomputed === h1);
  const answers = await mapBounded(good, AT_ONCE, async (line) => {
    const hashes = await hashesOf(modules, line, goModLines);
    return hashes && (await pin(hashes));
  });
  return {
    reasons: answers.flatMap((answer) => (answer?.kind === 'refused' ? [answer.reason] : [])),
    pinned: answers.filter((answer) => answer?.kind === 'pinned').length,
  };
}
