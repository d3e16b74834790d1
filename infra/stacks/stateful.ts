import { Duration, type RemovalPolicy, Stack, type StackProps } from 'aws-cdk-lib';
import { AttributeType, BillingMode, StreamViewType, Table, TableEncryption } from 'aws-cdk-lib/aws-dynamodb';
import { AccountRootPrincipal, AnyPrincipal, Effect, PolicyStatement, Role } from 'aws-cdk-lib/aws-iam';
import { type Key, KeySpec } from 'aws-cdk-lib/aws-kms';
import {
  BlockPublicAccess,
  Bucket,
  BucketEncryption,
  type IBucket,
  ObjectLockMode,
  ObjectLockRetention,
  ObjectOwnership,
} from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import type { Configuration } from '../configuration.ts';
import { acknowledge } from '../constructs/acknowledge.ts';
import { functionRole, lifetimeOf } from '../constructs/relseal-function.ts';
import { signingKey } from '../constructs/signing-key.ts';
import { acknowledgeWholeBucket } from '../constructs/wildcards.ts';
import { wormPolicy } from '../constructs/worm-policy.ts';

/** Index of the lists (`adapters/aws/items.ts`). */
export const LISTS_INDEX = 'lists';
const ERASABLE_DAYS = 90;
/** Long enough for the releases of a month to share what they fetch. */
const CACHE_DAYS = 30;

export interface StatefulProps extends StackProps {
  readonly configuration: Configuration;
}

/** All that must outlive a deployment: tables, buckets, keys, and the roles that keys name. Construct ids never change. */
export class StatefulStack extends Stack {
  readonly ledger: Table;
  readonly deliveries: Table;
  readonly claims: Table;
  /** Waits for task tokens, and locks of targets. */
  readonly waits: Table;
  readonly tagTable: Table;
  readonly views: Table;
  readonly heads: Table;
  readonly erasableKeys: Table;
  readonly persons: Table;
  readonly worm: Bucket;
  readonly erasable: Bucket;
  /** Never the record: what is read from it is proved again. */
  readonly cache: Bucket;
  readonly artifactKeys: ReadonlyMap<string, Key>;
  readonly noteKey: Key;
  readonly signArtifactRole: Role;
  readonly publishCheckpointRole: Role;
  readonly #production: boolean;
  readonly #removalPolicy: RemovalPolicy;

