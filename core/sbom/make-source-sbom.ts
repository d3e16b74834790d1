import * as z from 'zod';
import type { TenantId } from '../../events/fields.ts';
import { CheckRecord } from '../check.ts';
import { EvidenceRef, loadEvidence, loadJsonEvidence } from '../evidence.ts';
import { type GoModFile, parseGoMod, replacedModule } from '../gosum/go-mod.ts';
import { goSumKey, parseGoSum } from '../gosum/go-sum.ts';
import type { WormStore } from '../ports/worm-store.ts';
import { SourceSnapshot } from '../source/snapshot.ts';
import { defineTask, RunContext } from '../task.ts';
import type { BillFinding } from './keep-sbom.ts';
import { keepSbom } from './keep-sbom.ts';
import { type BilledModule, sourceBill } from './source-bill.ts';

/** Writes the bill of materials of a source release from its go.mod and go.sum. */
export const makeSourceSbom = defineTask({
  step: 'make-source-sbom',
  input: z.strictObject({ step: z.literal('make-source-sbom'), run: RunContext, snapshot: EvidenceRef }),
  output: z.strictObject({ check: CheckRecord }),
  async run({ worm }: { worm: WormStore }, { run: { tenant }, snapshot }) {
    const source = await loadJsonEvidence(worm, tenant, snapshot, SourceSnapshot);
    const check = await keepSbom(worm, tenant, 'make-source-sbom', await billOf(worm, tenant, source), {
      subject: { name: `${source.repository.host}/${source.repository.name}`, digest: { gitCommit: source.commit } },
      from: [snapshot],
    });
    return { check };
  },
});

async function billOf(worm: WormStore, tenant: TenantId, source: SourceSnapshot): Promise<BillFinding> {
  const goMod = parseGoMod(await readText(worm, tenant, source.goMod));
  const goSum = source.goSum ? await readText(worm, tenant, source.goSum) : '';
  if (goMod.kind === 'parsed') return sourceBill(source, billedModules(goMod.file, goSum));
  // Where and why is the reason of verify-go-sum; here it only means that no list can be made.
  const { bill } = sourceBill(source, []);
  return {
    bill,
    reasons: [{ code: 'sbom.incomplete', where: 'go.mod', expected: 'a readable go.mod', found: 'a malformed one' }],
  };
}

/** Bytes that are no UTF-8 become U+FFFD, which neither grammar allows where it matters. */
const readText = async (worm: WormStore, tenant: TenantId, ref: EvidenceRef): Promise<string> =>
  new TextDecoder('utf-8').decode(await loadEvidence(worm, tenant, ref));

function billedModules(file: GoModFile, goSum: string): BilledModule[] {
  const hashes = new Map(
    parseGoSum(goSum).lines.map(({ module, version, kind, h1 }) => [goSumKey(module, version, kind), h1]),
  );
  return file.requirements.map((required) => {
    const read = replacedModule(file, required);
    const h1 = read && hashes.get(goSumKey(read.path, read.version, 'zip'));
    return {
      path: read?.path ?? required.path,
      indirect: required.indirect,
      ...(read ? { version: read.version } : {}),
      ...(h1 === undefined ? {} : { h1 }),
      ...(read === required ? {} : { replaces: `${required.path}@${required.version}` }),
    };
  });
}
