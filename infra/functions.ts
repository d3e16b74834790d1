import type { Stack } from 'aws-cdk-lib';
import type { EventBus } from 'aws-cdk-lib/aws-events';
import type { PolicyStatement, Role } from 'aws-cdk-lib/aws-iam';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import type { Env as AppendLedgerEnv } from '../functions/append-ledger/env.ts';
import type { Env as ClaimReleaseEnv } from '../functions/claim-release/env.ts';
import type { Env as DecideGateEnv } from '../functions/decide-gate/env.ts';
import type { Env as FetchSourceEnv } from '../functions/fetch-source/env.ts';
import type { Env as InspectBinariesEnv } from '../functions/inspect-binaries/env.ts';
import type { Env as LinkChainEnv } from '../functions/link-chain/env.ts';
import type { Env as MakeImageSbomEnv } from '../functions/make-image-sbom/env.ts';
import type { Env as MakeSourceSbomEnv } from '../functions/make-source-sbom/env.ts';
import type { Env as ProjectEntriesEnv } from '../functions/project-entries/env.ts';
import type { Env as PublishCheckpointEnv } from '../functions/publish-checkpoint/env.ts';
import type { Env as PublishDeliveryEnv } from '../functions/publish-delivery/env.ts';
import type { Env as PublishLogEnv } from '../functions/publish-log/env.ts';
import type { Env as ReadLogEnv } from '../functions/read-log/env.ts';
import type { Env as ReceiveNativeEventEnv } from '../functions/receive-native-event/env.ts';
import type { Env as ReceiveWebhookEnv } from '../functions/receive-webhook/env.ts';
import type { Env as RecordRunOutcomeEnv } from '../functions/record-run-outcome/env.ts';
import type { Env as ResolveImageEnv } from '../functions/resolve-image/env.ts';
import type { Env as SignArtifactEnv } from '../functions/sign-artifact/env.ts';
import type { Env as StartWorkflowEnv } from '../functions/start-workflow/env.ts';
import type { Env as SweepEnv } from '../functions/sweep/env.ts';
import type { Env as VerifyGoSumEnv } from '../functions/verify-go-sum/env.ts';
import type { Env as VerifySignatureEnv } from '../functions/verify-signature/env.ts';
import type { MachineName, StepName } from '../statemachines/catalog.ts';
import type { Configuration } from './configuration.ts';
import {
  busGrant,
  describeGrant,
  erasableGrants,
  listGrant,
  publicKeyGrant,
  secretGrants,
  signGrant,
  startGrant,
  streamGrant,
  tableGrant,
  wormGrants,
} from './constructs/grants.ts';
import { LISTS_INDEX, type StatefulStack } from './stacks/stateful.ts';

/** What one function is given: its variables (all its `env.ts` asks for, else this does not compile) and its calls. */
export interface FunctionSpec {
  readonly environment: Readonly<Record<string, string>>;
  readonly grants: readonly PolicyStatement[];
  readonly timeoutSeconds: number;
  readonly role?: Role;
  readonly memoryMb?: number;
  readonly temporaryMb?: number;
}

/** Below the state's own TimeoutSeconds, so that what fails is the function, by its name. */
const SHORT = 110;
const FETCH = 590;
const LONG = 890;
const SIGN = 290;

const variablesOf = (state: StatefulStack, { retention }: Configuration) => {
  const worm = {
    WORM_BUCKET_NAME: state.worm.bucketName,
    WORM_RETENTION_MODE: retention.mode,
    WORM_RETENTION_DAYS: String(retention.days),
  };
  return { worm, ledger: { LEDGER_TABLE_NAME: state.ledger.tableName, ...worm } };
};

/** Appending: read the head and keys, write the segment, commit. */
const appendGrants = ({ ledger, worm }: StatefulStack): PolicyStatement[] => [
  tableGrant(ledger, 'GetItem', 'Query', 'BatchGetItem', 'PutItem'),
  ...wormGrants(worm, { read: ['seg'], write: ['seg'] }),
];

