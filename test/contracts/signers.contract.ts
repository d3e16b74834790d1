import { createHash, createPublicKey, verify } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import type { NoteSigner } from '../../core/ports/note-signer.ts';
import type { Signer } from '../../core/ports/signer.ts';
import { verifierKeyOf, verifyNoteSignature } from '../../core/tlog/note.ts';

/** What every artifact signer promises. `make` opens one. */
export function describeSigner(name: string, make: () => Promise<Signer>): void {
  describe(`${name} as a signer`, () => {
    let signer: Signer;
    beforeAll(async () => {
      signer = await make();
    });

    it('signs a digest so that the message verifies under its public P-256 key', async () => {
      const spki = Buffer.from(await signer.publicKey());
      const key = createPublicKey({ key: spki, format: 'der', type: 'spki' });
      expect(key.asymmetricKeyDetails?.namedCurve).toBe('prime256v1');
      for (let round = 0; round < 20; round += 1) {
        const message = Buffer.from(`message ${round}`);
        const signature = await signer.sign(createHash('sha256').update(message).digest());
        expect(verify('sha256', message, key, signature)).toBe(true);
        expect(verify('sha256', Buffer.from('another message'), key, signature)).toBe(false);
      }
    });

    it('refuses to sign what is no SHA-256 digest', async () => {
      await expect(signer.sign(new Uint8Array(20))).rejects.toThrow();
    });
  });
}

/** What every note signer promises. `make` opens one. */
export function describeNoteSigner(name: string, make: () => Promise<NoteSigner>): void {
  describe(`${name} as a note signer`, () => {
    it('signs notes that verify under its raw Ed25519 key, the same bytes each time', async () => {
      const signer = await make();
      const key = verifierKeyOf('log.example/acme', await signer.publicKey());
      const text = 'log.example/acme\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n';
      const signature = await signer.sign(new TextEncoder().encode(text));
      expect(verifyNoteSignature(key, text, signature)).toBe(true);
      expect(verifyNoteSignature(key, `${text} `, signature)).toBe(false);
      expect(await signer.sign(new TextEncoder().encode(text))).toEqual(signature);
    });
  });
}
