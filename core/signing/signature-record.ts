import * as z from 'zod';
import { OciDigest, RepositoryRef, Sha256Hex } from '../../events/fields.ts';

/** One signature in a registry: what it is over, the referrer manifest that carries it, the bundle inside. */
const Signed = z.strictObject({ digest: OciDigest, manifestDigest: OciDigest, bundleSha256: Sha256Hex });

/** Evidence of kind `signature`. An index has one signature of its own and one for each platform manifest. */
export const SignatureRecord = z.strictObject({
  schema: z.literal('relseal.signature/1'),
  repository: RepositoryRef,
  ...Signed.shape,
  /** Hex SHA-256 of the key's SubjectPublicKeyInfo. */
  keyId: Sha256Hex,
  platforms: z.array(Signed).max(256),
});
export type SignatureRecord = z.infer<typeof SignatureRecord>;
