import { createPrivateKey, createPublicKey, sign } from 'node:crypto';
import type { Witness } from '../../core/ports/witness.ts';
import { emptyRoot } from '../../core/tlog/merkle.ts';
import { type VerifierKey, verifierKeyOf } from '../../core/tlog/note.ts';
import { cosignatureLine, decideAddCheckpoint, parseAddCheckpoint } from '../../core/tlog/witness.ts';

const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');
const TIME = 1_767_323_045;

/** A witness of one log in memory, with a test key made of one byte. */
export function testWitness(name: string, seedByte: number, logKey: VerifierKey) {
  const der = Buffer.concat([PKCS8_PREFIX, Buffer.alloc(32, seedByte)]);
  const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  const publicKey = new Uint8Array(createPublicKey(privateKey).export({ format: 'der', type: 'spki' }).subarray(-32));
  const kind = 'ed25519-cosignature';
  const key = { ...verifierKeyOf(name, publicKey, kind), kind } as const;
  let known = { keys: [logKey], size: 0, root: emptyRoot() };
  let isAway = false;
  const addCheckpoint: Witness['addCheckpoint'] = async (body) => {
    if (isAway) return undefined;
    const submitted = parseAddCheckpoint(body);
    if (!submitted) return { kind: 'malformed' };
    const log = submitted.checkpoint.origin === logKey.name ? known : undefined;
    const decision = decideAddCheckpoint(submitted, log);
    if (decision.kind !== 'cosign') return decision;
    const { text, checkpoint } = decision.submitted;
    known = { ...known, size: checkpoint.size, root: checkpoint.root };
    const line = await cosignatureLine(key, text, TIME, async (message) => sign(null, message, privateKey));
    return { kind: 'cosigned', signatureLines: line };
  };
  return {
    ...{ key, addCheckpoint },
    /** What it cosigned last. */
    size: () => known.size,
    goAway: () => {
      isAway = true;
    },
    comeBack: () => {
      isAway = false;
    },
  };
}
