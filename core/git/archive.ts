import { Fault } from '../faults.ts';
import type { SourceFile } from '../ports/source-host.ts';
import { type Attributes, type AttributeValue, isAttributesFile, readAttributes } from './attributes.ts';
import { gitObjectId } from './object.ts';

/**
 * What `git archive` makes of the blobs of a tree when the go command calls it: `core.autocrlf=input`, `core.eol=lf`, and
 * `export-subst` and `export-ignore` switched off. Line ends and `$Id$` remain, as the tree's own attributes want them.
 */

type LineEnds = 'kept' | 'crlf' | 'crlf-if-text';

/** `crlf` is the old name of `text`. */
const textOf = (attributes: Attributes): AttributeValue | undefined =>
  [attributes.get('text'), attributes.get('crlf')].find(
    (value) => typeof value === 'boolean' || value === 'auto' || value === 'input',
  );

function lineEndsOf(attributes: Attributes): LineEnds {
  const text = textOf(attributes);
  if (text === false || attributes.get('eol') !== 'crlf') return 'kept';
  return text === 'auto' ? 'crlf-if-text' : 'crlf';
}

/** Git's guess: a lone carriage return, a zero, or more than one unprintable byte in 128 make a file binary. */
function isBinary(bytes: Uint8Array): boolean {
  let printable = 0;
  let unprintable = 0;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] ?? 0;
    if (byte === 0 || (byte === 13 && bytes[at + 1] !== 10)) return true;
    if (byte === 10 || byte === 13) continue;
    if ((byte >= 32 && byte !== 127) || byte === 8 || byte === 9 || byte === 12 || byte === 27) printable += 1;
    else unprintable += 1;
  }
  // The end-of-file sign of DOS does not count.
  if (bytes.at(-1) === 26) unprintable -= 1;
  return Math.floor(printable / 128) < unprintable;
}

function withCrlf(bytes: Uint8Array): Uint8Array {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const pieces: Uint8Array[] = [];
  let from = 0;
  for (let at = text.indexOf(10); at >= 0; at = text.indexOf(10, at + 1)) {
    if (at > 0 && text[at - 1] === 13) continue;
    pieces.push(text.subarray(from, at), Buffer.from('\r\n'));
    from = at + 1;
  }
  return pieces.length === 0 ? bytes : Buffer.concat([...pieces, text.subarray(from)]);
}

function convertLineEnds(bytes: Uint8Array, ends: LineEnds): Uint8Array {
  if (ends === 'kept') return bytes;
  // A file of mixed line ends was committed as it is: only those that ask for it by name are changed.
  const left = ends === 'crlf-if-text' && (Buffer.from(bytes).includes('\r\n') || isBinary(bytes));
  return left ? bytes : withCrlf(bytes);
}

/** Writes the blob's id into `$Id$`; what another system wrote there (`$Id: a b $`) stays. */
function expandIdent(bytes: Uint8Array): Uint8Array {
  const text = Buffer.from(bytes).toString('latin1');
  const id = gitObjectId({ type: 'blob', body: bytes });
  const expanded = text.replace(/\$Id(?:\$|:([^$\n]*)\$)/g, (whole, written: string | undefined) => {
    const space = written === undefined ? -1 : written.indexOf(' ', 1);
    return space >= 0 && space < (written ?? '').length - 1 ? whole : `$Id: ${id} $`;
  });
  return expanded === text ? bytes : Buffer.from(expanded, 'latin1');
}

/** Encodings are named by the tree and made by the machine's library, so that no two machines need agree. */
function requireUtf8(path: string, encoding: AttributeValue | undefined): void {
  if (typeof encoding === 'string' && encoding !== '' && !/^utf-?8$/i.test(encoding))
    throw new Fault('SourceUnreachable', `git: ${path.slice(0, 200)} is to be written in another encoding than UTF-8`);
}

/** Whether any rule of the tree can change a file; most trees have none. */
const mayConvert = (tree: readonly SourceFile[]): boolean =>
  tree.some(
    ({ path, bytes }) =>
      isAttributesFile(path) && /eol=crlf|ident|working-tree-encoding/.test(new TextDecoder().decode(bytes)),
  );

/**
 * Files as the go command's archive of their commit holds them, those that `inArchive` names; the rest stay blobs. Filters
 * (LFS) are never run. Throws `SourceUnreachable` where a file is to be written in another encoding.
 */
export function archivedFiles(
  tree: readonly SourceFile[],
  inArchive: (path: string) => boolean,
): readonly SourceFile[] {
  if (!mayConvert(tree)) return tree;
  const attributesOf = readAttributes(tree);
  return tree.map((file) => {
    if (!inArchive(file.path)) return file;
    const attributes = attributesOf(file.path);
    requireUtf8(file.path, attributes.get('working-tree-encoding'));
    const named = attributes.get('ident') === true ? expandIdent(file.bytes) : file.bytes;
    return { path: file.path, bytes: convertLineEnds(named, lineEndsOf(attributes)) };
  });
}
