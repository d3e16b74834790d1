import { describe, expect, it } from 'vitest';
import { archivedFiles } from './archive.ts';
import { gitObjectId } from './object.ts';

const file = (path: string, text: string) => ({ path, bytes: Buffer.from(text, 'latin1') });
const all = () => true;
const archived = (attributes: string, text: string): string => {
  const [, made] = archivedFiles([file('.gitattributes', attributes), file('a.txt', text)], all);
  return Buffer.from(made?.bytes ?? []).toString('latin1');
};

describe('a file in the archive of its commit', () => {
  it.each([
    ['is the blob when nothing is said of it', '', 'a\nb\r\n', 'a\nb\r\n'],
    ['is the blob whatever export attributes say', '* export-ignore export-subst', '$Format:%H$\n', '$Format:%H$\n'],
    ['is the blob when its line ends are text alone', '* text', 'a\n', 'a\n'],
    ['is the blob when its line ends are lf', '* text eol=lf', 'a\r\n', 'a\r\n'],
    ['has crlf where that is asked for', '* eol=crlf', 'a\n\nb\r\nc', 'a\r\n\r\nb\r\nc'],
    ['has crlf though it looks binary when it is called text', '* text eol=crlf', '\0\n', '\0\r\n'],
    ['has no crlf when it is called binary', '* binary eol=crlf', 'a\n', 'a\n'],
    ['has no crlf by the old name of the attribute', '* -crlf eol=crlf', 'a\n', 'a\n'],
    ['has crlf when it is guessed to be text', '* text=auto eol=crlf', 'a\nb\n', 'a\r\nb\r\n'],
    ['stays as it is when its line ends are mixed', '* text=auto eol=crlf', 'a\nb\r\n', 'a\nb\r\n'],
    ['stays as it is with a lone carriage return', '* text=auto eol=crlf', 'a\rb\n', 'a\rb\n'],
    ['stays as it is with a zero in it', '* text=auto eol=crlf', 'a\0b\n', 'a\0b\n'],
    [
      'stays as it is with a byte in 128 unprintable',
      '* text=auto eol=crlf',
      `${'a'.repeat(127)}\x01\n`,
      `${'a'.repeat(127)}\x01\n`,
    ],
    ['ends in the sign of DOS and is text', '* text=auto eol=crlf', 'a\n\x1a', 'a\r\n\x1a'],
    ['is empty when its blob is', '* eol=crlf ident', '', ''],
  ])('%s', (_, attributes, text, expected) => {
    expect(archived(attributes, text)).toBe(expected);
  });

  it('names its own blob where it asks for that, and leaves the marks of other systems', () => {
    const text = '$Id$ $Id: old $ $Id: two words $ $Id:\n$ $Idle$ $Id';
    const id = gitObjectId({ type: 'blob', body: Buffer.from(text) });
    expect(archived('* ident', text)).toBe(`$Id: ${id} $ $Id: ${id} $ $Id: two words $ $Id:\n$ $Idle$ $Id`);
    expect(archived('* -ident', text)).toBe(text);
  });

  it('stays a blob outside of what is archived', () => {
    const tree = [file('.gitattributes', '* eol=crlf'), file('a', 'a\n'), file('sub/a', 'a\n')];
    const made = archivedFiles(tree, (path) => path.startsWith('sub/'));
    expect(made.map(({ bytes }) => Buffer.from(bytes).toString())).toEqual(['* eol=crlf', 'a\n', 'a\r\n']);
  });

  it('is a fault in another encoding: no two machines need make the same bytes of it', () => {
    const unreadable = expect.objectContaining({ name: 'SourceUnreachable' });
    expect(() => archived('* working-tree-encoding=UTF-16', 'a')).toThrow(unreadable);
    expect(archived('* working-tree-encoding=utf-8', 'a')).toBe('a');
  });
});
