import { isFault } from '../faults.ts';
import { parseDecimal, toBase64 } from './checkpoint.ts';
import type { LogPolicy, PolicyLog, PolicyWitness, Quorum } from './log-policy.ts';
import { type NoteKeyKind, parseVerifierKey, type VerifierKey } from './note.ts';

/** Policy files (C2SP tlog-policy): lines of words, `log`, `witness`, `group` and `quorum`. */

/** `line` and `column` count from 1; a column is a byte, since a policy is a file of bytes. */
export interface PolicyProblem {
  readonly line: number;
  readonly column: number;
  readonly message: string;
}
export type ParsedPolicy =
  /** `unused`: witnesses and groups that the quorum does not reach. They are allowed, and mostly a slip. */
  | { readonly kind: 'policy'; readonly policy: LogPolicy; readonly unused: readonly PolicyProblem[] }
  | { readonly kind: 'malformed'; readonly problem: PolicyProblem };

const MAX_BYTES = 4_000_000;
/** The specification asks for 32 of each; the bound keeps groups in groups from nesting without end. */
const MAX_OF_A_KIND = 256;
const LOG_KINDS: readonly NoteKeyKind[] = ['ed25519', 'ecdsa-p256', 'ed25519-cosignature', 'ml-dsa-44-cosignature'];
const WITNESS_KINDS: readonly NoteKeyKind[] = ['ed25519-cosignature', 'ml-dsa-44-cosignature'];
const NONE = 'none';

/** Ends the reading of a policy; only `parseLogPolicy` catches it. */
class PolicyMalformed extends Error {
  override readonly name = 'PolicyMalformed';
  readonly problem: PolicyProblem;
  constructor({ line, column }: Place, message: string) {
    super(message);
    this.problem = { line, column, message };
  }
}

type Place = Pick<PolicyProblem, 'line' | 'column'>;

/** `bytes` holds one byte a character: names are compared as they are, whatever their encoding. */
interface Word extends Place {
  readonly bytes: string;
}
type Line = readonly [Word, ...Word[]];

const readable = ({ bytes }: Word) => Buffer.from(bytes, 'latin1').toString('utf8');

/** The words of each line that is neither empty nor a comment. */
function* linesOf(file: Uint8Array): Generator<Line> {
  for (const [at, row] of Buffer.from(file).toString('latin1').split('\n').entries()) {
    const line = at + 1;
    const control = /[^\t\u0020-\u007e\u0080-\u00ff]/.exec(row);
    if (control) throw new PolicyMalformed({ line, column: control.index + 1 }, 'a control character');
    const words = Array.from(row.matchAll(/[^ \t]+/g), ({ 0: bytes, index }) => ({ bytes, line, column: index + 1 }));
    const [first, ...rest] = words;
    if (first && !first.bytes.startsWith('#')) yield [first, ...rest];
  }
}

/** What a witness or a group is called, and whether another group counts it. */
interface Definition {
  readonly word: Word;
  readonly quorum: Quorum;
  member: boolean;
}

/** What the lines so far have defined. */
interface Draft {
  readonly logs: PolicyLog[];
  readonly witnesses: PolicyWitness[];
  readonly definitions: Map<string, Definition>;
  quorum?: Quorum;
}

function requireWords(line: Line, least: number, most: number, form: string): void {
  const excess = line[most];
  if (excess) throw new PolicyMalformed(excess, `one word too many: ${form}`);
  if (line.length < least) throw new PolicyMalformed(line.at(-1) ?? line[0], `a word is missing after this: ${form}`);
}

function requireNewName(word: Word, { definitions }: Draft): string {
  if (word.bytes === NONE) throw new PolicyMalformed(word, `${NONE} is the name of the quorum of nobody`);
  if (definitions.has(word.bytes)) throw new PolicyMalformed(word, `${readable(word)} is defined above`);
  return readable(word);
}

/** What a name stands for; only lines above define it, so that no group reaches itself. */
function definitionOf(word: Word, { definitions }: Draft): Definition {
  const found = definitions.get(word.bytes);
  if (!found) throw new PolicyMalformed(word, `${readable(word)} is not defined above`);
  return found;
}

/** Two keys are one when their public keys are, whatever their names, IDs and kinds. */
function requireNewKey(word: Word, kinds: readonly NoteKeyKind[], others: readonly PolicyLog[]): VerifierKey {
  if (others.length >= MAX_OF_A_KIND) throw new PolicyMalformed(word, `more than ${MAX_OF_A_KIND} of a kind`);
  try {
    const key = parseVerifierKey(readable(word), kinds);
    const same = toBase64(key.publicKey);
    if (others.some((other) => toBase64(other.key.publicKey) === same))
      throw new PolicyMalformed(word, 'a line above has the same public key');
    return key;
  } catch (error) {
    if (isFault(error, 'ConfigurationInvalid')) throw new PolicyMalformed(word, error.message);
    throw error;
  }
}

