import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { parsePolicy } from '../../core/gate/read-policy.ts';
import { formatVerifierKey, verifierKeyOf } from '../../core/tlog/note.ts';
import { ConfigurationRefused, configurationOf } from '../../infra/configuration.ts';
import { testSshKey } from '../fakes/test-ssh-key.ts';
import { documentWith, linesOf, resourcesOf, synthesised } from './synthesised.ts';

const production = documentWith({ environment: { kind: 'production' } });
const trial = synthesised(documentWith({}));
const real = synthesised(production, '3650');

const only = <T>(values: readonly T[]): T => {
  const [first] = values;
  if (first === undefined || values.length !== 1) throw new Error(`expected one, found ${values.length}`);
  return first;
};
const wormBucket = (of: typeof trial) =>
  only(resourcesOf(of.state, 'AWS::S3::Bucket').filter(([id]) => id.startsWith('WormBucket')));
const bucketPolicy = (of: typeof trial, bucket: string) =>
  linesOf(
    only(resourcesOf(of.state, 'AWS::S3::BucketPolicy').filter(([id]) => id.startsWith(bucket)))[1].Properties
      .PolicyDocument,
  );

describe('retention', () => {
  it('is a day that the teardown role may shorten in a trial', () => {
    expect(wormBucket(trial)[1].Properties).toMatchObject({
      ObjectLockEnabled: true,
      ObjectLockConfiguration: { Rule: { DefaultRetention: { Mode: 'GOVERNANCE', Days: 1 } } },
      VersioningConfiguration: { Status: 'Enabled' },
    });
  });

  it('is what was understood, for nobody to shorten, in production', () => {
    expect(wormBucket(real)[1].Properties).toMatchObject({
      ObjectLockConfiguration: { Rule: { DefaultRetention: { Mode: 'COMPLIANCE', Days: 3650 } } },
    });
  });

  const withRetention = (retention: object) => ({
    ...Object(production),
    environment: { kind: 'production', retention },
  });

  it('is shorter for a class that says so, and what its functions are told', () => {
    const { services } = synthesised(withRetention({ evidence: 400 }), '3650');
    const Told = z.looseObject({ Variables: z.looseObject({ WORM_EVIDENCE_DAYS: z.string().optional() }) });
    const told = resourcesOf(services, 'AWS::Lambda::Function').flatMap(
      ([, { Properties }]) => Told.parse(Properties.Environment).Variables.WORM_EVIDENCE_DAYS ?? [],
    );
    expect(new Set(told)).toEqual(new Set(['400']));
  });

  it.each([
    [{ evidence: 3651 }, /retention\.evidence: nothing is kept longer than the log/],
    [{ signature: 3651 }, /retention\.signature: nothing is kept longer than the log/],
    [{ evidence: 0 }, /evidence/],
    [{ ledger: 1 }, /ledger/],
  ])('refuses %j for some class', (retention, message) => {
    expect(() => synthesised(withRetention(retention), '3650')).toThrow(message);
  });

  it.each([undefined, '', 'yes', '0', '-1', '1.5'])('refuses production when it was told %j', (told) => {
    expect(() => synthesised(production, told)).toThrow(/iUnderstandRetention/);
  });
});

