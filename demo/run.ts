import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { TenantId } from '../events/fields.ts';
import {
  type CaseResult,
  claimOf,
  type DemoStores,
  entriesOfRun,
  type Posted,
  post,
  rowOf,
  settled,
  until,
} from './cases.ts';
import { distributionPush, giteaPush, githubPush, type SignedDelivery } from './deliveries.ts';
import { IMAGES, SAMPLE } from './inputs.ts';
import { approvalCase, type PromotionContext, promote, promotionRow, watched } from './promotions.ts';
import type { ServerProcess } from './server-process.ts';
import { type DemoSetup, ENVIRONMENTS, OWN_TENANT, PUBLIC_TENANT, REGISTRY_HOST } from './setup.ts';
import type { Upstream } from './upstream.ts';

/** A finished case: what was wanted beside what came. */
export interface JudgedCase extends CaseResult {
  readonly passed: boolean;
}

export interface DemoContext {
  readonly setup: DemoSetup;
  readonly stores: DemoStores;
  readonly upstream: Upstream;
  readonly startServer: () => Promise<ServerProcess>;
  /** What the cases ask of the server and of the commands. */
  readonly operator: Omit<PromotionContext, 'setup' | 'stores'>;
  readonly report: (row: JudgedCase) => void;
  /** Further cases, judged while the last server still runs. */
  readonly beforeEnd: () => Promise<readonly JudgedCase[]>;
}

type Expected = { readonly status: 'passed' | 'refused' | 'failed'; readonly code?: string };

class Demo {
  readonly rows: JudgedCase[] = [];
  readonly context: DemoContext;
  server: ServerProcess;

  constructor(context: DemoContext, server: ServerProcess) {
    this.context = context;
    this.server = server;
  }

  judge(row: CaseResult, code = ''): void {
    this.keep({ ...row, passed: row.found === row.expected && row.code === code });
  }

  keep(row: JudgedCase): void {
    this.rows.push(row);
    this.context.report(row);
  }

  get promotions(): PromotionContext {
    const { setup, stores, operator } = this.context;
    return { setup, stores, ...operator };
  }

  post(delivery: SignedDelivery): Promise<Posted> {
    return post(this.server.url, delivery);
  }

  /** Delivers and judges the run that follows. */
  async run(tenant: string, name: string, delivery: SignedDelivery, expected: Expected): Promise<void> {
    const { status } = await this.post(delivery);
    if (status !== 202) {
      this.judge(
        { name, expected: expected.status, found: `HTTP ${status}`, code: '', index: undefined },
        expected.code,
      );
      return;
    }
    const claim = await settled(this.context.stores, tenant, delivery);
    this.judge(await rowOf(this.context.stores, tenant, claim, name, expected), expected.code);
  }

  tag(tag: keyof DemoSetup['inputs']['commits'], ref = `refs/tags/${tag}`): SignedDelivery {
    const { inputs, secrets } = this.context.setup;
    const commit = inputs.commits[tag];
    return giteaPush({ repository: SAMPLE.repository, ref, commit, secret: secrets.gitea }, SAMPLE.host);
  }

  image(repository: string, digest: string, size: number, tag?: string): SignedDelivery {
    const secret = this.context.setup.secrets.registry;
    const mediaType = 'application/vnd.oci.image.manifest.v1+json';
    return distributionPush(
      { repository, digest, size, mediaType, secret, ...(tag === undefined ? {} : { tag }) },
      REGISTRY_HOST,
    );
  }
}

/** (a) and (b): what passes. */
async function releases(demo: Demo): Promise<void> {
  const { released, secrets, inputs } = demo.context.setup;
  const push = githubPush({
    repository: released.repository,
    ref: `refs/tags/${released.tag}`,
    commit: released.commit,
    secret: secrets.github,
  });
  await demo.run(PUBLIC_TENANT, `tag of ${released.module}@${released.tag}`, push, { status: 'passed' });
  await demo.run(OWN_TENANT, 'tag of our sample service', demo.tag(SAMPLE.tags.good), { status: 'passed' });
  const { digest, size } = inputs.images.good;
  const image = demo.image(IMAGES.good.repository, digest, size, IMAGES.tag);
  await demo.run(OWN_TENANT, 'image of that tag, linked and signed', image, { status: 'passed' });
  await signatureCase(demo, image);
}

