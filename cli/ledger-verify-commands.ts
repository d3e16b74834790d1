import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { NetworkFailure, openEgress } from '../adapters/network/egress.ts';
import { fetchBytes, httpEndpoint } from '../adapters/network/goproxy-helper.ts';
import { Fault } from '../core/faults.ts';
import { tryParseEntry } from '../core/ledger/entry.ts';
import { toHex } from '../core/ledger/hex.ts';
import { verifyAnchored } from '../core/ledger/nested-proof.ts';
import { type LedgerProblem, type LedgerReport, type ReadLogFile, verifyLog } from '../core/ledger/verify.ts';
import { type Checkpoint, parseCheckpoint } from '../core/tlog/checkpoint.ts';
import { verifyReceipt } from '../core/tlog/cose-receipt.ts';
import { type LogPolicy, policyOfLog } from '../core/tlog/log-policy.ts';
import { leafHash } from '../core/tlog/merkle.ts';
import { openNote, parseVerifierKey, type VerifierKey } from '../core/tlog/note.ts';
import { parseLogPolicy } from '../core/tlog/parse-log-policy.ts';
import { type ProofVerdict, parseLogProof, verifyLogProof } from '../core/tlog/tlog-proof.ts';
import { type Command, type Given, type Io, JSON_OPTION, UsageError } from './command.ts';
import { isMissing } from './missing.ts';
import { orUnchecked, showReport } from './report.ts';
import { isFolder, onlyArgument } from './verify-commands.ts';

/** A verifier key as it is written, or the file that holds one. */
export async function readVerifierKey(argument: string): Promise<VerifierKey> {
  if (/^[^+]+\+[0-9a-f]{8}\+/.test(argument)) return parseVerifierKey(argument);
  const text = await readFile(argument, 'utf8').catch(() => {
    throw new UsageError(`--key ${argument} is no verifier key (name+hash+key) and no file that can be read`);
  });
  return parseVerifierKey(text.trim());
}

const why = (error: unknown) => (error instanceof Error ? error.message : 'cannot be read');

async function readInput(file: string): Promise<Buffer> {
  return readFile(file).catch((error: unknown) => {
    throw new UsageError(`${file}: ${why(error)}`);
  });
}

export interface LogReader {
  /** As reports name the log: without the credentials that a URL may hold. */
  readonly name: string;
  readonly read: ReadLogFile;
  close(): void;
}

async function folderReader(folder: string): Promise<LogReader> {
  if (!(await isFolder(folder)))
    throw new UsageError(`${folder} is no folder: name one that relseal ledger export wrote, or the URL of a log`);
  const read: ReadLogFile = async (path) => {
    try {
      return await readFile(join(folder, path));
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw new UsageError(`${join(folder, path)}: ${why(error)}`);
    }
  };
  return { name: folder, read, close: () => undefined };
}

/** A full bundle of the longest entries that the format has. */
const LIMITS = { maxBytes: 256 * (65_535 + 2), timeoutMs: 60_000 };

/** A log over HTTPS, or over HTTP on this machine. */
function urlReader(text: string, { signal }: Io): LogReader {
  if (!URL.canParse(text)) throw new UsageError(`${text} is no URL`);
  const url = new URL(text);
  if (url.search !== '' || url.hash !== '') throw new UsageError('the URL of a log ends in a path: leave out ? and #');
  const endpoint = httpEndpoint(url);
  const egress = openEgress([{ host: url.host, private: true }]);
  signal.addEventListener('abort', () => egress.close(), { once: true });
  const client = { egress, sleep: (ms: number) => sleep(ms, undefined, { signal }) };
  const read: ReadLogFile = async (path) => {
    try {
      return await fetchBytes(client, endpoint, path, LIMITS);
    } catch (error) {
      if (error instanceof NetworkFailure) throw new Fault('SourceUnreachable', error.message, { cause: error });
      throw error;
    }
  };
  const name = endpoint.authorization === undefined ? text : endpoint.base.href;
  return { name, read, close: () => egress.close() };
}

/** The log that an argument names: a folder, or a URL. */
export const openLog = async (argument: string, io: Io): Promise<LogReader> =>
  /^https?:/i.test(argument) ? urlReader(argument, io) : folderReader(argument);

const FIXES: Partial<Record<LedgerProblem['code'], string>> = {
  'ledger.checkpoint-missing': 'Name the folder that holds `checkpoint`; if this is it, the log was cut off.',
  'ledger.checkpoint-signature':
    'Check that the key is that of this log; if it is, the checkpoint was forged or changed.',
  'ledger.origin-mismatch': 'This is the log of another name: use its key, or get the log you meant.',
  'ledger.bundle-missing': 'Export the log again; if entries stay missing, they were removed.',
  'ledger.tile-missing': 'Export the log again.',
  'ledger.truncated':
    'Entries that were there are gone: unless this is an older copy, keep what you had, it is signed, and show both.',
  'ledger.fork': 'The log was rewritten: keep what you had before, it is signed, and show both to others.',
};
const CHANGED = 'Bytes differ from what was signed: get the log again from its source, and keep both copies.';

