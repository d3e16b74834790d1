import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GitSha } from '../../events/fields.ts';
import { sshArmored, testSshKey } from '../../test/fakes/test-ssh-key.ts';
import { readAllowedSigners } from './allowed-signers.ts';
import { armoredBytes } from './armor.ts';
import { judgeTag } from './judge-tag.ts';
import { readKeyring } from './openpgp/keyring.ts';
import { PgpMalformed } from './openpgp/packets.ts';
import { verifyOpenpgp } from './openpgp/verify.ts';
import { signedCommit, signedTag, tagFacts } from './signed-object.ts';
import { SignerPolicy } from './signer-policy.ts';
import { readSshKey } from './ssh-key.ts';
import { verifySsh } from './ssh-signature.ts';
import { SshMalformed, sshString } from './ssh-wire.ts';

/** Keys and signatures come from anyone: whatever they are, the answer is a refusal or the reader's own error. */

const MESSAGE = Buffer.from('released');
const key = testSshKey();
const pgpArmored = (kind: string, bytes: Uint8Array) =>
  `-----BEGIN PGP ${kind}-----\n\n${Buffer.from(bytes).toString('base64')}\n-----END PGP ${kind}-----\n`;
const byteString = fc.uint8Array({ maxLength: 300 });

/** What reads and throws no other error than its own. */
function readsOrThrows(read: () => unknown, own: typeof SshMalformed | typeof PgpMalformed) {
  try {
    read();
  } catch (error) {
    expect(error).toBeInstanceOf(own);
  }
}

/** A packet of the new format with a length of five bytes. */
function packet(tag: number, body: Uint8Array): Buffer {
  const head = Buffer.of(0xc0 | tag, 0xff, 0, 0, 0, 0);
  head.writeUInt32BE(body.length, 2);
  return Buffer.concat([head, body]);
}

describe('bytes of strangers', () => {
  it('are no SSH key and no SSH signature', () => {
    const types = ['ssh-ed25519', 'ssh-rsa', 'ecdsa-sha2-nistp256', 'sk-ssh-ed25519@openssh.com', 'ssh-dss'];
    const blob = fc
      .tuple(fc.constantFrom(...types), fc.array(byteString, { maxLength: 4 }))
      .map(([type, parts]) => Buffer.concat([type, ...parts].map(sshString)));
    const signature = fc
      .tuple(blob, byteString, byteString)
      .map(([of, left, right]) =>
        Buffer.concat([Buffer.from('SSHSIG\0\0\0\x01'), sshString(of), left, sshString(right)]),
      );
    fc.assert(
      fc.property(fc.oneof(byteString, blob, signature), (bytes) => {
        readsOrThrows(() => readSshKey(bytes), SshMalformed);
        expect(verifySsh(sshArmored(bytes), 'git', MESSAGE).kind).not.toBe('good');
      }),
    );
  });

  it('are no SSH signature once any byte of a good one has changed', () => {
    const armored = key.sign(MESSAGE);
    expect(verifySsh(armored, 'git', MESSAGE).kind).toBe('good');
    const bytes = armoredBytes(armored, 'SSH SIGNATURE') ?? Buffer.of();
    for (const at of bytes.keys()) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ 0x41;
      expect([at, verifySsh(sshArmored(changed), 'git', MESSAGE).kind]).not.toEqual([at, 'good']);
    }
  });

  it('are no OpenPGP key and no OpenPGP signature', () => {
    const version4 = fc
      .tuple(fc.constantFrom(1, 19, 22, 27), byteString)
      .chain(([algorithm, rest]) =>
        fc.constantFrom(
          Buffer.concat([Buffer.of(4, 0, 0, 0, 1, algorithm), rest]),
          Buffer.concat([Buffer.of(4, 0, algorithm, 8, 0, 6, 5, 2, 0, 0, 0, 1, 0, 0), rest]),
        ),
      );
    const packets = fc
      .array(fc.tuple(fc.constantFrom(2, 6, 10, 12, 13, 14, 17, 63), fc.oneof(byteString, version4)), { maxLength: 5 })
      .map((all) => Buffer.concat(all.map(([tag, body]) => packet(tag, body))));
    fc.assert(
      fc.property(fc.oneof(byteString, packets), (bytes) => {
        readsOrThrows(() => readKeyring(pgpArmored('PUBLIC KEY BLOCK', bytes)), PgpMalformed);
        expect(verifyOpenpgp(pgpArmored('SIGNATURE', bytes), MESSAGE, [], 0).kind).not.toBe('good');
      }),
    );
  });

  it('are no armor, no signed object and no tag', () => {
    const lines = fc.constantFrom(
      ...['-----BEGIN SSH SIGNATURE-----', '-----END SSH SIGNATURE-----', '-----BEGIN PGP SIGNATURE-----', 'AAAA'],
      ...[
        '',
        '=abcd',
        'Version: 1',
        'gpgsig -----BEGIN PGP SIGNATURE-----',
        ' x',
        `object ${'a'.repeat(40)}`,
        'tag v1',
      ],
    );
    const policy = SignerPolicy.parse({ orCommit: true, allowedSigners: `ana ${key.line}` });
    const commit = GitSha.parse('a'.repeat(40));
    fc.assert(
      fc.property(
        fc.oneof(
          byteString,
          fc.array(lines).map((all) => Buffer.from(all.join('\n'))),
        ),
        (bytes) => {
          armoredBytes(Buffer.from(bytes).toString('latin1'), 'SSH SIGNATURE');
          for (const read of [signedTag, signedCommit, tagFacts]) read(bytes);
          const named = { name: 'v1', commit, commitObject: bytes };
          expect(judgeTag({ ...named, tagObject: bytes }, policy, 0).reasons).toHaveLength(1);
          expect(judgeTag(named, policy, 0).reasons).toHaveLength(1);
        },
      ),
    );
  });
});

