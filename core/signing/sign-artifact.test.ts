import { beforeEach, describe, expect, it } from 'vitest';
import { type OciDigest, Sha256Hex } from '../../events/fields.ts';
import {
  HOST,
  type JudgedImage,
  judgedImage,
  memoryRegistry,
  memorySigner,
  memoryWorm,
  NAME,
  run,
  tenant,
} from '../../test/fixtures/signing/harness.ts';
import { canonicalBytes } from '../canonical-json.ts';
import { loadReport } from '../check.ts';
import { loadJsonEvidence } from '../evidence.ts';
import { runTask } from '../task.ts';
import { digestOf } from './referrer.ts';
import { signArtifact } from './sign-artifact.ts';
import { SignatureRecord } from './signature-record.ts';
import { findSignature } from './verify.ts';
import { verifySignature } from './verify-signature.ts';

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const INDEX = 'application/vnd.oci.image.index.v1+json';
const manifest = (name: string) => {
  const bytes = canonicalBytes({ schemaVersion: 2, mediaType: MANIFEST, name });
  return { bytes, digest: digestOf(bytes), mediaType: MANIFEST, size: bytes.length };
};
const amd64 = manifest('amd64');
const arm64 = manifest('arm64');
const indexBytes = canonicalBytes({ schemaVersion: 2, mediaType: INDEX, manifests: [amd64.digest, arm64.digest] });
const index: JudgedImage = {
  digest: digestOf(indexBytes),
  mediaType: INDEX,
  platforms: [
    { name: 'linux/amd64', digest: amd64.digest, mediaType: MANIFEST, size: amd64.size },
    { name: 'linux/arm64', digest: arm64.digest, mediaType: MANIFEST, size: arm64.size },
  ],
};
const plain: JudgedImage = { digest: amd64.digest, mediaType: MANIFEST, platforms: index.platforms.slice(0, 1) };

let world: ReturnType<typeof newWorld>;
function newWorld() {
  const registry = memoryRegistry();
  for (const { digest, mediaType, bytes } of [
    amd64,
    arm64,
    { digest: index.digest, mediaType: INDEX, bytes: indexBytes },
  ])
    registry.manifests.set(digest, { mediaType, bytes });
  return { registry, worm: memoryWorm(), signer: memorySigner() };
}
beforeEach(() => {
  world = newWorld();
});

const depsOf = (ledger: Awaited<ReturnType<typeof judgedImage>>['ledger']) => ({
  ledger,
  worm: world.worm,
  signer: world.signer,
  registries: async () => world.registry,
});
async function sign(image: JudgedImage, digest = image.digest, before = 2) {
  const { ledger, verdict } = await judgedImage(world.worm, image, before);
  return runTask(signArtifact, depsOf(ledger), { step: 'sign-artifact', run, digest, verdict });
}
const verify = (digest: OciDigest, signature: unknown) =>
  runTask(verifySignature, depsOf(Object.create(null)), { step: 'verify-signature', run, digest, signature });
const refusedWith = (name: string) => expect.objectContaining({ name });

