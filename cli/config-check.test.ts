import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import * as z from 'zod';
import { Config, TenantConfig } from '../core/config.ts';
import { Fault } from '../core/faults.ts';
import { formatVerifierKey, verifierKeyOf } from '../core/tlog/note.ts';
import { testSshKey } from '../test/fakes/test-ssh-key.ts';
import { configIssues } from './config-check.ts';

const folder = mkdtempSync(join(tmpdir(), 'relseal-config-'));
afterAll(() => rmSync(folder, { recursive: true }));
writeFileSync(join(folder, 'policy.yaml'), 'schema: relseal.policy/1\nname: none\ngates: {}\n');

const [NEW, OLD] = [`sha256:${'1'.repeat(64)}`, `sha256:${'2'.repeat(64)}`];
const signal = { query: 'up', limit: 1, unit: 'ratio', consecutive: 1 };
const staging = {
  name: 'staging',
  repositories: [{ host: 'registry.example.com', name: 'acme/sample' }],
  target: {
    kind: 'local-proxy',
    listen: { port: 0 },
    stable: OLD,
    revisions: [
      { digest: NEW, url: 'http://127.0.0.1:9001' },
      { digest: OLD, url: 'http://127.0.0.1:9002' },
    ],
  },
  metrics: { kind: 'prometheus', url: 'http://prometheus.example.com:9090' },
  signals: [{ ...signal, name: 'errors', weight: 100 }],
};

interface Changes {
  readonly hosts?: readonly string[];
  readonly policy?: string;
  readonly modules?: object;
  readonly repository?: object;
  readonly missing?: readonly string[];
  readonly environments?: readonly object[];
  readonly kind?: 'production' | 'test';
  readonly pseudonymKey?: string;
  readonly witnessPolicy?: string;
  readonly metaLog?: object;
}

async function problemsOf({
  environments = [staging],
  kind = 'test',
  pseudonymKey,
  witnessPolicy,
  metaLog,
  hosts = [],
  policy = 'policy.yaml',
  modules = { proxy: 'off', checksumDatabase: 'sum.golang.org' },
  repository = {},
  missing = [],
}: Changes) {
  const config = Config.parse({
    schema: 'relseal.config/1',
    environment: { kind },
    ...(metaLog === undefined ? {} : { metaLog }),
    hosts: ['prometheus.example.com:9090', ...hosts].map((host) => ({ host })),
    tenants: [
      {
        id: 'acme',
        origin: 'ledger.example.com/acme',
        policy,
        ...(pseudonymKey === undefined ? {} : { pseudonymKey }),
        ...(witnessPolicy === undefined ? {} : { witnessPolicy }),
        modules,
        sources: [
          {
            provider: 'ecr',
            instance: '111122223333',
            repositories: [
              {
                name: 'acme/sample',
                registry: { kind: 'https', url: 'http://prometheus.example.com:9090' },
                ...repository,
              },
            ],
          },
        ],
        environments,
      },
    ],
  });
  const issues = await configIssues(config, folder, {
    values: async (reference) => {
      if (missing.includes(reference))
        throw new Fault('ConfigurationInvalid', `secret ${reference} is empty or not set`);
      return ['value'];
    },
  });
  return issues.map(({ path, message }) => `${path.map(String).join('.').replace('tenants.0.', '')}: ${message}`);
}

const withKey = { pseudonymKey: 'env:PSEUDONYMS' };

