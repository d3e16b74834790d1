import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { keyFileNoteSigner } from '../adapters/embedded/key-file-note-signer.ts';
import { replaceFile } from '../adapters/embedded/replace-file.ts';
import { Fault } from '../core/faults.ts';
import { toHex } from '../core/ledger/hex.ts';
import { entriesOf } from '../core/ledger/log-tiles.ts';
import { readNestedProof } from '../core/ledger/nested-proof.ts';
import { readInclusionProof, readLogResource, servedCheckpoint } from '../core/ledger/read.ts';
import { makeReceipt } from '../core/ledger/receipt.ts';
import { parseCheckpoint, parseDecimal } from '../core/tlog/checkpoint.ts';
import { leafHash } from '../core/tlog/merkle.ts';
import { openNote, parseVerifierKey } from '../core/tlog/note.ts';
import { bundlePath, bundlesOf, tilePath, tilesOf } from '../core/tlog/tile.ts';
import type { TenantId } from '../events/fields.ts';
import { type Command, DATA_OPTION, EXIT, type Io, JSON_OPTION, UsageError } from './command.ts';
import type { DataFolder } from './data-folder.ts';
import { isMissing } from './missing.ts';
import { readPassphrase } from './passphrase.ts';
import type { Stores } from './stores.ts';
import { TENANT_OPTION, withTenantStores } from './tenant-of.ts';

interface Published {
  readonly note: string;
  readonly size: number;
  readonly origin: string;
  /** As text, without its newline. */
  readonly verifierKey: string;
}

/** An origin holds `/` and perhaps worse; the key lies beside the checkpoint, under a name that is one on every system. */
export const keyFileName = (origin: string): string =>
  `${origin.replace(/[^A-Za-z0-9._-]/g, '_').replace(/^[.-]/, '_')}.vkey`;

/** The newest checkpoint with the key that signed it: a log that its own key does not open is not exported. */
async function publishedOf(stores: Stores, folder: DataFolder, tenant: TenantId): Promise<Published> {
  const published = await servedCheckpoint(stores, tenant);
  if (!published)
    throw new UsageError(
      `the log of ${tenant} has no checkpoint yet: relseal serve signs one after each new entry, and shows it once ` +
        'enough of the witnesses that it asks, if any, have cosigned',
    );
  const file = join(folder.keys, `${tenant}.vkey`);
  const verifierKey = await readFile(file, 'utf8').catch((error: unknown) => {
    if (!isMissing(error)) throw error;
    throw new UsageError(`${file} is missing: relseal serve --data ${folder.root} writes it when it starts`);
  });
  const opened = openNote(published.note, [parseVerifierKey(verifierKey.trim())]);
  const checkpoint = opened.kind === 'opened' ? parseCheckpoint(opened.text) : undefined;
  if (!checkpoint || checkpoint.size !== published.size)
    throw new Fault('LedgerInconsistent', `the checkpoint of ${tenant} is not one that the key in ${file} signed`);
  return { ...checkpoint, note: published.note, verifierKey: verifierKey.trim() };
}

async function filesIn(target: string): Promise<string[]> {
  try {
    await mkdir(target, { recursive: true });
    return await readdir(target);
  } catch (error) {
    throw new UsageError(`${target}: ${error instanceof Error ? error.message : 'is no folder'}`);
  }
}

/** A new or empty folder, or an older export of the same log, which is brought up to date. */
async function requireTarget(target: string, { origin, size }: Published): Promise<void> {
  const files = await filesIn(target);
  if (files.length === 0) return;
  const note = files.includes('checkpoint') ? await readFile(join(target, 'checkpoint'), 'utf8') : '';
  const older = parseCheckpoint(note.slice(0, note.lastIndexOf('\n\n') + 1));
  if (older?.origin !== origin)
    throw new UsageError(`${target} is not empty and holds no export of ${origin}: name another folder`);
  if (older.size > size)
    throw new UsageError(
      `${target} holds ${older.size} entries of ${origin}, more than the ${size} of this data folder`,
    );
}

async function writeFileIn(target: string, path: string, bytes: Uint8Array | string): Promise<void> {
  const file = join(target, path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, bytes);
}

async function exportLog(stores: Stores, tenant: TenantId, target: string, published: Published, io: Io) {
  const { size, note, origin, verifierKey } = published;
  const paths = [
    ...Array.from(bundlesOf(size), ({ index, width }) => bundlePath(index, width)),
    ...Array.from(tilesOf(size), (tile) => tilePath(tile)),
  ];
  for (const [at, path] of paths.entries()) {
    io.signal.throwIfAborted();
    const file = await readLogResource(stores, tenant, path);
    if (!file) throw new Fault('LedgerInconsistent', `the log of ${tenant} does not hold ${path}`);
    await writeFileIn(target, path, file.bytes);
    io.progress(`${at + 1} of ${paths.length} files`);
  }
  const keyFile = keyFileName(origin);
  await writeFileIn(target, keyFile, `${verifierKey}\n`);
  // Last, so that a folder with this checkpoint holds all that it covers.
  await writeFileIn(target, 'checkpoint', note);
  return { origin, size, files: paths.length, keyFile: join(target, keyFile) };
}

