import { armoredBytes } from '../armor.ts';
import { keyMaterial, type PgpKey, readKey } from './key.ts';
import { type Packet, PgpMalformed, readPackets, TAG } from './packets.ts';
import { isSignatureOf, type PgpSignature, readSignature } from './signature.ts';

/** A key of the keyring that may sign, and for how long it may (RFC 9580 §10.1). */
export interface SigningKey {
  readonly key: PgpKey;
  /** Fingerprint of the primary key: who it is. */
  readonly primary: string;
  /** Seconds since 1970; `Infinity`: never. */
  readonly expiresSeconds: number;
}

const TYPE = {
  direct: 0x1f,
  subkeyBinding: 0x18,
  primaryBinding: 0x19,
  keyRevocation: 0x20,
  subkeyRevocation: 0x28,
} as const;
const CERTIFICATIONS = [0x10, 0x11, 0x12, 0x13];
const MAY_SIGN = 0x02;

/** Signatures that stand behind one packet of a key. */
interface Part {
  readonly packet: Packet;
  readonly signatures: readonly PgpSignature[];
}

/** A signature that cannot be read binds nothing: by others, of old hashes, of later versions. */
function readable(packet: Packet): PgpSignature[] {
  try {
    return [readSignature(packet.body)];
  } catch (error) {
    if (error instanceof PgpMalformed) return [];
    throw error;
  }
}

function partsOf(packets: readonly Packet[]): Part[] {
  const parts: { packet: Packet; signatures: PgpSignature[] }[] = [];
  for (const packet of packets)
    if (packet.tag === TAG.signature) parts.at(-1)?.signatures.push(...readable(packet));
    else parts.push({ packet, signatures: [] });
  return parts;
}

const newest = (signatures: readonly PgpSignature[]): PgpSignature | undefined =>
  signatures.reduce<PgpSignature | undefined>(
    (best, each) => (best && best.createdSeconds >= each.createdSeconds ? best : each),
    undefined,
  );

function userIdMaterial({ tag, body }: Packet): Buffer {
  const prefix = Buffer.of(tag === TAG.userId ? 0xb4 : 0xd1, 0, 0, 0, 0);
  prefix.writeUInt32BE(body.length, 1);
  return Buffer.concat([prefix, body]);
}

const expiryOf = ({ createdSeconds }: PgpKey, { keyExpiresAfterSeconds }: PgpSignature): number =>
  keyExpiresAfterSeconds === 0 ? Number.POSITIVE_INFINITY : createdSeconds + keyExpiresAfterSeconds;

interface Primary {
  readonly key: PgpKey;
  readonly self: PgpSignature;
}

/** The primary key with the newest word it says of itself; `undefined` when it is revoked or says nothing. */
function primaryOf(parts: readonly Part[]): Primary | undefined {
  const [first, ...rest] = parts;
  const key = first && readKey(first.packet.body);
  if (!first || !key) return undefined;
  const material = keyMaterial(key.body);
  const own = first.signatures.filter((each) => isSignatureOf(each, key, [material]));
  if (own.some(({ type }) => type === TYPE.keyRevocation)) return undefined;
  const direct = own.filter(({ type }) => type === TYPE.direct);
  const certified = rest
    .filter(({ packet }) => packet.tag === TAG.userId || packet.tag === TAG.userAttribute)
    .flatMap(({ packet, signatures }) =>
      signatures.filter(
        (each) => CERTIFICATIONS.includes(each.type) && isSignatureOf(each, key, [material, userIdMaterial(packet)]),
      ),
    );
  const self = newest([...direct, ...certified]);
  return self && { key, self };
}

/** A subkey claims its primary key back, else anyone could call another's signing key their own. */
function claimsBack(binding: PgpSignature, primary: PgpKey, subkey: PgpKey): boolean {
  if (!binding.embedded) return false;
  try {
    const back = readSignature(binding.embedded);
    return (
      back.type === TYPE.primaryBinding &&
      isSignatureOf(back, subkey, [keyMaterial(primary.body), keyMaterial(subkey.body)])
    );
  } catch (error) {
    if (error instanceof PgpMalformed) return false;
    throw error;
  }
}

function subkeyOf({ key: primary, self }: Primary, part: Part): SigningKey | undefined {
  const subkey = readKey(part.packet.body);
  if (!subkey) return undefined;
  const over = [keyMaterial(primary.body), keyMaterial(subkey.body)];
  const own = part.signatures.filter((each) => isSignatureOf(each, primary, over));
  if (own.some(({ type }) => type === TYPE.subkeyRevocation)) return undefined;
  const binding = newest(own.filter(({ type }) => type === TYPE.subkeyBinding));
  if (!binding || ((binding.keyFlags ?? 0) & MAY_SIGN) === 0 || !claimsBack(binding, primary, subkey)) return undefined;
  const expiresSeconds = Math.min(expiryOf(primary, self), expiryOf(subkey, binding));
  return { key: subkey, primary: primary.fingerprint, expiresSeconds };
}

function signingKeys(packets: readonly Packet[]): SigningKey[] {
  const parts = partsOf(packets);
  const primary = primaryOf(parts);
  if (!primary) return [];
  const { key, self } = primary;
  // Old keys say nothing of what they are for: then the primary key may sign.
  const own: SigningKey[] =
    self.keyFlags === undefined || (self.keyFlags & MAY_SIGN) !== 0
      ? [{ key, primary: key.fingerprint, expiresSeconds: expiryOf(key, self) }]
      : [];
  const subkeys = parts
    .filter(({ packet }) => packet.tag === TAG.publicSubkey)
    .flatMap((part) => subkeyOf(primary, part) ?? []);
  return [...own, ...subkeys];
}

/**
 * The keys of armored public keys (as `gpg --armor --export` writes) that may sign: neither revoked nor without a binding
 * of their own. Throws `PgpMalformed`.
 */
export function readKeyring(armored: string): SigningKey[] {
  const bytes = armoredBytes(armored, 'PGP PUBLIC KEY BLOCK');
  if (!bytes) throw new PgpMalformed('the armor of a public key is damaged');
  const packets = readPackets(bytes);
  const starts = packets.flatMap(({ tag }, at) => (tag === TAG.publicKey ? [at] : []));
  if (starts[0] !== 0) throw new PgpMalformed('it does not begin with a public key');
  return starts.flatMap((start, at) => signingKeys(packets.slice(start, starts[at + 1])));
}
