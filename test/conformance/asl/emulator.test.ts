import { CloudFormationClient } from '@aws-sdk/client-cloudformation';
import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { SFNClient } from '@aws-sdk/client-sfn';
import { strToU8, zipSync } from 'fflate';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Emulator, emulatorProgram, startEmulator } from '../emulator.ts';
import { type AslCase, isRunning, loadCorpus, type RunningCase } from './corpus.ts';
import { bundleOf, createScriptedStack, MACHINE_PREFIX } from './scripted-stack.ts';
import { expectedEnd, remoteEventText, runOnStepFunctions, type StepFunctions } from './step-functions-run.ts';

const program = emulatorProgram();
/** Time is real here. */
const LONGEST_SECONDS = 3;
const PATIENCE_MS = 60_000;

/** Why a case does not run on the emulator: what it lacks as a whole, or what the case names. */
function exceptionOf(each: AslCase): string | undefined {
  if (!isRunning(each)) return 'the emulator refuses neither definitions nor names';
  if (each.redrives.length > 0) return 'the emulator has no redrive';
  if (each.expected.status === 'TIMED_OUT') return 'the emulator ignores the time-out of a machine';
  if (each.expected.seconds > LONGEST_SECONDS) return `takes ${each.expected.seconds} s`;
  return each.exceptions.emulator;
}

const all = loadCorpus().flatMap(({ feature, cases }) => cases.map((each) => ({ feature, each })));
const running = all.flatMap(({ feature, each }, at): [string, RunningCase, string][] =>
  isRunning(each) && exceptionOf(each) === undefined
    ? [[`${feature}: ${each.name}`, each, `${MACHINE_PREFIX}${at}`]]
    : [],
);

/** What the emulator's history tells as Step Functions does: the way of the root from state to state. */
const isWay = (text: string): boolean => /^\w+State(Entered|Exited) |^Execution/.test(text);

/** Uploads the scripted function as a runtime of its own, and deploys it. */
async function deploy({ client }: Emulator): Promise<StepFunctions> {
  const bootstrap = strToU8(bundleOf('emulator-bootstrap.ts', { banner: '#!/usr/bin/env node' }));
  const s3 = new S3Client({ ...client, forcePathStyle: true });
  const [Bucket, Key] = ['corpus-code', 'function.zip'];
  await s3.send(new CreateBucketCommand({ Bucket }));
  const Body = zipSync({ bootstrap: [bootstrap, { os: 3, attrs: (0o755 << 16) >>> 0 }] });
  await s3.send(new PutObjectCommand({ Bucket, Key, Body }));
  const code = { Runtime: 'provided.al2023', Code: { S3Bucket: Bucket, S3Key: Key } };
  const arns = await createScriptedStack(new CloudFormationClient(client), code);
  return { ...arns, client: new SFNClient(client), pollMs: 50 };
}

describe.skipIf(!program)('the corpus on the AWS emulator', () => {
  let emulator: Emulator;
  let at: StepFunctions;
  beforeAll(async () => {
    emulator = await startEmulator(program ?? '');
    at = await deploy(emulator);
  }, 120_000);
  afterAll(() => emulator?.stop());

  it('leaves no case out without a reason, and most of those that run in', () => {
    const left = all.filter(({ each }) => isRunning(each) && exceptionOf(each) !== undefined);
    process.stderr.write(left.map(({ each }) => `left out: ${each.name}: ${exceptionOf(each)}\n`).join(''));
    expect(running.length).toBeGreaterThan(left.length);
  });

  it.concurrent.each(running)(
    '%s',
    async (_name, each, machine) => {
      const { events, ...end } = await runOnStepFunctions(at, each, machine);
      expect(end).toEqual(expect.objectContaining(expectedEnd(each)));
      const way = (each.expected.history[''] ?? []).filter(isWay);
      expect(events.map(remoteEventText).filter(isWay)).toEqual(way);
    },
    PATIENCE_MS,
  );
});