export const ledgerExportCommand: Command = {
  name: 'ledger export',
  summary:
    'write the published log as a tlog-tiles folder, which relseal verify ledger and other tools verify\n\n' +
    'The key is written beside the log. It tells nothing to someone who got it with the log: give it to them another way.',
  positionals: 'DIR',
  options: { ...DATA_OPTION, ...TENANT_OPTION, ...JSON_OPTION },
  run: async (given, io) => {
    const [target, ...more] = given.positionals;
    if (target === undefined || more.length > 0) throw new UsageError('name one folder to write to');
    return withTenantStores(given, async ({ folder, stores, tenant }) => {
      const published = await publishedOf(stores, folder, tenant);
      await requireTarget(target, published);
      const done = await exportLog(stores, tenant, target, published, io);
      if (given.flag('json')) io.out(JSON.stringify({ tenant, ...done }));
      else {
        io.out(`${done.size} entries of ${done.origin} in ${target}`);
        io.out(`verify them: relseal verify ledger ${target} --key ${done.keyFile}`);
      }
      return EXIT.done;
    });
  },
};

/** Entries that are looked through at a time. */
const STRETCH = 1024;

/** The index that is meant: as it stands, or of the newest published entry with this leaf hash. */
async function indexOf(stores: Stores, tenant: TenantId, named: string, size: number): Promise<number> {
  const index = parseDecimal(named);
  if (index !== undefined) return index;
  if (!/^[0-9a-f]{64}$/.test(named))
    throw new UsageError(`${named} is neither an index nor a leaf hash (64 hex digits)`);
  for (let end = size; end > 0; end -= STRETCH) {
    const from = Math.max(0, end - STRETCH);
    const entries = await entriesOf(stores, tenant, from, end - from);
    const at = entries.findLastIndex((entry) => toHex(leafHash(entry)) === named);
    if (at >= 0) return from + at;
  }
  throw new UsageError(`no published entry of ${tenant} has the leaf hash ${named}`);
}

const WHY_NO_RECEIPT = {
  'receipt.not-published': 'the newest checkpoint does not cover this entry',
  'receipt.one-entry': 'a log of one entry has no path, and RFC 9942 no receipt without one: wait for the next entry',
} as const;

/** Signs a receipt with the key of the log and puts it into `file`; says why when there is none. */
async function writeReceipt(
  { folder, stores, tenant, origin }: { folder: DataFolder; stores: Stores; tenant: TenantId; origin: string },
  index: number,
  file: string,
  io: Io,
): Promise<boolean> {
  const noteSigner = await keyFileNoteSigner(folder.logKey, await readPassphrase(io));
  const made = await makeReceipt({ ...stores, noteSigner, originOf: () => origin }, tenant, index);
  if (made.kind === 'refused') {
    io.note(`refused: ${made.code} (${WHY_NO_RECEIPT[made.code]})`);
    return false;
  }
  await replaceFile(file, made.receipt, 0o644).catch((error: unknown) => {
    throw new UsageError(`--receipt ${file}: ${error instanceof Error ? error.message : 'cannot be written'}`);
  });
  io.note(`${file}: a COSE receipt of entry ${index} of ${made.size}`);
  return true;
}

/** Writes the proof of the checkpoint that the returned proof is under. */
async function proveNested(stores: Stores, tenant: TenantId, origin: string, index: number, file: string) {
  const nested = await readNestedProof(stores, tenant, origin, index);
  if (!nested)
    throw new UsageError(
      `the log of logs shows no checkpoint of ${origin} yet that covers entry ${index}: one a minute is added`,
    );
  await writeFile(file, nested.meta);
  return nested.proof;
}

export const ledgerProveCommand: Command = {
  name: 'ledger prove',
  summary:
    'print the proof that an entry is in the log, as a .tlog-proof file that holds the entry\n\n' +
    'relseal verify proof and other tools verify it with the key of the log alone. With --receipt the same is signed once\n' +
    'more as a COSE receipt (RFC 9942), which needs the passphrase of the key file.',
  positionals: 'INDEX|LEAF',
  options: {
    ...DATA_OPTION,
    ...TENANT_OPTION,
    receipt: { type: 'string', value: 'FILE', help: 'write a COSE receipt too: for relseal verify receipt and others' },
    meta: {
      type: 'string',
      value: 'FILE',
      help: 'prove under the newest checkpoint that the log of logs has, and write the proof of that',
    },
  },
  run: async (given, io) => {
    const [named, ...more] = given.positionals;
    if (named === undefined || more.length > 0) throw new UsageError('name one entry, by its index or its leaf hash');
    return withTenantStores(given, async ({ folder, stores, tenant }) => {
      const { size, origin } = await publishedOf(stores, folder, tenant);
      const index = await indexOf(stores, tenant, named, size);
      const proof = await readInclusionProof(stores, tenant, index);
      if (proof === undefined)
        throw new UsageError(`entry ${index} is not among the ${size} that the newest checkpoint of ${tenant} covers`);
      const file = given.text('receipt');
      if (file !== undefined && !(await writeReceipt({ folder, stores, tenant, origin }, index, file, io)))
        return EXIT.refused;
      const meta = given.text('meta');
      io.out((meta === undefined ? proof : await proveNested(stores, tenant, origin, index, meta)).slice(0, -1));
      return EXIT.done;
    });
  },
};
