import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { testKey } from '../../test/fixtures/merkle/test-keys.ts';
import { formatCheckpoint, toBase64 } from './checkpoint.ts';
import { consistencyProof, emptyRoot, leafHash, type ReadHash, rootOfHashes } from './merkle.ts';
import { formatNote, formatSignatureLine, openNote, verifierKeyOf } from './note.ts';
import {
  acceptedCosignatures,
  cosignatureLine,
  decideAddCheckpoint,
  formatAddCheckpoint,
  formatWitnessAnswer,
  parseAddCheckpoint,
  parseWitnessAnswer,
  type WitnessAnswer,
  type WitnessedLog,
  type WitnessResponse,
  withCosignatures,
  witnessedCheckpointPath,
} from './witness.ts';

const ORIGIN = 'log.example/a';
const LOG = testKey(1);
const LOG_KEY = verifierKeyOf(ORIGIN, LOG.publicKey);
const WITNESS = testKey(0x20);
const WITNESS_KEY = {
  ...verifierKeyOf('witness.example/w1', WITNESS.publicKey, 'ed25519-cosignature'),
  kind: 'ed25519-cosignature',
} as const;
const TIME = 1_700_000_000;

const bytes = (text: string) => new TextEncoder().encode(text);
const LEAVES = Array.from({ length: 40 }, (_, index) => leafHash(bytes(String(index))));
const rootAt = (size: number) => rootOfHashes(LEAVES.slice(0, size));
const read: ReadHash = async (level, index) => rootOfHashes(LEAVES.slice(index * 2 ** level, (index + 1) * 2 ** level));

async function noteAt(size: number, { root = rootAt(size), origin = ORIGIN, signer = LOG } = {}): Promise<string> {
  const text = formatCheckpoint({ origin, size, root });
  return formatNote(text, [formatSignatureLine({ ...LOG_KEY, name: origin }, await signer.sign(bytes(text)))]);
}
const bodyOf = async (oldSize: number, size: number, note = noteAt(size)) =>
  formatAddCheckpoint({
    oldSize,
    path: oldSize > size ? [] : await consistencyProof(oldSize, size, read),
    note: await note,
  });

/** A witness with a state of its own, as a server would hold it. */
function witness() {
  const state = { keys: [LOG_KEY], size: 0, root: emptyRoot() };
  return {
    state,
    async post(body: string): Promise<WitnessResponse> {
      const submitted = parseAddCheckpoint(body);
      if (!submitted) return formatWitnessAnswer({ kind: 'malformed' });
      const known: WitnessedLog | undefined = submitted.checkpoint.origin === ORIGIN ? state : undefined;
      const decision = decideAddCheckpoint(submitted, known);
      if (decision.kind !== 'cosign') return formatWitnessAnswer(decision);
      Object.assign(state, { size: submitted.checkpoint.size, root: submitted.checkpoint.root });
      const signatureLines = await cosignatureLine(WITNESS_KEY, submitted.text, TIME, WITNESS.sign);
      return formatWitnessAnswer({ kind: 'cosigned', signatureLines });
    },
  };
}

