import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { sshString } from '../../core/signers/ssh-wire.ts';

const MAGIC = Buffer.from('SSHSIG');
const VERSION = Buffer.of(0, 0, 0, 1);
const TYPE = 'ssh-ed25519';

export const sshArmored = (bytes: Uint8Array): string =>
  `-----BEGIN SSH SIGNATURE-----\n${Buffer.from(bytes).toString('base64')}\n-----END SSH SIGNATURE-----\n`;

/** A key that signs as `ssh-keygen -Y sign` does; each is made for one test. */
export function testSshKey() {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const point = Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url');
  const blob = Buffer.concat([sshString(TYPE), sshString(point)]);
  return {
    /** As a line of `allowed_signers` ends. */
    line: `${TYPE} ${blob.toString('base64')}`,
    sign: (message: Uint8Array, namespace = 'git'): string => {
      const named = Buffer.concat([namespace, '', 'sha512'].map(sshString));
      const digest = createHash('sha512').update(message).digest();
      const signature = sign(null, Buffer.concat([MAGIC, named, sshString(digest)]), privateKey);
      const wire = sshString(Buffer.concat([sshString(TYPE), sshString(signature)]));
      return sshArmored(Buffer.concat([MAGIC, VERSION, sshString(blob), named, wire]));
    },
  };
}
