import { createHash, randomBytes } from 'node:crypto';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { ownPrefixes } from '../core/sumdb/privacy.ts';
import { type DemoInputs, IMAGES, SAMPLE, STAND_IN } from './inputs.ts';
import { type Behaviour, type LiveService, QUERIES } from './live-service.ts';

/** The tenant whose own modules, repository and registry the demo has in hand. */
export const OWN_TENANT = 'acme';
/** The tenant that judges a public module. */
export const PUBLIC_TENANT = 'public';
export const REGISTRY_HOST = 'registry.example.com';

/** The module that is released in the first case, and where its proof comes from. */
export interface PublicModule {
  readonly repository: string;
  readonly module: string;
  readonly tag: string;
  readonly commit: string;
  readonly proxy: string;
  readonly checksumDatabase: string;
}

export interface DemoSetup {
  readonly data: string;
  readonly inputs: DemoInputs;
  readonly environment: NodeJS.ProcessEnv;
  readonly secrets: Readonly<Record<'github' | 'gitea' | 'registry' | 'pseudonyms', string>>;
  readonly passphrase: string;
  readonly released: PublicModule;
}

export const standIn = (inputs: Pick<DemoInputs, 'verifierKey'>, upstream: string): PublicModule => ({
  repository: STAND_IN.repository,
  module: STAND_IN.module,
  tag: STAND_IN.tag,
  commit: STAND_IN.commit,
  proxy: upstream,
  checksumDatabase: inputs.verifierKey,
});

/** Hosts of a GOPROXY list and of the database it may lead to. */
const hostsOf = (proxy: string, database: string) => [
  ...proxy
    .split(/[,|]/)
    .filter((entry) => /^https?:/.test(entry))
    // Named by whoever runs the demo in the go command's own settings, so it may lie in a private network.
    .map((entry) => ({ host: new URL(entry).host, private: true })),
  { host: database.split('+')[0] ?? database, private: false },
];

interface DemoEnvironment {
  readonly name: string;
  readonly behaviour: Behaviour;
  readonly approvals: number;
  readonly heartbeatSeconds: number;
}
/** Environments of our own tenant, one for each way a promotion may go; `approvals` only where a case gives one. */
export const ENVIRONMENTS = {
  healthy: { name: 'production', behaviour: 'healthy', approvals: 1, heartbeatSeconds: 30 },
  failing: { name: 'canary', behaviour: 'failing', approvals: 0, heartbeatSeconds: 30 },
  vanishing: { name: 'preview', behaviour: 'vanishing', approvals: 0, heartbeatSeconds: 30 },
  unwatched: { name: 'nightly', behaviour: 'healthy', approvals: 0, heartbeatSeconds: 5 },
} as const satisfies Readonly<Record<string, DemoEnvironment>>;

/** What every environment ran before the first promotion: no image of the demo. */
export const RUNNING_BEFORE = `sha256:${createHash('sha256').update('the release before').digest('hex')}`;

/** Where the proxy of an environment listens, and the service behind it. */
export interface DemoTargets {
  readonly service: Pick<LiveService, 'revision' | 'metrics'>;
  readonly ports: Readonly<Record<string, number>>;
}

function environmentOf(
  { name, approvals, heartbeatSeconds }: DemoEnvironment,
  digest: string,
  { service, ports }: DemoTargets,
) {
  const events = { query: QUERIES.events(name), atLeast: 5 };
  return {
    name,
    repositories: [{ host: REGISTRY_HOST, name: IMAGES.good.repository }],
    target: {
      kind: 'local-proxy',
      listen: { host: '127.0.0.1', port: ports[name] },
      stable: RUNNING_BEFORE,
      revisions: [
        { digest: RUNNING_BEFORE, url: service.revision(name, 'old') },
        { digest, url: service.revision(name, 'new') },
      ],
    },
    metrics: { kind: 'prometheus', url: service.metrics, lagSeconds: 0 },
    signals: [
      { name: 'errors', query: QUERIES.errors(name), limit: 0.03, unit: 'ratio', consecutive: 3, weight: 60, events },
      {
        name: 'latency',
        query: QUERIES.latency(name),
        limit: 1800,
        unit: 'milliseconds',
        consecutive: 2,
        weight: 40,
        events,
      },
    ],
    stages: [
      { weight: 50, ticks: 5 },
      { weight: 100, ticks: 2 },
    ],
    approvals,
    tickSeconds: 1,
    heartbeatSeconds,
  };
}

const imageRepository = ({ repository, folder }: { repository: string; folder: string }, root: string) => ({
  name: repository,
  registry: { kind: 'oci-layout', path: join(root, folder) },
  source: { host: SAMPLE.host, name: SAMPLE.repository },
});

