import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import GO_NOTES from '../../test/fixtures/merkle/go-notes.json' with { type: 'json' };
import { testKey } from '../../test/fixtures/merkle/test-keys.ts';
import { formatCheckpoint } from './checkpoint.ts';
import { type LogPolicy, policyOfLog } from './log-policy.ts';
import { inclusionProof, leafHash, type ReadHash, rootOfHashes } from './merkle.ts';
import {
  formatNote,
  formatSignatureLine,
  formatVerifierKey,
  openNote,
  parseVerifierKey,
  type VerifierKey,
  verifierKeyOf,
} from './note.ts';
import { parseLogPolicy } from './parse-log-policy.ts';
import { formatLogProof, parseLogProof, verifyLogProof } from './tlog-proof.ts';
import { cosignatureLine } from './witness.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const readerOf =
  (leaves: readonly Uint8Array[]): ReadHash =>
  async (level, index) =>
    rootOfHashes(leaves.slice(index * 2 ** level, (index + 1) * 2 ** level));

const ORIGIN = 'log.example/a';
const LOG = testKey(1);
const LOG_KEY = verifierKeyOf(ORIGIN, LOG.publicKey);
const WITNESSES = [11, 12, 13].map((first, at) => ({
  ...testKey(first),
  key: {
    ...verifierKeyOf(`w.example/${at}`, testKey(first).publicKey, 'ed25519-cosignature'),
    kind: 'ed25519-cosignature',
  } as const,
}));
const LEAVES = Array.from({ length: 21 }, (_, index) => leafHash(bytes(`entry ${index}`)));
/** The eight leaves of RFC 6962's reference implementations. */
const KNOWN_LEAVES = [
  '',
  '00',
  '10',
  '2021',
  '3031',
  '40414243',
  '5051525354555657',
  '606162636465666768696a6b6c6d6e6f',
].map((entry) => leafHash(new Uint8Array(Buffer.from(entry, 'hex'))));
const LEAF = LEAVES[13] ?? new Uint8Array();
const TEXT = formatCheckpoint({ origin: ORIGIN, size: 21, root: rootOfHashes(LEAVES) });
const TIME = 1_700_000_000;

const twoOf = (keys: readonly VerifierKey[], log = LOG_KEY): LogPolicy => {
  const witnesses = keys.map((key, at) => ({ name: `w${at}`, key }));
  const members = witnesses.map((witness) => ({ kind: 'witness', witness }) as const);
  return { logs: [{ key: log }], witnesses, quorum: { kind: 'group', name: 'g', threshold: 2, members } };
};
const POLICY = twoOf(WITNESSES.map(({ key }) => key));

let path: Uint8Array[] = [];
const logLine = async (text = TEXT) => formatSignatureLine(LOG_KEY, await LOG.sign(bytes(text)));
/** A proof of leaf 13, signed by the log and by witnesses of these numbers. */
async function proofBy(witnesses: readonly number[], text = TEXT): Promise<string> {
  const lines = WITNESSES.filter((_, at) => witnesses.includes(at)).map(({ key, sign }) =>
    cosignatureLine(key, text, TIME, sign),
  );
  return formatLogProof({
    index: 13,
    path,
    note: formatNote(text, [await logLine(text), ...(await Promise.all(lines))]),
  });
}
const why = (proof: string, policy: LogPolicy, leaf = LEAF) => {
  const verdict = verifyLogProof(proof, leaf, policy);
  return verdict.kind === 'proven' ? 'proven' : verdict.why;
};

beforeAll(async () => {
  path = await inclusionProof(13, 21, readerOf(LEAVES));
});

