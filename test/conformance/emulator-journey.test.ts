import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { GetObjectRetentionCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { kmsNoteSigner } from '../../adapters/aws/kms-note-signer.ts';
import { kmsSigner } from '../../adapters/aws/kms-signer.ts';
import { readLogResource } from '../../core/ledger/read.ts';
import { verifyLog } from '../../core/ledger/verify.ts';
import { findSignature } from '../../core/signing/verify.ts';
import { verifierKeyOf } from '../../core/tlog/note.ts';
import { claimOf, entriesOfRun, post as postTo, until } from '../../demo/cases.ts';
import { distributionPush, giteaPush, githubPush, type SignedDelivery } from '../../demo/deliveries.ts';
import { IMAGES, SAMPLE, STAND_IN } from '../../demo/inputs.ts';
import { TenantId } from '../../events/fields.ts';
import { contentOf } from '../journeys/same-content.ts';
import { type EmbeddedTwin, startEmbeddedTwin } from './embedded-twin.ts';
import { callApi, emulatorProgram } from './emulator.ts';
import { CODE, giteaChange } from './emulator-code.ts';
import { describePromotions } from './emulator-promotions.ts';
import {
  type EmulatorWorld,
  pushGoodImage,
  REGISTRY_HOST,
  SECRETS,
  startEmulatorWorld,
  TENANT,
} from './emulator-world.ts';
import { judge, type LoopbackRegistry, startRegistry } from './loopback-registry.ts';

const program = emulatorProgram();
const crane = judge('crane');
const git = spawnSync('git', ['--version']).status === 0 || Boolean(process.env.RELSEAL_REQUIRE);
const tenant = TenantId.parse(TENANT);
const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const PATIENCE_MS = 60_000;

describe.skipIf(!program)('a deployment on the AWS emulator', () => {
  let world: EmulatorWorld;
  let registry: LoopbackRegistry | undefined;
  beforeAll(async () => {
    registry = crane ? await startRegistry('crane', crane) : undefined;
    world = await startEmulatorWorld(program ?? '', registry?.host);
  }, 300_000);
  let twin: EmbeddedTwin | undefined;
  const startTwin = async (policy: string) => {
    twin = await startEmbeddedTwin(world, registry?.host, policy);
    return twin;
  };
  afterAll(async () => {
    await twin?.stop();
    await world?.stop();
    await registry?.stop();
  });

  /** What was accepted, in its order: sent again to the other engine at the end. */
  const sent: SignedDelivery[] = [];
  const post = async (delivery: SignedDelivery) => {
    const { path, headers, body } = delivery;
    const answer = await callApi(world.emulator, world.api, path, { method: 'POST', headers: { ...headers }, body });
    if (answer.status === 202) sent.push(delivery);
    return answer;
  };
  const ended = (delivery: SignedDelivery) =>
    until(
      'outcome',
      async () => {
        const claim = await claimOf(world.stores, TENANT, delivery);
        return claim && claim.status !== 'running' ? claim : undefined;
      },
      PATIENCE_MS,
    );
  const tagPush = (secret: string) =>
    githubPush({
      repository: STAND_IN.repository,
      ref: `refs/tags/${STAND_IN.tag}`,
      commit: STAND_IN.commit,
      secret,
    });
  const claims = () => world.stores.claims.list(tenant, { limit: 1000 });
  const kindsOf = async (run: string) =>
    (await entriesOfRun(world.stores, TENANT, run)).map(({ entry }) => `${entry.kind} ${entry.outcome}`);

  const released = () => tagPush(SECRETS.github);
  let first: SignedDelivery;

  it('takes a signed webhook to a verdict on the ledger', async () => {
    first = released();
    const answer = await post(first);
    expect(answer.status, answer.body.toString()).toBe(202);
    expect(JSON.parse(answer.body.toString())).toMatchObject({ outcome: 'accepted' });
    const claim = await ended(first);
    expect(claim).toMatchObject({ status: 'passed', machine: 'source-release' });
    expect(await kindsOf(claim.runName)).toEqual([
      'release.claimed info',
      'check pass',
      'check pass',
      'check pass',
      'check pass',
      'check pass',
      'check pass',
      'verdict pass',
    ]);
  });

  it('answers a wrong signature with 401 and a redelivery as a duplicate, and starts nothing', async () => {
    const before = await claims();
    expect((await post(tagPush('another secret'))).status).toBe(401);
    const again = await post(first);
    expect(again.status).toBe(202);
    expect(JSON.parse(again.body.toString())).toMatchObject({ outcome: 'duplicate' });
    // The same tag under a new id is the same work.
    const renamed = released();
    expect((await post(renamed)).status).toBe(202);
    await ended(renamed);
    expect(await claims()).toEqual(before);
  });

  it('publishes a checkpoint that the key service signs, and the whole log verifies by it', async () => {
    const { stores, kms, keys } = world;
    const { size } = await until(
      'checkpoint',
      async () => {
        const [head, published] = [await stores.ledger.head(tenant), await stores.ledger.published(tenant)];
        return published && published.size === head.size ? published : undefined;
      },
      PATIENCE_MS,
    );
    const publicKey = await kmsNoteSigner({ client: kms, keyId: keys.note }).publicKey();
    const key = verifierKeyOf(`ledger.example.com/${TENANT}`, publicKey);
    const fromStores = await verifyLog(async (path) => (await readLogResource(stores, tenant, path))?.bytes, key);
    expect(fromStores).toMatchObject({ size, entries: size, problems: [] });
    const overHttp = await verifyLog(async (path) => {
      const answer = await callApi(world.emulator, world.api, `/ledger/${TENANT}/${path}`);
      return answer.status === 200 ? new Uint8Array(answer.body) : undefined;
    }, key);
    // The log may have grown since: deliveries that started nothing are published when they are done.
    expect(overHttp.problems).toEqual([]);
    expect(overHttp.size).toBeGreaterThanOrEqual(size);
  });

  it('keeps every segment under Object Lock', async () => {
    const { stores, s3, wormBucket } = world;
    const segments: string[] = [];
    for await (const name of stores.worm.list(`t/${TENANT}/seg/`)) segments.push(name);
    expect(segments.length).toBeGreaterThan(0);
    for (const Key of segments) {
      const { Retention } = await s3.send(new GetObjectRetentionCommand({ Bucket: wormBucket, Key }));
      expect(Retention?.Mode).toBe('GOVERNANCE');
      expect(Retention?.RetainUntilDate?.getTime()).toBeGreaterThan(Date.now() + 23 * 3_600_000);
    }
  });

  it.runIf(crane)('signs an image of a release with the tenant’s key, and a stranger verifies it', async () => {
    const { inputs, kms, keys } = world;
    const { digest, size } = inputs.images.good;
    const loopback = registry?.client(IMAGES.good.repository);
    if (!loopback) throw new Error('no registry');
    await pushGoodImage(inputs, loopback);
    const source = giteaPush(
      {
        repository: SAMPLE.repository,
        ref: `refs/tags/${SAMPLE.tags.good}`,
        commit: inputs.commits[SAMPLE.tags.good],
        secret: SECRETS.gitea,
      },
      SAMPLE.host,
    );
    expect((await post(source)).status).toBe(202);
    expect(await ended(source)).toMatchObject({ status: 'passed' });
    const image = distributionPush(
      {
        repository: IMAGES.good.repository,
        tag: IMAGES.tag,
        digest,
        mediaType: MANIFEST,
        size,
        secret: SECRETS.registry,
      },
      REGISTRY_HOST,
    );
    expect((await post(image)).status).toBe(202);
    const claim = await ended(image);
    expect(await kindsOf(claim.runName)).toContain('signature info');
    expect(claim).toMatchObject({ status: 'passed', machine: 'image-release' });
    const spki = await kmsSigner({ client: kms, keyId: keys.artifact }).publicKey();
    const named = { repository: `${REGISTRY_HOST}/${IMAGES.good.repository}`, digest, annotation: 'required' as const };
    expect(await findSignature(loopback, named, spki)).toMatchObject({ kind: 'valid' });
  });

  it.runIf(git)('judges a change before it is merged, and tells its host', async () => {
    const { inputs, code } = world;
    const commit = inputs.commits[SAMPLE.tags.killed];
    const change = giteaChange(commit, SECRETS.gitea);
    expect((await post(change)).status).toBe(202);
    const claim = await ended(change);
    expect(await kindsOf(claim.runName)).toEqual([
      'release.claimed info',
      'check pass',
      'check pass',
      'check pass',
      'check pass',
      'verdict pass',
    ]);
    expect(claim).toMatchObject({ status: 'passed', machine: 'change-check' });
    expect(code.told).toEqual([
      [commit, 'pending', 'relseal/change', 'The checks are under way.'],
      [commit, 'success', 'relseal/change', '4 checks passed.'],
    ]);
  });

  it.runIf(git)('reads the tag of a release by git, and tells its host', async () => {
    const { inputs, code } = world;
    const tag = SAMPLE.tags.replayed;
    const commit = inputs.commits[tag];
    const { repository } = CODE;
    const pushed = giteaPush({ repository, ref: `refs/tags/${tag}`, commit, secret: SECRETS.gitea }, CODE.host);
    expect((await post(pushed)).status).toBe(202);
    expect(await ended(pushed)).toMatchObject({ status: 'passed', machine: 'source-release' });
    expect(code.told.slice(-2)).toEqual([
      [commit, 'pending', 'relseal/source', 'The checks are under way.'],
      [commit, 'success', 'relseal/source', '6 checks passed.'],
    ]);
  });

  it.runIf(crane)('has the same ledger content as the embedded engine has for the same deliveries', async () => {
    const policy = readFileSync(new URL('../../demo/policy.yaml', import.meta.url), 'utf8');
    const told = [...world.code.told];
    const { url, stores } = await startTwin(policy);
    for (const delivery of sent) {
      expect(await postTo(url, delivery)).toMatchObject({ status: 202 });
      await until('outcome', async () => {
        const claim = await claimOf(stores, TENANT, delivery);
        return claim && claim.status !== 'running' ? claim : undefined;
      });
    }
    const embedded = await contentOf(stores.ledger, tenant);
    expect(embedded.length).toBeGreaterThan(15);
    expect(await contentOf(world.stores.ledger, tenant)).toEqual(embedded);
    expect(world.code.told.slice(told.length)).toEqual(told);
  });

  describe.runIf(crane)('promotions', () =>
    describePromotions(
      () => world,
      () => twin,
    ),
  );
});
