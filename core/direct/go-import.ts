import { hasPathPrefix, type RepositoryRoot } from './repository-root.ts';

/** `<meta name="go-import" content="root vcs url [folder]">` of a page (https://go.dev/ref/mod#vcs-find). */

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

const decoded = (text: string): string =>
  text.replace(/&(?:#(\d{1,7})|#x([0-9a-fA-F]{1,6})|([a-z]+));/g, (whole, decimal, hex, name) => {
    if (name !== undefined) return ENTITIES[name] ?? whole;
    const point = decimal === undefined ? Number.parseInt(hex, 16) : Number(decimal);
    return point <= 0x10ffff ? String.fromCodePoint(point) : whole;
  });

/** Attributes of a tag by lower-case name; the first of a name counts. */
function attributesOf(tag: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const [, name = '', double, single, bare] of tag.matchAll(
    /([A-Za-z][\w:.-]*)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))/g,
  ))
    if (!found.has(name.toLowerCase())) found.set(name.toLowerCase(), decoded(double ?? single ?? bare ?? ''));
  return found;
}

/** Index behind what begins with `<` at `from`: a comment, a section of characters or a tag; 0: it never ends. */
function endOfMarkup(html: string, from: number): number {
  for (const [opening, closing] of [
    ['<!--', '-->'],
    ['<![CDATA[', ']]>'],
  ] as const) {
    if (!html.startsWith(opening, from)) continue;
    const end = html.indexOf(closing, from + opening.length);
    return end < 0 ? 0 : end + closing.length;
  }
  return endOfTag(html, from);
}

/** Tags in order up to the end of the head or the beginning of the body; comments and the like are skipped. */
function* headTags(html: string): Generator<{ readonly name: string; readonly text: string }> {
  for (let at = html.indexOf('<'); at >= 0; at = html.indexOf('<', at)) {
    const end = endOfMarkup(html, at);
    if (end === 0) return;
    const text = html.slice(at + 1, end - 1);
    const [, slash = '', name = ''] = /^(\/?)([A-Za-z][\w:-]*)/.exec(text) ?? [];
    const lower = name.toLowerCase();
    if ((slash === '/' && lower === 'head') || (slash === '' && lower === 'body')) return;
    if (slash === '' && lower !== '') yield { name: lower, text };
    at = end;
  }
}

/** Index behind the `>` that ends a tag, quoted ones left out; 0: it never ends. */
function endOfTag(html: string, from: number): number {
  let quote = '';
  for (let at = from; at < html.length; at++) {
    const char = html[at] ?? '';
    if (quote !== '') quote = char === quote ? '' : quote;
    else if (char === '>') return at + 1;
    else if (char === '"' || char === "'") quote = char;
  }
  return 0;
}

/** Every go-import of a page, module proxies first; a proxy replaces other kinds of the same root. */
export function parseGoImports(html: string): readonly RepositoryRoot[] {
  const imports: RepositoryRoot[] = [];
  for (const { name, text } of headTags(html)) {
    const attributes = name === 'meta' ? attributesOf(text) : undefined;
    if (attributes?.get('name') !== 'go-import') continue;
    const fields = (attributes.get('content') ?? '').split(/\s+/).filter(Boolean);
    const [root = '', vcs = '', url = '', subdirectory = ''] = fields;
    if (fields.length === 3 || fields.length === 4) imports.push({ root, vcs, url, subdirectory });
  }
  const proxies = imports.filter(({ vcs }) => vcs === 'mod');
  const proxied = new Set(proxies.map(({ root }) => root));
  return [...proxies, ...imports.filter(({ vcs, root }) => vcs !== 'mod' && !proxied.has(root))];
}

/** The one import that is for `path`; `undefined` when none is, or several are and no proxy goes before them. */
export function matchGoImport(imports: readonly RepositoryRoot[], path: string): RepositoryRoot | undefined {
  const [first, second] = imports.filter(({ root }) => hasPathPrefix(path, root));
  const ambiguous = second !== undefined && !(first?.vcs === 'mod' && second.vcs !== 'mod');
  return ambiguous ? undefined : first;
}

/** Whether two pages say the same of a root: whoever speaks for a path must not speak for its root. */
export const sameImport = (a: RepositoryRoot, b: RepositoryRoot | undefined): boolean =>
  a.root === b?.root && a.vcs === b.vcs && a.url === b.url && a.subdirectory === b.subdirectory;
