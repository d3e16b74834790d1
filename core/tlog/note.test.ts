import { createPrivateKey, sign } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import GO_NOTES from '../../test/fixtures/merkle/go-notes.json' with { type: 'json' };
import { formatCheckpoint, fromBase64, parseCheckpoint, parseDecimal } from './checkpoint.ts';
import {
  formatNote,
  formatSignatureLine,
  formatVerifierKey,
  isKeyName,
  openNote,
  parseVerifierKey,
  unverifiedText,
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

/** The P-256 key whose point is the generator of the curve. */
const GENERATOR_SPKI =
  '3059301306072a8648ce3d020106082a8648ce3d030107034200046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296' +
  '4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5';
/** ML-DSA is part of OpenSSL from 3.5 on: of late releases of Node 22, and of Node 24, but not of Node 20. */
const [major = 0, minor = 0] = process.versions.openssl.split('.').map(Number);
const hasMlDsa = major > 3 || (major === 3 && minor >= 5);

const kindOf = (note: string, keys = [FOO]) => openNote(note, keys).kind;

describe('a signed note', () => {
  it('opens the published example', () => {
    expect(openNote(FOO_NOTE, [FOO])).toEqual({
      kind: 'opened',
      text: FOO_TEXT,
      signers: [FOO],
      cosignatures: [],
      notCheckable: [],
    });
  });

  it('is signed byte for byte as Go signs it', () => {
    const text = formatCheckpoint(HEAD);
    const line = formatSignatureLine(OURS, sign(null, Buffer.from(text), PRIVATE));
    expect(line).toBe(OUR_LINE);
    expect(openNote(formatNote(text, [line]), [FOO, OURS])).toMatchObject({ kind: 'opened', text, signers: [OURS] });
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

describe('a note of keys of other kinds', () => {
  const ECDSA = parseVerifierKey(GO_NOTES.ecdsaKey, ['ecdsa-p256']);
  const ML_DSA = parseVerifierKey(GO_NOTES.mlDsa44Key, ['ml-dsa-44-cosignature']);
  const tampered = (note: string) => note.replace('\n8\n', '\n9\n');

  it('opens with the ECDSA key that Go signed it with', () => {
    expect(openNote(GO_NOTES.ecdsaNote, [ECDSA])).toMatchObject({ kind: 'opened', signers: [ECDSA] });
    expect(kindOf(tampered(GO_NOTES.ecdsaNote), [ECDSA])).toBe('forged');
    const noSignature = formatSignatureLine(ECDSA, new Uint8Array(70));
    expect(kindOf(formatNote(formatCheckpoint(HEAD), [noSignature]), [ECDSA])).toBe('forged');
  });

  it('opens with the ML-DSA-44 key that Go cosigned it with, or says that it cannot be checked here', () => {
    const opened = openNote(GO_NOTES.mlDsa44Note, [ML_DSA]);
    if (hasMlDsa) {
      expect(opened).toMatchObject({ kind: 'opened', signers: [ML_DSA], cosignatures: [{ time: 1_795_716_007 }] });
      expect(kindOf(tampered(GO_NOTES.mlDsa44Note), [ML_DSA])).toBe('forged');
    } else {
      expect(opened).toEqual({
        kind: 'unverified',
        why: 'no signature is of a known key that can be checked here',
      });
      const beside = openNote(GO_NOTES.mlDsa44Note + OUR_LINE, [ML_DSA, OURS]);
      expect(beside).toMatchObject({ kind: 'opened', signers: [OURS], cosignatures: [], notCheckable: [ML_DSA] });
    }
  });

  it('is forged with an ML-DSA-44 line of another length, whether or not it can be checked', () => {
    const short = formatSignatureLine(ML_DSA, new Uint8Array(8 + 2419));
    expect(kindOf(formatNote(formatCheckpoint(HEAD), [short, OUR_LINE]), [ML_DSA, OURS])).toBe('forged');
  });

  it('never throws and never opens, whatever is written instead', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', maxLength: 60 }),
        fc.string({ unit: 'binary', maxLength: 60 }),
        (text, line) => {
          for (const note of [text, `${text}\n\n${line}`, `${text}\n\n— ${line}\n`, `${text}${FOO_LINE}`])
            expect(kindOf(note, [FOO, ECDSA, ML_DSA])).not.toBe('opened');
          expect(unverifiedText(formatNote(`${text}\n`, [FOO_LINE]))).toBe(
            /^[^\u0000-\u0009\u000b-\u001f]*$/.test(text) ? `${text}\n` : undefined,
          );
        },
      ),
    );
  });
});

describe('a verifier key', () => {
  it('has the key ID of its DER alone when it is an ECDSA key', () => {
    const generator = Buffer.from(GENERATOR_SPKI, 'hex');
    expect(verifierKeyOf('any.example/name', generator, 'ecdsa-p256').id).toBe('5cd252fb');
    expect(verifierKeyOf('other.example', generator, 'ecdsa-p256').id).toBe('5cd252fb');
  });

  it.each(['ecdsaKey', 'mlDsa44Key'] as const)('of Go reads back as it was written: %s', (name) => {
    const key = parseVerifierKey(GO_NOTES[name], ['ecdsa-p256', 'ml-dsa-44-cosignature']);
    expect(formatVerifierKey(key)).toBe(GO_NOTES[name]);
    expect(() => parseVerifierKey(GO_NOTES[name])).toThrow(expect.objectContaining({ name: 'ConfigurationInvalid' }));
  });

  it('binds its kind: one public key has another ID as a cosigner', () => {
    const cosigner = verifierKeyOf(OURS.name, OURS.publicKey, 'ed25519-cosignature');
    expect(cosigner.id).not.toBe(OURS.id);
    expect(kindOf(formatNote(formatCheckpoint(HEAD), [OUR_LINE]), [cosigner])).toBe('unverified');
  });

  it.each([
    ['a point that is not on the curve', `${GENERATOR_SPKI.slice(0, -2)}00`],
    ['a compressed point', GENERATOR_SPKI.replace('034200046b', '034200036b')],
    ['another curve', GENERATOR_SPKI.replace('2a8648ce3d030107', '2a8648ce3d030106')],
    ['a byte behind it', `${GENERATOR_SPKI}00`],
  ])('is no ECDSA key with %s', (_, der) => {
    expect(() => verifierKeyOf('log.example', Buffer.from(der, 'hex'), 'ecdsa-p256')).toThrow(
      expect.objectContaining({ name: 'ConfigurationInvalid' }),
    );
  });

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

  it('never makes the reader throw, and is read from one spelling alone', () => {
    const line = fc.constantFrom(
      'o',
      '8',
      '08',
      '',
      'XcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=',
      'XcnaeacG',
      ' ',
      '\r',
    );
    fc.assert(
      fc.property(fc.array(line, { maxLength: 5 }), fc.string(), (lines, text) => {
        for (const candidate of [`${lines.join('\n')}\n`, text]) {
          const checkpoint = parseCheckpoint(candidate);
          if (checkpoint) expect(candidate.startsWith(formatCheckpoint(checkpoint))).toBe(true);
        }
      }),
    );
  });

  it('counts up to 2^53 - 1', () => {
    expect([parseDecimal('0'), parseDecimal('9007199254740991')]).toEqual([0, Number.MAX_SAFE_INTEGER]);
  });
});