describe('a proof', () => {
  it('proves an entry with the key of the log alone, and with a quorum of witnesses', async () => {
    expect(verifyLogProof(await proofBy([]), LEAF, policyOfLog(LOG_KEY))).toMatchObject({
      kind: 'proven',
      index: 13,
      checkpoint: { origin: ORIGIN, size: 21 },
      cosignatures: [],
    });
    expect(verifyLogProof(await proofBy([0, 2]), LEAF, POLICY)).toMatchObject({
      kind: 'proven',
      cosignatures: [
        { key: WITNESSES[0]?.key, time: TIME },
        { key: WITNESSES[2]?.key, time: TIME },
      ],
    });
  });

  it('is refused below the quorum, in which a witness counts once', async () => {
    expect(why(await proofBy([1]), POLICY)).toBe('too few witnesses cosigned the checkpoint');
    const proof = await proofBy([1]);
    const twice = proof + proof.slice(proof.lastIndexOf('— w.example'));
    expect(why(twice, POLICY)).toBe('too few witnesses cosigned the checkpoint');
  });

  it('says so where the cosignatures that it lacks cannot be checked', async () => {
    const origin = testKey(0);
    const log = verifierKeyOf('ledger.example/t1', origin.publicKey);
    const key = parseVerifierKey(GO_NOTES.mlDsa44Key, ['ml-dsa-44-cosignature']);
    const text = GO_NOTES.mlDsa44Note.slice(0, GO_NOTES.mlDsa44Note.indexOf('\n\n') + 1);
    const note = GO_NOTES.mlDsa44Note + formatSignatureLine(log, await origin.sign(bytes(text)));
    const known = await inclusionProof(5, 8, readerOf(KNOWN_LEAVES));
    const proof = formatLogProof({ index: 5, path: known, note });
    const witness = { name: 'pq', key };
    const policy: LogPolicy = { logs: [{ key: log }], witnesses: [witness], quorum: { kind: 'witness', witness } };
    const opened = openNote(note, [log, key]);
    expect(why(proof, policy, KNOWN_LEAVES[5])).toBe(
      opened.kind === 'opened' && opened.signers.includes(key)
        ? 'proven'
        : 'too few witnesses cosigned the checkpoint; 1 cannot be checked here',
    );
  });

  it('is refused when the witnesses signed and the log did not', async () => {
    const proof = await proofBy([0, 1, 2]);
    const unsigned = proof.replace(await logLine(), '');
    expect(why(unsigned, POLICY)).toBe('the checkpoint is not signed by a log that is believed under this origin');
  });

  it('is refused when a log signed under the origin of another', async () => {
    const other = TEXT.replace(ORIGIN, 'log.example/b');
    expect(why(await proofBy([0, 1], other), POLICY)).toContain('believed under this origin');
  });

  it('is refused whole when one known witness’s line is false', async () => {
    const proof = (await proofBy([0, 1])) + formatSignatureLine(WITNESSES[2]?.key ?? LOG_KEY, new Uint8Array(72));
    expect(why(proof, POLICY)).toBe('the signature of w.example/2 does not verify');
    expect(why(proof, twoOf(WITNESSES.slice(0, 2).map(({ key }) => key)))).toBe('proven');
  });

  it('is refused when what the log signed is no checkpoint', async () => {
    expect(why(await proofBy([0, 1], 'log.example/a\nhello\n'), POLICY)).toBe('what is signed is no checkpoint');
  });

  it('is refused for another leaf, index or path', async () => {
    const proof = await proofBy([0, 1]);
    const noPath = 'the path does not lead from the entry to the signed root';
    expect(why(proof, POLICY, LEAVES[12])).toBe(noPath);
    expect(why(proof.replace('index 13', 'index 12'), POLICY)).toBe(noPath);
    const lines = proof.split('\n');
    for (let at = 2; at < 2 + path.length; at += 1) {
      expect(why(lines.toSpliced(at, 1).join('\n'), POLICY)).toBe(noPath);
      expect(why(lines.toSpliced(at, 0, lines[at] ?? '').join('\n'), POLICY)).toBe(noPath);
      expect(why(lines.with(at, lines[0] ?? '').join('\n'), POLICY)).toBe('it is no tlog-proof');
    }
  });

  it('keeps what is put beside it, and believes none of it', async () => {
    const proof = (await proofBy([0, 1])).replace('@v1\n', '@v1\nextra aGVsbG8=\n');
    expect(parseLogProof(proof)?.extra).toEqual(bytes('hello'));
    expect(why(proof, POLICY)).toBe('proven');
  });

  it('of the only entry has no path', async () => {
    const text = formatCheckpoint({ origin: ORIGIN, size: 1, root: LEAF });
    const proof = formatLogProof({ index: 0, path: [], note: formatNote(text, [await logLine(text)]) });
    expect(proof.startsWith(`c2sp.org/tlog-proof@v1\nindex 0\n\n${ORIGIN}\n1\n`)).toBe(true);
    expect(why(proof, policyOfLog(LOG_KEY))).toBe('proven');
  });

  it('proves an entry of a log that Tessera made', async () => {
    const key = parseVerifierKey('example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx');
    const note = [
      'example.com/log/testdata\n3\nWqx3HImawpLnS/Gv4ubjAvi1WIOy0b8Ze0amvqbavKk=\n\n',
      '— example.com/log/testdata M9e0lvAQRtH832pk2RTbeSeZMkp4FZSdJYFBUjO5SKxuRbywPUF3cx+HUrb50kjd3rUWW/fj53Wj1dwcwh9bGQnqVAg=\n',
    ].join('');
    const leaves = ['one', 'two', 'three'].map((entry) => leafHash(bytes(entry)));
    for (const [index, leaf] of leaves.entries()) {
      const proof = formatLogProof({ index, path: await inclusionProof(index, 3, readerOf(leaves)), note });
      expect(why(proof, policyOfLog(key), leaf)).toBe('proven');
    }
  });
});

