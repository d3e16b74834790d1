import type { Stack } from 'aws-cdk-lib';
import type { EventBus } from 'aws-cdk-lib/aws-events';
import type { Role } from 'aws-cdk-lib/aws-iam';
import type { Env as AnswerOperatorEnv } from '../functions/answer-operator/env.ts';
import type { Env as AppendLedgerEnv } from '../functions/append-ledger/env.ts';
import type { Env as AuditLedgerEnv } from '../functions/audit-ledger/env.ts';
import type { Env as CheckModulePolicyEnv } from '../functions/check-module-policy/env.ts';
import type { Env as CheckTagSignerEnv } from '../functions/check-tag-signer/env.ts';
import type { Env as ClaimReleaseEnv } from '../functions/claim-release/env.ts';
import type { Env as DecideGateEnv } from '../functions/decide-gate/env.ts';
import type { Env as FetchSourceEnv } from '../functions/fetch-source/env.ts';
import type { Env as InspectBinariesEnv } from '../functions/inspect-binaries/env.ts';
import type { Env as JudgeStagesEnv } from '../functions/judge-stages/env.ts';
import type { Env as LinkChainEnv } from '../functions/link-chain/env.ts';
import type { Env as MakeImageSbomEnv } from '../functions/make-image-sbom/env.ts';
import type { Env as MakeSourceSbomEnv } from '../functions/make-source-sbom/env.ts';
import type { Env as ProjectEntriesEnv } from '../functions/project-entries/env.ts';
import type { Env as PublishCheckpointEnv } from '../functions/publish-checkpoint/env.ts';
import type { Env as PublishDeliveryEnv } from '../functions/publish-delivery/env.ts';
import type { Env as PublishLogEnv } from '../functions/publish-log/env.ts';
import type { Env as ReadLogEnv } from '../functions/read-log/env.ts';
import type { Env as RebuildLedgerEnv } from '../functions/rebuild-ledger/env.ts';
import type { Env as ReceiveNativeEventEnv } from '../functions/receive-native-event/env.ts';
import type { Env as ReceiveWebhookEnv } from '../functions/receive-webhook/env.ts';
import type { Env as RecordRunOutcomeEnv } from '../functions/record-run-outcome/env.ts';
import type { Env as ReportStatusEnv } from '../functions/report-status/env.ts';
import type { Env as ResolveImageEnv } from '../functions/resolve-image/env.ts';
import type { Env as SignArtifactEnv } from '../functions/sign-artifact/env.ts';
import type { Env as StartWorkflowEnv } from '../functions/start-workflow/env.ts';
import type { Env as SweepEnv } from '../functions/sweep/env.ts';
import type { Env as VerifyGoSumEnv } from '../functions/verify-go-sum/env.ts';
import type { Env as VerifySignatureEnv } from '../functions/verify-signature/env.ts';
import type { Env as VerifyVendorEnv } from '../functions/verify-vendor/env.ts';
import { COMPENSATING, MACHINES, type MachineName, type StepName } from '../statemachines/catalog.ts';
import type { Configuration } from './configuration.ts';
import {
  busGrant,
  type CacheKind,
  cacheGrants,
  erasableGrants,
  eraseGrants,
  executionGrant,
  listGrant,
  publicKeyGrant,
  redriveGrants,
  secretGrants,
  signGrant,
  startGrant,
  streamGrant,
  tableGrant,
  tokenGrant,
  versionsGrant,
  wormGrants,
} from './constructs/grants.ts';
import type { Machine } from './constructs/machine.ts';
import { MAX_RECEIVES, type WorkQueue } from './constructs/queue.ts';
import {
  appendGrants,
  evidenceGrants,
  FETCH,
  type FunctionSpec,
  LONG,
  SHORT,
  SIGN,
  variablesOf,
} from './function-spec.ts';
import { promotionSpecs } from './promotion-functions.ts';
import { LISTS_INDEX, type StatefulStack } from './stacks/stateful.ts';