describe('the configuration', () => {
  it('is refused with every problem at once when functions could not have what it names', () => {
    const [tenant] = Object(documentWith({})).tenants;
    const source = {
      provider: 'gitea',
      instance: 'git.example.com',
      secrets: ['file:secrets/gitea'],
      repositories: [
        { name: 'acme/a', fetch: { kind: 'git', path: 'a.git' } },
        { name: 'acme/b', registry: { kind: 'oci-layout', path: 'b' } },
      ],
    };
    const document = documentWith({ tenants: [{ ...tenant, sources: [source] }] });
    expect(() => synthesised(document)).toThrow(/file:secrets\/gitea.*\n.*git folders.*\n.*layout folders/);
  });

  it('is refused when a function could not read a secret of its, or would need a person', () => {
    const [tenant] = Object(documentWith({})).tenants;
    const repository = {
      name: 'acme/a',
      fetch: { kind: 'git-https', url: 'https://git.example.com/acme/a.git', password: 'env:GIT_PASSWORD' },
      status: { kind: 'gitea', url: 'https://git.example.com', token: 'file:secrets/status' },
      reviews: { kind: 'gitea', url: 'https://api.example.com', token: 'env:REVIEWS' },
    };
    const server = 'https://login.example.com';
    const credentials = [
      { kind: 'bearer', host: 'a.example.com', token: 'env:PROXY_TOKEN' },
      {
        ...{ kind: 'login', host: 'b.example.com', clientId: 'relseal' },
        ...{ authorizationUrl: `${server}/authorize`, tokenUrl: `${server}/token` },
      },
    ];
    const witness = verifierKeyOf('witness.example/w', new Uint8Array(32).fill(3), 'ed25519-cosignature');
    const metaLog = { origin: 'ledger.example.com/all', witnessPolicy: 'quorum w' };
    const changed = {
      ...tenant,
      witnessPolicy: `witness w ${formatVerifierKey(witness)} https://w.example.com/\nquorum w\n`,
      modules: {
        ...tenant.modules,
        ...{ credentials, checksumWitness: 'https://sum.example.com/', privateProxy: 'https://private.example.com' },
      },
      sources: [{ ...tenant.sources[0], repositories: [repository] }],
    };
    const lines = [
      ...['env:GIT_PASSWORD', 'env:PROXY_TOKEN', 'file:secrets/status', 'env:REVIEWS'].map(
        (reference) => `${reference}: a function reads secrets from Secrets Manager only; name an ARN`,
      ),
      'acme: acme/a: git.example.com is not in hosts, so it is never asked',
      'acme: acme/a: api.example.com is not in hosts, so it is never asked',
      'acme: modules.credentials.0.host: a.example.com is not in hosts, so it is never asked',
      'acme: modules.credentials.1.host: b.example.com is not in hosts, so it is never asked',
      'acme: modules.credentials.1.tokenUrl: login.example.com is not in hosts, so it is never asked',
      'acme: modules.checksumWitness: sum.example.com is not in hosts, so it is never asked',
      'acme: modules.privateProxy: private.example.com is not in hosts, so it is never asked',
      'acme: witnessPolicy: w.example.com is not in hosts, so it is never asked',
      'meta-log: witnessPolicy: line 1, column 8: w is not defined above',
      'acme: b.example.com: nobody can log in to a function; use client-credentials',
    ];
    expect(() => synthesised(documentWith({ tenants: [changed], metaLog }))).toThrow(new ConfigurationRefused(lines));
  });

  it('is refused when it leads promotions where functions cannot go, or judges them more often than they can', () => {
    const [tenant] = Object(documentWith({})).tenants;
    const [environment] = tenant.environments;
    const { pseudonymKey: _key, ...without } = tenant;
    const local = { kind: 'local-proxy', listen: { port: 0 }, revisions: [] };
    const elsewhere = { ...environment.target, url: 'https://elsewhere.example.com/targets/a', token: 'env:TOKEN' };
    const environments = [
      { ...environment, name: 'first', target: local, tickSeconds: 1 },
      { ...environment, name: 'second', target: elsewhere, tickSeconds: 1, heartbeatSeconds: 180 },
    ];
    const lines = [
      'env:TOKEN: a function reads secrets from Secrets Manager only; name an ARN',
      'acme: first: a function has no proxy of its own; use proxy',
      'acme: first: without a pseudonymKey nobody can be told from who asked; approvals need one',
      'acme: first: stages are judged once a minute; heartbeatSeconds must be 180 or more',
      'acme: second: elsewhere.example.com is not in hosts, so it is never asked',
      'acme: second: without a pseudonymKey nobody can be told from who asked; approvals need one',
    ];
    expect(() => synthesised(documentWith({ tenants: [{ ...without, environments }] }))).toThrow(
      new ConfigurationRefused(lines),
    );
  });
});

describe('the policy of a tenant', () => {
  const deployed = (policy: string) => JSON.parse(configurationOf(documentWith({}), () => policy).document).policies;

  it('is deployed as JSON that says the same', () => {
    const text = readFileSync(new URL('../../demo/policy.yaml', import.meta.url), 'utf8');
    expect(JSON.parse(deployed(text).acme)).toEqual(parsePolicy(text));
  });

  it('may be without content, which refuses every release', () => {
    expect(deployed('# nothing yet\n')).toEqual({ acme: 'null' });
  });

  const head = 'schema: relseal.policy/1\nname: a\ngates: {}\n';
  const publisher = {
    ...{ modules: ['example.com'], kind: 'ssh', keys: [`ana ${testSshKey().line}`] },
    url: 'https://sig.example.com/{path}/{version}',
  };
  // Quotes that JSON needs and YAML does not.
  const floors = Array.from({ length: 9900 }, () => '{path: a,minimum: v1.0.0}').join(',');
  it.each([
    ['that is no policy', 'schema: relseal.policy/1\n', /^acme: policy.yaml: policy: .*name/s],
    ['with an alias', `${head.replace(': a', ': &n a')}other: *n\n`, /^acme: policy.yaml: policy: aliases/],
    [
      'whose publishers have their signatures at a host that is not listed',
      `${head}modules: {publisher-signature: {publishers: [${JSON.stringify(publisher)}]}}\n`,
      /^acme: policy.yaml: sig.example.com is not in hosts/,
    ],
    [
      'that is too long once it is JSON',
      `${head}modules: {below-floor: {modules: [${floors}]}}\n`,
      /^acme: policy.yaml: the policy is longer than/,
    ],
  ])('is refused %s before anything is deployed', { timeout: 60_000 }, (_what, policy, said) => {
    const refusal = { name: 'ConfigurationRefused', message: expect.stringMatching(said) };
    expect(() => deployed(policy)).toThrow(expect.objectContaining(refusal));
  });
});

