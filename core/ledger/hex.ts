import { Sha256Hex } from '../../events/fields.ts';

/** Hashes are lower-case hex in stores and entries, bytes in the tree. */
export const toHex = (hash: Uint8Array): Sha256Hex => Sha256Hex.parse(Buffer.from(hash).toString('hex'));
export const fromHex = (hex: Sha256Hex): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'));
