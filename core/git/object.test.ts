import { deflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { gitObjectId, parseLooseObject, requireId } from './object.ts';

const utf8 = (text: string) => new TextEncoder().encode(text);
const loose = (text: string) => deflateSync(utf8(text));
const empty = new Uint8Array();

describe('git objects', () => {
  it('have the ids that git hash-object prints', () => {
    expect(gitObjectId({ type: 'blob', body: empty })).toBe('e69de29bb2d1d6434b8b29ae775ad8c2e48c5391');
    expect(gitObjectId({ type: 'tree', body: empty })).toBe('4b825dc642cb6eb9a060e54bf8d69288fbee4904');
    expect(gitObjectId({ type: 'blob', body: utf8('hello\n') })).toBe('ce013625030ba8dba906f756967f9e9ca394464a');
  });

  it('are read from loose files with type and body', () => {
    expect(parseLooseObject(loose('blob 6\0hello\n'), 100)).toEqual({ type: 'blob', body: Buffer.from('hello\n') });
  });

  it.each([
    ['another length than they have', 'blob 5\0hello\n'],
    ['an unknown type', 'bulb 6\0hello\n'],
    ['no header at all', 'hello'],
    ['a length with a leading zero', 'blob 06\0hello\n'],
  ])('are refused with %s', (_, text) => {
    expect(() => parseLooseObject(loose(text), 100)).toThrow(expect.objectContaining({ name: 'SourceUnreachable' }));
  });

  it('are refused when the file is cut short or holds no zlib stream', () => {
    const bytes = loose('blob 6\0hello\n');
    for (const broken of [bytes.subarray(0, -5), utf8('plain text'), empty])
      expect(() => parseLooseObject(broken, 100)).toThrow(expect.objectContaining({ name: 'SourceUnreachable' }));
  });

  it('are refused over the limit before they fill the memory', () => {
    const bomb = loose(`blob 1000000\0${'0'.repeat(1_000_000)}`);
    expect(() => parseLooseObject(bomb, 1000)).toThrow(expect.objectContaining({ name: 'LimitExceeded' }));
    expect(() => parseLooseObject(loose('blob 6\0hello\n'), 5)).toThrow(
      expect.objectContaining({ name: 'LimitExceeded' }),
    );
  });

  it('are refused under any id but their own', () => {
    const object = { type: 'blob', body: utf8('hello\n') } as const;
    expect(requireId(object, 'ce013625030ba8dba906f756967f9e9ca394464a')).toBe(object);
    expect(() => requireId(object, 'e69de29bb2d1d6434b8b29ae775ad8c2e48c5391')).toThrow(/other bytes/);
  });
});
