import { describe, expect, it } from 'vitest';
import { testKey } from '../../test/fixtures/merkle/test-keys.ts';
import { isQuorumMet, policyOfLog } from './log-policy.ts';
import { formatVerifierKey, type VerifierKey, verifierKeyOf } from './note.ts';
import { parseLogPolicy } from './parse-log-policy.ts';

const WITNESSES = Array.from({ length: 6 }, (_, at) =>
  verifierKeyOf(`witness.example/w${at}`, testKey(at).publicKey, 'ed25519-cosignature'),
);
const POLICY = [
  ...WITNESSES.map((key, at) => `witness w${at} ${formatVerifierKey(key)}`),
  'group three 2 w0 w1 w2',
  'group two any w3 w4',
  'group both all three two',
  'quorum both',
].join('\n');

function policyOf(text: string) {
  const parsed = parseLogPolicy(new TextEncoder().encode(text));
  if (parsed.kind === 'malformed') throw new Error(parsed.problem.message);
  return parsed.policy;
}
const met = (text: string, ...cosigned: number[]) =>
  isQuorumMet(
    policyOf(text),
    cosigned.flatMap((at) => WITNESSES[at] ?? []),
  );

describe('a quorum', () => {
  it.each([
    [[0, 1, 3], true],
    [[0, 2, 4], true],
    [[1, 2, 3, 4], true],
    [[0, 3], false],
    [[0, 1, 2], false],
    [[3, 4], false],
    [[0, 5, 3], false],
    [[], false],
  ])('of groups in a group, cosigned by %j: %s', (cosigned, expected) => {
    expect(met(POLICY, ...cosigned)).toBe(expected);
  });

  it('counts a witness once, however often it signed', () => {
    expect(met(POLICY, 0, 0, 3)).toBe(false);
  });

  it('can be one witness, or nobody', () => {
    const one = POLICY.replace('quorum both', 'quorum w5');
    expect([met(one, 5), met(one, 0, 1, 2, 3, 4)]).toEqual([true, false]);
    expect(met(POLICY.replace('quorum both', 'quorum none'))).toBe(true);
  });

  it('takes no other key of a witness’s name, and no other kind of its key', () => {
    const one = policyOf(POLICY.replace('quorum both', 'quorum w5'));
    const impostors: VerifierKey[] = [
      verifierKeyOf('witness.example/w5', testKey(77).publicKey, 'ed25519-cosignature'),
      verifierKeyOf('witness.example/w5', testKey(5).publicKey),
      verifierKeyOf('witness.example/other', testKey(5).publicKey, 'ed25519-cosignature'),
    ];
    expect(isQuorumMet(one, impostors)).toBe(false);
  });

  it('of one log alone is nobody', () => {
    expect(isQuorumMet(policyOfLog(verifierKeyOf('log.example', testKey(9).publicKey)), [])).toBe(true);
  });
});
