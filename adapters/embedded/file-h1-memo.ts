import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { appendFile, mkdir, readFile, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import * as z from 'zod';
import { H1Digest, ModulePath, ModuleVersion } from '../../core/brands.ts';
import { Fault } from '../../core/faults.ts';
import type { H1Memo, RememberedHash } from '../../core/ports/h1-memo.ts';
import { Sha256Hex } from '../../events/fields.ts';
import { unlessMissing, writeOnceFolder } from './write-once-file.ts';

/** Some 200,000 zips. A larger file is not read: all is hashed again, and whoever looks after it deletes it. */
const MAX_FILE_BYTES = 64 * 1024 * 1024;
const KEY_BYTES = 32;
const MAC_DOMAIN = 'relseal.h1-memo/1';

/** One line: the fields of an entry in this order, then the MAC over all before it. */
const Line = z.tuple([ModulePath, ModuleVersion, Sha256Hex, H1Digest, z.int(), z.string().regex(/^[0-9a-f]{64}$/)]);

export interface FileH1MemoOptions {
  readonly file: string;
  /** 32 random bytes, made when there are none. Never beside the memo: caches are copied about, and keys must not be. */
  readonly keyFile: string;
}

/** Whole or not at all: of several processes that begin, and of one that dies, all that follow have one key. */
async function readKey(keyFile: string): Promise<Uint8Array> {
  try {
    await writeOnceFolder(dirname(keyFile))(keyFile, randomBytes(KEY_BYTES));
  } catch (error) {
    throw new Fault('ConfigurationInvalid', `the key file ${keyFile} cannot be created`, { cause: error });
  }
  const key = await readFile(keyFile);
  if (key.length !== KEY_BYTES) throw new Fault('ConfigurationInvalid', `the key file ${keyFile} holds no key`);
  return key;
}

function macOf(key: Uint8Array, { module, version, sha256, h1, rules }: RememberedHash): Buffer {
  const text = JSON.stringify([MAC_DOMAIN, module, version, sha256, h1, rules]);
  return createHmac('sha256', key).update(text).digest();
}

function entryOf(key: Uint8Array, line: string): RememberedHash | undefined {
  const parsed = z.preprocess(jsonOrNothing, Line).safeParse(line);
  if (!parsed.success) return undefined;
  const [module, version, sha256, h1, rules, mac] = parsed.data;
  const entry = { module, version, sha256, h1, rules };
  return timingSafeEqual(Buffer.from(mac, 'hex'), macOf(key, entry)) ? entry : undefined;
}

function jsonOrNothing(line: unknown): unknown {
  try {
    return JSON.parse(String(line));
  } catch {
    return undefined;
  }
}

async function readEntries(file: string, key: Uint8Array): Promise<Map<string, RememberedHash[]>> {
  const entries = new Map<string, RememberedHash[]>();
  const found = await unlessMissing(stat(file));
  if (!found || found.size > MAX_FILE_BYTES) return entries;
  for (const line of (await readFile(file, 'utf8')).split('\n')) {
    const entry = entryOf(key, line);
    if (!entry) continue;
    const name = `${entry.module}@${entry.version}`;
    entries.set(name, [...(entries.get(name) ?? []), entry]);
  }
  return entries;
}

/**
 * The memo as a file of lines, only ever appended to, by several processes at once if need be. An entry counts only with
 * a MAC under a key that lies elsewhere: who can write the memo alone, such as a restored cache of a build server, can
 * make it forget and nothing more. Who can read the key as well can forge entries; keep both where the user's own
 * programs are kept. A line that a crash cut is no entry.
 */
export async function openFileH1Memo({ file, keyFile }: FileH1MemoOptions): Promise<H1Memo> {
  if (dirname(resolve(file)) === dirname(resolve(keyFile)))
    throw new Fault('ConfigurationInvalid', 'the key of the h1 memo lies beside it');
  const key = await readKey(keyFile);
  const failed = (error: unknown): never => {
    throw new Fault('StoreUnavailable', 'the h1 memo failed', { cause: error });
  };
  await mkdir(dirname(file), { recursive: true, mode: 0o700 }).catch(failed);
  const entries = await readEntries(file, key).catch(failed);
  return {
    find: async (module, version) => entries.get(`${module}@${version}`) ?? [],
    async add(entry) {
      const { module, version, sha256, h1, rules } = entry;
      const line = JSON.stringify([module, version, sha256, h1, rules, macOf(key, entry).toString('hex')]);
      // A line of its own, even behind one that was cut.
      await appendFile(file, `\n${line}\n`, { mode: 0o600 }).catch(failed);
      const name = `${module}@${version}`;
      entries.set(name, [...(entries.get(name) ?? []), entry]);
    },
  };
}