describe('a witness', () => {
  it('cosigns a log as it grows, and answers every other request with its status', async () => {
    const { post, state } = witness();
    const dialogue: [string, string | Promise<string>, number, number][] = [
      ['the first checkpoint', bodyOf(0, 1), 200, 1],
      ['one that another key signed', bodyOf(1, 3, noteAt(3, { signer: testKey(2) })), 403, 1],
      ['one of another log', bodyOf(1, 3, noteAt(3, { origin: 'log.example/b' })), 404, 1],
      ['one without a proof', noteAt(3).then((note) => formatAddCheckpoint({ oldSize: 1, path: [], note })), 422, 1],
      ['a fork', bodyOf(1, 3, noteAt(3, { root: rootAt(4) })), 422, 1],
      ['the next checkpoint', bodyOf(1, 3), 200, 3],
      ['one from a size that is no longer the newest', bodyOf(1, 5), 409, 3],
      ['one from a size that it never saw', bodyOf(4, 5), 409, 3],
      ['a step back', bodyOf(1, 2), 409, 3],
      ['an old size above the new one', bodyOf(3, 2), 400, 3],
      ['no request', 'old 3\n', 400, 3],
      ['the same tree again', bodyOf(3, 3), 200, 3],
      ['another tree of the same size', bodyOf(3, 3, noteAt(3, { root: rootAt(4) })), 422, 3],
      ['the next checkpoint after that', bodyOf(3, 5), 200, 5],
      ['the question for its size', bodyOf(0, 5), 409, 5],
      ['a long way on', bodyOf(5, 40), 200, 40],
    ];
    for (const [what, body, status, size] of dialogue) {
      const response = await post(await body);
      expect([what, response.status, state.size]).toEqual([what, status, size]);
      if (status === 409) expect(response).toMatchObject({ contentType: 'text/x.tlog.size', body: `${size}\n` });
    }
  });

  it('cosigns the empty tree, and nothing else of size 0', async () => {
    expect((await witness().post(await bodyOf(0, 0))).status).toBe(200);
    expect((await witness().post(await bodyOf(0, 0, noteAt(0, { root: rootAt(1) })))).status).toBe(422);
  });

  it('takes no proof from size 0', async () => {
    const body = formatAddCheckpoint({ oldSize: 0, path: [rootAt(1)], note: await noteAt(2) });
    expect((await witness().post(body)).status).toBe(422);
  });

  it('refuses a checkpoint with a false signature of the log beside a good one', async () => {
    const note = (await noteAt(1)) + formatSignatureLine(LOG_KEY, new Uint8Array(64));
    expect((await witness().post(formatAddCheckpoint({ oldSize: 0, path: [], note }))).status).toBe(403);
  });

  it('ignores signatures of others', async () => {
    const note = (await noteAt(1)) + formatSignatureLine({ name: 'x.example', id: '00000000' }, new Uint8Array(64));
    expect((await witness().post(formatAddCheckpoint({ oldSize: 0, path: [], note }))).status).toBe(200);
  });

  it('serves what it cosigned under the hash of the origin', () => {
    expect(witnessedCheckpointPath('')).toBe(
      'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855/checkpoint',
    );
  });
});

describe('a request', () => {
  it('has the bytes that the specification shows', async () => {
    const note = await noteAt(3);
    const [first, second] = await consistencyProof(1, 3, read);
    expect(await bodyOf(1, 3)).toBe(
      `old 1\n${toBase64(first ?? emptyRoot())}\n${toBase64(second ?? emptyRoot())}\n\n${note}`,
    );
    expect(await bodyOf(0, 3)).toBe(`old 0\n\n${note}`);
    expect(parseAddCheckpoint(await bodyOf(1, 3))).toMatchObject({ oldSize: 1, path: [first, second], note });
  });

  it.each([
    ['no old size', (body: string) => body.replace('old 1\n', '')],
    ['a leading zero', (body: string) => body.replace('old 1', 'old 01')],
    ['two spaces', (body: string) => body.replace('old 1', 'old  1')],
    ['an old size beyond 2^53', (body: string) => body.replace('old 1', 'old 9007199254740992')],
    ['a short hash', (body: string) => body.replace('old 1\n', 'old 1\naGVsbG8=\n')],
    ['64 hashes', (body: string) => body.replace('old 1\n', `old 1\n${`${'A'.repeat(43)}=\n`.repeat(64)}`)],
    ['carriage returns', (body: string) => body.replaceAll('\n', '\r\n')],
    ['no signature', (body: string) => body.slice(0, body.indexOf('—'))],
    ['no checkpoint', (body: string) => body.replace('\n3\n', '\nthree\n')],
    ['no final newline', (body: string) => body.slice(0, -1)],
    ['too many characters', (body: string) => body + '\n'.repeat(1_100_000)],
  ])('is malformed with %s', async (_, change) => {
    const body = await bodyOf(1, 3);
    expect(change(body)).not.toBe(body);
    expect(parseAddCheckpoint(change(body))).toBeUndefined();
  });

  it('never makes the reader throw', async () => {
    const body = await bodyOf(1, 3);
    fc.assert(
      fc.property(fc.nat(body.length), fc.nat(40), fc.string({ unit: 'binary', maxLength: 40 }), (at, cut, text) => {
        const submitted = parseAddCheckpoint(body.slice(0, at) + text + body.slice(at + cut));
        if (submitted) decideAddCheckpoint(submitted, { keys: [LOG_KEY], size: 1, root: rootAt(1) });
        expect(parseAddCheckpoint(text)).toBeUndefined();
      }),
    );
  });
});

