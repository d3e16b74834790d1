import type { PolicyStatement, Role } from 'aws-cdk-lib/aws-iam';
import type { Configuration } from './configuration.ts';
import { tableGrant, wormGrants } from './constructs/grants.ts';
import type { StatefulStack } from './stacks/stateful.ts';

/** What one function is given: its variables (all its `env.ts` asks for, else this does not compile) and its calls. */
export interface FunctionSpec {
  readonly environment: Readonly<Record<string, string>>;
  readonly grants: readonly PolicyStatement[];
  readonly timeoutSeconds: number;
  readonly role?: Role;
  readonly memoryMb?: number;
  readonly temporaryMb?: number;
}

/** Seconds, below the TimeoutSeconds of a step's own state, so that what fails is the function, by its name. */
export const SHORT = 110;
export const FETCH = 590;
export const LONG = 890;
export const SIGN = 290;

export const variablesOf = (state: StatefulStack, { retention }: Configuration) => {
  const worm = {
    WORM_BUCKET_NAME: state.worm.bucketName,
    WORM_RETENTION_MODE: retention.mode,
    WORM_RETENTION_DAYS: String(retention.days),
    WORM_EVIDENCE_DAYS: String(retention.classes?.evidence ?? retention.days),
    WORM_SIGNATURE_DAYS: String(retention.classes?.signature ?? retention.days),
  };
  return { worm, ledger: { LEDGER_TABLE_NAME: state.ledger.tableName, ...worm } };
};

/** Appending: read the head and keys, write the segment, commit. */
export const appendGrants = ({ ledger, worm }: StatefulStack): PolicyStatement[] => [
  tableGrant(ledger, 'GetItem', 'Query', 'BatchGetItem', 'PutItem'),
  ...wormGrants(worm, { read: ['seg'], write: ['seg'] }),
];

/** Keeping evidence, and reading it back. */
export const evidenceGrants = ({ worm }: StatefulStack): PolicyStatement[] =>
  wormGrants(worm, { read: ['evidence'], write: ['evidence'] });

/** Finding entries by key or release, with proof, and reading the evidence that they name. */
export const ledgerGrants = ({ ledger, worm }: StatefulStack): PolicyStatement[] => [
  tableGrant(ledger, 'GetItem', 'Query', 'BatchGetItem'),
  ...wormGrants(worm, { read: ['evidence', 'seg'], write: [] }),
];