export const refusalsOf = ({ problems }: LedgerReport) =>
  problems.map(({ code, where }) => ({ code, where, fix: FIXES[code] ?? CHANGED }));

/** The checkpoint of a proof, or of a file that is one, signed by this key. */
async function readEarlier(file: string, key: VerifierKey): Promise<Checkpoint> {
  const text = (await readInput(file)).toString('utf8');
  const opened = openNote(parseLogProof(text)?.note ?? text, [key]);
  const checkpoint = opened.kind === 'opened' ? parseCheckpoint(opened.text) : undefined;
  if (checkpoint?.origin !== key.name)
    throw new UsageError(`--from ${file} holds no checkpoint that ${key.name} signed with this key`);
  return checkpoint;
}

export const verifyLedgerCommand: Command = {
  name: 'verify ledger',
  summary:
    'verify a whole log from its files: signature, every entry, link, hash and tile\n\n' +
    'With --from it must also go on from what was seen before: nothing of that was changed or taken away.',
  positionals: 'DIR|URL',
  options: {
    key: { type: 'string', value: 'VKEY', help: 'the verifier key name+hash+key of the log, or a file that holds it' },
    from: { type: 'string', value: 'FILE', help: 'an older checkpoint of this log, or a proof that holds one' },
    ...JSON_OPTION,
  },
  run: async (given, io) => {
    const argument = onlyArgument(given, 'one folder or URL');
    const key = await readVerifierKey(given.required('key'));
    const from = given.text('from');
    const earlier = from === undefined ? undefined : await readEarlier(from, key);
    const { name, read, close } = await openLog(argument, io);
    const progress = (entries: number) => {
      io.signal.throwIfAborted();
      io.progress(`${entries} entries`);
    };
    const check = async () => {
      const report = await verifyLog(read, key, { progress, ...(earlier ? { earlier } : {}) });
      const { size, root, entries } = report;
      const went = earlier ? [`goes on from ${earlier.size} entries that were seen before`] : [];
      return {
        reasons: refusalsOf(report),
        unchecked: [],
        lines: [
          `${entries} of ${size} entries of ${key.name}, root ${root}`,
          ...(report.problems.length === 0 ? went : []),
        ],
        details: { origin: key.name, size, root, entries },
      };
    };
    try {
      return showReport({ target: name, ...(await orUnchecked(check(), name, {}, io)) }, given.flag('json'), io);
    } finally {
      close();
    }
  },
};

/** Of the log, or with `meta-` of the log of logs. */
async function readPolicy(given: Given, io: Io, prefix: '' | 'meta-' = ''): Promise<LogPolicy> {
  const [file, key] = [given.text(`${prefix}policy`), given.text(`${prefix}key`)];
  if ((file === undefined) === (key === undefined))
    throw new UsageError(`name --${prefix}key or --${prefix}policy, and not both`);
  if (file === undefined) return policyOfLog(await readVerifierKey(key ?? ''));
  const parsed = parseLogPolicy(await readInput(file));
  if (parsed.kind === 'malformed') {
    const { line, column, message } = parsed.problem;
    throw new UsageError(`${file}:${line}:${column}: ${message}`);
  }
  for (const { line, message } of parsed.unused) io.note(`${file}:${line}: ${message}`);
  return parsed.policy;
}

const instant = (seconds: number) => new Date(seconds * 1000).toISOString().replace('.000Z', 'Z');

const PROOF_FIX =
  'Get the proof again from the log; if it stays, the entry is not in it, or the key is of another log.';
/** What a proof holds is whatever its maker put there. */
const EXTRA_FIX = `${PROOF_FIX} If what the proof holds is not the entry, name the entry with --entry.`;

/** What the entry says, for people; what is no entry of ours is proved all the same. */
function describe(bytes: Uint8Array): string[] {
  const entry = tryParseEntry(bytes);
  if (!entry) return [];
  const { kind, outcome, at, release, tenant } = entry;
  return [`${kind} ${outcome}, ${at}, ${tenant}${release ? `, ${release.id}` : ''}`];
}

/** Whether the log of logs has the checkpoint of a proof, where that is asked for. */
async function anchoredVerdict(given: Given, io: Io, checkpoint: Checkpoint): Promise<ProofVerdict | undefined> {
  const file = given.text('meta');
  if (file === undefined) return undefined;
  const meta = (await readInput(file)).toString('utf8');
  return verifyAnchored(checkpoint, meta, await readPolicy(given, io, 'meta-'));
}

/** What a verified proof says, for people and as fields. */
function provenReport(entry: Uint8Array, verdict: ProvenEntry, meta: ProvenEntry | undefined) {
  const { index, checkpoint } = verdict;
  const { origin, size } = checkpoint;
  const cosignatures = [...verdict.cosignatures, ...(meta?.cosignatures ?? [])];
  const witnesses = cosignatures.map(({ key, time }) => ({ name: key.name, at: instant(time) }));
  const anchored = meta && { origin: meta.checkpoint.origin, index: meta.index };
  return {
    lines: [
      `entry ${index} of ${size} of ${origin}`,
      ...describe(entry),
      ...(anchored ? [`its checkpoint is entry ${anchored.index} of ${anchored.origin}`] : []),
      ...witnesses.map(({ name, at }) => `cosigned by ${name}, ${at}`),
    ],
    details: {
      ...{ origin, index, size, leaf: toHex(leafHash(entry)), root: toHex(checkpoint.root), witnesses },
      ...(anchored ? { anchored } : {}),
    },
  };
}
type ProvenEntry = Extract<ProofVerdict, { kind: 'proven' }>;