/** The steps of the machines. */
export function stepSpecs(
  stack: Stack,
  state: StatefulStack,
  configuration: Configuration,
): Record<StepName, FunctionSpec> {
  const { worm, ledger } = variablesOf(state, configuration);
  const evidence = evidenceGrants(state);
  const artifactKeys = [...state.artifactKeys.values()];
  const keyArns = JSON.stringify(Object.fromEntries([...state.artifactKeys].map(([id, { keyArn }]) => [id, keyArn])));
  const registry = secretGrants(configuration.registrySecrets);
  const sources = secretGrants(configuration.sourceSecrets);
  const modules = secretGrants(configuration.moduleSecrets);
  const cache = { CACHE_BUCKET_NAME: state.cache.bucketName };
  const cacheOf = (...kinds: readonly CacheKind[]) => cacheGrants(state.cache, kinds);
  const CLAIMS_TABLE_NAME = state.claims.tableName;
  const check = { environment: worm, grants: evidence, timeoutSeconds: SHORT };
  /** Module zips are read whole and hashed: a processor for it, and room for them. */
  const zips = { timeoutSeconds: LONG, memoryMb: 1769, temporaryMb: 2048 };
  const search = [
    tableGrant(state.ledger, 'GetItem', 'Query'),
    tableGrant(state.views, 'GetItem', 'Query', 'PutItem', 'BatchWriteItem'),
    ...wormGrants(state.worm, { read: ['evidence', 'seg'], write: ['evidence'] }),
  ];
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
      grants: [...evidence, ...sources],
      timeoutSeconds: FETCH,
      memoryMb: 2048,
      temporaryMb: 1024,
    },
    'verify-go-sum': {
      environment: { ...worm, ...cache, HEADS_TABLE_NAME: state.heads.tableName } satisfies Record<
        keyof VerifyGoSumEnv,
        string
      >,
      grants: [
        ...evidence,
        ...cacheOf('modules', 'tiles'),
        tableGrant(state.heads, 'GetItem', 'PutItem', 'Query'),
        ...modules,
      ],
      ...zips,
    },
    'verify-vendor': {
      environment: { ...worm, ...cache } satisfies Record<keyof VerifyVendorEnv, string>,
      grants: [...evidence, ...cacheOf('modules'), ...modules],
      ...zips,
    },
    'check-module-policy': {
      environment: {
        ...ledger,
        ...cache,
        HEADS_TABLE_NAME: state.heads.tableName,
        VIEWS_TABLE_NAME: state.views.tableName,
      } satisfies Record<keyof CheckModulePolicyEnv, string>,
      grants: [
        ...search,
        ...cacheOf('modules', 'tiles'),
        tableGrant(state.heads, 'GetItem', 'PutItem'),
        ...secretGrants([...new Set([...configuration.moduleSecrets, ...configuration.reviewSecrets])]),
      ],
      ...zips,
    },
    'check-tag-signer': {
      environment: worm satisfies Record<keyof CheckTagSignerEnv, string>,
      grants: [...evidence, ...sources],
      timeoutSeconds: FETCH,
      memoryMb: 1024,
    },
    'report-status': {
      environment: worm satisfies Record<keyof ReportStatusEnv, string>,
      grants: [...evidence, ...secretGrants(configuration.statusSecrets)],
      timeoutSeconds: SHORT,
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
      grants: search,
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
        ...wormGrants(state.worm, { read: ['log', 'seg', 'anchors'], write: ['log', 'anchors'] }),
        ...(configuration.config.metaLog ? appendGrants(state) : []),
      ],
      timeoutSeconds: FETCH,
      memoryMb: 1024,
      role: state.publishCheckpointRole,
    },
    'audit-ledger': {
      environment: { ...ledger, NOTE_KEY_ARN: state.noteKey.keyArn } satisfies Record<keyof AuditLedgerEnv, string>,
      grants: [
        publicKeyGrant([state.noteKey]),
        tableGrant(state.ledger, 'GetItem', 'Query', 'BatchGetItem', 'PutItem'),
        ...wormGrants(state.worm, { read: ['evidence', 'log', 'seg', 'anchors'], write: ['evidence', 'seg'] }),
        versionsGrant(state.worm),
      ],
      timeoutSeconds: LONG,
      memoryMb: 1024,
    },
    ...promotionSpecs(stack, state, configuration),
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
  'judge-stages',
  'answer-operator',
  'rebuild-ledger',
] as const;
export type EdgeName = (typeof EDGES)[number];

/** Machines that schedules and streams start for a log: nobody claims what they do. */
const OF_LOGS: readonly MachineName[] = ['checkpoint', 'audit'];

/** Machines whose runs have claims: their ends are recorded, and persons may stop and replay them. */
export const CLAIMED_MACHINES: readonly MachineName[] = MACHINES.filter((name) => !OF_LOGS.includes(name));

/** Seconds of the functions that empty queues. */
export const CONSUMER_SECONDS = { 'start-workflow': 30, 'record-run-outcome': 60, 'receive-native-event': 10 } as const;
export type ConsumerName = keyof typeof CONSUMER_SECONDS;
/** The queue before each of them. */
export type Queues = Readonly<Record<ConsumerName, WorkQueue>>;

