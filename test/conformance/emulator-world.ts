import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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
import { type Emulator, startEmulator } from './emulator.ts';
import { deployStack } from './emulator-deploy.ts';

/** A whole deployment on the emulator, with the demo's inputs behind it on loopback. */

export const TENANT = 'acme';
export const REGISTRY_HOST = 'registry.example.com';
export const SECRETS = {
  github: 'a github secret',
  gitea: 'a gitea secret',
  registry: 'Bearer a-registry-secret',
  pseudonyms: 'a key of pseudonyms',
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

/** The sample as a module zip: on AWS a source is read through a proxy, never from a folder. */
async function serveSample(inputs: DemoInputs): Promise<void> {
  const commit = inputs.commits[SAMPLE.tags.good];
  const files = (await gitFolderSource(inputs.repository).files(commit, SAMPLE.tags.good)) ?? [];
  const folder = join(inputs.proxy, SAMPLE.module, '@v');
  mkdirSync(folder, { recursive: true });
  const named = files.map(({ path, bytes }) => [`${SAMPLE.module}@${SAMPLE.tags.good}/${path}`, bytes] as const);
  writeFileSync(join(folder, `${SAMPLE.tags.good}.zip`), zipSync(Object.fromEntries(named)));
  writeFileSync(
    join(folder, `${SAMPLE.tags.good}.mod`),
    files.find(({ path }) => path === 'go.mod')?.bytes ?? new Uint8Array(),
  );
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
}

export function documentOf({ inputs, upstream, secrets, registry }: Behind) {
  const [database = ''] = inputs.verifierKey.split('+');
  const loopback = [new URL(upstream).host, ...(registry ? [registry] : [])];
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
          source('distribution', REGISTRY_HOST, secrets.registry, {
            name: IMAGES.good.repository,
            registry: { kind: 'https', url: `http://${registry ?? '127.0.0.1:1'}` },
            source: { host: SAMPLE.host, name: SAMPLE.repository },
          }),
        ],
      },
    ],
  };
}

/** Bundles, synthesises and deploys both stacks; answers what their logical ids became. */
async function deploy(emulator: Emulator, folder: string, behind: Behind) {
  const policy = readFileSync(new URL('demo/policy.yaml', root), 'utf8');
  const configuration = configurationOf(documentOf(behind), () => policy);
  const bundles = new Map(
    bundleFunctions(join(folder, 'functions'), configuration.document).map((bundle) => [bundle.name, bundle.folder]),
  );
  const outdir = join(folder, 'cdk.out');
  const app = new App({ outdir, context: { ...FEATURES, '@aws-cdk/core:validateAgainstDefaultRules': false } });
  const { state } = relsealStacks(app, {
    configuration,
    codeOf: (name) => Code.fromAsset(bundles.get(name) ?? ''),
  });
  const idOf = (resource: { readonly node: { readonly defaultChild?: unknown } }) => {
    const { defaultChild } = resource.node;
    return state.getLogicalId(Object(defaultChild));
  };
  const names = {
    ledger: idOf(state.ledger),
    deliveries: idOf(state.deliveries),
    claims: idOf(state.claims),
    worm: idOf(state.worm),
    noteKey: idOf(state.noteKey),
    artifactKey: [...state.artifactKeys.values()].map(idOf)[0] ?? '',
  };
  app.synth();
  const deployed = await deployStack(emulator, outdir, 'RelsealState');
  const { outputs } = await deployStack(emulator, outdir, 'RelsealServices');
  const physical = (id: string) => deployed.resources[id] ?? '';
  return { api: outputs.HookUrl ?? '', names, physical, retention: configuration.retention };
}

/** Starts everything; `registry` is where images are pulled from and signatures pushed to. */
export async function startEmulatorWorld(program: string, registry: string | undefined) {
  const folder = mkdtempSync(join(tmpdir(), 'relseal-world-'));
  const inputs = copyDemoInputs(new URL('demo/fixtures', root).pathname, join(folder, 'inputs'));
  await serveSample(inputs);
  const upstream = await startUpstream(inputs.proxy);
  const emulator = await startEmulator(program);
  const stop = async () => {
    await emulator.stop();
    await upstream.close();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const behind = { inputs, upstream: upstream.url, secrets: await secretArns(emulator), registry };
    const { api, names, physical, retention } = await deploy(emulator, folder, behind);
    const dynamo = new DynamoDBClient(emulator.client);
    const s3 = new S3Client({ ...emulator.client, forcePathStyle: true });
    const worm = s3WormStore({ client: s3, bucketName: physical(names.worm), retention, now: Date.now });
    const table = (name: 'ledger' | 'deliveries' | 'claims') => ({ client: dynamo, tableName: physical(names[name]) });
    return {
      emulator,
      api,
      inputs,
      upstream: upstream.url,
      s3,
      kms: new KMSClient(emulator.client),
      keys: { note: physical(names.noteKey), artifact: physical(names.artifactKey) },
      wormBucket: physical(names.worm),
      stores: {
        worm,
        ledger: dynamoLedgerStore({ ...table('ledger'), worm }),
        deliveries: dynamoDeliveryStore(table('deliveries')),
        claims: dynamoClaimStore(table('claims')),
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

export type EmulatorWorld = Awaited<ReturnType<typeof startEmulatorWorld>>;
