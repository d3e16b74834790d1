import { createPrivateKey, createPublicKey, sign } from 'node:crypto';
import { escapeModulePath, escapeModuleVersion } from '../../core/gosum/module-path.ts';
import type { ChecksumDatabase } from '../../core/ports/checksum-database.ts';
import { formatCheckpoint } from '../../core/tlog/checkpoint.ts';
import { leafHash, rootOfHashes } from '../../core/tlog/merkle.ts';
import { formatNote, formatSignatureLine, formatVerifierKey, verifierKeyOf } from '../../core/tlog/note.ts';
import { encodeTile, TILE_WIDTH, tilePath, tilesOf } from '../../core/tlog/tile.ts';

/** A whole Go checksum database in memory, signed with a key made of one byte. */

export interface TestRecord {
  readonly module: string;
  readonly version: string;
  /** Hashes of the zip and of go.mod. */
  readonly zipH1: string;
  readonly goModH1: string;
}

export interface TestChecksumDatabase extends ChecksumDatabase {
  /** What was asked: `lookup …`, `latest`, `tile …`. */
  readonly asked: string[];
  /** The signed head over the first `size` records. */
  note(size: number): string;
  /** Files as a folder served below `sumdb/<name>/` holds them. */
  files(): { readonly path: string; readonly bytes: Uint8Array }[];
}

const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');

export function testSigner(name: string, seedByte: number) {
  const privateKey = createPrivateKey({
    key: Buffer.concat([PKCS8_PREFIX, Buffer.alloc(32, seedByte)]),
    format: 'der',
    type: 'pkcs8',
  });
  const publicKey = createPublicKey(privateKey).export({ format: 'der', type: 'spki' }).subarray(-32);
  const key = verifierKeyOf(name, new Uint8Array(publicKey));
  return {
    verifierKey: formatVerifierKey(key),
    sign: (text: string) => formatNote(text, [formatSignatureLine(key, sign(null, Buffer.from(text), privateKey))]),
  };
}

export const recordText = ({ module, version, zipH1, goModH1 }: TestRecord): string =>
  `${module} ${version} ${zipH1}\n${module} ${version}/go.mod ${goModH1}\n`;

export function testChecksumDatabase(
  records: readonly TestRecord[],
  options: { readonly name?: string; readonly seedByte?: number; readonly latest?: number } = {},
): TestChecksumDatabase {
  const signer = testSigner(options.name ?? 'sumdb.test.example', options.seedByte ?? 7);
  const leaves = records.map((record) => leafHash(Buffer.from(recordText(record))));
  const note = (size: number) =>
    signer.sign(formatCheckpoint({ origin: 'go.sum database tree', size, root: rootOfHashes(leaves.slice(0, size)) }));
  const hashAt = (level: number, index: number) => {
    const span = TILE_WIDTH ** level;
    return rootOfHashes(leaves.slice(index * span, (index + 1) * span));
  };
  const tileBytes = (level: number, index: number, width: number) =>
    encodeTile(Array.from({ length: width }, (_, at) => hashAt(level, index * TILE_WIDTH + at)));
  const lookupBody = (at: number, record: TestRecord) => `${at}\n${recordText(record)}\n${note(records.length)}`;
  const asked: string[] = [];
  return {
    verifierKey: signer.verifierKey,
    asked,
    note,
    async lookup(module, version) {
      asked.push(`lookup ${module}@${version}`);
      const at = records.findIndex((record) => record.module === module && record.version === version);
      const record = records[at];
      return record && lookupBody(at, record);
    },
    async latest() {
      asked.push('latest');
      return note(options.latest ?? records.length);
    },
    async tile(level, index, width) {
      asked.push(`tile ${level}/${index}/${width}`);
      return tileBytes(level, index, width);
    },
    files: () => [
      { path: 'supported', bytes: new Uint8Array() },
      { path: 'latest', bytes: Buffer.from(note(records.length)) },
      ...[...tilesOf(records.length)].map((tile) => ({
        path: tilePath(tile, 'tile/8'),
        bytes: tileBytes(tile.level, tile.index, tile.width),
      })),
      ...records.map((record, at) => ({
        path: `lookup/${escapeModulePath(record.module)}@${escapeModuleVersion(record.version)}`,
        bytes: Buffer.from(lookupBody(at, record)),
      })),
    ],
  };
}
