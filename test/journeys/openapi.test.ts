import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import * as z from 'zod';
import type { RunningServer } from '../../cli/serve.ts';
import { Config } from '../../core/config.ts';
import { openWorld, tagPush, type World } from './world.ts';

const Content = z.record(z.string(), z.object({ schema: z.record(z.string(), z.unknown()) }));
const Response = z.object({ $ref: z.string().optional(), content: Content.optional() });
const Operation = z.object({ responses: z.record(z.string(), Response) });
const Document = z.object({
  paths: z.record(
    z.string(),
    z.object({ get: Operation.optional(), post: Operation.optional(), put: Operation.optional() }),
  ),
  components: z.object({ responses: z.record(z.string(), Response), schemas: z.record(z.string(), z.unknown()) }),
});
const document = Document.parse(parse(readFileSync(new URL('../../docs/openapi.yaml', import.meta.url), 'utf8')));

const ajv = new Ajv2020({ strict: false });
ajv.addSchema({ $id: 'openapi', components: document.components });

/** What the document says about an answer: its content types, each with its schema. */
function contentOf(path: string, method: 'get' | 'post' | 'put', status: number): z.infer<typeof Content> {
  const response = document.paths[path]?.[method]?.responses[status];
  const named = response?.$ref?.split('/').at(-1);
  return (named === undefined ? response : document.components.responses[named])?.content ?? {};
}

async function expectDocumented(
  path: string,
  method: 'get' | 'post' | 'put',
  response: globalThis.Response,
): Promise<void> {
  const content = contentOf(path, method, response.status);
  const type = response.headers.get('content-type') ?? '';
  expect(Object.keys(content)).toContain(type);
  if (!type.includes('json')) return;
  const schema = JSON.parse(JSON.stringify(content[type]?.schema).replaceAll('"#/', '"openapi#/'));
  const valid = ajv.validate(schema, await response.json());
  expect(ajv.errorsText()).toBe('No errors');
  expect(valid).toBe(true);
}

let world: World;
let server: RunningServer;
const REVISION = `sha256:${'a'.repeat(64)}`;
const TARGETS_TOKEN = 'a token of this test';

/** An environment whose proxy others may change. */
function offerTarget({ setup: { data } }: World): void {
  const file = join(data, 'relseal.yaml');
  const config = Config.parse(parse(readFileSync(file, 'utf8')));
  const environment = {
    name: 'staging',
    repositories: [{ host: 'registry.example.com', name: 'acme/sample' }],
    target: {
      kind: 'local-proxy',
      listen: { port: 0 },
      stable: REVISION,
      revisions: [{ digest: REVISION, url: 'http://127.0.0.1:9' }],
    },
    metrics: { kind: 'prometheus', url: 'http://127.0.0.1:9' },
    signals: [{ name: 'errors', query: 'up', limit: 1, unit: 'ratio', consecutive: 1, weight: 100 }],
    approvals: 0,
  };
  const hosts = [...config.hosts, { host: '127.0.0.1:9', private: true }];
  const tenants = config.tenants.map((tenant) =>
    tenant.id === 'acme' ? { ...tenant, environments: [environment] } : tenant,
  );
  writeFileSync(join(data, 'secrets', 'targets'), TARGETS_TOKEN);
  writeFileSync(file, stringify({ ...config, hosts, tenants, targetsToken: 'file:secrets/targets' }));
}

beforeAll(async () => {
  world = await openWorld();
  offerTarget(world);
  server = await world.serve();
});
afterAll(async () => {
  await server.close();
  await world.close();
});

const HOOK = '/hooks/{provider}/{instance}';

describe('the OpenAPI document', () => {
  const delivery = () => tagPush(world, 'v1.0.0');
  const post = (path: string, init: RequestInit) => fetch(`${server.url}${path}`, { method: 'POST', ...init });

  it('describes what a delivery gets', async () => {
    const { path, headers, body } = delivery();
    for (const [status, answer] of [
      [202, await post(path, { headers, body })],
      [401, await post(path, { headers, body: `${body} ` })],
      [404, await post('/hooks/gitea/elsewhere.example.com', { headers, body })],
      [413, await post(path, { headers, body: new Uint8Array(1_048_577) })],
      [415, await post(path, { headers: { ...headers, 'content-type': 'text/plain' }, body })],
    ] as const) {
      expect(answer.status).toBe(status);
      await expectDocumented(HOOK, 'post', answer);
    }
  });

  it('describes the targets that it offers, to whoever has their token', async () => {
    const url = `${server.url}/targets/acme%2Fstaging`;
    const authorization = `Bearer ${TARGETS_TOKEN}`;
    const read = await fetch(url, { headers: { authorization } });
    const state = await read.clone().json();
    expect(state).toEqual({ stable: REVISION, weight: 0, version: '0' });
    const put = (headers: Record<string, string>, body: unknown) =>
      fetch(url, { method: 'PUT', headers: { authorization, ...headers }, body: JSON.stringify(body) });
    const stable = { stable: REVISION, weight: 0 };
    for (const [method, status, answer] of [
      ['get', 200, read],
      ['get', 401, await fetch(url)],
      ['get', 404, await fetch(`${server.url}/targets/acme%2Fnone`, { headers: { authorization } })],
      ['put', 428, await put({}, stable)],
      ['put', 400, await put({ 'if-match': '"0"' }, { weight: 101 })],
      ['put', 422, await put({ 'if-match': '"0"' }, { weight: 10 })],
      ['put', 200, await put({ 'if-match': '"0"' }, stable)],
      ['put', 412, await put({ 'if-match': '"0"' }, stable)],
    ] as const) {
      expect(answer.status).toBe(status);
      await expectDocumented('/targets/{name}', method, answer);
    }
  });

  it('describes health, metrics and the log', async () => {
    await expectDocumented('/healthz', 'get', await fetch(`${server.url}/healthz`));
    await expectDocumented('/metrics', 'get', await fetch(`${server.url}/metrics`));
    const missing = await fetch(`${server.url}/ledger/acme/tile/7/000`);
    expect(missing.status).toBe(404);
    await expectDocumented('/ledger/{tenant}/{path}', 'get', missing);
    for (let tries = 0; tries < 200; tries += 1) {
      const checkpoint = await fetch(`${server.url}/ledger/acme/checkpoint`);
      if (checkpoint.status === 200) {
        await expectDocumented('/ledger/{tenant}/{path}', 'get', checkpoint);
        const anchors = await fetch(`${server.url}/ledger/acme/anchors`);
        return expectDocumented('/ledger/{tenant}/{path}', 'get', anchors);
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error('no checkpoint was published');
  });
});