export interface EdgeResources {
  readonly stack: Stack;
  readonly bus: EventBus;
  readonly queues: Queues;
  readonly publisherRole: Role;
  readonly machines: Readonly<Record<MachineName, Machine>>;
}

const erasableVariables = (state: StatefulStack) => ({
  ERASABLE_BUCKET_NAME: state.erasable.bucketName,
  ERASABLE_KEYS_TABLE_NAME: state.erasableKeys.tableName,
  PERSONS_TABLE_NAME: state.persons.tableName,
});

function receptionSpec(state: StatefulStack, { hookSecrets }: Configuration): FunctionSpec {
  const environment: Record<keyof ReceiveWebhookEnv | keyof ReceiveNativeEventEnv, string> = {
    DELIVERIES_TABLE_NAME: state.deliveries.tableName,
    ...erasableVariables(state),
  };
  const grants = [
    tableGrant(state.deliveries, 'GetItem', 'PutItem', 'BatchWriteItem'),
    tableGrant(state.erasableKeys, 'GetItem', 'PutItem'),
    tableGrant(state.persons, 'GetItem', 'PutItem', 'BatchWriteItem'),
    ...erasableGrants(state.erasable),
    ...secretGrants(hookSecrets),
  ];
  // A sender waits: ten seconds is what GitHub gives.
  return { environment, grants, timeoutSeconds: CONSUMER_SECONDS['receive-native-event'], memoryMb: 1024 };
}

/** The queues as the desk is told them. */
const queueUrls = (queues: Queues) => ({
  START_QUEUE_URL: queues['start-workflow'].queue.queueUrl,
  START_DEAD_LETTERS_QUEUE_URL: queues['start-workflow'].deadLetters.queueUrl,
  OUTCOME_QUEUE_URL: queues['record-run-outcome'].queue.queueUrl,
  OUTCOME_DEAD_LETTERS_QUEUE_URL: queues['record-run-outcome'].deadLetters.queueUrl,
  NATIVE_QUEUE_URL: queues['receive-native-event'].queue.queueUrl,
  NATIVE_DEAD_LETTERS_QUEUE_URL: queues['receive-native-event'].deadLetters.queueUrl,
  QUEUE_MAX_RECEIVES: String(MAX_RECEIVES),
});

