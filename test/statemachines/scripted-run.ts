import * as z from 'zod';
import { openSqlite } from '../../adapters/embedded/sqlite.ts';
import type { TaskHandler } from '../../adapters/embedded/workflow-engine/call-task.ts';
import { type WorkflowEngine, workflowEngine } from '../../adapters/embedded/workflow-engine/engine.ts';
import { readMachines } from '../../cli/machines.ts';
import { FAULT_NAMES, Fault, type FaultName } from '../../core/faults.ts';
import { COMPENSATING, functionIdOf, type MachineName, STEPS, type StepName } from '../../statemachines/catalog.ts';
import { manualClock } from '../fakes/manual-clock.ts';
import { quietOf } from '../fakes/quiet.ts';
import { statesOf } from './visits.ts';

const CHECK = { check: 'a-check', outcome: 'pass', report: {} };
const BAD = { ...CHECK, outcome: 'refuse' };

/** What each step answers where everything is well; a token is answered with it. */
const ANSWERS: Readonly<Record<StepName, object>> = {
  'claim-release': { release: 'r' },
  'append-ledger': { entries: [{ kind: 'verdict', index: 1, leaf: 'l' }] },
  'fetch-source': { fetched: true, snapshot: [{}], check: CHECK },
  'verify-go-sum': { check: CHECK },
  'verify-vendor': { check: CHECK },
  'check-module-policy': { check: CHECK },
  'check-tag-signer': { check: CHECK },
  'report-status': { reported: true },
  'make-source-sbom': { check: CHECK },
  'decide-gate': { passed: true, verdict: {} },
  'resolve-image': { resolved: true, image: {}, platforms: [{}, {}], check: CHECK },
  'inspect-binaries': { check: CHECK },
  'link-chain': { waiting: false, check: CHECK },
  'make-image-sbom': { check: CHECK },
  'sign-artifact': { signature: {} },
  'verify-signature': { check: CHECK },
  'claim-promotion': { claimed: true, check: CHECK, approvals: false, heartbeatSeconds: 180 },
  'check-release': { check: CHECK },
  'plan-promotion': { check: CHECK },
  'request-approval': { approved: true, approvals: [{}] },
  'shift-traffic': { shifted: true },
  'open-stage': { passed: true, more: false, next: 1 },
  'close-promotion': { closed: true },
  'start-rollback': { runName: 'r' },
  'free-target': { freed: true },
  'restore-revision': { restored: true },
  'publish-checkpoint': { size: 1 },
  'audit-ledger': { more: false, passed: true },
};

/** What steps answer otherwise, call by call; the last answer stays. `undefined`: a token is never answered. */
type Script = Readonly<Partial<Record<StepName, readonly (object | undefined)[]>>>;

/** Which call of a run fails, counted over all steps from 0, and for how long. */
interface Failing {
  readonly at: number;
  readonly fault: FaultName;
  readonly lasting?: boolean;
}

const Payload = z.looseObject({ step: z.enum(STEPS), state: z.string().optional(), token: z.string().optional() });
type Payload = z.infer<typeof Payload>;

/** One run of a machine whose steps only answer: what it asked them, where it was and how it ended. */
export async function scriptedRun(machine: MachineName, script: Script, failing?: Failing) {
  const calls: StepName[] = [];
  const given: StepName[] = [];
  const payloads: Payload[] = [];
  let failed: string | undefined;
  const fail = (of: string): void => {
    const isNow = failing?.at === calls.length - 1;
    if (isNow) failed = of;
    if (failing && (isNow || (failing.lasting && failed === of))) throw new Fault(failing.fault, 'planned');
  };
  const handler: TaskHandler = async (payload) => {
    const asked = Payload.parse(payload);
    const { step, state = '', token } = asked;
    calls.push(step);
    payloads.push(asked);
    fail(`${step} ${state}`);
    const before = given.filter((one) => one === step).length;
    given.push(step);
    const answers = script[step] ?? [ANSWERS[step]];
    const answer = before < answers.length ? answers[before] : answers.at(-1);
    if (token === undefined) return answer;
    if (answer) await engine.sendTaskSuccess(token, answer);
    return undefined;
  };
  const clock = manualClock();
  const database = openSqlite(':memory:');
  const engine: WorkflowEngine = workflowEngine({
    database,
    clock,
    machines: { [machine]: readMachines()[machine] },
    faults: FAULT_NAMES,
    compensating: COMPENSATING,
    handlers: Object.fromEntries(STEPS.map((step) => [functionIdOf(step), handler])),
    codeVersion: 'test',
    random: () => 0.5,
    onStatus: async () => {},
    onFault: (fault) => {
      throw fault;
    },
  });
  await engine.start(machine, 'r', { tenant: 'acme', businessKey: 'k', subject: { digest: 'd' } });
  let settled = false;
  void engine.settled().then(() => {
    settled = true;
  });
  const quiet = quietOf(database);
  for (let round = 0; round < 10_000 && !settled; round += 1) {
    await quiet();
    if (!settled) clock.toNextSleeper();
  }
  const run = await engine.describe(machine, 'r');
  const states = await statesOf(engine, machine, 'r');
  await engine.close();
  return { calls, payloads, states, status: run?.status, error: run?.error, output: run?.output };
}

/** Scripts under which a machine goes every way that it has. */
export const SCRIPTS: Readonly<Record<MachineName, Readonly<Record<string, Script>>>> = {
  'source-release': {
    passes: {},
    'has no source': {
      'fetch-source': [{ fetched: false, check: BAD }],
      'decide-gate': [{ passed: false, verdict: {} }],
    },
    'is refused': { 'decide-gate': [{ passed: false, verdict: {} }] },
  },
  'change-check': {
    passes: {},
    'is gone': {
      'fetch-source': [{ fetched: false, check: BAD }],
      'decide-gate': [{ passed: false, verdict: {} }],
    },
    'is refused': { 'decide-gate': [{ passed: false, verdict: {} }] },
  },
  'image-release': {
    'is signed': {},
    'is not there': {
      'resolve-image': [{ resolved: false, check: BAD }],
      'decide-gate': [{ passed: false, verdict: {} }],
    },
    'waits for its source': { 'link-chain': [{ waiting: true }, { waiting: true }, ANSWERS['link-chain']] },
    'has a bad signature': { 'verify-signature': [{ check: BAD }] },
  },
  promotion: {
    passes: { 'open-stage': [{ passed: true, more: true, next: 1 }, ANSWERS['open-stage']] },
    'is approved': { 'claim-promotion': [{ ...ANSWERS['claim-promotion'], approvals: true }] },
    'is not approved': {
      'claim-promotion': [{ ...ANSWERS['claim-promotion'], approvals: true }],
      'request-approval': [{ approved: false, approvals: [] }],
    },
    'is approved by nobody': {
      'claim-promotion': [{ ...ANSWERS['claim-promotion'], approvals: true }],
      'request-approval': [undefined],
    },
    'is not its turn': {
      'claim-promotion': [{ ...ANSWERS['claim-promotion'], claimed: false, check: BAD }],
      'decide-gate': [{ passed: false, verdict: {} }],
    },
    'is blocked': { 'open-stage': [{ passed: false, more: true, next: 1 }] },
    'is judged by nobody': { 'open-stage': [undefined] },
  },
  rollback: { restores: {} },
  checkpoint: { publishes: {} },
  audit: {
    passes: { 'audit-ledger': [{ more: true, passed: true }, ANSWERS['audit-ledger']] },
    'finds something': { 'audit-ledger': [{ more: false, passed: false }] },
  },
};