describe('the text of a proof', () => {
  it.each([
    ['another first line', (proof: string) => proof.replace('@v1', '@v2')],
    ['a first line in capitals', (proof: string) => proof.replace('c2sp', 'C2SP')],
    ['carriage returns', (proof: string) => proof.replaceAll('\n', '\r\n')],
    ['no index', (proof: string) => proof.replace('index 13\n', '')],
    ['an index with a leading zero', (proof: string) => proof.replace('index 13', 'index 013')],
    ['an index beyond 2^53', (proof: string) => proof.replace('index 13', 'index 9007199254740992')],
    ['an empty extra line', (proof: string) => proof.replace('@v1\n', '@v1\nextra \n')],
    ['an extra line that is no base64', (proof: string) => proof.replace('@v1\n', '@v1\nextra a*b\n')],
    ['two extra lines', (proof: string) => proof.replace('@v1\n', '@v1\nextra aGVsbG8=\nextra aGVsbG8=\n')],
    ['an extra line behind the index', (proof: string) => proof.replace('index 13\n', 'index 13\nextra aGVsbG8=\n')],
    ['a short hash', (proof: string) => proof.replace('index 13\n', 'index 13\naGVsbG8=\n')],
    ['no empty line', (proof: string) => proof.replaceAll('\n\n', '\n')],
    ['64 hashes', (proof: string) => proof.replace('index 13\n', `index 13\n${`${'A'.repeat(43)}=\n`.repeat(64)}`)],
    ['more than two million characters', (proof: string) => proof + '\n'.repeat(2_000_000)],
  ])('is none with %s', async (_, change) => {
    const proof = await proofBy([0]);
    expect(change(proof)).not.toBe(proof);
    expect(parseLogProof(change(proof))).toBeUndefined();
  });

  it('reads back what it writes', () => {
    const hash = fc.uint8Array({ minLength: 32, maxLength: 32 });
    const parts = fc.record({
      index: fc.maxSafeNat(),
      path: fc.array(hash, { maxLength: 63 }),
      note: fc.string(),
      extra: fc.uint8Array({ minLength: 1 }),
    });
    fc.assert(
      fc.property(parts, (proof) => {
        expect(parseLogProof(formatLogProof(proof))).toEqual(proof);
      }),
    );
  });

  it('never throws, whatever is written instead', async () => {
    const proof = await proofBy([0]);
    fc.assert(
      fc.property(fc.nat(proof.length), fc.nat(40), fc.string({ unit: 'binary', maxLength: 40 }), (at, cut, text) => {
        const changed = proof.slice(0, at) + text + proof.slice(at + cut);
        if (changed !== proof) expect(['proven', 'refused']).toContain(verifyLogProof(changed, LEAF, POLICY).kind);
        expect(why(text, POLICY)).toBe('it is no tlog-proof');
      }),
    );
  });

  it('is a policy’s to judge as its file says', async () => {
    const file = [
      `log ${formatVerifierKey(LOG_KEY)}`,
      ...WITNESSES.map(({ key }, at) => `witness w${at} ${formatVerifierKey(key)}`),
      'group g 2 w0 w1 w2\nquorum g\n',
    ].join('\n');
    const parsed = parseLogPolicy(bytes(file));
    const policy = parsed.kind === 'policy' ? parsed.policy : policyOfLog(LOG_KEY);
    expect([why(await proofBy([0, 1]), policy), why(await proofBy([2]), policy)]).toEqual([
      'proven',
      'too few witnesses cosigned the checkpoint',
    ]);
  });
});