export function edgeSpecs(
  state: StatefulStack,
  configuration: Configuration,
  { stack, bus, queues, publisherRole, machines }: EdgeResources,
): Record<EdgeName, FunctionSpec> {
  const { ledger } = variablesOf(state, configuration);
  const releaseArns = {
    SOURCE_RELEASE_MACHINE_ARN: machines['source-release'].aliasArn,
    CHANGE_CHECK_MACHINE_ARN: machines['change-check'].aliasArn,
    IMAGE_RELEASE_MACHINE_ARN: machines['image-release'].aliasArn,
  };
  const promotionArns = {
    PROMOTION_MACHINE_ARN: machines.promotion.aliasArn,
    ROLLBACK_MACHINE_ARN: machines.rollback.aliasArn,
  };
  const CHECKPOINT_MACHINE_ARN = machines.checkpoint.aliasArn;
  const CLAIMS_TABLE_NAME = state.claims.tableName;
  const WAITS_TABLE_NAME = state.waits.tableName;
  const DELIVERIES_TABLE_NAME = state.deliveries.tableName;
  const starts = (...of: readonly MachineName[]) =>
    startGrant(of.map((name) => machines[name].stateMachine.stateMachineArn));
  const promotionArn = machines.promotion.stateMachine.stateMachineArn;
  const describeClaimed = executionGrant(stack, CLAIMED_MACHINES, 'DescribeExecution', 'GetExecutionHistory');
  // A machine that compensates is never taken up again.
  const redrive = executionGrant(
    stack,
    CLAIMED_MACHINES.filter((name) => !COMPENSATING.includes(name)),
    'RedriveExecution',
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
        ...secretGrants([...new Set([...configuration.registrySecrets, ...configuration.sourceSecrets])]),
      ],
      timeoutSeconds: 110,
      role: publisherRole,
    },
    'start-workflow': {
      environment: {
        ...ledger,
        ...releaseArns,
        DELIVERIES_TABLE_NAME,
        CLAIMS_TABLE_NAME,
        QUEUE_MAX_RECEIVES: String(MAX_RECEIVES),
      } satisfies Record<keyof StartWorkflowEnv, string>,
      grants: [
        tableGrant(state.deliveries, 'GetItem'),
        tableGrant(state.claims, 'GetItem', 'PutItem'),
        starts('source-release', 'change-check', 'image-release'),
        ...appendGrants(state),
      ],
      timeoutSeconds: CONSUMER_SECONDS['start-workflow'],
    },
    'record-run-outcome': {
      environment: { ...ledger, ...releaseArns, ...promotionArns, CLAIMS_TABLE_NAME } satisfies Record<
        keyof RecordRunOutcomeEnv,
        string
      >,
      grants: [
        tableGrant(state.claims, 'GetItem', 'PutItem'),
        describeClaimed,
        starts('rollback'),
        ...appendGrants(state),
        ...evidenceGrants(state),
      ],
      timeoutSeconds: CONSUMER_SECONDS['record-run-outcome'],
    },
    sweep: {
      environment: {
        ...ledger,
        ...releaseArns,
        ...promotionArns,
        CHECKPOINT_MACHINE_ARN,
        AUDIT_MACHINE_ARN: machines.audit.aliasArn,
        CLAIMS_TABLE_NAME,
      } satisfies Record<keyof SweepEnv, string>,
      grants: [
        tableGrant(state.claims, 'GetItem', 'PutItem'),
        listGrant(state.claims, LISTS_INDEX),
        describeClaimed,
        redrive,
        starts(...MACHINES),
        ...appendGrants(state),
        ...evidenceGrants(state),
      ],
      timeoutSeconds: 290,
    },
    'publish-log': {
      environment: { ...ledger, CHECKPOINT_MACHINE_ARN } satisfies Record<keyof PublishLogEnv, string>,
      grants: [tableGrant(state.ledger, 'GetItem'), streamGrant(state.ledger), starts('checkpoint')],
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
        ...wormGrants(state.worm, { read: ['log', 'seg', 'anchors'], write: [] }),
      ],
      timeoutSeconds: 20,
    },
    'rebuild-ledger': {
      environment: ledger satisfies Record<keyof RebuildLedgerEnv, string>,
      grants: [
        tableGrant(state.ledger, 'GetItem', 'Query', 'BatchGetItem', 'PutItem'),
        ...wormGrants(state.worm, { read: ['seg', 'anchors'], write: [] }),
      ],
      timeoutSeconds: LONG,
      memoryMb: 1769,
    },
    'judge-stages': {
      environment: { ...ledger, CLAIMS_TABLE_NAME, WAITS_TABLE_NAME } satisfies Record<keyof JudgeStagesEnv, string>,
      grants: [
        tableGrant(state.claims, 'GetItem'),
        tableGrant(state.waits, 'Query', 'PutItem', 'DeleteItem'),
        tokenGrant(promotionArn, 'SendTaskSuccess', 'SendTaskHeartbeat'),
        ...appendGrants(state),
        ...evidenceGrants(state),
      ],
      timeoutSeconds: 110,
    },
    'answer-operator': {
      environment: {
        ...ledger,
        ...releaseArns,
        ...promotionArns,
        CLAIMS_TABLE_NAME,
        WAITS_TABLE_NAME,
        VIEWS_TABLE_NAME: state.views.tableName,
        ...erasableVariables(state),
        ...queueUrls(queues),
      } satisfies Record<keyof AnswerOperatorEnv, string>,
      grants: [
        tableGrant(state.claims, 'GetItem', 'PutItem'),
        listGrant(state.claims, LISTS_INDEX),
        tableGrant(state.views, 'GetItem', 'Query'),
        tableGrant(state.waits, 'GetItem', 'Query', 'PutItem', 'DeleteItem'),
        tableGrant(state.persons, 'GetItem', 'PutItem', 'Query', 'DeleteItem'),
        tableGrant(state.erasableKeys, 'GetItem', 'PutItem', 'DeleteItem'),
        eraseGrants(state.erasable),
        describeClaimed,
        redrive,
        executionGrant(stack, CLAIMED_MACHINES, 'DescribeStateMachineForExecution', 'StopExecution'),
        ...redriveGrants(Object.values(queues)),
        starts(...CLAIMED_MACHINES),
        tokenGrant(promotionArn, 'SendTaskSuccess'),
        ...appendGrants(state),
        ...evidenceGrants(state),
        ...secretGrants(configuration.pseudonymSecrets),
      ],
      // The gateway gives up after thirty.
      timeoutSeconds: 29,
      memoryMb: 1024,
    },
  };
}
