import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import GO_NOTES from '../../test/fixtures/merkle/go-notes.json' with { type: 'json' };
import { testKey } from '../../test/fixtures/merkle/test-keys.ts';
import { formatVerifierKey, type NoteKeyKind, verifierKeyOf } from './note.ts';
import { parseLogPolicy } from './parse-log-policy.ts';

const vkeyOf = (name: string, first: number, kind: NoteKeyKind = 'ed25519-cosignature') =>
  formatVerifierKey(verifierKeyOf(name, testKey(first).publicKey, kind));
const LOG = vkeyOf('log.example/a', 1, 'ed25519');
const W1 = vkeyOf('witness.example/w1', 11);
const W2 = vkeyOf('witness.example/w2', 12);
const BOTH = `witness a ${W1}\nwitness b ${W2}\n`;

const parse = (text: string) => parseLogPolicy(new TextEncoder().encode(text));
/** `line:column message` of what is wrong. */
function problemOf(text: string): string {
  const parsed = parse(text);
  return parsed.kind === 'malformed'
    ? `${parsed.problem.line}:${parsed.problem.column} ${parsed.problem.message}`
    : parsed.kind;
}

describe('a log policy', () => {
  it('is read with its logs, witnesses, addresses and groups', () => {
    const text = `# ours\n\n\tlog ${LOG}  https://log.example/a \nwitness a ${W1} https://w1.example\nwitness b ${W2}\n   # two\ngroup g 2 a b\nquorum g`;
    expect(parse(text)).toMatchObject({
      kind: 'policy',
      policy: {
        logs: [{ key: { name: 'log.example/a', kind: 'ed25519' }, url: 'https://log.example/a' }],
        witnesses: [
          { name: 'a', key: { name: 'witness.example/w1' }, url: 'https://w1.example' },
          { name: 'b', key: { name: 'witness.example/w2' } },
        ],
        quorum: { kind: 'group', name: 'g', threshold: 2, members: [{ kind: 'witness' }, { kind: 'witness' }] },
      },
      unused: [],
    });
  });

  it('may list logs and witnesses of any kind that fits', () => {
    const text = `log ${GO_NOTES.ecdsaKey}\nlog ${GO_NOTES.mlDsa44Key}\nwitness a ${GO_NOTES.mlDsa44Key}\nquorum a\n`;
    expect(parse(text).kind).toBe('policy');
  });

  it('names what the quorum does not count, and is one nevertheless', () => {
    const parsed = parse(`${BOTH}group g any a\nquorum g\n`);
    expect(parsed).toMatchObject({
      kind: 'policy',
      unused: [{ line: 2, column: 9, message: 'the quorum does not count b' }],
    });
    expect(parse(`${BOTH}quorum none\n`)).toMatchObject({ unused: [{ line: 1 }, { line: 2 }] });
  });

  it('takes names of any encoding for what their bytes are', () => {
    const bytes = (text: string) => new Uint8Array(Buffer.from(text, 'latin1'));
    const parsed = parseLogPolicy(
      bytes(`witness \xff ${W1}\nwitness \xfe ${W2}\ngroup \xe9 all \xff \xfe\nquorum \xe9\n`),
    );
    expect(parsed).toMatchObject({ kind: 'policy', policy: { quorum: { kind: 'group', threshold: 2 } } });
  });

  it.each([
    ['an unknown word', `${BOTH}quorom a\n`, '3:1 a line begins with log, witness, group or quorum'],
    ['a word in capitals', 'QUORUM none\n', '1:1 a line begins with'],
    ['no quorum', BOTH, '3:1 the quorum is missing'],
    ['nothing', '', '1:1 the quorum is missing'],
    ['a second quorum', 'quorum none\n  quorum none\n', '2:3 a second quorum'],
    ['an unknown quorum', `${BOTH}quorum c\n`, '3:8 c is not defined above'],
    ['a quorum defined below', `witness a ${W1}\nquorum b\nwitness b ${W2}\n`, '2:8 b is not defined above'],
    ['a group that names itself', `${BOTH}group g any a g\nquorum g\n`, '3:15 g is not defined above'],
    ['a group defined below', `${BOTH}group g any h\ngroup h any a\nquorum g\n`, '3:13 h is not defined above'],
    ['a name twice', `witness a ${W1}\nwitness a ${W2}\nquorum a\n`, '2:9 a is defined above'],
    ['a group called as a witness', `${BOTH}group a any b\nquorum a\n`, '3:7 a is defined above'],
    ['a witness called none', `witness none ${W1}\nquorum none\n`, '1:9 none is the name'],
    ['none as a member', `${BOTH}group g any none\nquorum g\n`, '3:13 none is no member'],
    ['a member twice in a group', `${BOTH}group g any a a\nquorum g\n`, '3:15 a is a member already'],
    ['a member of two groups', `${BOTH}group g any a\ngroup h any a b\nquorum h\n`, '4:13 a is a member already'],
    ['a threshold of 0', `${BOTH}group g 0 a b\nquorum g\n`, '3:9 the threshold is'],
    ['a threshold above the members', `${BOTH}group g 3 a b\nquorum g\n`, '3:9 the threshold is'],
    ['a threshold with a leading zero', `${BOTH}group g 02 a b\nquorum g\n`, '3:9 the threshold is'],
    ['another word for a threshold', `${BOTH}group g most a b\nquorum g\n`, '3:9 the threshold is'],
    ['a group of nobody', `${BOTH}group g any\nquorum g\n`, '3:9 a word is missing after this'],
    ['a witness without a key', 'witness a\nquorum a\n', '1:9 a word is missing after this'],
    ['a log without a key', 'log\nquorum none\n', '1:1 a word is missing after this'],
    ['a word too many', `log ${LOG} url more\nquorum none\n`, `1:${LOG.length + 10} one word too many`],
    ['a quorum of two', `${BOTH}quorum a b\n`, '3:10 one word too many'],
    [
      'two logs of one public key',
      `log ${LOG}\nlog ${vkeyOf('log.example/b', 1, 'ed25519')}\nquorum none\n`,
      '2:5 a line above has',
    ],
    [
      'one public key in two kinds',
      `log ${LOG}\nlog ${vkeyOf('log.example/b', 1)}\nquorum none\n`,
      '2:5 a line above has the same public key',
    ],
    ['two witnesses of one public key', `witness a ${W1}\nwitness b ${W1}\nquorum a\n`, '2:11 a line above has'],
    ['a witness with the key of a log', `witness a ${LOG}\nquorum a\n`, '1:11 a verifier key reads'],
    [
      'a key with another ID',
      `log ${LOG.replace(/\+[0-9a-f]{8}\+/, '+00000000+')}\nquorum none\n`,
      '1:5 the verifier key of',
    ],
    ['a comment behind a line', 'quorum none # nobody\n', '1:13 one word too many'],
    ['a carriage return', 'quorum none\r\n', '1:12 a control character'],
    ['a control character in a comment', '# a\u0007\nquorum none\n', '1:4 a control character'],
    ['a delete character', '\u007f\n', '1:1 a control character'],
    ['four million bytes and one', `${'#'.repeat(4_000_001)}`, '1:1 more than 4000000 bytes'],
  ])('is malformed with %s', (_, text, problem) => {
    expect(problemOf(text)).toContain(problem);
  });

  it('has up to 256 groups, however deep', () => {
    const nested = (count: number) =>
      `witness g0 ${W1}\n${Array.from({ length: count }, (_, at) => `group g${at + 1} any g${at}\n`).join('')}quorum g${count}\n`;
    expect(problemOf(nested(256))).toBe('policy');
    expect(problemOf(nested(257))).toBe('258:7 more than 256 groups');
  });

  it('has up to 256 witnesses', () => {
    const key = (at: number) =>
      formatVerifierKey(
        verifierKeyOf(
          'w',
          Uint8Array.from({ length: 32 }, (_, place) => (at >> place) & 1),
          'ed25519-cosignature',
        ),
      );
    const many = (count: number) =>
      `${Array.from({ length: count }, (_, at) => `witness w${at} ${key(at)}\n`).join('')}quorum w0\n`;
    expect(problemOf(many(256))).toBe('policy');
    expect(problemOf(many(257))).toContain('257:14 more than 256 of a kind');
  });

  it('never throws, whatever the words', () => {
    const word = fc.constantFrom(
      'log',
      'witness',
      'group',
      'quorum',
      'none',
      'any',
      'all',
      '1',
      '2',
      'a',
      'b',
      W1,
      W2,
      LOG,
      '#',
    );
    fc.assert(
      fc.property(fc.array(fc.array(word, { maxLength: 6 }), { maxLength: 8 }), (lines) => {
        expect(['policy', 'malformed']).toContain(parse(lines.map((words) => words.join(' ')).join('\n')).kind);
      }),
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(parseLogPolicy(bytes).kind).toBe('malformed');
      }),
    );
  });
});