/** The signature is on the ledger, and the verification of it after it was pushed. */
async function signatureCase(demo: Demo, image: SignedDelivery): Promise<void> {
  const { stores } = demo.context;
  const claim = await claimOf(stores, OWN_TENANT, image);
  const entries = claim ? await entriesOfRun(stores, OWN_TENANT, claim.runName) : [];
  const signed = entries.find(({ entry }) => entry.kind === 'signature');
  const verified = entries.findLast(({ entry }) => entry.kind === 'check');
  const found = signed && verified && verified.index > signed.index ? verified.entry.outcome : 'no signature';
  const row = { name: 'its signature, fetched back and verified', expected: 'pass', found, code: '' };
  demo.judge({ ...row, index: signed?.index });
}

/** (c): what is refused, each with its code. */
async function refusals(demo: Demo): Promise<void> {
  const { images } = demo.context.setup.inputs;
  const refused = (code: string): Expected => ({ status: 'refused', code });
  const { lineEdited, lineDeleted } = SAMPLE.tags;
  await demo.run(OWN_TENANT, 'a go.sum line edited', demo.tag(lineEdited), refused(SAMPLE.codes.lineEdited));
  await demo.run(OWN_TENANT, 'a needed go.sum line deleted', demo.tag(lineDeleted), refused(SAMPLE.codes.lineDeleted));
  const pushes = [
    ['one layer byte flipped', IMAGES.flipped, images.good],
    ['one build-info hash changed', IMAGES.rehashed, images.rehashed],
    ['build info of another commit', IMAGES.otherCommit, images.otherCommit],
  ] as const;
  for (const [name, { repository, code }, { digest, size }] of pushes)
    await demo.run(OWN_TENANT, name, demo.image(repository, digest, size, IMAGES.tag), refused(code));
  const forged = { ...demo.tag(SAMPLE.tags.good) };
  const headers = { ...forged.headers, 'x-gitea-signature': '0'.repeat(64) };
  const { status } = await demo.post({ ...forged, headers });
  demo.judge({
    name: 'a wrong webhook signature',
    expected: 'HTTP 401',
    found: `HTTP ${status}`,
    code: '',
    index: undefined,
  });
}

/** Deliveries that must start nothing: the claims before and after are the same. */
async function startsNothing(demo: Demo): Promise<void> {
  const { stores, setup } = demo.context;
  const { digest, size } = setup.inputs.images.good;
  const repository = IMAGES.good.repository;
  const claims = () => stores.claims.list(TenantId.parse(OWN_TENANT), { limit: 1000 });
  const first = demo.tag(SAMPLE.tags.good);
  await demo.post(first);
  await until('publication', async () => ((await claimOf(stores, OWN_TENANT, first)) ? true : undefined));
  const cases: readonly (readonly [string, SignedDelivery, string])[] = [
    ['a duplicate delivery', first, 'duplicate'],
    ['a cosign signature push', demo.image(repository, digest, size, `${digest.replace(':', '-')}.sig`), 'accepted'],
    ['a branch push', demo.tag(SAMPLE.tags.good, 'refs/heads/main'), 'ignored'],
  ];
  for (const [name, delivery, outcome] of cases) {
    const before = await claims();
    const answer = await demo.post(delivery);
    await finished(demo, delivery);
    const found = isDeepStrictEqual(await claims(), before) ? answer.outcome : 'a run';
    demo.judge({ name: `${name} starts nothing`, expected: outcome, found, code: '', index: undefined });
  }
}

/** Waits until the publisher is done with a delivery. */
const finished = (demo: Demo, delivery: SignedDelivery) =>
  until('end of the delivery', async () => {
    const [, , provider = '', instance = ''] = delivery.path.split('/');
    const key = `${provider}/${instance}/${delivery.id}`;
    const row = await demo.context.stores.deliveries.get(TenantId.parse(OWN_TENANT), key);
    return row && row.status !== 'received' ? row : undefined;
  });