export const verifyProofCommand: Command = {
  name: 'verify proof',
  summary:
    'verify a .tlog-proof file with nothing but the key of its log: that the entry in it is in the log\n\n' +
    'A policy (C2SP tlog-policy) names logs and witnesses instead, and how many of them must have cosigned.',
  positionals: 'FILE',
  options: {
    key: { type: 'string', value: 'VKEY', help: 'the verifier key name+hash+key of the log, or a file that holds it' },
    policy: { type: 'string', value: 'FILE', help: 'logs, witnesses and the quorum, in place of --key' },
    entry: { type: 'string', value: 'FILE', help: 'the entry, byte by byte, where the proof does not hold it' },
    meta: { type: 'string', value: 'FILE', help: 'the proof that the log of logs has the checkpoint of this one' },
    'meta-key': { type: 'string', value: 'VKEY', help: 'the verifier key of the log of logs, or a file that holds it' },
    'meta-policy': { type: 'string', value: 'FILE', help: 'the log of logs, its witnesses and quorum, for --meta-key' },
    ...JSON_OPTION,
  },
  run: async (given, io) => {
    const file = onlyArgument(given, 'one proof');
    const policy = await readPolicy(given, io);
    const proof = (await readInput(file)).toString('utf8');
    const parsed = parseLogProof(proof);
    if (!parsed) throw new UsageError(`${file} is no tlog-proof`);
    const entryFile = given.text('entry');
    const entry = entryFile === undefined ? parsed.extra : await readInput(entryFile);
    if (!entry) throw new UsageError(`${file} does not hold the entry: name it with --entry`);
    const verdict = verifyLogProof(proof, leafHash(entry), policy);
    const refuse = (code: string, where: string, found: string, fix: string) =>
      showReport({ target: file, reasons: [{ code, where, found, fix }], unchecked: [] }, given.flag('json'), io);
    if (verdict.kind === 'refused')
      return refuse('ledger.proof-invalid', file, verdict.why, entryFile === undefined ? EXTRA_FIX : PROOF_FIX);
    const meta = await anchoredVerdict(given, io, verdict.checkpoint);
    if (meta?.kind === 'refused')
      return refuse('ledger.meta-proof-invalid', given.text('meta') ?? '', meta.why, PROOF_FIX);
    const proven = { target: file, reasons: [], unchecked: [], ...provenReport(entry, verdict, meta) };
    return showReport(proven, given.flag('json'), io);
  },
};

const RECEIPT_FIX =
  'Get the receipt again from the log; if it stays, it is of another entry, or the key is of another log.';

/** An entry, byte by byte, or the one that a proof holds: what a proof says else is not believed here. */
async function readEntry(file: string): Promise<Uint8Array> {
  const bytes = await readInput(file);
  const proof = parseLogProof(bytes.toString('utf8'));
  if (!proof) return bytes;
  if (!proof.extra) throw new UsageError(`--entry ${file} is a proof that does not hold its entry`);
  return proof.extra;
}

export const verifyReceiptCommand: Command = {
  name: 'verify receipt',
  summary:
    'verify a COSE receipt (RFC 9942) with nothing but the key of its log: that the entry is in the log\n\n' +
    'What is signed is the root above the entry. Index and size are shown as the receipt says them.',
  positionals: 'FILE',
  options: {
    key: { type: 'string', value: 'VKEY', help: 'the verifier key name+hash+key of the log, or a file that holds it' },
    entry: { type: 'string', value: 'FILE', help: 'the entry, byte by byte, or a .tlog-proof that holds it' },
    ...JSON_OPTION,
  },
  run: async (given, io) => {
    const file = onlyArgument(given, 'one receipt');
    const key = await readVerifierKey(given.required('key'));
    const entry = await readEntry(given.required('entry'));
    const leaf = leafHash(entry);
    const proven = verifyReceipt(await readInput(file), leaf, key.publicKey);
    if (!proven) {
      const reasons = [{ code: 'ledger.receipt-invalid', where: file, fix: RECEIPT_FIX }];
      return showReport({ target: file, reasons, unchecked: [] }, given.flag('json'), io);
    }
    const { index, size, root } = proven;
    const details = { origin: key.name, index, size, leaf: toHex(leaf), root: toHex(root) };
    const lines = [`in the log of ${key.name} under the root ${toHex(root)}`, `entry ${index} of ${size}, as it says`];
    return showReport(
      { ...{ target: file, reasons: [], unchecked: [] }, lines: [...lines, ...describe(entry)], details },
      given.flag('json'),
      io,
    );
  },
};
