import { SetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { claimOf, until } from '../../demo/cases.ts';
import { giteaPush } from '../../demo/deliveries.ts';
import { SAMPLE } from '../../demo/inputs.ts';
import { TenantId } from '../../events/fields.ts';
import { callApi } from './emulator.ts';
import { signedPost } from './emulator-signed.ts';
import { type EmulatorWorld, SECRETS, TENANT } from './emulator-world.ts';

const PATIENCE_MS = 90_000;
const Listed = z.object({
  deadLetters: z.array(
    z.strictObject({ id: z.string(), event: z.string(), tries: z.int(), reason: z.string().optional() }),
  ),
});

/** A command as somebody runs it: who, and its words. */
type Command = (name: string, ...args: string[]) => Promise<{ code: unknown; stdout: string; stderr: string }>;

/** Denies the starter of runs to write claims, or no more; the service itself is asked, as an operator would. */
async function denyClaims({ emulator, serviceNamed, claimsTable }: EmulatorWorld, denied: boolean): Promise<void> {
  const { region, endpoint, credentials } = emulator.client;
  const Resource = `arn:aws:dynamodb:${region}:${emulator.account}:table/${claimsTable}`;
  const Statement = [{ Effect: 'Deny', Action: 'dynamodb:PutItem', Resource }];
  const asked = new URLSearchParams({
    Action: denied ? 'PutRolePolicy' : 'DeleteRolePolicy',
    Version: '2010-05-08',
    RoleName: serviceNamed('StartWorkflowFunctionRole'),
    PolicyName: 'broken',
    ...(denied ? { PolicyDocument: JSON.stringify({ Version: '2012-10-17', Statement }) } : {}),
  });
  const contentType = 'application/x-www-form-urlencoded';
  const ask = { url: new URL('/', endpoint), service: 'iam', body: asked.toString(), contentType };
  const answer = await signedPost(emulator, ask, credentials);
  expect(answer.status, answer.body.toString()).toBe(200);
}

/** A deployment that is broken for a while: what it could not do meanwhile is put aside, and done once it is repaired. */
export function describeLetters(worldOf: () => EmulatorWorld, command: Command): void {
  const delivery = () =>
    giteaPush(
      {
        repository: SAMPLE.repository,
        ref: `refs/tags/${SAMPLE.tags.killed}`,
        commit: worldOf().inputs.commits[SAMPLE.tags.killed],
        secret: SECRETS.gitea,
      },
      SAMPLE.host,
    );
  /** Seconds between tries: five of them are to end soon. */
  const retryAfter = (seconds: number) => {
    const { emulator, serviceNamed } = worldOf();
    const Attributes = { VisibilityTimeout: String(seconds) };
    return new SQSClient(emulator.client).send(
      new SetQueueAttributesCommand({ QueueUrl: serviceNamed('StartQueue'), Attributes }),
    );
  };
  const listed = async () => {
    const { code, stdout, stderr } = await command('alice', 'dead-letters', 'list');
    expect([code, stderr]).toEqual([0, '']);
    return Listed.parse(JSON.parse(stdout)).deadLetters;
  };

  describe('a delivery that nobody could take', () => {
    beforeAll(async () => {
      await retryAfter(1);
      await denyClaims(worldOf(), true);
    });
    afterAll(() => retryAfter(180));

    it('is put aside with its fault, is listed for whoever may, and is done when it is redriven', async () => {
      const { emulator, api, stores } = worldOf();
      const sent = delivery();
      const { path, headers, body } = sent;
      const posted = await callApi(emulator, api, path, { method: 'POST', headers: { ...headers }, body });
      expect(posted.status, posted.body.toString()).toBe(202);
      const letter = await until(
        'dead letter',
        async () => (await listed()).find(({ reason }) => reason !== undefined),
        PATIENCE_MS,
      );
      const [event] =
        (await stores.deliveries.get(TenantId.parse(TENANT), `gitea/${SAMPLE.host}/${sent.id}`))?.events ?? [];
      expect(letter).toEqual({ id: letter.id, event: event?.id, tries: 5, reason: 'StoreUnavailable' });
      expect(await listed()).toEqual([letter]);
      expect(await claimOf(stores, TENANT, sent)).toBeUndefined();
      for (const name of ['a stranger', 'mallory', 'bob'])
        for (const words of [['list'], ['redrive', letter.id]])
          expect(await command(name, 'dead-letters', ...words), name).toMatchObject({ code: 3, stdout: '' });
      await denyClaims(worldOf(), false);
      const redriven = await command('alice', 'dead-letters', 'redrive', letter.id);
      expect([redriven.code, redriven.stdout, redriven.stderr]).toEqual([0, '{"redriven":1}\n', '']);
      const claim = await until(
        'outcome',
        async () => {
          const found = await claimOf(stores, TENANT, sent);
          return found && found.status !== 'running' ? found : undefined;
        },
        PATIENCE_MS,
      );
      expect(claim).toMatchObject({ status: 'passed', machine: 'source-release' });
      expect(await listed()).toEqual([]);
      expect((await command('alice', 'dead-letters', 'redrive', letter.id)).code).toBe(1);
      expect((await command('alice', 'dead-letters', 'redrive')).stdout).toBe('{"redriven":0}\n');
    });
  });
}
