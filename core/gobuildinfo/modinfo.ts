import { unescaped } from '../goimports/quoted.ts';

/** The text form of a Go program's build info (`runtime/debug.BuildInfo`), as `go version -m` prints it. */

export interface LinkedModule {
  readonly path: string;
  readonly version?: string;
  readonly h1?: string;
}

export interface LinkedDependency extends LinkedModule {
  readonly replace?: LinkedModule;
}

export interface ModuleInfo {
  /** Import path of the main package. */
  readonly path: string;
  readonly main?: LinkedDependency;
  readonly deps: readonly LinkedDependency[];
  readonly settings: Readonly<Record<string, string>>;
}

/** Text that the go command would not have written. */
export class MalformedModuleInfo extends Error {
  override readonly name = 'MalformedModuleInfo';
}

const MAX_LINES = 100_000;

export function parseModuleInfo(text: string): ModuleInfo {
  const lines = text.split('\n').filter((line) => line !== '');
  if (lines.length > MAX_LINES) throw new MalformedModuleInfo(`more than ${MAX_LINES} lines`);
  let path = '';
  let main: LinkedDependency | undefined;
  const deps: LinkedDependency[] = [];
  const settings = new Map<string, string>();
  let last: 'mod' | 'dep' | undefined;
  for (const line of lines) {
    const [word = '', ...fields] = line.split('\t');
    if (word === 'path' && path === '') path = fields.join('\t');
    else if (word === 'mod' && !main) [main, last] = [moduleOf(fields), 'mod'];
    else if (word === 'dep') last = deps.push(moduleOf(fields)) > 0 ? 'dep' : undefined;
    else if (word === '=>' && last === 'mod' && main)
      [main, last] = [{ ...main, replace: moduleOf(fields) }, undefined];
    else if (word === '=>' && last === 'dep') {
      const replaced = deps.pop();
      if (replaced) deps.push({ ...replaced, replace: moduleOf(fields) });
      last = undefined;
    } else if (word === 'build') addSetting(settings, fields.join('\t'));
    else throw new MalformedModuleInfo(`line ${JSON.stringify(line.slice(0, 100))}`);
  }
  return { path, ...(main ? { main } : {}), deps, settings: Object.fromEntries(settings) };
}

function moduleOf([path = '', version = '', h1 = '', ...more]: readonly string[]): LinkedModule {
  if (path === '' || more.length > 0)
    throw new MalformedModuleInfo('a module line of other fields than path, version, sum');
  return { path, ...(version ? { version } : {}), ...(h1 ? { h1 } : {}) };
}

/** `key=value`; either side is quoted as a Go string when it holds spaces, quotes or `=`. */
function addSetting(settings: Map<string, string>, text: string): void {
  const [key, rest] = unquotePrefix(text, /^[^=]*/);
  if (!rest.startsWith('=')) throw new MalformedModuleInfo('a build setting without a value');
  const [value, end] = unquotePrefix(rest.slice(1), /^.*/s);
  if (end !== '' || settings.has(key)) throw new MalformedModuleInfo('a build setting that is repeated or goes on');
  settings.set(key, value);
}

function unquotePrefix(text: string, plain: RegExp): [string, string] {
  const quoted = /^"(?:[^"\\\n]|\\.)*"|^`[^`]*`/.exec(text)?.[0];
  if (quoted === undefined) {
    const found = plain.exec(text)?.[0] ?? '';
    return [found, text.slice(found.length)];
  }
  return [unquote(quoted), text.slice(quoted.length)];
}

const REPLACEMENT = '\uFFFD';

/** A Go string literal. Escapes of bytes that are no UTF-8 would be no text, and are refused. */
function unquote(literal: string): string {
  const body = literal.slice(1, -1);
  const value = literal.startsWith('`') ? body : unescaped(body);
  if (value === undefined || (value.includes(REPLACEMENT) && !body.includes(REPLACEMENT)))
    throw new MalformedModuleInfo('an unknown escape');
  return value;
}
