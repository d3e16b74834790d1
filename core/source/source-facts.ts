import * as z from 'zod';
import { Sha256Hex } from '../../events/fields.ts';
import { sha256Hex } from '../evidence.ts';
import { GoFileFacts, readGoFile } from '../goimports/go-file.ts';
import type { SourceFile } from '../ports/source-host.ts';
import type { Refusal } from '../verdict.ts';

/**
 * What later checks need of a fetched tree, so that none of them fetches it again. Of a module proxy the tree is the
 * zip. Paths are relative to the root of the tree; lists are in byte order of their paths.
 */
export const SourceFacts = z.strictObject({
  schema: z.literal('relseal.source-facts/1'),
  /** Folder of the released module; `''` is the root. */
  directory: z.string().max(4096),
  /** Every regular file, nested modules and vendor folders too. */
  files: z.array(z.strictObject({ path: z.string(), size: z.int().nonnegative(), sha256: Sha256Hex })),
  /** Every .go file that no name on its way hides from the go command's patterns, and that is not vendored. */
  go: z.array(z.strictObject({ path: z.string(), ...GoFileFacts.shape })),
  /** Every go.mod, go.sum, go.work, go.work.sum and vendor/modules.txt. */
  texts: z.array(z.strictObject({ path: z.string(), text: z.string() })),
});
export type SourceFacts = z.infer<typeof SourceFacts>;

export type SourceFactsOutcome =
  | { readonly kind: 'made'; readonly facts: SourceFacts }
  | { readonly kind: 'refused'; readonly reasons: readonly Refusal[] };

const MAX_TEXT_BYTES = 16 * 1024 * 1024;
const MAX_TEXTS_BYTES = 64 * 1024 * 1024;
/** Characters of paths, imports and other words of Go files; the largest repositories have a tenth. */
const MAX_GO_CHARACTERS = 64 * 1024 * 1024;
const SHOWN_REFUSALS = 1000;
const TEXT = /(?:^|\/)(?:go\.(?:mod|sum|work|work\.sum)|vendor\/modules\.txt)$/;
const HIDDEN = /(?:^|\/)(?:[_.]|(?:testdata|vendor)\/)/;

const byPath = (a: { path: string }, b: { path: string }) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path));
/** A file below two vendor folders belongs to a vendored module, whose own list means nothing. */
const isText = (path: string) => TEXT.test(path) && !/(?:^|\/)vendor\/.*\/vendor\/modules\.txt$/.test(path);

const tooLarge = (where: string, found: string, fix: string): Refusal => ({
  code: 'source.too-large',
  where: where.slice(0, 1024),
  found,
  fix,
});

function textOf({ path, bytes }: SourceFile): SourceFacts['texts'][number] | Refusal {
  if (bytes.length > MAX_TEXT_BYTES)
    return tooLarge(path, `${bytes.length} bytes`, `Keep the file within ${MAX_TEXT_BYTES} bytes.`);
  try {
    return { path, text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes) };
  } catch {
    return {
      code: 'source.encoding',
      where: path.slice(0, 1024),
      expected: 'UTF-8',
      found: 'bytes that are no UTF-8',
      fix: 'Write the file as UTF-8: the go command reads it so.',
    };
  }
}

function textsOf(tree: readonly SourceFile[]): { texts: SourceFacts['texts']; refusals: Refusal[] } {
  const texts: SourceFacts['texts'] = [];
  const refusals: Refusal[] = [];
  let total = 0;
  for (const file of tree.filter(({ path }) => isText(path))) {
    const text = textOf(file);
    if ('code' in text) refusals.push(text);
    else texts.push(text);
    total += file.bytes.length;
    if (total > MAX_TEXTS_BYTES) {
      const fix = 'Release fewer modules from one repository, or remove those that are not needed.';
      refusals.push(tooLarge(file.path, `more than ${MAX_TEXTS_BYTES} bytes of go.mod and like files`, fix));
      break;
    }
  }
  return { texts, refusals };
}

const charactersOf = ({ package: name, imports, embeds, cgo, constraint = '', problem = '' }: GoFileFacts): number =>
  [name, constraint, problem, ...imports, ...embeds, ...cgo].reduce((sum, { length }) => sum + length, 0);

function goFilesOf(tree: readonly SourceFile[]): SourceFacts['go'] | Refusal {
  const go: SourceFacts['go'] = [];
  let total = 0;
  for (const { path, bytes } of tree) {
    if (!path.endsWith('.go') || HIDDEN.test(path)) continue;
    const facts = readGoFile(bytes);
    total += path.length + charactersOf(facts);
    if (total > MAX_GO_CHARACTERS)
      return tooLarge(path, `Go files with more than ${MAX_GO_CHARACTERS} characters to keep`, 'Split the repository.');
    go.push({ path, ...facts });
  }
  return go;
}

/** Makes the facts of a tree; `directory` is the folder of the released module. Refused where a file is too large or no UTF-8. */
export function sourceFactsOf(tree: readonly SourceFile[], directory: string): SourceFactsOutcome {
  const sorted = [...tree].sort(byPath);
  const { texts, refusals } = textsOf(sorted);
  const go = goFilesOf(sorted);
  const reasons = 'code' in go ? [...refusals, go] : refusals;
  if ('code' in go || reasons.length > 0) return { kind: 'refused', reasons: reasons.slice(0, SHOWN_REFUSALS) };
  const files = sorted.map(({ path, bytes }) => ({ path, size: bytes.length, sha256: sha256Hex(bytes) }));
  return { kind: 'made', facts: { schema: 'relseal.source-facts/1', directory, files, go, texts } };
}
