import { createPublicKey } from 'node:crypto';
import { GetPublicKeyCommand, type KMSClient, SignCommand } from '@aws-sdk/client-kms';
import { Fault } from '../../core/faults.ts';
import type { NoteSigner } from '../../core/ports/note-signer.ts';
import { signerFault } from './errors.ts';

/** The log key in KMS: ECC_NIST_EDWARDS25519, pure Ed25519 over the text (at most 4,096 bytes; a checkpoint has 300). */
export function kmsNoteSigner({ client, keyId }: { client: KMSClient; keyId: string }): NoteSigner {
  return {
    publicKey: async () => {
      try {
        const { PublicKey } = await client.send(new GetPublicKeyCommand({ KeyId: keyId }));
        const key = createPublicKey({ key: Buffer.from(PublicKey ?? []), format: 'der', type: 'spki' });
        const { x } = key.export({ format: 'jwk' });
        if (key.asymmetricKeyType !== 'ed25519' || x === undefined)
          throw new Fault('SignerRefused', `the log key is ${key.asymmetricKeyType}, not Ed25519`);
        return Buffer.from(x, 'base64url');
      } catch (error) {
        throw signerFault(error);
      }
    },
    sign: async (text) => {
      try {
        const { Signature } = await client.send(
          new SignCommand({ KeyId: keyId, Message: text, MessageType: 'RAW', SigningAlgorithm: 'ED25519_SHA_512' }),
        );
        if (!Signature) throw new Fault('SignerUnavailable', 'the key service answered without a signature');
        return Signature;
      } catch (error) {
        throw signerFault(error);
      }
    },
  };
}
