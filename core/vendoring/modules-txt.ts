import { GO_VERSION, isDirectory } from '../gosum/go-mod-directives.ts';
import { isCanonicalVersion } from '../gosum/go-version.ts';
import { filePathProblem, modulePathProblem } from '../gosum/module-path.ts';

/**
 * A strict reader of vendor/modules.txt, as `go mod vendor` and `go work vendor` write it. The go command passes over
 * lines that it does not know; here they are malformed, for a vendor folder is never written by hand.
 */

export interface ReplacedBy {
  /** A module path, or a directory when there is no version. */
  readonly path: string;
  readonly version?: string;
}

export interface VendoredModule {
  readonly path: string;
  /** Absent: a replacement of every version, noted so that it cannot be forgotten. */
  readonly version?: string;
  readonly replacement?: ReplacedBy;
  /** Required by the go.mod of a main module. */
  readonly explicit: boolean;
  /** Go line of its go.mod; absent: none, or a main module from before go 1.17. */
  readonly go?: string;
  /** Import paths, in order. */
  readonly packages: readonly string[];
  readonly line: number;
}

export interface ModulesTxt {
  /** It says `## workspace`: the vendor folder of a go.work. */
  readonly workspace: boolean;
  readonly modules: readonly VendoredModule[];
}

export interface ModulesTxtProblem {
  readonly line: number;
  readonly expected: string;
  readonly found: string;
}

export type ParsedModulesTxt =
  | { readonly kind: 'parsed'; readonly file: ModulesTxt }
  | { readonly kind: 'malformed'; readonly problem: ModulesTxtProblem };

type Draft = { -readonly [K in keyof VendoredModule]: VendoredModule[K] } & { packages: string[] };

class ModulesTxtSyntaxError extends Error {
  override readonly name = 'ModulesTxtSyntaxError';
  readonly problem: ModulesTxtProblem;
  constructor(problem: ModulesTxtProblem) {
    super(problem.expected);
    this.problem = problem;
  }
}

const MAX_SHOWN = 256;
const WORKSPACE = '## workspace';
const PACKAGE = /^[A-Za-z0-9._~+/-]+$/;

function wrong(line: number, expected: string, found: string): never {
  throw new ModulesTxtSyntaxError({ line, expected, found: JSON.stringify(found.slice(0, MAX_SHOWN)) });
}

function readReplacement(words: readonly string[], line: number): ReplacedBy {
  const [path = '', version, extra] = words;
  if (extra !== undefined) wrong(line, 'the end of the line', extra);
  if (version === undefined)
    return isDirectory(path) ? { path } : wrong(line, 'a directory, or a module path and a version', path);
  if (modulePathProblem(path) !== undefined) wrong(line, 'a module path', path);
  if (!isCanonicalVersion(version)) wrong(line, 'a version of the form v1.2.3', version);
  return { path, version };
}

/** `# path [version] [=> path [version]]`. */
function readModule(text: string, line: number): Draft {
  const [path = '', ...rest] = text.split(' ');
  const arrow = rest.indexOf('=>');
  const [version, extra] = arrow < 0 ? rest : rest.slice(0, arrow);
  const replacement = arrow < 0 ? undefined : readReplacement(rest.slice(arrow + 1), line);
  if (extra !== undefined) wrong(line, 'a version, => or the end of the line', extra);
  if (version === undefined && !replacement) wrong(line, 'a version or =>', text);
  if (version !== undefined && !isCanonicalVersion(version)) wrong(line, 'a version of the form v1.2.3', version);
  // What a directory replaces is never fetched by its name, and may have any.
  const isFetched = replacement === undefined;
  if (!/^[^\s\p{C}]+$/u.test(path) || (isFetched && modulePathProblem(path) !== undefined))
    wrong(line, 'a module path', path);
  return {
    path,
    ...(version === undefined ? {} : { version }),
    ...(replacement ? { replacement } : {}),
    explicit: false,
    packages: [],
    line,
  };
}

/** `## explicit; go 1.22`, either part alone too. */
function readAnnotation(module: Draft, text: string, line: number): void {
  for (const part of text.split('; ')) {
    const [, go] = /^go (.+)$/.exec(part) ?? [];
    if (part === 'explicit' && !module.explicit) module.explicit = true;
    else if (go !== undefined && GO_VERSION.test(go) && module.go === undefined) module.go = go;
    else wrong(line, 'explicit, or go and a version, each once', part);
  }
}

function readPackage(module: Draft, path: string, line: number): void {
  const isPath = PACKAGE.test(path) && !path.startsWith('-') && filePathProblem(path) === undefined;
  if (!isPath) wrong(line, 'a module, an annotation or an import path', path);
  if (module.version === undefined) wrong(line, 'a module line with a version before its packages', path);
  if (path !== module.path && !path.startsWith(`${module.path}/`)) wrong(line, `a package of ${module.path}`, path);
  module.packages.push(path);
}

function refuseRepetitions(modules: readonly VendoredModule[]): void {
  const seen = new Set<string>();
  const providers = new Set<string>();
  const packages = new Set<string>();
  for (const module of modules) {
    const key = `${module.path} ${module.version ?? ''}`;
    if (seen.has(key)) wrong(module.line, 'each module once', key);
    seen.add(key);
    if (module.packages.length === 0) continue;
    if (providers.has(module.path)) wrong(module.line, 'packages of one version of a module', key);
    providers.add(module.path);
    for (const path of module.packages) {
      if (packages.has(path)) wrong(module.line, 'each package once', path);
      packages.add(path);
    }
  }
}

function read(text: string): ModulesTxt {
  const lines = text.replace(/\r?\n$/, '').split(/\r?\n/);
  const workspace = lines[0] === WORKSPACE;
  const modules: Draft[] = [];
  let annotated = true;
  for (const [at, row] of lines.entries()) {
    const line = at + 1;
    const module = modules.at(-1);
    if ((at === 0 && workspace) || text === '') continue;
    if (row.startsWith('# ')) {
      modules.push(readModule(row.slice(2), line));
      annotated = false;
    } else if (row.startsWith('## ') && module && !annotated && module.packages.length === 0) {
      readAnnotation(module, row.slice(3), line);
      annotated = true;
    } else if (module) readPackage(module, row, line);
    else wrong(line, 'a module line', row);
  }
  refuseRepetitions(modules);
  return { workspace, modules };
}

export function parseModulesTxt(text: string): ParsedModulesTxt {
  try {
    return { kind: 'parsed', file: read(text) };
  } catch (error) {
    if (error instanceof ModulesTxtSyntaxError) return { kind: 'malformed', problem: error.problem };
    throw error;
  }
}