describe('an answer', () => {
  const ANSWERS: WitnessAnswer[] = [
    { kind: 'cosigned', signatureLines: '— w AAAAAAA=\n' },
    { kind: 'conflict', size: 7 },
    { kind: 'malformed' },
    { kind: 'not-signed' },
    { kind: 'unknown-log' },
    { kind: 'inconsistent' },
  ];

  it.each(ANSWERS)('reads back as it was written: $kind', (answer) => {
    expect(parseWitnessAnswer(formatWitnessAnswer(answer))).toEqual(answer);
  });

  it.each([
    ['another status', { status: 500, contentType: 'text/plain', body: '7\n' }],
    ['a redirect', { status: 302, contentType: 'text/plain', body: '' }],
    ['a conflict of another type', { status: 409, contentType: 'text/plain', body: '7\n' }],
    ['a conflict without a newline', { status: 409, contentType: 'text/x.tlog.size', body: '7' }],
    ['a conflict with a leading zero', { status: 409, contentType: 'text/x.tlog.size', body: '07\n' }],
    ['a conflict without a size', { status: 409, contentType: 'text/x.tlog.size', body: '\n' }],
  ])('is none with %s', (_, response) => {
    expect(parseWitnessAnswer(response)).toBeUndefined();
  });

  it('may say the type of a size with a parameter', () => {
    const response = { status: 409, contentType: 'Text/X.tlog.size; charset=utf-8', body: '0\n' };
    expect(parseWitnessAnswer(response)).toEqual({ kind: 'conflict', size: 0 });
  });

  it('gives the cosignatures of known witnesses to the note that was sent', async () => {
    const note = await noteAt(3);
    const { body } = await witness().post(await bodyOf(0, 3));
    const stranger = formatSignatureLine({ name: 'x.example', id: '00000000' }, new Uint8Array(72));
    const accepted = acceptedCosignatures(note, stranger + body, [WITNESS_KEY]);
    expect(accepted).toMatchObject([{ key: WITNESS_KEY, time: TIME }]);
    const cosigned = withCosignatures(note, accepted);
    expect(cosigned).toBe(note + body);
    expect(openNote(cosigned, [LOG_KEY, WITNESS_KEY])).toMatchObject({ signers: [LOG_KEY, WITNESS_KEY] });
  });

  it('gives none where a line is false, of another note, timeless, no cosignature, or no line at all', async () => {
    const note = await noteAt(3);
    const { body } = await witness().post(await bodyOf(0, 3));
    const text = note.slice(0, note.indexOf('\n\n') + 1);
    const timeless = Uint8Array.of(
      ...new Uint8Array(8),
      ...(await WITNESS.sign(bytes(`cosignature/v1\ntime 0\n${text}`))),
    );
    const lines = [
      body + formatSignatureLine(WITNESS_KEY, new Uint8Array(72)),
      await cosignatureLine(WITNESS_KEY, text.replace('3', '4'), TIME, WITNESS.sign),
      formatSignatureLine(WITNESS_KEY, timeless),
      formatSignatureLine(WITNESS_KEY, await WITNESS.sign(bytes(text))),
      body.slice(0, -1),
      `${text}\n${body}`,
      '<html></html>\n',
      '',
    ];
    for (const line of lines) expect(acceptedCosignatures(note, line, [WITNESS_KEY])).toEqual([]);
    expect(acceptedCosignatures('no note', body, [WITNESS_KEY])).toEqual([]);
    expect(acceptedCosignatures(note, body, [])).toEqual([]);
  });
});
