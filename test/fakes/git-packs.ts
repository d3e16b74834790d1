import { createHash } from 'node:crypto';
import { deflateSync } from 'node:zlib';
import { type GitObject, type GitObjectType, gitObjectId } from '../../core/git/object.ts';
import type { GitSha } from '../../events/fields.ts';

/** Packs and packets made by hand, sound or not. */

export type PackPart =
  | GitObject
  | { readonly base: GitSha; readonly delta: Uint8Array }
  /** `back`: how many entries before this one the base is. */
  | { readonly back: number; readonly delta: Uint8Array };

const CODES: Readonly<Record<GitObjectType, number>> = { commit: 1, tree: 2, blob: 3, tag: 4 };

/** Type and size as a pack entry begins: four bits, then seven at a time. */
export function entryHead(code: number, size: number): Buffer {
  const bytes = [(code << 4) | (size & 15)];
  for (let rest = Math.floor(size / 16); rest > 0; rest = Math.floor(rest / 128)) {
    bytes.push(rest & 127);
    bytes[bytes.length - 2] = (bytes[bytes.length - 2] ?? 0) | 128;
  }
  return Buffer.from(bytes);
}

/** Distance to a base, with one added at each continued byte. */
function distanceBytes(distance: number): Buffer {
  const bytes = [distance & 127];
  for (let rest = Math.floor(distance / 128); rest > 0; rest = Math.floor(rest / 128)) {
    rest -= 1;
    bytes.unshift((rest & 127) | 128);
  }
  return Buffer.from(bytes);
}

const varint = (value: number): number[] =>
  value < 128 ? [value] : [(value & 127) | 128, ...varint(Math.floor(value / 128))];

/** A delta that inserts `text` after the first `copied` bytes of a base of `size` bytes. */
export const deltaOf = (size: number, copied: number, text: string): Buffer =>
  Buffer.from([
    ...varint(size),
    ...varint(copied + text.length),
    ...(copied > 0 ? [0x90, copied] : []),
    text.length,
    ...Buffer.from(text),
  ]);

function entryOf(part: PackPart, starts: readonly number[], at: number): Buffer {
  if ('type' in part) return Buffer.concat([entryHead(CODES[part.type], part.body.length), deflateSync(part.body)]);
  const deflated = deflateSync(part.delta);
  if ('base' in part) return Buffer.concat([entryHead(7, part.delta.length), Buffer.from(part.base, 'hex'), deflated]);
  const start = starts[starts.length - part.back] ?? 0;
  return Buffer.concat([entryHead(6, part.delta.length), distanceBytes(at - start), deflated]);
}

export const withChecksum = (pack: Uint8Array): Buffer =>
  Buffer.concat([pack, createHash('sha1').update(pack).digest()]);

/** Header of a pack that announces this many objects. */
export function packHeader(count: number, version = 2): Buffer {
  const header = Buffer.from('PACK\0\0\0\0\0\0\0\0', 'latin1');
  header.writeUInt32BE(version, 4);
  header.writeUInt32BE(count, 8);
  return header;
}

export function packOf(parts: readonly PackPart[]): Buffer {
  const pieces = [packHeader(parts.length)];
  const starts: number[] = [];
  let at = 12;
  for (const part of parts) {
    const entry = entryOf(part, starts, at);
    starts.push(at);
    pieces.push(entry);
    at += entry.length;
  }
  return withChecksum(Buffer.concat(pieces));
}

/** Objects that a test names as it makes them. */
export function objectMaker() {
  const objects = new Map<GitSha, GitObject>();
  const add = (type: GitObjectType, body: Uint8Array | string): GitSha => {
    const object = { type, body: Buffer.from(body) };
    const id = gitObjectId(object);
    objects.set(id, object);
    return id;
  };
  return {
    objects,
    add,
    tree: (...entries: readonly [mode: string, name: string, id: GitSha][]) =>
      add(
        'tree',
        Buffer.concat(
          entries.flatMap(([mode, name, id]) => [Buffer.from(`${mode} ${name}\0`), Buffer.from(id, 'hex')]),
        ),
      ),
    commit: (tree: GitSha, parents: readonly GitSha[] = [], seconds = 1_700_000_000) =>
      add(
        'commit',
        `tree ${tree}\n${parents.map((id) => `parent ${id}\n`).join('')}author a <a> ${seconds} +0000\ncommitter a <a> ${seconds} +0100\n\nmessage\n`,
      ),
    tag: (target: GitSha, type: GitObjectType) =>
      add('tag', `object ${target}\ntype ${type}\ntag t\ntagger a <a> 0 +0000\n\nmessage\n`),
  };
}

/** One packet around these bytes. */
export const packet = (bytes: Uint8Array | string): Buffer => {
  const content = Buffer.from(bytes);
  return Buffer.concat([Buffer.from((content.length + 4).toString(16).padStart(4, '0')), content]);
};

/** A pack in packets of the first side band, with its flush. */
export function inBands(pack: Uint8Array): Buffer {
  const pieces: Buffer[] = [];
  for (let at = 0; at < pack.length; at += 60_000)
    pieces.push(packet(Buffer.concat([Buffer.of(1), pack.subarray(at, at + 60_000)])));
  return Buffer.concat([...pieces, Buffer.from('0000')]);
}