function configOf(setup: Omit<DemoSetup, 'environment'>, upstream: string, targets: DemoTargets | undefined) {
  const { inputs, released } = setup;
  const hosts = [
    ...hostsOf(upstream, inputs.verifierKey),
    ...hostsOf(released.proxy, released.checksumDatabase),
    ...(targets ? [{ host: new URL(targets.service.metrics).host, private: true }] : []),
  ];
  const tenant = { policy: 'policy.yaml', pseudonymKey: 'file:secrets/pseudonyms' };
  return {
    schema: 'relseal.config/1',
    environment: { kind: 'test' },
    listen: { host: '127.0.0.1', port: 0 },
    hosts: [...new Map(hosts.map((entry) => [entry.host, entry])).values()],
    tenants: [
      {
        ...tenant,
        id: OWN_TENANT,
        origin: `ledger.example.com/${OWN_TENANT}`,
        // The bundled modules are in the bundled database, as if the organisation had published them.
        modules: { proxy: upstream, checksumDatabase: inputs.verifierKey, public: [SAMPLE.host] },
        sources: [
          {
            provider: 'gitea',
            instance: SAMPLE.host,
            secrets: ['file:secrets/gitea'],
            repositories: [{ name: SAMPLE.repository, fetch: { kind: 'git', path: inputs.repository } }],
          },
          {
            provider: 'distribution',
            instance: REGISTRY_HOST,
            secrets: ['file:secrets/registry'],
            repositories: [IMAGES.good, IMAGES.flipped, IMAGES.rehashed, IMAGES.otherCommit].map((image) =>
              imageRepository(image, inputs.root),
            ),
          },
        ],
        environments: targets
          ? Object.values(ENVIRONMENTS).map((one) => environmentOf(one, inputs.images.good.digest, targets))
          : [],
      },
      {
        ...tenant,
        id: PUBLIC_TENANT,
        origin: `ledger.example.com/${PUBLIC_TENANT}`,
        modules: {
          proxy: released.proxy,
          checksumDatabase: released.checksumDatabase,
          public: ['*', ...ownPrefixes([released.module])],
        },
        sources: [
          {
            provider: 'github',
            instance: 'github.com',
            secrets: ['file:secrets/github'],
            repositories: [{ name: released.repository, fetch: { kind: 'module-proxy', module: released.module } }],
          },
        ],
      },
    ],
  };
}

/** A free port of loopback for the proxy of each environment. */
export async function freePorts(): Promise<Record<string, number>> {
  const ports: Record<string, number> = {};
  const servers = await Promise.all(
    Object.values(ENVIRONMENTS).map(async ({ name }) => {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      ports[name] = (server.address() as AddressInfo).port;
      return server;
    }),
  );
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

const writeSecret = (folder: string, name: string, value: string) =>
  writeFileSync(join(folder, name), `${value}\n`, { mode: 0o600 });

/**
 * Everything the server needs in one folder: a copy of the inputs, secrets and a passphrase made now, configuration and
 * policy. `createKeys` makes the key files, as `relseal init` does.
 */
export async function setUpDemo(options: {
  readonly folder: string;
  readonly packageRoot: string;
  readonly upstream: string;
  readonly inputs: DemoInputs;
  readonly released: PublicModule;
  readonly environment: NodeJS.ProcessEnv;
  readonly createKeys: (data: string, passphrase: string) => Promise<void>;
  /** Without them there are no environments to promote to. */
  readonly targets?: DemoTargets;
  /** A set-up whose secrets, pseudonym key and passphrase are used again; new ones when not given. */
  readonly like?: DemoSetup;
}): Promise<DemoSetup> {
  const data = join(options.folder, 'data');
  const secretsFolder = join(data, 'secrets');
  mkdirSync(secretsFolder, { recursive: true });
  const random = () => randomBytes(24).toString('base64url');
  const secrets = options.like?.secrets ?? {
    github: random(),
    gitea: random(),
    registry: `Bearer ${random()}`,
    pseudonyms: random(),
  };
  for (const [name, value] of Object.entries(secrets)) writeSecret(secretsFolder, name, value);
  const passphrase = options.like?.passphrase ?? random();
  const passphraseFile = join(options.folder, 'passphrase');
  writeFileSync(passphraseFile, passphrase, { mode: 0o600 });
  await options.createKeys(data, passphrase);
  cpSync(join(options.packageRoot, 'demo', 'policy.yaml'), join(data, 'policy.yaml'));
  const setup = { data, inputs: options.inputs, secrets, passphrase, released: options.released };
  const config = configOf(setup, options.upstream, options.targets);
  writeFileSync(join(data, 'relseal.yaml'), stringify(config, { aliasDuplicateObjects: false }));
  return { ...setup, environment: { ...options.environment, RELSEAL_KEY_PASSPHRASE_FILE: passphraseFile } };
}
