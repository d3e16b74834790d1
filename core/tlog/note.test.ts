import { createPrivateKey, sign } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { formatCheckpoint, fromBase64, parseCheckpoint, parseDecimal } from './checkpoint.ts';
import {
  formatNote,
  formatSignatureLine,
  formatVerifierKey,
  isKeyName,
  openNote,
  parseVerifierKey,
  verifierKeyOf,
} from './note.ts';

// The example of C2SP signed-note.
const FOO = parseVerifierKey('example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k');
const FOO_TEXT = 'This is an example message.\n';
const FOO_LINE =
  '— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n';
const FOO_NOTE = formatNote(FOO_TEXT, [FOO_LINE]);

// A key of ours, seed 00..1f; key ID and signature recomputed with Go's note package.
const SEED = Buffer.from(Array.from({ length: 32 }, (_, at) => at));
const PRIVATE = createPrivateKey({
  key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), SEED]),
  format: 'der',
  type: 'pkcs8',
});
const OURS = parseVerifierKey('ledger.example/t1+be682bba+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4');
const OUR_LINE =
  '— ledger.example/t1 vmgruni99Lg6tA1ht9YG1UlBp2j0BSA9nrOQMq0ktdDOVQrD7AuaiXsFC7oMAv2a6lfUXGEDhZEcgZQYJAyBEGp5dQs=\n';
const HEAD = {
  origin: 'ledger.example/t1',
  size: 8,
  root: fromBase64('XcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=') ?? new Uint8Array(),
};

const kindOf = (note: string, keys = [FOO]) => openNote(note, keys).kind;

describe('a signed note', () => {
  it('opens the published example', () => {
    expect(openNote(FOO_NOTE, [FOO])).toEqual({ kind: 'opened', text: FOO_TEXT, signers: [FOO] });
  });

  it('is signed byte for byte as Go signs it', () => {
    const text = formatCheckpoint(HEAD);
    const line = formatSignatureLine(OURS, sign(null, Buffer.from(text), PRIVATE));
    expect(line).toBe(OUR_LINE);
    expect(openNote(formatNote(text, [line]), [FOO, OURS])).toEqual({ kind: 'opened', text, signers: [OURS] });
  });

  it('derives the published verifier key from the raw public key', () => {
    expect(formatVerifierKey(verifierKeyOf(OURS.name, OURS.publicKey))).toBe(
      'ledger.example/t1+be682bba+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4',
    );
  });

  it('rejects any changed byte of a known key’s note', () => {
    for (let at = 0; at < FOO_NOTE.length; at += 1) {
      const code = FOO_NOTE.charCodeAt(at);
      if (code > 127) continue;
      const changed = FOO_NOTE.slice(0, at) + String.fromCharCode(code ^ 1) + FOO_NOTE.slice(at + 1);
      expect(kindOf(changed)).not.toBe('opened');
    }
  });

  it('ignores lines of unknown keys, by name and by key ID', () => {
    const other = formatSignatureLine({ name: 'example.com/foo', id: '00000000' }, new Uint8Array(64));
    const stranger = formatSignatureLine({ name: 'example.com/bar', id: '530d903a' }, new Uint8Array(3));
    expect(kindOf(formatNote(FOO_TEXT, [other, stranger, FOO_LINE]))).toBe('opened');
    expect(kindOf(formatNote(FOO_TEXT, [other, stranger]))).toBe('unverified');
    expect(kindOf(FOO_NOTE, [OURS])).toBe('unverified');
    expect(kindOf(FOO_NOTE, [])).toBe('unverified');
  });

  it('rejects the whole note when a known key’s signature fails, even beside a good one', () => {
    const bad = formatSignatureLine(FOO, new Uint8Array(64));
    expect(kindOf(formatNote(FOO_TEXT, [FOO_LINE, bad]))).toBe('forged');
    expect(kindOf(formatNote(FOO_TEXT, [formatSignatureLine(FOO, new Uint8Array(63)), FOO_LINE]))).toBe('forged');
  });

  it('counts a signer once, however often its line is repeated', () => {
    const opened = openNote(formatNote(FOO_TEXT, [FOO_LINE, FOO_LINE]), [FOO]);
    expect(opened.kind === 'opened' && opened.signers).toEqual([FOO]);
  });

  it('splits at the last empty line', () => {
    const text = 'first\n\nsecond\n';
    const ours = formatSignatureLine(OURS, sign(null, Buffer.from(text), PRIVATE));
    expect(openNote(formatNote(text, [ours]), [OURS])).toMatchObject({ kind: 'opened', text });
  });

  it('accepts sixteen signatures and stops above a hundred', () => {
    const stranger = formatSignatureLine({ name: 'w', id: '00000001' }, new Uint8Array(64));
    expect(kindOf(formatNote(FOO_TEXT, [...Array<string>(99).fill(stranger), FOO_LINE]))).toBe('opened');
    expect(kindOf(formatNote(FOO_TEXT, [...Array<string>(100).fill(stranger), FOO_LINE]))).toBe('malformed');
  });

  it.each([
    ['no signature block', FOO_TEXT],
    ['an empty signature block', `${FOO_TEXT}\n`],
    ['no final newline', FOO_NOTE.slice(0, -1)],
    ['a control character', FOO_NOTE.replace('This', 'Th\tis')],
    ['a carriage return', FOO_NOTE.replaceAll('\n', '\r\n')],
    ['half a surrogate pair', FOO_NOTE.replace('This', 'Th\ud800is')],
    ['a hyphen for the dash', FOO_NOTE.replace('— example', '- example')],
    ['a signature without a name', formatNote(FOO_TEXT, [FOO_LINE.replace('example.com/foo', '')])],
    ['a name with a plus sign', formatNote(FOO_TEXT, [FOO_LINE.replace('example.com', 'example+com')])],
    ['a third field', formatNote(FOO_TEXT, [FOO_LINE.replace('=\n', '= x\n')])],
    ['base64 that is not canonical', formatNote(FOO_TEXT, [FOO_LINE.replace('aQM=', 'aQN=')])],
    ['a signature of four bytes', formatNote(FOO_TEXT, ['— example.com/foo Uw2QOg==\n'])],
    ['more than a million characters', `${'x'.repeat(1_000_000)}${FOO_NOTE}`],
  ])('is malformed with %s', (_, note) => {
    expect(kindOf(note)).toBe('malformed');
  });
});