describe('the locked bucket', () => {
  it('uses keys of S3, is closed to the public and to plain HTTP', () => {
    expect(wormBucket(real)[1].Properties).toMatchObject({
      BucketEncryption: {
        ServerSideEncryptionConfiguration: [{ ServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } }],
      },
      PublicAccessBlockConfiguration: { BlockPublicAcls: true, RestrictPublicBuckets: true },
    });
    expect(bucketPolicy(real, 'WormBucket')).toContainEqual(
      expect.objectContaining({ effect: 'Deny', condition: { Bool: { 'aws:SecureTransport': 'false' } } }),
    );
  });

  it('denies deletion and, in production, every change of its settings, to all but the break-glass role', () => {
    const exceptBreakGlass = {
      ArnNotEquals: { 'aws:PrincipalArn': { 'Fn::GetAtt': [expect.stringMatching(/^BreakGlassRole/), 'Arn'] } },
    };
    const deletion = expect.objectContaining({
      effect: 'Deny',
      principal: { AWS: '*' },
      actions: ['s3:DeleteObject', 's3:DeleteObjectVersion'],
      condition: exceptBreakGlass,
    });
    const settings = expect.objectContaining({
      effect: 'Deny',
      principal: { AWS: '*' },
      actions: [
        's3:PutLifecycleConfiguration',
        's3:PutBucketPolicy',
        's3:DeleteBucketPolicy',
        's3:PutBucketVersioning',
        's3:PutReplicationConfiguration',
      ],
      condition: exceptBreakGlass,
    });
    for (const of of [trial, real]) expect(bucketPolicy(of, 'WormBucket')).toContainEqual(deletion);
    expect(bucketPolicy(real, 'WormBucket')).toContainEqual(settings);
    // A trial's policy must go with its stack.
    expect(bucketPolicy(trial, 'WormBucket')).not.toContainEqual(settings);
  });

  it('denies retention beyond what was meant, and a second object under a name', () => {
    expect(bucketPolicy(real, 'WormBucket')).toEqual(
      expect.arrayContaining([
        expect.objectContaining({
          effect: 'Deny',
          actions: ['s3:PutObject', 's3:PutObjectRetention'],
          condition: { NumericGreaterThan: { 's3:object-lock-remaining-retention-days': '3651' } },
        }),
        expect.objectContaining({
          effect: 'Deny',
          actions: ['s3:PutObject'],
          condition: { Null: { 's3:if-none-match': 'true' }, Bool: { 's3:ObjectCreationOperation': 'true' } },
        }),
      ]),
    );
  });
});

describe('what may be erased', () => {
  it('lies in a bucket that is never locked and empties itself after 90 days', () => {
    const [, bucket] = only(
      resourcesOf(real.state, 'AWS::S3::Bucket').filter(([id]) => id.startsWith('ErasableBucket')),
    );
    expect(bucket.Properties).not.toHaveProperty('ObjectLockEnabled');
    expect(bucket.Properties).toMatchObject({
      LifecycleConfiguration: { Rules: [{ ExpirationInDays: 90, Status: 'Enabled' }] },
    });
    expect(bucketPolicy(real, 'ErasableBucket')).toContainEqual(
      expect.objectContaining({ effect: 'Deny', actions: ['s3:PutObjectRetention', 's3:PutObjectLegalHold'] }),
    );
  });

  it.each(['ErasableKeys', 'Persons'])('has its keys in a table without backup, stream or index: %s', (name) => {
    const [, table] = only(resourcesOf(real.state, 'AWS::DynamoDB::Table').filter(([id]) => id.startsWith(name)));
    for (const copy of ['PointInTimeRecoverySpecification', 'StreamSpecification', 'GlobalSecondaryIndexes'])
      expect(table.Properties).not.toHaveProperty(copy);
  });
});

