import { readFile } from 'node:fs/promises';
import { isMap, isNode, isSeq, LineCounter, parseDocument } from 'yaml';
import type * as z from 'zod';
import { Config } from '../core/config.ts';

/** One problem of a configuration document, at a line that an editor can jump to. */
export interface ConfigProblem {
  readonly line: number;
  readonly path: string;
  readonly message: string;
}

/** A problem before its line is known. */
export interface ConfigIssue {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

/** All problems of a document at once: a server never starts half-configured. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly ConfigProblem[];
  constructor(file: string, problems: readonly ConfigProblem[]) {
    super(
      problems.map(({ line, path, message }) => `${file}:${line}: ${path ? `${path}: ` : ''}${message}`).join('\n'),
    );
    this.problems = problems;
  }
}

type YamlDocument = ReturnType<typeof parseDocument>;

/** The offset of the deepest node a path leads to: a missing key is reported where it should have been. */
function offsetOf(document: YamlDocument, path: readonly PropertyKey[]): number {
  let node: unknown = document.contents;
  let offset = isNode(node) ? (node.range?.[0] ?? 0) : 0;
  for (const key of path) {
    if (isMap(node)) node = node.items.find((pair) => isNode(pair.key) && String(pair.key) === String(key))?.value;
    else if (isSeq(node)) node = node.items[Number(key)];
    else break;
    if (!isNode(node)) break;
    offset = node.range?.[0] ?? offset;
  }
  return offset;
}

function problemsOf(issues: readonly ConfigIssue[], document: YamlDocument, lines: LineCounter): ConfigProblem[] {
  return issues.map((issue) => ({
    line: lines.linePos(offsetOf(document, issue.path)).line,
    path: issue.path.map(String).join('.'),
    message: issue.message,
  }));
}

/** Aliases are refused: nothing in a configuration needs them and expanding them is unbounded. */
function plainValueOf(file: string, document: YamlDocument): unknown {
  try {
    return document.toJS({ maxAliasCount: 0 });
  } catch {
    throw new ConfigError(file, [{ line: 1, path: '', message: 'aliases are not allowed' }]);
  }
}

function parseYaml(file: string, text: string) {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true, strict: true });
  if (document.errors.length > 0)
    throw new ConfigError(
      file,
      document.errors.map(({ pos, message }) => ({
        line: lines.linePos(pos[0]).line,
        path: '',
        message: message.split('\n')[0] ?? 'not YAML',
      })),
    );
  return { lines, document };
}

/** Parses a document against a schema. Throws `ConfigError` with every problem and its line. */
export function parseConfigText<T>(file: string, text: string, schema: z.ZodType<T>): T {
  const { lines, document } = parseYaml(file, text);
  const parsed = schema.safeParse(plainValueOf(file, document));
  if (!parsed.success) throw new ConfigError(file, problemsOf(parsed.error.issues, document, lines));
  return parsed.data;
}

/** Reads `relseal.yaml`. `check` judges what the schema cannot; its findings get their lines too. */
export async function readConfigFile(
  file: string,
  check: (config: Config) => Promise<readonly ConfigIssue[]> = async () => [],
): Promise<Config> {
  const text = await readText(file);
  const config = parseConfigText(file, text, Config);
  const issues = await check(config);
  if (issues.length === 0) return config;
  const { lines, document } = parseYaml(file, text);
  throw new ConfigError(file, problemsOf(issues, document, lines));
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const message =
      error instanceof Error && 'code' in error && error.code === 'ENOENT'
        ? 'there is no such file; relseal init writes one'
        : 'cannot be read';
    throw new ConfigError(file, [{ line: 1, path: '', message }]);
  }
}