describe('the environments of a configuration', () => {
  it('are accepted when everything they name is there', async () => {
    expect(await problemsOf(withKey)).toEqual([]);
  });

  it('need a pseudonym key for approvals, and none without', async () => {
    const [problem, ...others] = await problemsOf({});
    expect(problem).toMatch(/^environments\.0\.approvals: needs the pseudonymKey/);
    expect(others).toEqual([]);
    expect(await problemsOf({ environments: [{ ...staging, approvals: 0 }] })).toEqual([]);
  });

  it('have names and signals once each, whose weights add up to 100', async () => {
    const twice = { ...staging, signals: [staging.signals[0], staging.signals[0]] };
    expect(await problemsOf({ ...withKey, environments: [staging, twice] })).toEqual([
      'environments.1.name: the environment staging is used twice',
      'environments.1.signals.1.name: the signal errors is used twice',
      'environments.1.signals: the weights add up to 200, not to 100',
    ]);
  });

  it('have ticks shorter than a minute in test environments only', async () => {
    const fast = [{ ...staging, tickSeconds: 1 }];
    expect(await problemsOf({ ...withKey, environments: fast })).toEqual([]);
    expect(await problemsOf({ ...withKey, kind: 'production', environments: fast })).toEqual([
      'environments.0.tickSeconds: may be shorter than a minute in test environments only',
    ]);
  });

  it('reach listed hosts only, and know what they run', async () => {
    const { target } = staging;
    const lost = {
      ...target,
      stable: `sha256:${'3'.repeat(64)}`,
      revisions: [target.revisions[0], target.revisions[0]],
    };
    const metrics = { kind: 'prometheus', url: 'http://elsewhere.example.com' };
    expect(await problemsOf({ ...withKey, environments: [{ ...staging, target: lost, metrics }] })).toEqual([
      `environments.0.target.revisions.1.digest: the revision ${NEW} is used twice`,
      'environments.0.target.stable: is not among the revisions',
      'environments.0.metrics.url: elsewhere.example.com is not in "hosts", so it is never asked',
    ]);
    const remote = { kind: 'proxy', url: 'http://elsewhere.example.com/targets/a', token: 'env:TOKEN' };
    expect(await problemsOf({ ...withKey, environments: [{ ...staging, target: remote }] })).toEqual([
      'environments.0.target.url: elsewhere.example.com is not in "hosts", so it is never asked',
    ]);
  });
});

describe('the witnesses of a tenant', () => {
  const key = formatVerifierKey(verifierKeyOf('witness.example/w', new Uint8Array(32).fill(3), 'ed25519-cosignature'));
  const witness = (url: string) => `witness w ${key} ${url}\nquorum w\n`;

  it('are asked at listed hosts', async () => {
    const witnessPolicy = witness('https://w.example.com/submit');
    expect(await problemsOf({ ...withKey, witnessPolicy, hosts: ['w.example.com'] })).toEqual([]);
    const local = { witnessPolicy: witness('http://127.0.0.1:9009'), hosts: ['127.0.0.1:9009'] };
    expect(await problemsOf({ ...withKey, ...local })).toEqual([]);
    expect(await problemsOf({ ...withKey, witnessPolicy })).toEqual([
      'witnessPolicy: w.example.com is not in "hosts", so it is never asked',
    ]);
  });

  it.each([
    ['quorum w', 'line 1, column 8: w is not defined above'],
    [`witness w ${key} https://w.example.com`, 'line 2, column 1: the quorum is missing: quorum NAME|none'],
    ['quorum none', 'it names 0 witnesses, not 1 to 32'],
    [`witness w ${key}\nquorum w`, 'witness w has no URL that it is asked at: witness NAME VKEY URL'],
    [witness('ftp://w.example.com'), 'ftp://w.example.com is no https URL that ends in a path'],
    [witness('http://w.example.com'), 'http://w.example.com is no https URL that ends in a path'],
    [witness('https://w.example.com/?a'), 'https://w.example.com/?a is no https URL that ends in a path'],
    [witness('https://u:p@w.example.com'), 'the URL of witness w holds credentials, and witnesses take none'],
    [`log ${key}\n${witness('https://w.example.com')}`, 'it is the policy of this log alone: leave its log lines out'],
  ])('are refused as %j', async (policy, message) => {
    expect(await problemsOf({ ...withKey, witnessPolicy: policy })).toEqual([`witnessPolicy: ${message}`]);
  });
});