describe('a verifier key', () => {
  it.each([
    ['another key ID', 'example.com/foo+530d903b+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k'],
    ['another name', 'example.com/fop+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k'],
    ['an unknown type byte', 'example.com/foo+530d903a+AukyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k'],
    ['a short key', 'example.com/foo+530d903a+AekyeRrm'],
    ['no name', '+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k'],
    ['a space in the name', 'example com+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k'],
    ['nothing else', 'example.com/foo'],
  ])('is a configuration fault with %s', (_, vkey) => {
    expect(() => parseVerifierKey(vkey)).toThrow(expect.objectContaining({ name: 'ConfigurationInvalid' }));
  });

  it('has a name without spaces of any script and without a plus sign', () => {
    expect(['log.example/t1', 'é', 'x'].map(isKeyName)).toEqual([true, true, true]);
    expect(['', 'a b', 'a\u00a0b', 'a\u2003b', 'a+b', 'a\nb', 'a\ud800'].map(isKeyName)).not.toContain(true);
  });
});

describe('a checkpoint', () => {
  it('reads back what it writes', () => {
    expect(parseCheckpoint(formatCheckpoint(HEAD))).toEqual(HEAD);
  });

  it('reads the signed tree of a Go checksum database', () => {
    const text = 'go.sum database tree\n35000000\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n';
    expect(parseCheckpoint(text)).toMatchObject({ origin: 'go.sum database tree', size: 35_000_000 });
  });

  it.each([
    ['a leading zero', 'o\n08\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n'],
    ['a sign', 'o\n+8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n'],
    ['a size beyond 2^53', 'o\n9007199254740992\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n'],
    ['no origin', '\n8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n'],
    ['a short root', 'o\n8\nXcnaeacG\n'],
    ['a root without padding', 'o\n8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg\n'],
    ['an empty extension line', 'o\n8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n\n'],
    ['no final newline', 'o\n8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg='],
    ['two lines', 'o\n8\n'],
  ])('is none with %s', (_, text) => {
    expect(parseCheckpoint(text)).toBeUndefined();
  });

  it('counts up to 2^53 - 1', () => {
    expect([parseDecimal('0'), parseDecimal('9007199254740991')]).toEqual([0, Number.MAX_SAFE_INTEGER]);
  });
});
