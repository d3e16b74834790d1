import { armoredBytes } from '../armor.ts';
import type { SigningKey } from './keyring.ts';
import { PgpMalformed, readPackets, TAG } from './packets.ts';
import { isSignatureOf, type PgpSignature, readSignature } from './signature.ts';

export type PgpVerified =
  | { readonly kind: 'good'; readonly signer: SigningKey }
  | { readonly kind: 'bad' | 'malformed' | 'unknown-key' | 'expired'; readonly why: string };

const BINARY = 0x00;
const TEXT = 0x01;
/** Clocks of people differ. */
const TOLERANCE_SECONDS = 300;

/** Text signatures are over lines that end in CR LF (§5.2.1.2). */
const canonicalText = (message: Uint8Array): Buffer =>
  Buffer.from(Buffer.from(message).toString('latin1').replace(/\r?\n/g, '\r\n'), 'latin1');

function timeProblem(
  signature: PgpSignature,
  { key, expiresSeconds }: SigningKey,
  nowSeconds: number,
): string | undefined {
  const { createdSeconds, expiresAfterSeconds } = signature;
  if (createdSeconds + TOLERANCE_SECONDS < key.createdSeconds) return 'it is older than its key';
  if (createdSeconds > nowSeconds + TOLERANCE_SECONDS) return 'it was made in the future';
  if (expiresAfterSeconds > 0 && createdSeconds + expiresAfterSeconds <= nowSeconds) return 'it has expired';
  // A key that has expired may be in other hands by now, and they would date a signature back.
  return expiresSeconds <= nowSeconds ? 'its key has expired' : undefined;
}

function judge(
  signature: PgpSignature,
  message: Uint8Array,
  keyring: readonly SigningKey[],
  nowSeconds: number,
): PgpVerified {
  if (signature.type !== BINARY && signature.type !== TEXT)
    return { kind: 'malformed', why: 'it is not a signature of a document' };
  const { issuer } = signature;
  const candidates = keyring.filter(({ key }) => issuer === undefined || key.fingerprint.endsWith(issuer));
  if (candidates.length === 0)
    return { kind: 'unknown-key', why: `the keyring has no signing key ${issuer ?? ''}`.trim() };
  const over = [signature.type === TEXT ? canonicalText(message) : message];
  const signer = candidates.find(({ key }) => isSignatureOf(signature, key, over));
  if (!signer) return { kind: 'bad', why: 'it is not over these bytes' };
  const problem = timeProblem(signature, signer, nowSeconds);
  return problem === undefined ? { kind: 'good', signer } : { kind: 'expired', why: problem };
}

/**
 * Checks an armored detached signature by the keys of a keyring at one instant. Several signatures in one armor: one good
 * is enough, as with gpg; the first problem is told when none is.
 */
export function verifyOpenpgp(
  armored: string,
  message: Uint8Array,
  keyring: readonly SigningKey[],
  nowMs: number,
): PgpVerified {
  const bytes = armoredBytes(armored, 'PGP SIGNATURE');
  if (!bytes) return { kind: 'malformed', why: 'its armor is damaged' };
  try {
    const packets = readPackets(bytes);
    if (packets.length === 0 || packets.some(({ tag }) => tag !== TAG.signature))
      return { kind: 'malformed', why: 'it holds something else than signatures' };
    const judged = packets.map(({ body }) => judge(readSignature(body), message, keyring, Math.floor(nowMs / 1000)));
    return (
      judged.find(({ kind }) => kind === 'good') ?? judged[0] ?? { kind: 'malformed', why: 'it holds no signature' }
    );
  } catch (error) {
    if (error instanceof PgpMalformed) return { kind: 'malformed', why: error.message };
    throw error;
  }
}
