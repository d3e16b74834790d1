import * as z from 'zod';
import { dynamoClient, s3Client, secretsManagerClient, sfnClient, sqsClient } from '../adapters/aws/client.ts';
import { lambdaClock } from '../adapters/aws/clock.ts';
import { dynamoClaimStore } from '../adapters/aws/dynamo-claim-store.ts';
import { dynamoPersonStore } from '../adapters/aws/dynamo-person-store.ts';
import { dynamoViews } from '../adapters/aws/dynamo-views.ts';
import { dynamoWaitStore } from '../adapters/aws/dynamo-wait-store.ts';
import { lambdaIds } from '../adapters/aws/ids.ts';
import { secretsManagerSecrets } from '../adapters/aws/secrets-manager-secrets.ts';
import { sfnHistories } from '../adapters/aws/sfn-histories.ts';
import { sfnWorkflows } from '../adapters/aws/sfn-workflows.ts';
import { sqsDeadLetters } from '../adapters/aws/sqs-dead-letters.ts';
import type { DeskDeps, ReadDeps } from '../core/desk/answer-operator.ts';
import { deadEventFault } from '../core/desk/dead-event-fault.ts';
import type { ClaimRow } from '../core/ports/claim-store.ts';
import type { PersonStore } from '../core/ports/person-store.ts';
import { peopleOf, pseudonymFor } from '../core/privacy/person.ts';
import { COMPENSATING_MACHINES, compensateRun } from '../core/promotion/start-rollback.ts';
import type { QueryDeps } from '../core/query/query.ts';
import type { TenantId } from '../events/fields.ts';
import { readDeployment } from './deployment.ts';
import { ERASABLE, LEDGER, name, PROMOTION_MACHINES, RELEASE_MACHINES } from './environment.ts';
import { deployedEnvironments } from './environments.ts';
import { promotionMachinesOf, releaseMachinesOf } from './machines.ts';
import { appenderOf, erasableOf } from './stores.ts';

/** Variables of the function that persons ask. */
export const DESK = {
  ...LEDGER,
  ...ERASABLE,
  ...RELEASE_MACHINES,
  ...PROMOTION_MACHINES,
  CLAIMS_TABLE_NAME: name,
  WAITS_TABLE_NAME: name,
  VIEWS_TABLE_NAME: name,
  START_QUEUE_URL: z.url(),
  START_DEAD_LETTERS_QUEUE_URL: z.url(),
  OUTCOME_QUEUE_URL: z.url(),
  OUTCOME_DEAD_LETTERS_QUEUE_URL: z.url(),
  NATIVE_QUEUE_URL: z.url(),
  NATIVE_DEAD_LETTERS_QUEUE_URL: z.url(),
  /** Tries of one message before its queue puts it aside. */
  QUEUE_MAX_RECEIVES: z.coerce.number().int().positive(),
};
type DeskEnv = z.infer<z.ZodObject<typeof DESK>>;

/** Pseudonyms of those who sign requests, by the ARN they signed as, and how people are told apart. */
function peopleDesk(tenantOf: ReturnType<typeof readDeployment>['tenantOf'], persons: PersonStore) {
  const secrets = secretsManagerSecrets(secretsManagerClient(), lambdaClock.now);
  const people = (tenant: TenantId) => peopleOf(secrets, tenantOf(tenant));
  return (caller: string): Pick<DeskDeps, 'personOf' | 'peopleOf'> => ({
    peopleOf: people,
    personOf: async (tenant) => {
      const pseudonym = await pseudonymFor(persons, await people(tenant), { place: 'aws-iam', name: caller });
      // Without a key nobody can be told from another, so nobody can approve what another asked for.
      return { id: pseudonym ?? 'operator', authenticated: 'aws-iam' };
    },
  });
}

/** What the functions behind the queues could not take. */
const lettersOf = (env: DeskEnv, stores: QueryDeps) =>
  sqsDeadLetters({
    client: sqsClient(),
    queues: {
      event: { url: env.START_QUEUE_URL, deadLettersUrl: env.START_DEAD_LETTERS_QUEUE_URL },
      status: { url: env.OUTCOME_QUEUE_URL, deadLettersUrl: env.OUTCOME_DEAD_LETTERS_QUEUE_URL },
      native: { url: env.NATIVE_QUEUE_URL, deadLettersUrl: env.NATIVE_DEAD_LETTERS_QUEUE_URL },
    },
    maxReceives: env.QUEUE_MAX_RECEIVES,
    faultOf: (message) => deadEventFault(stores, message),
  });

/** What answers whoever signed a request. */
export function openDesk(env: DeskEnv): (caller: string) => DeskDeps & ReadDeps {
  const client = dynamoClient();
  const deployment = readDeployment();
  const machines = { client: sfnClient(), machineArns: { ...releaseMachinesOf(env), ...promotionMachinesOf(env) } };
  const s3 = s3Client();
  const stores = {
    ...appenderOf(s3, client, env),
    raw: erasableOf(s3, client, env),
    persons: dynamoPersonStore({ client, tableName: env.PERSONS_TABLE_NAME }),
    claims: dynamoClaimStore({ client, tableName: env.CLAIMS_TABLE_NAME }),
    waits: dynamoWaitStore({ client, tableName: env.WAITS_TABLE_NAME }),
    views: dynamoViews({ client, tableName: env.VIEWS_TABLE_NAME }),
    workflows: sfnWorkflows({ ...machines, compensating: COMPENSATING_MACHINES }),
    histories: sfnHistories(machines),
  };
  const deadLetters = lettersOf(env, stores);
  const people = peopleDesk(deployment.tenantOf, stores.persons);
  return (caller) => ({
    ...stores,
    deadLetters,
    ids: lambdaIds,
    environments: deployedEnvironments(deployment),
    tenants: deployment.tenants,
    compensate: (failed: ClaimRow) => compensateRun(stores, failed),
    ...people(caller),
  });
}
