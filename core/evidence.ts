import { createHash } from 'node:crypto';
import * as z from 'zod';
import { Sha256Hex, type TenantId } from '../events/fields.ts';
import { canonicalBytes } from './canonical-json.ts';
import { Fault } from './faults.ts';
import type { WormStore } from './ports/worm-store.ts';

/** One immutable record, named by its SHA-256. Workflows carry these references, never the content. */
export const EvidenceRef = z.strictObject({
  kind: z.string().regex(/^[a-z][a-z0-9-]{0,63}$/),
  sha256: Sha256Hex,
  size: z.int().nonnegative(),
  mediaType: z.string().min(1).max(255),
});
export type EvidenceRef = z.infer<typeof EvidenceRef>;

export const sha256Hex = (bytes: Uint8Array | string): Sha256Hex =>
  Sha256Hex.parse(createHash('sha256').update(bytes).digest('hex'));

const evidenceName = (tenant: TenantId, sha256: Sha256Hex) => `t/${tenant}/evidence/${sha256}`;

/** Stores bytes as evidence; storing the same bytes again changes nothing. */
export async function keepEvidence(
  worm: WormStore,
  tenant: TenantId,
  kind: string,
  mediaType: string,
  bytes: Uint8Array,
): Promise<EvidenceRef> {
  const sha256 = sha256Hex(bytes);
  await worm.put(evidenceName(tenant, sha256), bytes);
  return { kind, sha256, size: bytes.length, mediaType };
}

/** Stores a value as canonical JSON (RFC 8785), so that the same value is the same evidence. */
export const keepJsonEvidence = (
  worm: WormStore,
  tenant: TenantId,
  kind: string,
  value: unknown,
): Promise<EvidenceRef> => keepEvidence(worm, tenant, kind, 'application/json', canonicalBytes(value));

/** The bytes a reference names, re-hashed on the way. Absent or altered evidence is `EvidenceMissing`: never a pass. */
export async function loadEvidence(worm: WormStore, tenant: TenantId, ref: EvidenceRef): Promise<Uint8Array> {
  const bytes = await worm.get(evidenceName(tenant, ref.sha256));
  if (!bytes) throw new Fault('EvidenceMissing', `evidence ${ref.kind} ${ref.sha256} is not stored`);
  if (bytes.length !== ref.size || sha256Hex(bytes) !== ref.sha256)
    throw new Fault('EvidenceMissing', `evidence ${ref.kind} ${ref.sha256} is stored with other bytes`);
  return bytes;
}

/** JSON evidence, parsed by the schema its kind has. */
export async function loadJsonEvidence<T>(
  worm: WormStore,
  tenant: TenantId,
  ref: EvidenceRef,
  schema: z.ZodType<T>,
): Promise<T> {
  return schema.parse(
    JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(await loadEvidence(worm, tenant, ref))),
  );
}
