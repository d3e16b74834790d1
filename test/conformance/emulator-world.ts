import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { KMSClient } from '@aws-sdk/client-kms';
import { S3Client } from '@aws-sdk/client-s3';
import { CreateSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { App } from 'aws-cdk-lib';
import { Code } from 'aws-cdk-lib/aws-lambda';
import { zipSync } from 'fflate';
import { dynamoClaimStore } from '../../adapters/aws/dynamo-claim-store.ts';
import { dynamoDeliveryStore } from '../../adapters/aws/dynamo-delivery-store.ts';
import { dynamoLedgerStore } from '../../adapters/aws/dynamo-ledger-store.ts';
import { dynamoWaitStore } from '../../adapters/aws/dynamo-wait-store.ts';
import { s3WormStore } from '../../adapters/aws/s3-worm-store.ts';
import { gitFolderSource } from '../../adapters/embedded/git-folder-source.ts';
import { OciLayoutRegistry } from '../../adapters/embedded/oci-layout-registry.ts';
import type { Registry } from '../../core/ports/registry.ts';
import { copyDemoInputs, type DemoInputs, IMAGES, SAMPLE, STAND_IN } from '../../demo/inputs.ts';
import { startUpstream } from '../../demo/upstream.ts';
import { OciDigest } from '../../events/fields.ts';
import { bundleFunctions } from '../../infra/bundle.ts';
import { configurationOf } from '../../infra/configuration.ts';
import { FEATURES, relsealStacks } from '../../infra/stacks.ts';
import { functionIdOf } from '../../statemachines/catalog.ts';
import { type Emulator, startEmulator } from './emulator.ts';
import { CODE, type LoopbackCode, startCode } from './emulator-code.ts';
import { deployStack } from './emulator-deploy.ts';
import { type LoopbackRollout, startRollout } from './loopback-rollout.ts';

/** A whole deployment on the emulator, with the demo's inputs behind it on loopback. */

export const TENANT = 'acme';
export const REGISTRY_HOST = 'registry.example.com';
export const SECRETS = {
  github: 'a github secret',
  gitea: 'a gitea secret',
  registry: 'Bearer a-registry-secret',
  pseudonyms: 'a key of pseudonyms',
  rollout: 'a token of rollout proxies',
  status: 'a token of commit statuses',
};
const root = new URL('../../', import.meta.url);

async function secretArns({ client }: Emulator): Promise<Readonly<Record<string, string>>> {
  const secrets = new SecretsManagerClient(client);
  const arns: Record<string, string> = {};
  for (const [name, SecretString] of Object.entries(SECRETS)) {
    const { ARN } = await secrets.send(new CreateSecretCommand({ Name: `relseal/${name}`, SecretString }));
    if (ARN === undefined) throw new Error('a secret without ARN');
    arns[name] = ARN;
  }
  return arns;
}

/** A tag of the sample as a module zip: on AWS a source is read through a proxy, never from a folder. */
async function serveSample(inputs: DemoInputs, tag: 'v1.0.0' | 'v1.0.3'): Promise<void> {
  const files = (await gitFolderSource(inputs.repository).files(inputs.commits[tag], tag)) ?? [];
  const folder = join(inputs.proxy, SAMPLE.module, '@v');
  mkdirSync(folder, { recursive: true });
  const named = files.map(({ path, bytes }) => [`${SAMPLE.module}@${tag}/${path}`, bytes] as const);
  writeFileSync(join(folder, `${tag}.zip`), zipSync(Object.fromEntries(named)));
  writeFileSync(join(folder, `${tag}.mod`), files.find(({ path }) => path === 'go.mod')?.bytes ?? new Uint8Array());
}

/** Copies the good image from its layout folder into a registry. */
export async function pushGoodImage(inputs: DemoInputs, registry: Registry): Promise<void> {
  const layout = new OciLayoutRegistry(join(inputs.root, IMAGES.good.folder), IMAGES.good.repository);
  const manifest = await layout.manifest(inputs.images.good.digest);
  if (!manifest) throw new Error('the good image has no manifest');
  for (const [text] of Buffer.from(manifest.bytes)
    .toString()
    .matchAll(/sha256:[0-9a-f]{64}/g)) {
    const digest = OciDigest.parse(text);
    const chunks: Uint8Array[] = [];
    for await (const chunk of (await layout.blob(digest)) ?? []) chunks.push(chunk);
    await registry.pushBlob(digest, Buffer.concat(chunks));
  }
  await registry.pushManifest(IMAGES.tag, manifest.mediaType, manifest.bytes);
}

interface Behind {
  readonly inputs: DemoInputs;
  readonly upstream: string;
  /** References of the secrets: ARNs on AWS, files on one machine. */
  readonly secrets: Readonly<Record<string, string>>;
  /** `host:port` of the registry on loopback, where there is one. */
  readonly registry: string | undefined;
  readonly rollout: Pick<LoopbackRollout, 'url' | 'metrics'>;
  readonly code: Pick<LoopbackCode, 'url' | 'api'>;
}

/** Environments of the tenant, each with a target of its own behind the same proxies. */
export const ENVIRONMENTS = {
  approved: { name: 'production', approvals: 1 },
  failing: { name: 'canary', approvals: 0 },
  crashing: { name: 'staging', approvals: 0 },
  open: { name: 'preview', approvals: 1 },
  late: { name: 'nightly', approvals: 0 },
  retried: { name: 'testing', approvals: 0 },
  stopped: { name: 'sandbox', approvals: 0 },
} as const;

/** Two stages of two ticks, a second each; two ticks of errors are a breach. */
const environmentOf = ({ rollout, secrets }: Behind, { name, approvals }: { name: string; approvals: number }) => ({
  name,
  approvals,
  repositories: [{ host: REGISTRY_HOST, name: IMAGES.good.repository }],
  target: { kind: 'proxy', url: `${rollout.url}/targets/${name}`, token: secrets.rollout },
  metrics: { kind: 'prometheus', url: rollout.metrics, lagSeconds: 0 },
  signals: [{ name: 'errors', query: `errors_${name}`, limit: 0.02, unit: 'ratio', consecutive: 2, weight: 100 }],
  stages: [
    { weight: 10, ticks: 2 },
    { weight: 100, ticks: 2 },
  ],
  tickSeconds: 1,
  heartbeatSeconds: 180,
});

export function documentOf(behind: Behind) {
  const { inputs, upstream, secrets, registry, rollout, code } = behind;
  const [database = ''] = inputs.verifierKey.split('+');
  const urls = [upstream, rollout.url, rollout.metrics, code.url, code.api];
  const loopback = [...urls.map((url) => new URL(url).host), ...(registry ? [registry] : [])];
  const source = (provider: string, instance: string, secret: string | undefined, repository: object) => ({
    provider,
    instance,
    secrets: [secret],
    repositories: [repository],
  });
  const proxied = (name: string, module: string) => ({ name, fetch: { kind: 'module-proxy', module } });
  return {
    schema: 'relseal.config/1',
    environment: { kind: 'test' },
    hosts: [...loopback.map((host) => ({ host, private: true })), { host: database }],
    tenants: [
      {
        id: TENANT,
        origin: `ledger.example.com/${TENANT}`,
        policy: 'policy.yaml',
        pseudonymKey: secrets.pseudonyms,
        // The sample is nobody's but ours: its own hash is in no public database.
        modules: { proxy: upstream, checksumDatabase: inputs.verifierKey, private: [SAMPLE.module] },
        sources: [
          source('github', 'github.com', secrets.github, proxied(STAND_IN.repository, STAND_IN.module)),
          source('gitea', SAMPLE.host, secrets.gitea, proxied(SAMPLE.repository, SAMPLE.module)),
          source('gitea', CODE.host, secrets.gitea, {
            name: CODE.repository,
            fetch: { kind: 'git-https', url: code.url },
            status: { kind: 'gitea', url: code.api, token: secrets.status },
          }),
          source('distribution', REGISTRY_HOST, secrets.registry, {
            name: IMAGES.good.repository,
            registry: { kind: 'https', url: `http://${registry ?? '127.0.0.1:1'}` },
            source: { host: SAMPLE.host, name: SAMPLE.repository },
          }),
        ],
        environments: Object.values(ENVIRONMENTS).map((environment) => environmentOf(behind, environment)),
      },
    ],
  };
}

/** What a deployment is made of: its configuration and the bundle of each function. */
interface Deployment {
  readonly configuration: ReturnType<typeof configurationOf>;
  readonly bundles: ReadonlyMap<string, string>;
}

function bundled(folder: string, behind: Behind): Deployment {
  const policy = readFileSync(new URL('demo/policy.yaml', root), 'utf8');
  const configuration = configurationOf(documentOf(behind), () => policy);
  const bundles = bundleFunctions(join(folder, 'functions'), configuration.document);
  const folders = new Map(bundles.map((bundle) => [bundle.name, bundle.folder]));
  makeMortal(folders.get('shift-traffic') ?? '', behind.rollout.metrics);
  return { configuration, bundles: folders };
}

/** The same code of a function, but for a process that ends, or an answer that is lost, when its fate says so. */
function makeMortal(folder: string, fates: string): void {
  renameSync(join(folder, 'index.mjs'), join(folder, 'step.mjs'));
  writeFileSync(
    join(folder, 'index.mjs'),
    `import { handler as step } from './step.mjs';
export const handler = async (...given) => {
  const fate = await (await fetch('${fates}/fate')).text();
  if (fate === 'before') process.exit(1);
  const answer = await step(...given);
  if (fate === 'after') process.exit(1);
  if (fate === 'lost') throw Object.assign(new Error('made to fail'), { name: 'StoreUnavailable' });
  return answer;
};
`,
  );
}

function synthesise(outdir: string, { configuration, bundles }: Deployment) {
  const app = new App({ outdir, context: { ...FEATURES, '@aws-cdk/core:validateAgainstDefaultRules': false } });
  const { state } = relsealStacks(app, {
    configuration,
    codeOf: (name) => Code.fromAsset(bundles.get(name) ?? ''),
  });
  app.synth();
  return state;
}

/** A folder with the code of a function that only fails, by a name of its own. */
function failingCode(folder: string, name: string): string {
  mkdirSync(folder, { recursive: true });
  const thrown = `Object.assign(new Error('made to fail'), { name: ${JSON.stringify(name)} })`;
  writeFileSync(join(folder, 'index.mjs'), `export const handler = async () => {\n  throw ${thrown};\n};\n`);
  return folder;
}

/** Synthesises and deploys both stacks; answers what their logical ids became. */
async function deploy(emulator: Emulator, folder: string, deployment: Deployment) {
  const outdir = join(folder, 'cdk.out');
  const state = synthesise(outdir, deployment);
  const idOf = (resource: { readonly node: { readonly defaultChild?: unknown } }) => {
    const { defaultChild } = resource.node;
    return state.getLogicalId(Object(defaultChild));
  };
  const names = {
    ledger: idOf(state.ledger),
    deliveries: idOf(state.deliveries),
    claims: idOf(state.claims),
    waits: idOf(state.waits),
    worm: idOf(state.worm),
    noteKey: idOf(state.noteKey),
    artifactKey: [...state.artifactKeys.values()].map(idOf)[0] ?? '',
  };
  const deployed = await deployStack(emulator, outdir, 'RelsealState');
  const { outputs, resources } = await deployStack(emulator, outdir, 'RelsealServices');
  const physical = (id: string) => deployed.resources[id] ?? '';
  /** The one resource of the services whose logical id is this and a hash, by the name it has in the account. */
  const serviceNamed = (logicalId: string): string => {
    const id = new RegExp(`^${logicalId}[0-9A-F]{8}$`);
    const [, found] = Object.entries(resources).find(([each]) => id.test(each)) ?? [];
    if (found === undefined) throw new Error(`no resource ${logicalId}`);
    return found;
  };
  const functionNamed = (name: string) => serviceNamed(`${functionIdOf(name)}Lambda`);
  /** Deploys the services again, with other code for one function: code that fails by this name. */
  const deployFailing = async (name: string, error: string): Promise<void> => {
    const bundles = new Map(deployment.bundles).set(name, failingCode(join(folder, 'failing', error), error));
    const next = join(folder, `cdk.out-${error}`);
    synthesise(next, { ...deployment, bundles });
    await deployStack(emulator, next, 'RelsealServices');
  };
  const { retention } = deployment.configuration;
  return { api: outputs.HookUrl ?? '', names, physical, retention, serviceNamed, functionNamed, deployFailing };
}

/** Starts everything; `registry` is where images are pulled from and signatures pushed to. */
export async function startEmulatorWorld(program: string, registry: string | undefined) {
  const folder = mkdtempSync(join(tmpdir(), 'relseal-world-'));
  const inputs = copyDemoInputs(new URL('demo/fixtures', root).pathname, join(folder, 'inputs'));
  for (const tag of [SAMPLE.tags.good, SAMPLE.tags.killed]) await serveSample(inputs, tag);
  const upstream = await startUpstream(inputs.proxy);
  const names = Object.values(ENVIRONMENTS).map(({ name }) => name);
  const rollout = await startRollout(SECRETS.rollout, names, inputs.images.good.digest);
  const code = await startCode(inputs, SECRETS.status);
  const emulator = await startEmulator(program);
  const stop = async () => {
    await emulator.stop();
    await code.stop();
    await rollout.stop();
    await upstream.close();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const behind = { inputs, upstream: upstream.url, secrets: await secretArns(emulator), registry, rollout, code };
    const deployed = await deploy(emulator, folder, bundled(folder, behind));
    const { api, names: ids, physical, retention, serviceNamed, functionNamed, deployFailing } = deployed;
    const dynamo = new DynamoDBClient(emulator.client);
    const s3 = new S3Client({ ...emulator.client, forcePathStyle: true });
    const worm = s3WormStore({ client: s3, bucketName: physical(ids.worm), retention, now: Date.now });
    const table = (name: 'ledger' | 'deliveries' | 'claims' | 'waits') => ({
      client: dynamo,
      tableName: physical(ids[name]),
    });
    return {
      emulator,
      api,
      inputs,
      upstream: upstream.url,
      s3,
      kms: new KMSClient(emulator.client),
      rollout,
      code,
      serviceNamed,
      functionNamed,
      deployFailing,
      claimsTable: physical(ids.claims),
      keys: { note: physical(ids.noteKey), artifact: physical(ids.artifactKey) },
      wormBucket: physical(ids.worm),
      stores: {
        worm,
        ledger: dynamoLedgerStore({ ...table('ledger'), worm }),
        deliveries: dynamoDeliveryStore(table('deliveries')),
        claims: dynamoClaimStore(table('claims')),
        waits: dynamoWaitStore(table('waits')),
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

export type EmulatorWorld = Awaited<ReturnType<typeof startEmulatorWorld>>;
