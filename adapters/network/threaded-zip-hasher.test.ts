import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { zipSync } from 'fflate';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { ModulePath, ModuleVersion } from '../../core/brands.ts';
import { accessOf, plainZipHasher } from '../../core/gosum/zip-hashing.ts';
import type { ModuleZip } from '../../core/ports/module-source.ts';
import { openZipFile } from './module-file-helper.ts';
import { openThreadedZipHasher } from './threaded-zip-hasher.ts';
import { LARGE_ZIP_BYTES } from './zip-hash-job-helper.ts';

const PATH = ModulePath.parse('example.com/m');
const VERSION = ModuleVersion.parse('v1.0.0');
const Times = z.strictObject({ began: z.number(), ended: z.number() });

let folder: string;
let files = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'relseal-threads-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function fileOf(bytes: Uint8Array): Promise<ModuleZip> {
  files += 1;
  const file = join(folder, `${files}.zip`);
  await writeFile(file, bytes);
  const zip = await openZipFile(file);
  if (!zip) throw new Error('there is a file');
  return zip;
}
const moduleZip = (text: string) => zipSync({ [`${PATH}@${VERSION}/a.go`]: Buffer.from(text) });

async function workerOf(name: string, source: string): Promise<URL> {
  const file = join(folder, name);
  await writeFile(file, source);
  return pathToFileURL(file);
}

