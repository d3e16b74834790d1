import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { keyFileNoteSigner } from '../adapters/embedded/key-file-note-signer.ts';
import { canonicalJson } from '../core/canonical-json.ts';
import { type EntryDraft, encodeText, entryKeyOf, type LedgerEntry } from '../core/ledger/entry.ts';
import { formatCheckpoint } from '../core/tlog/checkpoint.ts';
import { leafHash, rootOfHashes } from '../core/tlog/merkle.ts';
import { formatNote, formatSignatureLine, formatVerifierKey, verifierKeyOf } from '../core/tlog/note.ts';
import { bundlePath, encodeBundle, encodeTile, TILE_WIDTH, tilePath } from '../core/tlog/tile.ts';
import { Sha256Hex, TenantId } from '../events/fields.ts';

export const TENANT = TenantId.parse('bench');
export const ORIGIN = 'ledger.example.com/bench';

const sha256 = (text: string) => Sha256Hex.parse(createHash('sha256').update(text).digest('hex'));
const BUSINESS_KEY = sha256('bench');
const RELEASES = 1000;

/** A check as the pipeline records it; with its time, tenant and link an entry of about 1,024 bytes. */
export const draftOf = (id: number): EntryDraft => {
  const release = `github.com/example/module-${id % RELEASES}@v1.0.0`;
  const evidence = ['report', 'go-sum', 'policy'].map((kind, at) => ({
    kind,
    sha256: sha256(`${id}-${at}`),
    size: 4096 + at,
    mediaType: 'application/vnd.relseal.report+json',
  }));
  return {
    key: entryKeyOf(TENANT, {
      businessKey: BUSINESS_KEY,
      machine: 'source-release',
      step: 'verify-go-sum',
      replay: 0,
      kind: 'check',
      ordinal: String(id),
    }),
    content: {
      kind: 'check',
      run: { workflow: 'source-release', name: `source-release-${id}`, state: 'Verify go.sum', attempt: 0 },
      release: { kind: 'source', id: release },
      subjects: [{ name: release, digest: { gitCommit: sha256(release).slice(0, 40) } }],
      outcome: 'pass',
      evidence,
      trace: [`00-${sha256(release).slice(0, 32)}-${'1'.repeat(16)}-01`],
    },
  };
};

/** Entries as the ledger would hold them, each linked to the one of its release before. */
export function* entriesOf(count: number): Generator<Uint8Array> {
  const newest = new Map<number, Uint8Array>();
  for (let id = 0; id < count; id += 1) {
    const before = newest.get(id % RELEASES);
    const entry: LedgerEntry = {
      ...draftOf(id).content,
      schema: 'relseal.entry/1',
      tenant: TENANT,
      at: '2026-01-02T03:04:05.000Z',
      ...(before ? { prev: { index: id - RELEASES, leaf: Sha256Hex.parse(Buffer.from(before).toString('hex')) } } : {}),
    };
    const bytes = encodeText(canonicalJson(entry));
    newest.set(id % RELEASES, leafHash(bytes));
    yield bytes;
  }
}

/** Hash tiles and what stays open of each level, written as they fill. */
function tileWriter(write: (path: string, bytes: Uint8Array) => void) {
  const levels: { index: number; hashes: Uint8Array[] }[] = [];
  const close = (level: number, { index, hashes }: { index: number; hashes: readonly Uint8Array[] }) =>
    write(tilePath({ level, index, width: hashes.length }), encodeTile(hashes));
  const add = (level: number, hash: Uint8Array): void => {
    const open = levels[level] ?? { index: 0, hashes: [] };
    levels[level] = open;
    open.hashes.push(hash);
    if (open.hashes.length < TILE_WIDTH) return;
    close(level, open);
    levels[level] = { index: open.index + 1, hashes: [] };
    add(level + 1, rootOfHashes(open.hashes));
  };
  const finish = () => {
    for (const [level, open] of levels.entries()) if (open.hashes.length > 0) close(level, open);
  };
  return { add, finish };
}

/** A published log of so many entries in a folder, signed with the key file; answers its verifier key. */
export async function writeLog(folder: string, count: number, keyFile: string, passphrase: string): Promise<string> {
  const write = (path: string, bytes: Uint8Array | string): void => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), bytes);
  };
  const tiles = tileWriter(write);
  const leaves: Uint8Array[] = [];
  let [bundle, index]: [Uint8Array[], number] = [[], 0];
  for (const entry of entriesOf(count)) {
    const leaf = leafHash(entry);
    leaves.push(leaf);
    tiles.add(0, leaf);
    bundle.push(entry);
    if (bundle.length === TILE_WIDTH) {
      write(bundlePath(index, TILE_WIDTH), encodeBundle(bundle));
      [bundle, index] = [[], index + 1];
    }
  }
  if (bundle.length > 0) write(bundlePath(index, bundle.length), encodeBundle(bundle));
  tiles.finish();
  const signer = await keyFileNoteSigner(keyFile, passphrase);
  const key = verifierKeyOf(ORIGIN, await signer.publicKey());
  const text = formatCheckpoint({ origin: ORIGIN, size: count, root: rootOfHashes(leaves) });
  write('checkpoint', formatNote(text, [formatSignatureLine(key, await signer.sign(new TextEncoder().encode(text)))]));
  return formatVerifierKey(key);
}
