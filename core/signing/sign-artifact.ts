import * as z from 'zod';
import { OciDigest, Sha256Hex, type TenantId, UtcInstant } from '../../events/fields.ts';
import { canonicalBytes, canonicalJson } from '../canonical-json.ts';
import { EvidenceRef, keepJsonEvidence, sha256Hex } from '../evidence.ts';
import { Fault, isFault } from '../faults.ts';
import type { LedgerStore } from '../ports/ledger-store.ts';
import type { Descriptor, Registry } from '../ports/registry.ts';
import type { Signer } from '../ports/signer.ts';
import type { WormStore } from '../ports/worm-store.ts';
import { defineTask, RunContext } from '../task.ts';
import { bundleBytes } from './bundle.ts';
import { committedPass } from './committed-verdict.ts';
import { dsseDigest, keyIdOf } from './dsse.ts';
import { attachReferrer, digestOf } from './referrer.ts';
import { SignatureRecord } from './signature-record.ts';
import { signStatement } from './statement.ts';
import { judgeBundle } from './verify.ts';

export interface SignArtifactDeps {
  readonly ledger: LedgerStore;
  readonly worm: WormStore;
  readonly signer: Signer;
  registries(tenant: TenantId, host: string, repository: string): Promise<Registry>;
}

/** Signs an image, and each platform manifest of an index, after its pass was found in the log and computed again. */
export const signArtifact = defineTask({
  step: 'sign-artifact',
  input: z.strictObject({
    step: z.literal('sign-artifact'),
    run: RunContext,
    digest: OciDigest,
    verdict: z.strictObject({ index: z.int().nonnegative(), leaf: Sha256Hex }),
  }),
  output: z.strictObject({ signature: EvidenceRef }),
  async run(deps: SignArtifactDeps, { run: { tenant }, digest, verdict }) {
    const order = await committedPass(deps, tenant, digest, verdict);
    const { host, repository } = order.subject;
    const registry = await deps.registries(tenant, host, repository);
    const spki = await deps.signer.publicKey();
    const sign = (target: OciDigest) => signManifest(deps, { tenant, registry, spki, at: order.decidedAt }, target);
    // Platforms first: whoever sees the index signed may rely on all of it.
    const platforms = [];
    for (const platform of order.platforms) platforms.push(await sign(platform));
    const record = SignatureRecord.parse({
      schema: 'relseal.signature/1',
      repository: { host, name: repository },
      ...(await sign(digest)),
      keyId: keyIdOf(spki),
      platforms,
    });
    return { signature: await keepJsonEvidence(deps.worm, tenant, 'signature', record) };
  },
});

interface SigningContext {
  readonly tenant: TenantId;
  readonly registry: Registry;
  readonly spki: Uint8Array;
  readonly at: string;
}

async function signManifest(deps: SignArtifactDeps, context: SigningContext, digest: OciDigest) {
  const subject = await describeManifest(context.registry, digest);
  const { bundle, created } = await signOnce(deps, context, digest);
  const manifestDigest = await attachReferrer(context.registry, subject, bundle, created);
  return { digest, manifestDigest, bundleSha256: sha256Hex(bundle) };
}

async function describeManifest(registry: Registry, digest: OciDigest): Promise<Descriptor> {
  const manifest = await registry.manifest(digest);
  if (!manifest || digestOf(manifest.bytes) !== digest)
    throw new Fault('RegistryUnreachable', `${registry.repository} does not serve ${digest} as it was judged`);
  return { mediaType: manifest.mediaType, digest, size: manifest.bytes.length };
}

/** What was pushed for one (key, repository, digest), for ever. ECDSA is not deterministic: a second would differ. */
const KeptSignature = z.strictObject({
  schema: z.literal('relseal.kept-signature/1'),
  created: UtcInstant,
  bundle: z.base64(),
});

/**
 * The one signature of this digest by this key: kept write-once before anything is pushed, so that a retry after a crash,
 * a racing run or a replay attaches the very same bytes and never adds a second referrer.
 */
async function signOnce({ worm, signer }: SignArtifactDeps, context: SigningContext, digest: OciDigest) {
  const { tenant, registry, spki, at } = context;
  const image = { repository: registry.repository, digest, annotation: 'required' as const };
  const name = `t/${tenant}/signature/${keyIdOf(spki)}/${sha256Hex(canonicalJson([registry.repository, digest]))}`;
  let kept = await worm.get(name);
  if (!kept) {
    const payload = signStatement(registry.repository, digest);
    const made = bundleBytes(spki, payload, await signer.sign(dsseDigest(payload)));
    if (judgeBundle(made, image, spki).length > 0)
      throw new Fault('SignerRefused', 'the key service answered with a signature that its public key does not verify');
    kept = canonicalBytes({
      schema: 'relseal.kept-signature/1',
      created: at,
      bundle: Buffer.from(made).toString('base64'),
    });
    kept = await putFirst(worm, name, kept);
  }
  const { bundle, created } = KeptSignature.parse(JSON.parse(new TextDecoder().decode(kept)));
  const bytes = Buffer.from(bundle, 'base64');
  if (judgeBundle(bytes, image, spki).length > 0)
    throw new Fault('EvidenceMissing', `the signature kept for ${digest} does not verify`);
  return { bundle: bytes, created };
}

/** Stores bytes under a name, or returns what another writer stored there first. */
async function putFirst(worm: WormStore, name: string, bytes: Uint8Array): Promise<Uint8Array> {
  try {
    await worm.put(name, bytes);
    return bytes;
  } catch (error) {
    const first = isFault(error, 'WormConflict') ? await worm.get(name) : undefined;
    if (!first) throw error;
    return first;
  }
}
