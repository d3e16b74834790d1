import * as z from 'zod';
import { OciDigest, type Sha256Hex, type TenantId } from '../../events/fields.ts';
import type { CheckReport } from '../check.ts';
import { loadJsonEvidence } from '../evidence.ts';
import { Fault } from '../faults.ts';
import { recomputeVerdict, VerdictRecord } from '../gate/verdict.ts';
import { parseEntry } from '../ledger/entry.ts';
import { ImageRecord } from '../oci/image.ts';
import type { LedgerStore } from '../ports/ledger-store.ts';
import type { WormStore } from '../ports/worm-store.ts';
import type { ImageSubject } from '../runs/run-input.ts';
import { committedEntry } from './committed-entry.ts';

/** What a pass allows to be signed. */
export interface SigningOrder {
  readonly subject: ImageSubject;
  /** Platform manifests of an index; empty for a plain image. */
  readonly platforms: readonly OciDigest[];
  /** When the verdict was appended, RFC 3339. */
  readonly decidedAt: string;
}

/**
 * Signing is not an oracle: this believes neither the caller nor the verdict. The entry must lie in the committed log
 * (else `LedgerInconsistent`), its verdict must be a sign verdict on exactly this digest, and computing it again from its
 * evidence must pass, with every platform inspected (else `InputInvalid`).
 */
export async function committedPass(
  { ledger, worm }: { ledger: LedgerStore; worm: WormStore },
  tenant: TenantId,
  digest: OciDigest,
  { index, leaf }: { index: number; leaf: Sha256Hex },
): Promise<SigningOrder> {
  const entry = parseEntry(await committedEntry(ledger, tenant, index, leaf));
  const [evidence, ...others] = entry.evidence?.filter(({ kind }) => kind === 'verdict') ?? [];
  if (entry.tenant !== tenant || entry.kind !== 'verdict' || !evidence || others.length > 0)
    throw new Fault('InputInvalid', `entry ${index} is no verdict`);
  const record = await loadJsonEvidence(worm, tenant, evidence, VerdictRecord);
  if (record.gate !== 'sign' || record.subject.kind !== 'image' || record.subject.digest !== digest)
    throw new Fault('InputInvalid', `the verdict of entry ${index} is not a sign verdict on ${digest}`);
  const { verdict, reports } = await recomputeVerdict(worm, tenant, record);
  if (verdict.kind !== 'pass' || record.outcome !== 'pass')
    throw new Fault('InputInvalid', `the verdict of entry ${index} does not pass`);
  const platforms = await inspectedPlatforms(worm, tenant, digest, reports);
  return { subject: record.subject, platforms, decidedAt: entry.at };
}

const Inspection = z.object({ digest: OciDigest });

/** Platform manifests below an index; each must be what an inspection read. */
async function inspectedPlatforms(
  worm: WormStore,
  tenant: TenantId,
  digest: OciDigest,
  reports: readonly CheckReport[],
): Promise<OciDigest[]> {
  const [image] = reports
    .filter(({ check }) => check === 'resolve-image')
    .flatMap(({ evidence }) => evidence.filter(({ kind }) => kind === 'image-manifest'));
  if (!image) throw new Fault('InputInvalid', 'the verdict names no resolved image');
  const record = await loadJsonEvidence(worm, tenant, image, ImageRecord);
  if (record.digest !== digest) throw new Fault('InputInvalid', `the checks are of ${record.digest}, not of ${digest}`);
  const inspected = new Set(
    reports
      .filter(({ check }) => check === 'inspect-binaries')
      .map(({ details }) => Inspection.safeParse(details).data?.digest),
  );
  const missed = record.platforms.find((platform) => !inspected.has(platform.digest));
  if (missed) throw new Fault('InputInvalid', `platform ${missed.name} of ${digest} was not inspected`);
  return record.platforms.map((platform) => platform.digest).filter((platform) => platform !== digest);
}