describe('sign-artifact', () => {
  it('signs an image so that a stranger with the public key can verify it', async () => {
    const { signature } = await sign(plain);
    const image = { repository: `${HOST}/${NAME}`, digest: plain.digest, annotation: 'required' as const };
    expect(await findSignature(world.registry, image, await world.signer.publicKey())).toMatchObject({ kind: 'valid' });
    expect((await verify(plain.digest, signature)).check.outcome).toBe('pass');
  });

  it('signs an index and each of its platforms', async () => {
    const { signature } = await sign(index);
    const record = await loadJsonEvidence(world.worm, tenant, signature, SignatureRecord);
    expect([record, ...record.platforms].map(({ digest }) => digest)).toEqual([
      index.digest,
      amd64.digest,
      arm64.digest,
    ]);
    expect((await verify(index.digest, signature)).check.outcome).toBe('pass');
  });

  it('attaches the same signature again after a crash, whatever was lost, and adds no second referrer', async () => {
    const first = await sign(plain);
    const pushed = new Map(world.registry.manifests);
    world.registry.manifests.delete(plain.digest.replace(':', '-'));
    expect(await sign(plain)).toEqual(first);
    expect(world.registry.manifests).toEqual(pushed);
    expect(world.signer.signatures).toBe(1);
  });

  it.each([0, 1, 2, 3, 7, 300])('finds the verdict at index %i of the committed log', async (before) => {
    await expect(sign(plain, plain.digest, before)).resolves.toBeDefined();
  });

  it('does not sign what was refused', async () => {
    await expect(sign({ ...plain, refusals: ['chain.revision'] })).rejects.toThrow(refusedWith('InputInvalid'));
    expect([...world.registry.manifests.keys()]).toEqual([amd64.digest, arm64.digest, index.digest]);
    expect(world.signer.signatures).toBe(0);
  });

  it('does not sign another digest than the one that passed', async () => {
    await expect(sign(plain, arm64.digest)).rejects.toThrow(refusedWith('InputInvalid'));
    expect(world.signer.signatures).toBe(0);
  });

  it('does not sign an index of which one platform was not inspected', async () => {
    await expect(sign({ ...index, inspected: [amd64.digest] })).rejects.toThrow(refusedWith('InputInvalid'));
    expect(world.signer.signatures).toBe(0);
  });

  it('does not sign for an entry that is not in the committed log', async () => {
    const { ledger, verdict } = await judgedImage(world.worm, plain);
    const other = { index: verdict.index, leaf: Sha256Hex.parse('0'.repeat(64)) };
    for (const wrong of [other, { ...verdict, index: 1 }, { ...verdict, index: 3 }])
      await expect(
        runTask(signArtifact, depsOf(ledger), { step: 'sign-artifact', run, digest: plain.digest, verdict: wrong }),
      ).rejects.toThrow(refusedWith('LedgerInconsistent'));
  });

  it('does not sign for a log whose entries are not those of its head', async () => {
    const { ledger, entries, verdict } = await judgedImage(world.worm, plain, 3);
    const head = await ledger.head(tenant);
    const forged = { ...ledger, head: async () => head };
    entries[0] = new TextEncoder().encode('{}');
    await expect(
      runTask(signArtifact, depsOf(forged), { step: 'sign-artifact', run, digest: plain.digest, verdict }),
    ).rejects.toThrow(refusedWith('LedgerInconsistent'));
  });

  it('keeps nothing that its own public key does not verify', async () => {
    const broken = { ...world.signer, sign: async () => new Uint8Array([0x30, 6, 2, 1, 1, 2, 1, 1]) };
    const { ledger, verdict } = await judgedImage(world.worm, plain);
    await expect(
      runTask(
        signArtifact,
        { ...depsOf(ledger), signer: broken },
        { step: 'sign-artifact', run, digest: plain.digest, verdict },
      ),
    ).rejects.toThrow(refusedWith('SignerRefused'));
    expect([...world.worm.objects.keys()].filter((name) => name.includes('/signature/'))).toEqual([]);
  });
});

describe('verify-signature', () => {
  const codes = async (signature: unknown) => {
    const { check } = await verify(plain.digest, signature);
    return (await loadReport(world.worm, tenant, check)).reasons.map(({ code }) => code);
  };

  it('refuses when the signature is not listed', async () => {
    const { signature } = await sign(plain);
    world.registry.manifests.delete(plain.digest.replace(':', '-'));
    expect(await codes(signature)).toEqual(['signature.missing']);
  });

  it('refuses when the registry serves other bytes', async () => {
    const { signature } = await sign(plain);
    const { manifestDigest } = await loadJsonEvidence(world.worm, tenant, signature, SignatureRecord);
    world.registry.manifests.set(manifestDigest, { mediaType: MANIFEST, bytes: amd64.bytes });
    expect(await codes(signature)).toEqual(['signature.invalid']);
  });

  it('refuses a signature by another key', async () => {
    const { signature } = await sign(plain);
    world.signer = memorySigner();
    expect(await codes(signature)).toEqual(['signature.invalid']);
  });

  it('refuses a signature that was copied to another repository', async () => {
    const { signature } = await sign(plain);
    const copied = { ...world.registry, repository: `${HOST}/other` };
    const { check } = await runTask(
      verifySignature,
      { worm: world.worm, signer: world.signer, registries: async () => copied },
      { step: 'verify-signature', run, digest: plain.digest, signature },
    );
    expect((await loadReport(world.worm, tenant, check)).reasons).toMatchObject([
      { code: 'signature.wrong-repository' },
    ]);
  });
});