describe('a line of allowed signers', () => {
  const readOne = (line: string) => readAllowedSigners(`# people\n${line}\n`);

  it.each([
    ['one word', 'ana'],
    ['a key that is not base64', 'ana ssh-ed25519 %%%'],
    ['a key that is cut off', 'ana ssh-ed25519 AAAA'],
    ['a key of another type than it says', `ana ${key.line.replace('ssh-ed25519', 'ssh-rsa')}`],
    ['an option that nobody knows', `ana cert-authority ${key.line}`],
    ['an option without quotes', `ana namespaces=git ${key.line}`],
    ['a local time', `ana valid-after="20260101" ${key.line}`],
    ['a day that is none', `ana valid-before="20261301Z" ${key.line}`],
    ['namespaces twice', `ana namespaces="file",namespaces="git" ${key.line}`],
    ['a time twice', `ana valid-before="20260101Z",valid-before="20990101Z" ${key.line}`],
    ['a namespace that is excluded', `ana namespaces="*,!git" ${key.line}`],
  ])('with %s is a problem of that line', (_what, line) => {
    expect(readOne(line)).toEqual({ signers: [], problems: [{ line: 2, why: expect.any(String) }] });
  });

  it('never throws, and names each line that it could not read', () => {
    const word = fc.constantFrom('ana', 'namespaces="git"', 'valid-after="', '"', ',', '=', 'ssh-ed25519', key.line);
    const line = fc.oneof(
      fc.string(),
      fc.array(word).map((words) => words.join(' ')),
    );
    fc.assert(
      fc.property(fc.array(line, { maxLength: 5 }), (all) => {
        const { signers, problems } = readAllowedSigners(all.join('\n'));
        const rows = all.join('\n').split(/\r?\n/);
        expect(signers.length + problems.length).toBe(rows.filter((row) => !/^\s*(?:#|$)/.test(row)).length);
      }),
    );
  });
});
