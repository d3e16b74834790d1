import { GetPublicKeyCommand, type KMSClient, SignCommand } from '@aws-sdk/client-kms';
import { Fault } from '../../core/faults.ts';
import type { Signer } from '../../core/ports/signer.ts';
import { signerFault } from './errors.ts';

/** The artifact key in KMS: ECC_NIST_P256, digests only. */
export function kmsSigner({ client, keyId }: { client: KMSClient; keyId: string }): Signer {
  let spki: Promise<Uint8Array> | undefined;
  const fetchKey = async () => {
    try {
      const { PublicKey, KeySpec } = await client.send(new GetPublicKeyCommand({ KeyId: keyId }));
      if (!PublicKey || KeySpec !== 'ECC_NIST_P256')
        throw new Fault('SignerRefused', `the artifact key is ${KeySpec ?? 'unknown'}, not ECC_NIST_P256`);
      return PublicKey;
    } catch (error) {
      spki = undefined; // the next caller asks again
      throw signerFault(error);
    }
  };
  return {
    publicKey: () => {
      spki ??= fetchKey();
      return spki;
    },
    sign: async (digest) => {
      try {
        const { Signature } = await client.send(
          new SignCommand({
            KeyId: keyId,
            Message: digest,
            MessageType: 'DIGEST',
            SigningAlgorithm: 'ECDSA_SHA_256',
          }),
        );
        if (!Signature) throw new Fault('SignerUnavailable', 'the key service answered without a signature');
        return Signature;
      } catch (error) {
        throw signerFault(error);
      }
    },
  };
}