/** Promotions that go on while other cases are judged. */
async function startPromotions(demo: Demo) {
  const context = demo.promotions;
  const runs = {
    healthy: await promote(context, ENVIRONMENTS.healthy.name, true),
    failing: await promote(context, ENVIRONMENTS.failing.name),
    vanishing: await promote(context, ENVIRONMENTS.vanishing.name),
  };
  demo.judge(await approvalCase(context, runs.healthy.run), 'approval.own-request');
  return runs;
}

/** (e): promoted, or rolled back to what ran before. */
async function endPromotions(demo: Demo, runs: Awaited<ReturnType<typeof startPromotions>>): Promise<void> {
  const cases = [
    [runs.healthy, 'promoted on healthy metrics', { status: 'passed' }],
    [runs.failing, '5xx at 4 %, rolled back', { status: 'refused', code: 'stage.breach' }],
    [runs.vanishing, 'metrics vanished, held, then rolled back', { status: 'refused', code: 'stage.no-data' }],
  ] as const;
  for (const [run, name, expected] of cases)
    demo.judge(await promotionRow(demo.promotions, run, name, expected), 'code' in expected ? expected.code : '');
}

/** (d): killed in the middle and continued, with the judge of a promotion; failed and replayed by command. */
async function crashes(demo: Demo): Promise<void> {
  const { stores, upstream, startServer, operator, setup } = demo.context;
  const promotion = await promote(demo.promotions, ENVIRONMENTS.unwatched.name);
  await watched(demo.promotions, promotion);
  const killed = demo.tag(SAMPLE.tags.killed);
  upstream.setMode('holding', SAMPLE.requirement.version);
  await demo.post(killed);
  await until('request in flight', async () => (upstream.held() > 0 ? true : undefined));
  await demo.server.kill();
  upstream.setMode('serving');
  await delay(ENVIRONMENTS.unwatched.heartbeatSeconds * 1000);
  demo.server = await startServer();
  const name = 'killed in the middle, continued';
  demo.judge(await rowOf(stores, OWN_TENANT, await settled(stores, OWN_TENANT, killed), name, { status: 'passed' }));
  const lost = { status: 'failed', code: 'States.Timeout' };
  const unwatched = 'its judge was killed, rolled back';
  demo.judge(await promotionRow(demo.promotions, promotion, unwatched, lost), lost.code);

  const failing = demo.tag(SAMPLE.tags.replayed);
  // The proxy's own files only: the checksum database behind it stays up.
  upstream.setMode('down', `/@v/${SAMPLE.requirement.version}`);
  await demo.post(failing);
  const failed = await until('failure', async () => {
    const claim = await claimOf(stores, OWN_TENANT, failing);
    return claim?.status === 'failed' ? claim : undefined;
  });
  demo.judge(
    await rowOf(stores, OWN_TENANT, failed, 'its module proxy is down', {
      status: 'failed',
      code: 'ModuleProxyUnreachable',
    }),
    'ModuleProxyUnreachable',
  );
  upstream.setMode('serving');
  const { code, printed } = await operator.relseal('replay', failed.runName, '--data', setup.data);
  if (code !== 0) throw new Error(`relseal replay ended with ${code}: ${printed}`);
  const again = await until('replayed run', async () => {
    const claim = await claimOf(stores, OWN_TENANT, failing);
    return claim && claim.replay + claim.redrives > 0 && claim.status !== 'running' ? claim : undefined;
  });
  demo.judge(await rowOf(stores, OWN_TENANT, again, 'replayed by command', { status: 'passed' }));
}

/** All cases against a running server, which is stopped at the end. */
export async function runDemoCases(context: DemoContext): Promise<readonly JudgedCase[]> {
  const demo = new Demo(context, await context.startServer());
  try {
    await releases(demo);
    const promotions = await startPromotions(demo);
    await refusals(demo);
    await startsNothing(demo);
    await endPromotions(demo, promotions);
    await crashes(demo);
    for (const row of await context.beforeEnd()) demo.keep(row);
  } finally {
    await demo.server.stop();
  }
  return demo.rows;
}