describe('what was fetched', () => {
  it('lies in a bucket of its own that is never locked and forgets it after 30 days', () => {
    const [, bucket] = only(resourcesOf(real.state, 'AWS::S3::Bucket').filter(([id]) => id.startsWith('CacheBucket')));
    expect(bucket.Properties).not.toHaveProperty('ObjectLockEnabled');
    expect(bucket.Properties).toMatchObject({
      LifecycleConfiguration: { Rules: [{ ExpirationInDays: 30, Status: 'Enabled' }] },
      PublicAccessBlockConfiguration: { BlockPublicAcls: true, RestrictPublicBuckets: true },
    });
    expect(bucketPolicy(real, 'CacheBucket')).toContainEqual(
      expect.objectContaining({ effect: 'Deny', condition: { Bool: { 'aws:SecureTransport': 'false' } } }),
    );
  });
});

describe('each key', () => {
  const keys = resourcesOf(real.state, 'AWS::KMS::Key');

  it('is of its own kind: P-256 for the artifacts of each tenant, Ed25519 for checkpoints', () => {
    expect(keys.map(([, { Properties }]) => Properties.KeySpec)).toEqual(['ECC_NIST_P256', 'ECC_NIST_EDWARDS25519']);
    for (const [, { Properties }] of keys) expect(Properties.KeyUsage).toBe('SIGN_VERIFY');
  });

  it.each([
    ['ECC_NIST_P256', /^SignArtifactRole/, 'ECDSA_SHA_256', 'DIGEST'],
    ['ECC_NIST_EDWARDS25519', /^PublishCheckpointRole/, 'ED25519_SHA_512', 'RAW'],
  ])('of %s signs for one role, in one way, and administrators cannot', (spec, role, algorithm, message) => {
    const [, key] = only(keys.filter(([, { Properties }]) => Properties.KeySpec === spec));
    const lines = linesOf(key.Properties.KeyPolicy);
    const roleArn = { 'Fn::GetAtt': [expect.stringMatching(role), 'Arn'] };
    expect(lines.filter(({ effect, actions }) => effect === 'Allow' && actions.includes('kms:Sign'))).toEqual([
      expect.objectContaining({
        actions: ['kms:Sign'],
        principal: { AWS: roleArn },
        condition: { StringEquals: { 'kms:SigningAlgorithm': algorithm, 'kms:MessageType': message } },
      }),
    ]);
    const denied = (condition: unknown) =>
      expect.objectContaining({ effect: 'Deny', actions: ['kms:Sign'], principal: { AWS: '*' }, condition });
    expect(lines).toContainEqual(denied({ ArnNotEquals: { 'aws:PrincipalArn': roleArn } }));
    expect(lines).toContainEqual(denied({ StringNotEquals: { 'kms:SigningAlgorithm': algorithm } }));
    expect(lines).toContainEqual(denied({ StringNotEquals: { 'kms:MessageType': message } }));
    expect(lines).toContainEqual(expect.objectContaining({ effect: 'Deny', actions: ['kms:CreateGrant'] }));
    for (const action of lines.flatMap(({ actions }) => actions)) expect(action).not.toContain('*');
  });
});

describe('what is kept', () => {
  const kept = (of: typeof trial) =>
    ['AWS::DynamoDB::Table', 'AWS::S3::Bucket', 'AWS::KMS::Key'].flatMap((type) =>
      resourcesOf(of.state, type).map(([, resource]) => resource.DeletionPolicy),
    );

  it('stays in production when the stack goes, and the stack does not go by mistake', () => {
    expect(new Set(kept(real))).toEqual(new Set(['Retain']));
    expect(real.stacks.state.terminationProtection).toBe(true);
    for (const [, { Properties }] of resourcesOf(real.state, 'AWS::DynamoDB::Table'))
      expect(Properties.DeletionProtectionEnabled).toBe(true);
  });

  it('goes with a trial, both stacks of it', () => {
    expect(new Set(kept(trial))).toEqual(new Set(['Delete']));
    expect(trial.stacks.state.terminationProtection).toBe(false);
    const retained = Object.values(trial.services.toJSON().Resources).filter(
      (resource) => Object(resource).DeletionPolicy === 'Retain',
    );
    // Versions outlive the deployments after them, and are deleted with what they are versions of.
    for (const resource of retained) expect(Object(resource).Type).toMatch(/Version$/);
  });
});