/** The steps of the machines. */
export function stepSpecs(state: StatefulStack, configuration: Configuration): Record<StepName, FunctionSpec> {
  const { worm, ledger } = variablesOf(state, configuration);
  const evidence = wormGrants(state.worm, { read: ['evidence'], write: ['evidence'] });
  const artifactKeys = [...state.artifactKeys.values()];
  const keyArns = JSON.stringify(Object.fromEntries([...state.artifactKeys].map(([id, { keyArn }]) => [id, keyArn])));
  const registry = secretGrants(configuration.registrySecrets);
  const CLAIMS_TABLE_NAME = state.claims.tableName;
  const check = { environment: worm, grants: evidence, timeoutSeconds: SHORT };
  return {
    'claim-release': {
      environment: { CLAIMS_TABLE_NAME } satisfies Record<keyof ClaimReleaseEnv, string>,
      grants: [tableGrant(state.claims, 'GetItem')],
      timeoutSeconds: SHORT,
    },
    'append-ledger': {
      environment: { ...ledger, CLAIMS_TABLE_NAME } satisfies Record<keyof AppendLedgerEnv, string>,
      grants: [
        tableGrant(state.ledger, 'GetItem', 'Query', 'BatchGetItem', 'PutItem'),
        tableGrant(state.claims, 'GetItem'),
        ...wormGrants(state.worm, { read: ['evidence', 'seg'], write: ['seg'] }),
      ],
      timeoutSeconds: SHORT,
    },
    'fetch-source': {
      environment: worm satisfies Record<keyof FetchSourceEnv, string>,
      grants: evidence,
      timeoutSeconds: FETCH,
      memoryMb: 2048,
      temporaryMb: 1024,
    },
    'verify-go-sum': {
      environment: { ...worm, HEADS_TABLE_NAME: state.heads.tableName } satisfies Record<keyof VerifyGoSumEnv, string>,
      grants: [...evidence, tableGrant(state.heads, 'GetItem', 'PutItem')],
      timeoutSeconds: LONG,
      memoryMb: 1769,
      temporaryMb: 2048,
    },
    'make-source-sbom': { ...check, environment: worm satisfies Record<keyof MakeSourceSbomEnv, string> },
    'decide-gate': { ...check, environment: worm satisfies Record<keyof DecideGateEnv, string> },
    'resolve-image': {
      environment: worm satisfies Record<keyof ResolveImageEnv, string>,
      grants: [...evidence, ...registry],
      timeoutSeconds: SHORT,
    },
    'inspect-binaries': {
      environment: worm satisfies Record<keyof InspectBinariesEnv, string>,
      grants: [...evidence, ...registry],
      timeoutSeconds: LONG,
      memoryMb: 3008,
    },
    'link-chain': {
      environment: { ...ledger, VIEWS_TABLE_NAME: state.views.tableName } satisfies Record<keyof LinkChainEnv, string>,
      grants: [
        tableGrant(state.ledger, 'GetItem', 'Query'),
        tableGrant(state.views, 'GetItem', 'Query', 'PutItem', 'BatchWriteItem'),
        ...wormGrants(state.worm, { read: ['evidence', 'seg'], write: ['evidence'] }),
      ],
      timeoutSeconds: SHORT,
    },
    'make-image-sbom': { ...check, environment: worm satisfies Record<keyof MakeImageSbomEnv, string> },
    'sign-artifact': {
      environment: { ...ledger, ARTIFACT_KEY_ARNS: keyArns } satisfies Record<keyof SignArtifactEnv, string>,
      grants: [
        signGrant(artifactKeys),
        tableGrant(state.ledger, 'GetItem', 'Query'),
        ...wormGrants(state.worm, {
          read: ['evidence', 'seg', 'signature'],
          write: ['evidence', 'signature'],
        }),
        ...registry,
      ],
      timeoutSeconds: SIGN,
      role: state.signArtifactRole,
    },
    'verify-signature': {
      environment: { ...worm, ARTIFACT_KEY_ARNS: keyArns } satisfies Record<keyof VerifySignatureEnv, string>,
      grants: [publicKeyGrant(artifactKeys), ...evidence, ...registry],
      timeoutSeconds: SHORT,
    },
    'publish-checkpoint': {
      environment: { ...ledger, NOTE_KEY_ARN: state.noteKey.keyArn } satisfies Record<
        keyof PublishCheckpointEnv,
        string
      >,
      grants: [
        signGrant([state.noteKey]),
        tableGrant(state.ledger, 'GetItem', 'Query', 'PutItem'),
        ...wormGrants(state.worm, { read: ['log', 'seg'], write: ['log'] }),
      ],
      timeoutSeconds: FETCH,
      memoryMb: 1024,
      role: state.publishCheckpointRole,
    },
  };
}

/** Functions around the machines. */
export const EDGES = [
  'receive-webhook',
  'receive-native-event',
  'publish-delivery',
  'start-workflow',
  'record-run-outcome',
  'sweep',
  'publish-log',
  'project-entries',
  'read-log',
] as const;
export type EdgeName = (typeof EDGES)[number];

export interface EdgeResources {
  readonly stack: Stack;
  readonly bus: EventBus;
  readonly publisherRole: Role;
  readonly machines: Readonly<Record<MachineName, StateMachine>>;
}

function receptionSpec(state: StatefulStack, { hookSecrets }: Configuration): FunctionSpec {
  const environment: Record<keyof ReceiveWebhookEnv | keyof ReceiveNativeEventEnv, string> = {
    DELIVERIES_TABLE_NAME: state.deliveries.tableName,
    ERASABLE_BUCKET_NAME: state.erasable.bucketName,
    ERASABLE_KEYS_TABLE_NAME: state.erasableKeys.tableName,
  };
  const grants = [
    tableGrant(state.deliveries, 'GetItem', 'PutItem', 'BatchWriteItem'),
    tableGrant(state.erasableKeys, 'GetItem', 'PutItem'),
    ...erasableGrants(state.erasable),
    ...secretGrants(hookSecrets),
  ];
  // A sender waits: ten seconds is what GitHub gives.
  return { environment, grants, timeoutSeconds: 10, memoryMb: 1024 };
}

