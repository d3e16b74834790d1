import { createServer, type Server, type ServerResponse } from 'node:http';
import { afterAll, describe, expect, it } from 'vitest';
import { ModulePath, ModuleVersion } from '../../core/brands.ts';
import { openSumdbProver } from '../../core/sumdb/prove.ts';
import { type TestRecord, testChecksumDatabase } from '../../test/fakes/test-checksum-database.ts';
import { openChecksumDatabase } from './checksum-database.ts';
import { openEgress } from './egress.ts';

const recordOf = (at: number, fill = 'A'): TestRecord => ({
  ...{ module: `example.com/m${at}`, version: 'v1.0.0' },
  ...{ zipH1: `h1:${fill.repeat(43)}=`, goModH1: `h1:${'B'.repeat(43)}=` },
});
const records = Array.from({ length: 300 }, (_, at) => recordOf(at));
const upstream = testChecksumDatabase(records);
const files = new Map(upstream.files().map(({ path, bytes }) => [`/${path}`, bytes]));
const VERSION = ModuleVersion.parse('v1.0.0');
const path = (at: number) => ModulePath.parse(`example.com/m${at}`);
const absent = { name: 'ChecksumDatabaseUnavailable' };

const servers: Server[] = [];
afterAll(() => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
});

type Odd = (asked: string, response: ServerResponse) => boolean | Promise<boolean>;

/** The test database behind HTTP, and our client of it; `odd` may answer first, and waits are counted, not waited. */
async function world(odd: Odd, timeoutMs = 20_000) {
  const asked: string[] = [];
  const waits: number[] = [];
  const server = createServer(async (request, response) => {
    const name = request.url ?? '';
    asked.push(name);
    if (await odd(name, response)) return;
    const bytes = files.get(name);
    if (bytes) response.end(bytes);
    else response.writeHead(404).end();
  });
  servers.push(server);
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const address = server.address();
  const host = `127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`;
  const database = openChecksumDatabase({
    ...{ verifierKey: upstream.verifierKey, proxy: 'off', url: new URL(`http://${host}`), timeoutMs },
    egress: openEgress([{ host, private: true }]),
    sleep: async (ms) => void waits.push(ms),
  });
  return { database, asked, waits };
}

const answers = (status: number, headers: Record<string, string> = {}, where = /./): Odd => {
  return (name, response) => {
    if (!where.test(name)) return false;
    response.writeHead(status, headers).end('no');
    return true;
  };
};

async function prove(odd: Odd, at = 5, timeoutMs?: number) {
  const { database, asked, waits } = await world(odd, timeoutMs);
  const opened = await openSumdbProver(database, undefined);
  return { answer: opened.kind === 'opened' ? await opened.prover.prove(path(at), VERSION) : opened, asked, waits };
}

describe('a checksum database over HTTP', () => {
  it('proves records', async () => {
    expect((await prove(() => false)).answer).toMatchObject({ kind: 'proved', record: { id: 5 } });
  });

  it.each([404, 410])('has no module for which it answers %i', async (status) => {
    const { answer } = await prove(answers(status, {}, /lookup/));
    expect(answer).toMatchObject({ kind: 'refused', reason: { code: 'sumdb.unknown-module' } });
  });

  it.each([401, 403, 429, 500, 503])('is absent when it answers %i to a lookup, never a pass', async (status) => {
    await expect(prove(answers(status, {}, /lookup/))).rejects.toMatchObject(absent);
  });

  it.each([403, 404, 410, 429, 502])('is absent when it answers %i for its head or a tile', async (status) => {
    await expect(prove(answers(status, {}, /latest/))).rejects.toMatchObject(absent);
    await expect(prove(answers(status, {}, /tile\/8\/0\/000$/))).rejects.toMatchObject(absent);
  });

  it('is absent when it stalls, in a head, in a lookup and within a tile', async () => {
    const stall = (where: RegExp, begin: string): Odd => {
      return (name, response) => {
        if (where.test(name)) response.write(begin);
        return where.test(name);
      };
    };
    for (const where of [/latest/, /lookup/, /tile\/8\/0\/000/])
      await expect(prove(stall(where, 'x'), 5, 100)).rejects.toMatchObject(absent);
  });

  it('is waited for as long as it says, within bounds', async () => {
    for (const [said, least, most] of [
      ['3', 3000, 3000],
      ['3600', 10_000, 10_000],
      ['soon', 0, 10_000],
    ] as const) {
      let refusals = 1;
      const { answer, waits } = await prove((name, response) =>
        /lookup/.test(name) && refusals-- > 0 ? answers(429, { 'retry-after': said })(name, response) : false,
      );
      expect(answer).toMatchObject({ kind: 'proved' });
      expect(waits).toHaveLength(1);
      expect(waits[0]).toBeGreaterThanOrEqual(least);
      expect(waits[0]).toBeLessThanOrEqual(most);
    }
  });

  it('is asked at most ten lookups at a time', async () => {
    const open = { now: 0, most: 0 };
    const { database, asked } = await world(async (name) => {
      if (!name.startsWith('/lookup/')) return false;
      open.now += 1;
      open.most = Math.max(open.most, open.now);
      await new Promise((resolve) => setTimeout(resolve, 5));
      open.now -= 1;
      return false;
    });
    await Promise.all(records.slice(0, 60).map((_, at) => database.lookup(path(at), VERSION)));
    expect(open.most).toBe(10);
    expect(asked).toHaveLength(60);
  });

  it('goes on with lookups after ten have failed', async () => {
    const { database } = await world(answers(403, {}, /m[0-9]@/));
    const failed = await Promise.allSettled(records.slice(0, 10).map((_, at) => database.lookup(path(at), VERSION)));
    expect(failed.every(({ status }) => status === 'rejected')).toBe(true);
    expect(await database.lookup(path(11), VERSION)).toMatch(/^11\n/);
  });

  it('refuses a wrong signature, a forked tree and a wrong tile', async () => {
    const forged = testChecksumDatabase(records.map((_, at) => recordOf(at, 'Z')));
    const strange = testChecksumDatabase(records, { seedByte: 9 });
    const instead = (where: RegExp, bytes: (name: string) => string | Uint8Array): Odd => {
      return (name, response) => {
        if (where.test(name)) response.end(bytes(name));
        return where.test(name);
      };
    };
    const codeOf = async (odd: Odd) => {
      const { answer } = await prove(odd);
      return answer.kind === 'refused' ? answer.reason.code : answer.kind;
    };
    expect(await codeOf(instead(/latest/, () => strange.note(300)))).toBe('sumdb.proof-invalid');
    expect(await codeOf(instead(/latest/, () => upstream.note(300).replace('\n300\n', '\n299\n')))).toBe(
      'sumdb.proof-invalid',
    );
    const lookup = Buffer.from(forged.files().find(({ path: name }) => name.includes('/m5@'))?.bytes ?? []).toString();
    expect(await codeOf(instead(/lookup/, () => lookup))).toBe('sumdb.fork');
    expect(await codeOf(instead(/tile\/8\/0\/000$/, () => new Uint8Array(8192)))).toBe('sumdb.proof-invalid');
  });
});
