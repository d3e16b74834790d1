import { createHash } from 'node:crypto';
import { inflateSync } from 'node:zlib';
import * as z from 'zod';
import { GitSha } from '../../events/fields.ts';
import { Fault } from '../faults.ts';
import { unreadableGit } from './unreadable.ts';

/** Git objects as they are stored: one by one (loose), deflated, named by the SHA-1 of their header and body. */

export const GIT_OBJECT_TYPES = ['commit', 'tree', 'blob', 'tag'] as const;
export type GitObjectType = (typeof GIT_OBJECT_TYPES)[number];

export interface GitObject {
  readonly type: GitObjectType;
  readonly body: Uint8Array;
}

/** Longest "<type> <size>\0" that an object within the limits can have. */
const HEADER_BYTES = 32;

/** The id of an object: SHA-1 over `<type> <size>\0` and the body. 40 hex characters. */
export const gitObjectId = ({ type, body }: GitObject): GitSha =>
  GitSha.parse(createHash('sha1').update(`${type} ${body.length}\0`).update(body).digest('hex'));

/** What one zlib stream holds, and how many bytes the stream itself takes. */
export interface Inflated {
  readonly body: Uint8Array;
  readonly consumed: number;
}

/** Node's answer when it is asked for its engine too, which counts the bytes it has read. */
const InflateAnswer = z.object({
  buffer: z.instanceof(Uint8Array),
  engine: z.object({ bytesWritten: z.int().min(0) }),
});

/** Inflates one zlib stream that starts at byte 0 and must hold exactly `size` bytes; what follows it is not read. */
export function inflateStream(bytes: Uint8Array, size: number): Inflated {
  let answer: z.infer<typeof InflateAnswer>;
  try {
    // A piece of output for each object: many are far smaller than the pieces that zlib makes of itself.
    const chunkSize = Math.min(Math.max(size, 64), 1024 * 1024);
    answer = InflateAnswer.parse(inflateSync(bytes, { maxOutputLength: Math.max(size, 1), chunkSize, info: true }));
  } catch (error) {
    throw unreadableGit('a deflated object is damaged or longer than it says', error);
  }
  if (answer.buffer.length !== size) throw unreadableGit('a deflated object is not as long as it says');
  return { body: answer.buffer, consumed: answer.engine.bytesWritten };
}

export function requireWithin(size: number, limit: number): void {
  if (size > limit) throw new Fault('LimitExceeded', `git: an object of ${size} bytes is over the limit of ${limit}`);
}

/** Reads a loose object file of at most `limit` body bytes. The caller compares the id. */
export function parseLooseObject(bytes: Uint8Array, limit: number): GitObject {
  let whole: Uint8Array;
  try {
    whole = inflateSync(bytes, { maxOutputLength: limit + HEADER_BYTES });
  } catch (error) {
    if (error instanceof RangeError) requireWithin(limit + 1, limit);
    throw unreadableGit('a loose object is damaged', error);
  }
  const end = whole.subarray(0, HEADER_BYTES).indexOf(0);
  const header = /^([a-z]+) (0|[1-9]\d{0,15})$/.exec(
    Buffer.from(whole.subarray(0, Math.max(end, 0))).toString('latin1'),
  );
  const type = GIT_OBJECT_TYPES.find((known) => known === header?.[1]);
  const body = whole.subarray(end + 1);
  if (!type || Number(header?.[2]) !== body.length) throw unreadableGit('a loose object has a malformed header');
  requireWithin(body.length, limit);
  return { type, body };
}

/** Checks that an object is the one its name promises; no object is used before this. */
export function requireId(object: GitObject, id: string): GitObject {
  if (gitObjectId(object) !== id) throw unreadableGit(`object ${id} has other bytes than its id says`);
  return object;
}