  constructor(scope: Construct, id: string, { configuration, ...props }: StatefulProps) {
    super(scope, id, { ...props, terminationProtection: configuration.production });
    this.#production = configuration.production;
    this.#removalPolicy = lifetimeOf(configuration.production).removalPolicy;

    this.ledger = this.#table('LedgerTable', { stream: StreamViewType.KEYS_ONLY });
    this.deliveries = this.#table('DeliveriesTable', { stream: StreamViewType.NEW_IMAGE, lists: true });
    this.claims = this.#table('ClaimsTable', { lists: true });
    this.waits = this.#table('WaitsTable', {});
    this.tagTable = this.#table('TagsTable', {});
    this.views = this.#table('ViewsTable', {});
    this.heads = this.#table('HeadsTable', {});
    this.erasableKeys = this.#erasableKeyTable();
    this.persons = this.#personsTable();

    const accessLogs = this.#accessLogs();
    this.worm = this.#wormBucket(accessLogs, configuration.retention);
    this.erasable = this.#erasableBucket(accessLogs);
    this.cache = this.#bucket('CacheBucket', {
      lifecycleRules: [{ expiration: Duration.days(CACHE_DAYS) }],
      serverAccessLogsBucket: accessLogs,
      serverAccessLogsPrefix: 'cache/',
    });

    this.signArtifactRole = functionRole(this, 'SignArtifactRole');
    this.publishCheckpointRole = functionRole(this, 'PublishCheckpointRole');
    const keyOf = (keyId: string, spec: KeySpec, role: Role, description: string) =>
      signingKey(this, keyId, { spec, role, description, removalPolicy: this.#removalPolicy });
    this.artifactKeys = new Map(
      configuration.config.tenants.map(({ id: tenant }) => [
        tenant,
        keyOf(`ArtifactKey-${tenant}`, KeySpec.ECC_NIST_P256, this.signArtifactRole, `Relseal: artifacts of ${tenant}`),
      ]),
    );
    this.noteKey = keyOf('NoteKey', KeySpec.ECC_NIST_EDWARDS25519, this.publishCheckpointRole, 'Relseal: checkpoints');
  }

  #table(id: string, { stream, lists = false }: { stream?: StreamViewType; lists?: boolean }): Table {
    const table = new Table(this, id, {
      partitionKey: { name: 'pk', type: AttributeType.STRING },
      sortKey: { name: 'sk', type: AttributeType.STRING },
      billingMode: BillingMode.PAY_PER_REQUEST,
      encryption: TableEncryption.AWS_MANAGED,
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      deletionProtection: this.#production,
      removalPolicy: this.#removalPolicy,
      ...(stream ? { stream } : {}),
    });
    if (lists)
      table.addGlobalSecondaryIndex({
        indexName: LISTS_INDEX,
        partitionKey: { name: 'gpk', type: AttributeType.STRING },
        sortKey: { name: 'gsk', type: AttributeType.STRING },
      });
    return table;
  }

  /** Erasing a key must erase it everywhere: no backup, no stream, no export. Its loss is accepted. */
  #erasableKeyTable(): Table {
    const table = new Table(this, 'ErasableKeysTable', {
      partitionKey: { name: 'name', type: AttributeType.STRING },
      billingMode: BillingMode.PAY_PER_REQUEST,
      encryption: TableEncryption.AWS_MANAGED,
      deletionProtection: this.#production,
      removalPolicy: this.#removalPolicy,
    });
    acknowledge(table, 'AwsSolutions-DDB3', 'A backup would keep keys of what was erased.');
    return table;
  }

  /** The same for what makes pseudonyms, and for who is mentioned where. */
  #personsTable(): Table {
    const table = new Table(this, 'PersonsTable', {
      partitionKey: { name: 'pk', type: AttributeType.STRING },
      sortKey: { name: 'sk', type: AttributeType.STRING },
      billingMode: BillingMode.PAY_PER_REQUEST,
      encryption: TableEncryption.AWS_MANAGED,
      deletionProtection: this.#production,
      removalPolicy: this.#removalPolicy,
    });
    acknowledge(table, 'AwsSolutions-DDB3', 'A backup would keep keys of people who were erased.');
    return table;
  }

  #bucket(id: string, more: ConstructorParameters<typeof Bucket>[2]): Bucket {
    return new Bucket(this, id, {
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      encryption: BucketEncryption.S3_MANAGED,
      enforceSSL: true,
      objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
      removalPolicy: this.#removalPolicy,
      ...more,
    });
  }

  /** The library's interface and class differ by an optional property's `undefined` alone. */
  #accessLogs(): IBucket {
    const bucket = this.#bucket('AccessLogBucket', { lifecycleRules: [{ expiration: Duration.days(ERASABLE_DAYS) }] });
    acknowledge(bucket, 'AwsSolutions-S1', 'It holds the access logs of the other buckets.');
    return bucket as IBucket;
  }

  /** SSE-S3: a customer key scheduled for deletion would destroy a locked ledger. */
  #wormBucket(serverAccessLogsBucket: IBucket, { mode, days }: Configuration['retention']): Bucket {
    const bucket = this.#bucket('WormBucket', {
      versioned: true,
      objectLockEnabled: true,
      objectLockDefaultRetention:
        mode === 'COMPLIANCE'
          ? ObjectLockRetention.compliance(Duration.days(days))
          : ObjectLockRetention.governance(Duration.days(days)),
      serverAccessLogsBucket,
      serverAccessLogsPrefix: 'worm/',
    });
    const breakGlass = this.#breakGlassRole(bucket, mode === 'GOVERNANCE' ? ObjectLockMode.GOVERNANCE : undefined);
    for (const statement of wormPolicy(bucket, breakGlass, { days, production: this.#production }))
      bucket.addToResourcePolicy(statement);
    return bucket;
  }

  /** Who may take a trial's bucket down; in production it changes the bucket's settings, and no object. */
  #breakGlassRole(bucket: Bucket, governance: ObjectLockMode | undefined): Role {
    const role = new Role(this, 'BreakGlassRole', {
      assumedBy: new AccountRootPrincipal().withConditions({ Bool: { 'aws:MultiFactorAuthPresent': 'true' } }),
      description: 'Relseal: the one role that the locked bucket lets change its settings',
      maxSessionDuration: Duration.hours(1),
    });
    role.addToPolicy(
      new PolicyStatement({
        actions: [
          's3:ListBucket',
          's3:ListBucketVersions',
          's3:PutBucketPolicy',
          's3:DeleteBucketPolicy',
          's3:PutLifecycleConfiguration',
          's3:PutBucketVersioning',
          's3:PutReplicationConfiguration',
        ],
        resources: [bucket.bucketArn],
      }),
    );
    if (governance)
      role.addToPolicy(
        new PolicyStatement({
          actions: ['s3:DeleteObject', 's3:DeleteObjectVersion', 's3:BypassGovernanceRetention'],
          resources: [bucket.arnForObjects('*')],
        }),
      );
    acknowledgeWholeBucket(this, bucket, 'Taking a trial down means every object of its bucket.');
    return role;
  }

  #erasableBucket(serverAccessLogsBucket: IBucket): Bucket {
    const bucket = this.#bucket('ErasableBucket', {
      lifecycleRules: [{ expiration: Duration.days(ERASABLE_DAYS) }],
      serverAccessLogsBucket,
      serverAccessLogsPrefix: 'erasable/',
    });
    bucket.addToResourcePolicy(
      new PolicyStatement({
        sid: 'NeverLocked',
        effect: Effect.DENY,
        principals: [new AnyPrincipal()],
        actions: ['s3:PutObjectRetention', 's3:PutObjectLegalHold'],
        resources: [bucket.arnForObjects('*')],
      }),
    );
    return bucket;
  }
}