describe('the log of logs', () => {
  it('has an origin of its own, and asks witnesses at listed hosts', async () => {
    expect(await problemsOf({ ...withKey, metaLog: { origin: 'ledger.example.com/all' } })).toEqual([]);
    const witness = verifierKeyOf('witness.example/w', new Uint8Array(32).fill(3), 'ed25519-cosignature');
    const witnessPolicy = `witness w ${formatVerifierKey(witness)} https://w.example.com\nquorum w\n`;
    expect(await problemsOf({ ...withKey, metaLog: { origin: 'ledger.example.com/acme', witnessPolicy } })).toEqual([
      'metaLog.origin: the origin ledger.example.com/acme is used twice',
      'metaLog.witnessPolicy: w.example.com is not in "hosts", so it is never asked',
    ]);
  });

  it('has a name that no tenant has', () => {
    const named = TenantConfig.shape.id.safeParse('meta-log');
    expect(named.error?.issues.map(({ message }) => message)).toEqual(['meta-log is the log of logs, and no tenant']);
  });
});

describe('the policy of a tenant', () => {
  const publisher = {
    ...{ modules: ['example.com'], kind: 'ssh', keys: [`ana ${testSshKey().line}`] },
    url: 'https://sig.example.com:8443/{path}/@v/{version}.sig',
  };
  const written = (publishers: readonly object[]) => {
    const modules = { 'publisher-signature': { publishers } };
    const policy = JSON.stringify({ schema: 'relseal.policy/1', name: 'a', gates: {}, modules });
    writeFileSync(join(folder, 'publishers.yaml'), policy);
    return { ...withKey, policy: 'publishers.yaml' };
  };

  it('has the signatures of publishers at listed hosts, by keys that can be read', async () => {
    expect(await problemsOf({ ...written([publisher]), hosts: ['sig.example.com:8443'] })).toEqual([]);
    expect(await problemsOf({ ...written([publisher]), hosts: ['sig.example.com'] })).toEqual([
      'policy: sig.example.com:8443 is not in "hosts", so it is never asked',
    ]);
    const [problem] = await problemsOf(written([{ ...publisher, keys: ['ana'] }]));
    expect(problem).toMatch(/^policy: policy: .*keys\[0\]/s);
  });
});

describe('the modules and repositories of a configuration', () => {
  const text = readFileSync(new URL('../docs/modules.md', import.meta.url), 'utf8');
  const { modules } = z.object({ modules: z.looseObject({}) }).parse(parse(/```yaml\n(.*?)```/s.exec(text)?.[1] ?? ''));
  const hosts = [
    ...['proxy.golang.org', 'sum.golang.org'],
    ...['modules', 'login', 'a', 'b', 'c', 'd', 'e'].map((name) => `${name}.example.com`),
  ];

  it('are accepted as the documentation has them, where every host is listed', async () => {
    expect(await problemsOf({ ...withKey, modules, hosts })).toEqual([]);
    const unlisted = await problemsOf({ ...withKey, modules });
    expect(unlisted).toHaveLength(11);
    expect(unlisted).toContain('modules.privateProxy: modules.example.com is not in "hosts", so it is never asked');
    expect(unlisted).toContain('modules.checksumWitness: sum.golang.org is not in "hosts", so it is never asked');
    expect(unlisted.every((problem) => /is not in "hosts"/.test(problem))).toBe(true);
  });

  it('are told of every secret that is not there, where it is named', async () => {
    const missing = [
      'env:USER_NAME',
      'file:secrets/key',
      'file:secrets/client',
      'file:secrets/git',
      'file:secrets/status',
      'file:secrets/reviews',
    ];
    const repository = {
      fetch: { kind: 'git-https', url: 'https://a.example.com/acme/sample.git', password: 'file:secrets/git' },
      status: { kind: 'gitea', url: 'https://a.example.com/api/v1', token: 'file:secrets/status' },
      reviews: { kind: 'gitea', url: 'https://a.example.com/api/v1', token: 'file:secrets/reviews' },
    };
    const found = await problemsOf({ ...withKey, modules, hosts, repository, missing });
    expect(found.map((problem) => problem.split(':')[0])).toEqual([
      'sources.0.repositories.0.fetch.password',
      'sources.0.repositories.0.status.token',
      'sources.0.repositories.0.reviews.token',
      'modules.credentials.0.username',
      'modules.credentials.3.key',
      'modules.credentials.4.proof.secret',
    ]);
  });
});
