import { Buffer } from 'node:buffer';
import { readSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import { plainZipHasher } from '../../core/gosum/zip-hashing.ts';
import type { RandomAccess } from '../../core/ports/module-source.ts';
import { LARGE_ZIP_BYTES, type ZipHashAnswer, type ZipHashJob } from './zip-hash-job-helper.ts';

/** The thread that hashes: a file of the process by its descriptor, one at a time (`threaded-zip-hasher.ts`). */

// Tens of thousands of small contents are inflated one after the other: in one piece of memory for many of them.
Buffer.poolSize = 1024 * 1024;

/** Where a zip lies that is read at once; the next one takes its place, for a thread has one job at a time. */
let whole = Buffer.alloc(0);
function spaceFor(length: number): Buffer {
  if (length > LARGE_ZIP_BYTES) return Buffer.allocUnsafeSlow(length);
  if (whole.length < length) whole = Buffer.allocUnsafeSlow(length);
  return whole.subarray(0, length);
}

const fileOf = ({ descriptor, size }: ZipHashJob): RandomAccess => ({
  size,
  read: async (offset, length) => {
    const bytes = length === size ? spaceFor(length) : Buffer.allocUnsafeSlow(length);
    for (let at = 0; at < length; ) {
      const read = readSync(descriptor, bytes, at, length - at, offset + at);
      if (read === 0) throw new Error('a module zip ends early');
      at += read;
    }
    return bytes;
  },
});

async function answerTo(job: ZipHashJob): Promise<ZipHashAnswer> {
  try {
    return job.module
      ? { hashed: await plainZipHasher.hash(fileOf(job), job.module.path, job.module.version) }
      : { sha256: await plainZipHasher.sha256(fileOf(job)) };
  } catch (error) {
    return { failed: error instanceof Error ? error.message : 'reading failed' };
  }
}

parentPort?.on('message', async (job: ZipHashJob) => parentPort?.postMessage(await answerTo(job)));
