import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../cli/package-root.ts';
import { claimOf, post, until } from '../demo/cases.ts';
import { githubPush, type SignedDelivery } from '../demo/deliveries.ts';
import { STAND_IN } from '../demo/inputs.ts';
import { startServer } from '../demo/server-process.ts';
import { PUBLIC_TENANT } from '../demo/setup.ts';
import { openWorld } from '../test/journeys/world.ts';
import { each, percentile, shown } from './figures.ts';

const RELEASES = 100;
const SENDERS = 8;

/** A new commit under the same tag is new work: each delivery is a release of its own. */
const deliveriesOf = (secret: string): SignedDelivery[] =>
  Array.from({ length: RELEASES }, (_, at) =>
    githubPush({
      repository: STAND_IN.repository,
      ref: `refs/tags/${STAND_IN.tag}`,
      commit: createHash('sha1').update(`commit ${at}`).digest('hex'),
      secret,
    }),
  );

/** The least any receiver must do: check the signature, make the body durable, answer 202. */
async function leastReceiver(secret: string) {
  const folder = mkdtempSync(join(tmpdir(), 'relseal-bench-'));
  const file = openSync(join(folder, 'log'), 'a');
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks);
      const expected = Buffer.from(`sha256=${createHmac('sha256', secret).update(body).digest('hex')}`);
      const given = Buffer.from(String(request.headers['x-hub-signature-256']));
      const good = given.length === expected.length && timingSafeEqual(given, expected);
      writeSync(file, body);
      fdatasyncSync(file);
      response.writeHead(good ? 202 : 401, { 'content-type': 'application/json' }).end('{}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const close = async () => {
    await new Promise((resolve) => server.close(resolve));
    closeSync(file);
    rmSync(folder, { recursive: true });
  };
  return { url: `http://127.0.0.1:${port}`, close };
}

async function timeAnswers(url: string, deliveries: readonly SignedDelivery[]): Promise<number[]> {
  const times: number[] = [];
  await each(deliveries, SENDERS, async (delivery) => {
    const sent = performance.now();
    const { status } = await post(url, delivery);
    if (status !== 202) throw new Error(`HTTP ${status}`);
    times.push(performance.now() - sent);
  });
  return times;
}

/** 100 releases through the embedded server: to the 202 and to the recorded outcome. */
export async function journeyBench(): Promise<void> {
  const world = await openWorld();
  const stores = world.stores();
  const { github } = world.setup.secrets;
  const deliveries = deliveriesOf(github);
  const least = await leastReceiver(github);
  const server = await startServer(join(packageRoot, 'cli', 'relseal.mjs'), world.setup.data, world.setup.environment);
  try {
    await timeAnswers(least.url, deliveries);
    const floor = await timeAnswers(least.url, deliveries);
    const answered: number[] = [];
    const decided: number[] = [];
    const began = performance.now();
    await each(deliveries, SENDERS, async (delivery) => {
      const sent = performance.now();
      const { status } = await post(server.url, delivery);
      if (status !== 202) throw new Error(`HTTP ${status}`);
      answered.push(performance.now() - sent);
      await until('outcome', async () => {
        const claim = await claimOf(stores, PUBLIC_TENANT, delivery);
        return claim && claim.status !== 'running' ? claim : undefined;
      });
      decided.push(performance.now() - sent);
    });
    const seconds = (performance.now() - began) / 1000;
    process.stdout.write(
      `journey: ${RELEASES} releases, ${SENDERS} senders, ${(RELEASES / seconds).toFixed(1)} releases/s\n` +
        `  to 202:     ${shown(answered)}\n  to outcome: ${shown(decided)}\n` +
        `  peer (signature, one fdatasync, 202): ${shown(floor)}\n` +
        `  ratio of p50 to 202: ${(percentile(answered, 50) / percentile(floor, 50)).toFixed(2)}\n`,
    );
  } finally {
    await server.stop();
    await least.close();
    stores.close();
    await world.close();
  }
}