describe('hashing in threads', () => {
  it('gives what hashing in one thread gives, for more zips than there are threads', async () => {
    const hasher = openThreadedZipHasher({ threads: 2 });
    try {
      const contents = [...Array.from({ length: 8 }, (_, at) => moduleZip(`package p${at}\n`)), Buffer.from('no zip')];
      const zips = await Promise.all(contents.map(fileOf));
      const hashes = await Promise.all(zips.map((zip) => hasher.hash(zip, PATH, VERSION)));
      const expected = await Promise.all(contents.map((each) => plainZipHasher.hash(accessOf(each), PATH, VERSION)));
      expect(hashes).toEqual(expected);
      expect(hashes.map(({ kind }) => kind)).toEqual([...Array(8).fill('hashed'), 'invalid']);
      expect(await Promise.all(zips.map((zip) => hasher.sha256(zip)))).toEqual(
        await Promise.all(contents.map((each) => plainZipHasher.sha256(accessOf(each)))),
      );
      for (const zip of zips) await zip.release();
    } finally {
      await hasher.close();
    }
  });

  it('says that a file ends early, and hashes on', async () => {
    const hasher = openThreadedZipHasher({ threads: 1 });
    try {
      const bytes = moduleZip('package a\n');
      const short = { ...(await fileOf(bytes)), size: bytes.length + 10 };
      const unreachable = { name: 'ModuleProxyUnreachable', message: expect.stringContaining('ends early') };
      await expect(hasher.hash(short, PATH, VERSION)).rejects.toMatchObject(unreachable);
      await expect(hasher.sha256(short)).rejects.toMatchObject(unreachable);
      await short.release();
      const zip = await fileOf(bytes);
      expect(await hasher.hash(zip, PATH, VERSION)).toMatchObject({ kind: 'hashed' });
      await zip.release();
    } finally {
      await hasher.close();
    }
  });

  it('faults where a thread ends, and gives who waits a new one', async () => {
    const worker = await workerOf(
      'mortal.mjs',
      `import { parentPort } from 'node:worker_threads';
      parentPort.on('message', ({ size }) => {
        if (size === 6) process.exit(1);
        if (size === 7) throw new Error('out of order');
        parentPort.postMessage({ sha256: 'a'.repeat(64) });
      });`,
    );
    const hasher = openThreadedZipHasher({ threads: 1, worker });
    const zips = await Promise.all(['no zip', 'no zip!', 'a zip'].map((text) => fileOf(Buffer.from(text))));
    const outcomes = await Promise.allSettled(zips.map((zip) => hasher.sha256(zip)));
    expect(outcomes).toMatchObject([
      { status: 'rejected', reason: { name: 'LimitExceeded' } },
      { status: 'rejected', reason: { name: 'LimitExceeded' } },
      { status: 'fulfilled', value: 'a'.repeat(64) },
    ]);
    for (const zip of zips) await zip.release();
    await hasher.close();
  });

  it('holds one large zip at a time, and goes on with others meanwhile and after one that failed', async () => {
    const worker = await workerOf(
      'slow.mjs',
      `import { parentPort } from 'node:worker_threads';
      parentPort.on('message', ({ size }) => {
        const began = Date.now();
        const answer = size % 2 ? { failed: 'odd' } : { hashed: { kind: 'invalid', why: '' } };
        setTimeout(() => {
          if (answer.hashed) answer.hashed.why = JSON.stringify({ began, ended: Date.now() });
          parentPort.postMessage(answer);
        }, 50);
      });`,
    );
    const hasher = openThreadedZipHasher({ threads: 4, worker });
    const zip = await fileOf(Buffer.from('a zip'));
    const sizes = [2, 2, 4, 1, 6].map((more) => LARGE_ZIP_BYTES + more);
    const hashes = sizes.map((size) => hasher.hash({ ...zip, size }, PATH, VERSION));
    const small = await Promise.allSettled([2, 4].map((size) => hasher.hash({ ...zip, size }, PATH, VERSION)));
    const large = await Promise.allSettled(hashes);
    expect([...small, ...large].map(({ status }) => status)).toEqual([
      ...['fulfilled', 'fulfilled'],
      ...['fulfilled', 'fulfilled', 'fulfilled', 'rejected', 'fulfilled'],
    ]);
    const times = large.flatMap((each) =>
      each.status === 'fulfilled' && each.value.kind === 'invalid' ? [Times.parse(JSON.parse(each.value.why))] : [],
    );
    for (const [at, { ended }] of times.entries())
      expect(times[at + 1]?.began ?? Number.POSITIVE_INFINITY).toBeGreaterThanOrEqual(ended);
    await zip.release();
    await hasher.close();
  });

  it('ends what it is at when it is closed, waiting or begun', async () => {
    const hasher = openThreadedZipHasher({
      threads: 1,
      worker: await workerOf('silent.mjs', 'setInterval(() => {}, 9e8);'),
    });
    const zips = await Promise.all(['a', 'b'].map((text) => fileOf(Buffer.from(text))));
    const outcomes = Promise.allSettled(zips.map((zip) => hasher.sha256(zip)));
    await hasher.close();
    for (const { status } of await outcomes) expect(status).toBe('rejected');
    for (const zip of zips) await zip.release();
  });

  it('is done in the calling thread where there is no file, and no thread', async () => {
    const bytes = moduleZip('package a\n');
    const expected = await plainZipHasher.hash(accessOf(bytes), PATH, VERSION);
    const silent = await workerOf('unused.mjs', 'setInterval(() => {}, 9e8);');
    const threaded = openThreadedZipHasher({ worker: silent });
    expect(await threaded.hash(accessOf(bytes), PATH, VERSION)).toEqual(expected);
    const without = openThreadedZipHasher({ worker: pathToFileURL(join(folder, 'missing.mjs')) });
    const zip = await fileOf(bytes);
    expect(await without.hash(zip, PATH, VERSION)).toEqual(expected);
    await zip.release();
  });

  it('keeps no process alive that has nothing more to hash', async () => {
    const hasher = fileURLToPath(new URL('./threaded-zip-hasher.ts', import.meta.url));
    const zip = join(folder, 'last.zip');
    await writeFile(zip, 'no zip');
    const script = `
      import { openSync } from 'node:fs';
      import { openThreadedZipHasher } from ${JSON.stringify(pathToFileURL(hasher).href)};
      const hashed = await openThreadedZipHasher().hash({ size: 6, descriptor: openSync(${JSON.stringify(zip)}) }, 'example.com/m', 'v1.0.0');
      process.stdout.write(hashed.kind);`;
    const cwd = fileURLToPath(new URL('../..', import.meta.url));
    const args = ['--import', 'tsx', '--input-type=module', '-e', script];
    expect(execFileSync(process.execPath, args, { cwd, encoding: 'utf8', timeout: 60_000 })).toBe('invalid');
  }, 60_000);
});
