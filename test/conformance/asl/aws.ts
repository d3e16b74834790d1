import { isDeepStrictEqual } from 'node:util';
import { CloudFormationClient } from '@aws-sdk/client-cloudformation';
import { SFNClient } from '@aws-sdk/client-sfn';
import { type AslCase, isRunning, loadCorpus, type RunningCase } from './corpus.ts';
import { bundleOf, createScriptedStack, deleteScriptedStack, MACHINE_PREFIX, STACK_NAME } from './scripted-stack.ts';
import {
  expectedEnd,
  isRefused,
  remoteEventText,
  runOnStepFunctions,
  type StepFunctions,
} from './step-functions-run.ts';

/** `npm run conformance:aws`: the corpus on a real account, for whoever has one. */

const NEEDS = `conformance:aws runs the corpus of test/conformance/asl on AWS Step Functions. It needs:
  RELSEAL_AWS_REGION   a region of an account to experiment in
  credentials          where the AWS SDK finds them, with full access there to CloudFormation, IAM roles,
                       Lambda and Step Functions
It creates the stack ${STACK_NAME} (one role, one function) and for each case a machine ${MACHINE_PREFIX}<n>, and deletes
them. It takes some minutes, some thousand state transitions and about as many calls of the function.
`;
const LONGEST_SECONDS = 120;
const AT_ONCE = 8;

function exceptionOf(each: AslCase): string | undefined {
  if (each.expected.status === 'REFUSED' && each.expected.byUs) return 'the rule is ours';
  if (isRunning(each) && each.expected.seconds > LONGEST_SECONDS) return `takes ${each.expected.seconds} s`;
  return each.exceptions.aws;
}

/** What may differ where time is real: when a call of a token has returned, and what an abort is called after. */
const comparable = (texts: readonly string[]): string[] =>
  texts
    .filter((text) => text !== 'TaskSubmitted')
    .map((text) => text.replace(/Aborted .*/, 'Aborted'))
    .sort();

/** How the run differs from what the case expects; empty when it does not. */
async function judgeRun(at: StepFunctions, each: RunningCase, machine: string): Promise<string> {
  const { events, ...end } = await runOnStepFunctions(at, each, machine);
  const expected = expectedEnd(each);
  const told = { ...expected, status: end.status, ...(expected.error ? { error: end.error } : { output: end.output }) };
  if (!isDeepStrictEqual(told, expected))
    return `ended as ${JSON.stringify(told).slice(0, 500)}, not ${JSON.stringify(expected).slice(0, 500)}`;
  const history = comparable(events.map(remoteEventText));
  const expectedHistory = comparable(Object.values(each.expected.history).flat());
  return isDeepStrictEqual(history, expectedHistory) ? '' : `history ${history.join(', ')}`;
}

const judgeRefusal = async (at: StepFunctions, each: AslCase, machine: string): Promise<string> =>
  (await isRefused(at, each, machine)) ? '' : 'was accepted';

/** A line about one case, and whether it went otherwise than expected. */
async function verdictOf(at: StepFunctions, each: AslCase, machine: string): Promise<{ line: string; bad: boolean }> {
  const exception = exceptionOf(each);
  if (exception !== undefined) return { line: `left out: ${each.name}: ${exception}`, bad: false };
  try {
    const problem = isRunning(each) ? await judgeRun(at, each, machine) : await judgeRefusal(at, each, machine);
    if (problem === '') return { line: `ok: ${each.name}`, bad: false };
    return { line: `FAILED: ${each.name}: ${problem}`, bad: true };
  } catch (error) {
    return { line: `FAILED: ${each.name}: ${error}`, bad: true };
  }
}

/** Judges every case, some at once; answers how many went otherwise than expected. */
async function judgeAll(at: StepFunctions): Promise<number> {
  const waiting = loadCorpus()
    .flatMap(({ cases }) => cases)
    .entries();
  let failed = 0;
  const worker = async (): Promise<void> => {
    // One iterator for all workers: each case is taken once.
    for (const [index, each] of waiting) {
      const { line, bad } = await verdictOf(at, each, `${MACHINE_PREFIX}${index}`);
      process.stdout.write(`${line}\n`);
      failed += bad ? 1 : 0;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return failed;
}

async function main(region: string): Promise<number> {
  const client = { region, maxAttempts: 10 };
  const cloudFormation = new CloudFormationClient(client);
  const ZipFile = bundleOf('scripted-function.ts', { external: ['@aws-sdk/*'] });
  try {
    const arns = await createScriptedStack(cloudFormation, { Runtime: 'nodejs22.x', Code: { ZipFile } });
    return await judgeAll({ ...arns, client: new SFNClient(client), pollMs: 1000 });
  } finally {
    await deleteScriptedStack(cloudFormation);
  }
}

const region = process.env.RELSEAL_AWS_REGION;
if (region === undefined) {
  process.stderr.write(NEEDS);
  process.exitCode = 2;
} else {
  const failed = await main(region);
  process.stdout.write(failed === 0 ? 'every case went as expected\n' : `${failed} cases went otherwise\n`);
  process.exitCode = failed === 0 ? 0 : 1;
}