export function edgeSpecs(
  state: StatefulStack,
  configuration: Configuration,
  { stack, bus, publisherRole, machines }: EdgeResources,
): Record<EdgeName, FunctionSpec> {
  const { ledger } = variablesOf(state, configuration);
  const releases = [machines['source-release'], machines['image-release']];
  const releaseArns = {
    SOURCE_RELEASE_MACHINE_ARN: machines['source-release'].stateMachineArn,
    IMAGE_RELEASE_MACHINE_ARN: machines['image-release'].stateMachineArn,
  };
  const CHECKPOINT_MACHINE_ARN = machines.checkpoint.stateMachineArn;
  const CLAIMS_TABLE_NAME = state.claims.tableName;
  const DELIVERIES_TABLE_NAME = state.deliveries.tableName;
  const arns = (of: readonly StateMachine[]) => of.map(({ stateMachineArn }) => stateMachineArn);
  const describeReleases = describeGrant(
    stack,
    releases.map(({ stateMachineName }) => stateMachineName),
  );
  return {
    'receive-webhook': receptionSpec(state, configuration),
    'receive-native-event': receptionSpec(state, configuration),
    'publish-delivery': {
      environment: {
        ...ledger,
        DELIVERIES_TABLE_NAME,
        TAGS_TABLE_NAME: state.tagTable.tableName,
        EVENT_BUS_NAME: bus.eventBusName,
      } satisfies Record<keyof PublishDeliveryEnv, string>,
      grants: [
        tableGrant(state.deliveries, 'GetItem', 'PutItem'),
        listGrant(state.deliveries, LISTS_INDEX),
        streamGrant(state.deliveries),
        tableGrant(state.tagTable, 'GetItem', 'PutItem'),
        busGrant(bus),
        ...appendGrants(state),
        ...secretGrants(configuration.registrySecrets),
      ],
      timeoutSeconds: 110,
      role: publisherRole,
    },
    'start-workflow': {
      environment: { ...releaseArns, DELIVERIES_TABLE_NAME, CLAIMS_TABLE_NAME } satisfies Record<
        keyof StartWorkflowEnv,
        string
      >,
      grants: [
        tableGrant(state.deliveries, 'GetItem'),
        tableGrant(state.claims, 'GetItem', 'PutItem'),
        startGrant(arns(releases)),
      ],
      timeoutSeconds: 30,
    },
    'record-run-outcome': {
      environment: { ...ledger, ...releaseArns, CLAIMS_TABLE_NAME } satisfies Record<keyof RecordRunOutcomeEnv, string>,
      grants: [tableGrant(state.claims, 'GetItem', 'PutItem'), describeReleases, ...appendGrants(state)],
      timeoutSeconds: 60,
    },
    sweep: {
      environment: { ...ledger, ...releaseArns, CHECKPOINT_MACHINE_ARN, CLAIMS_TABLE_NAME } satisfies Record<
        keyof SweepEnv,
        string
      >,
      grants: [
        tableGrant(state.claims, 'GetItem', 'PutItem'),
        listGrant(state.claims, LISTS_INDEX),
        describeReleases,
        startGrant(arns(Object.values(machines))),
        ...appendGrants(state),
      ],
      timeoutSeconds: 290,
    },
    'publish-log': {
      environment: { ...ledger, CHECKPOINT_MACHINE_ARN } satisfies Record<keyof PublishLogEnv, string>,
      grants: [tableGrant(state.ledger, 'GetItem'), streamGrant(state.ledger), startGrant([CHECKPOINT_MACHINE_ARN])],
      timeoutSeconds: 30,
    },
    'project-entries': {
      environment: { ...ledger, VIEWS_TABLE_NAME: state.views.tableName } satisfies Record<
        keyof ProjectEntriesEnv,
        string
      >,
      grants: [
        tableGrant(state.ledger, 'GetItem', 'Query'),
        streamGrant(state.ledger),
        tableGrant(state.views, 'GetItem', 'PutItem', 'BatchWriteItem'),
        ...wormGrants(state.worm, { read: ['seg'], write: [] }),
      ],
      timeoutSeconds: 110,
    },
    'read-log': {
      environment: ledger satisfies Record<keyof ReadLogEnv, string>,
      grants: [
        tableGrant(state.ledger, 'GetItem', 'Query'),
        ...wormGrants(state.worm, { read: ['log', 'seg'], write: [] }),
      ],
      timeoutSeconds: 20,
    },
  };
}