const urlOf = (word: Word | undefined) => (word ? { url: readable(word) } : {});

function addLog(line: Line, draft: Draft): void {
  requireWords(line, 2, 3, 'log VKEY [URL]');
  const [head, vkey = head, url] = line;
  draft.logs.push({ key: requireNewKey(vkey, LOG_KINDS, draft.logs), ...urlOf(url) });
}

function addWitness(line: Line, draft: Draft): void {
  requireWords(line, 3, 4, 'witness NAME VKEY [URL]');
  const [head, word = head, vkey = head, url] = line;
  const name = requireNewName(word, draft);
  const witness = { name, key: requireNewKey(vkey, WITNESS_KINDS, draft.witnesses), ...urlOf(url) };
  draft.witnesses.push(witness);
  draft.definitions.set(word.bytes, { word, quorum: { kind: 'witness', witness }, member: false });
}

function thresholdOf(word: Word, members: number): number {
  if (word.bytes === 'any') return 1;
  if (word.bytes === 'all') return members;
  const threshold = parseDecimal(word.bytes);
  if (threshold === undefined || threshold < 1 || threshold > members)
    throw new PolicyMalformed(word, `the threshold is any, all, or from 1 to the number of members, ${members}`);
  return threshold;
}

/** A name is a member once in the whole policy, so that one witness counts in one way only. */
function takeMember(word: Word, draft: Draft): Quorum {
  if (word.bytes === NONE) throw new PolicyMalformed(word, `${NONE} is no member of a group`);
  const definition = definitionOf(word, draft);
  if (definition.member) throw new PolicyMalformed(word, `${readable(word)} is a member already`);
  definition.member = true;
  return definition.quorum;
}

function addGroup(line: Line, draft: Draft): void {
  requireWords(line, 4, Number.POSITIVE_INFINITY, 'group NAME any|all|K MEMBER…');
  const [head, word = head, count = head, ...names] = line;
  const name = requireNewName(word, draft);
  if (draft.definitions.size - draft.witnesses.length >= MAX_OF_A_KIND)
    throw new PolicyMalformed(word, `more than ${MAX_OF_A_KIND} groups`);
  const members = names.map((member) => takeMember(member, draft));
  const threshold = thresholdOf(count, members.length);
  draft.definitions.set(word.bytes, { word, quorum: { kind: 'group', name, threshold, members }, member: false });
}

function setQuorum(line: Line, draft: Draft): void {
  requireWords(line, 2, 2, 'quorum NAME|none');
  const [head, name = head] = line;
  if (draft.quorum) throw new PolicyMalformed(head, 'a second quorum');
  draft.quorum = name.bytes === NONE ? { kind: 'none' } : definitionOf(name, draft).quorum;
}

const READERS = new Map([
  ['log', addLog],
  ['witness', addWitness],
  ['group', addGroup],
  ['quorum', setQuorum],
]);

function readLines(file: Uint8Array): ParsedPolicy {
  if (file.length > MAX_BYTES) throw new PolicyMalformed({ line: 1, column: 1 }, `more than ${MAX_BYTES} bytes`);
  const draft: Draft = { logs: [], witnesses: [], definitions: new Map() };
  let last = 0;
  for (const line of linesOf(file)) {
    const readLine = READERS.get(line[0].bytes);
    if (!readLine) throw new PolicyMalformed(line[0], 'a line begins with log, witness, group or quorum');
    readLine(line, draft);
    last = line[0].line;
  }
  const { logs, witnesses, definitions, quorum } = draft;
  if (!quorum) throw new PolicyMalformed({ line: last + 1, column: 1 }, 'the quorum is missing: quorum NAME|none');
  const unused = [...definitions.values()].filter((other) => !other.member && other.quorum !== quorum);
  return {
    kind: 'policy',
    policy: { logs, witnesses, quorum },
    unused: unused.map(({ word }) => ({
      line: word.line,
      column: word.column,
      message: `the quorum does not count ${readable(word)}`,
    })),
  };
}

/** Reads a policy file; of what is wrong the first is named. */
export function parseLogPolicy(file: Uint8Array): ParsedPolicy {
  try {
    return readLines(file);
  } catch (error) {
    if (error instanceof PolicyMalformed) return { kind: 'malformed', problem: error.problem };
    throw error;
  }
}
