import { parseDecimal } from '../tlog/checkpoint.ts';

/** Body of a checksum database's `/lookup/`: record number, go.sum lines, empty line, signed tree head. */
export interface SumdbRecord {
  readonly id: number;
  /** The leaf: go.sum lines, each with its newline. */
  readonly text: string;
  /** `module version` or `module version/go.mod` → hash. */
  readonly hashes: ReadonlyMap<string, string>;
}

export interface SumdbLookup {
  readonly record: SumdbRecord;
  /** A signed note; not yet opened. */
  readonly note: string;
}

const MAX_RECORD = 65_535;

/** `undefined`: no lookup answer. The lines are read as they are; whether they are in a tree must be proved. */
export function parseLookup(body: string): SumdbLookup | undefined {
  const firstLine = body.indexOf('\n');
  const blank = body.indexOf('\n\n', firstLine);
  if (firstLine < 0 || blank <= firstLine) return undefined;
  const id = parseDecimal(body.slice(0, firstLine));
  const text = body.slice(firstLine + 1, blank + 1);
  if (id === undefined || text.length > MAX_RECORD) return undefined;
  const hashes = new Map<string, string>();
  for (const line of text.slice(0, -1).split('\n')) {
    const [module, version, hash, ...rest] = line.split(' ');
    if (!module || !version || !hash || rest.length > 0) return undefined;
    const key = `${module} ${version}`;
    if (hashes.has(key)) return undefined;
    hashes.set(key, hash);
  }
  return { record: { id, text, hashes }, note: body.slice(blank + 2) };
}
