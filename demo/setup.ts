import { randomBytes } from 'node:crypto';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { type DemoInputs, IMAGES, SAMPLE, STAND_IN } from './inputs.ts';

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

const imageRepository = ({ repository, folder }: { repository: string; folder: string }, root: string) => ({
  name: repository,
  registry: { kind: 'oci-layout', path: join(root, folder) },
  source: { host: SAMPLE.host, name: SAMPLE.repository },
});

function configOf(setup: Omit<DemoSetup, 'environment'>, upstream: string) {
  const { inputs, released } = setup;
  const hosts = [...hostsOf(upstream, inputs.verifierKey), ...hostsOf(released.proxy, released.checksumDatabase)];
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
        modules: { proxy: upstream, checksumDatabase: inputs.verifierKey },
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
      },
      {
        ...tenant,
        id: PUBLIC_TENANT,
        origin: `ledger.example.com/${PUBLIC_TENANT}`,
        modules: { proxy: released.proxy, checksumDatabase: released.checksumDatabase },
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
  writeFileSync(join(data, 'relseal.yaml'), stringify(configOf(setup, options.upstream)));
  return { ...setup, environment: { ...options.environment, RELSEAL_KEY_PASSPHRASE_FILE: passphraseFile } };
}
