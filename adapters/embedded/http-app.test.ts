import { describe, expect, it } from 'vitest';
import { MAX_BODY_BYTES } from '../../core/ingest/receive.ts';
import { httpApp } from './http-app.ts';

const seen: number[] = [];
const app = httpApp({
  receive: async ({ method, body }) => {
    seen.push(body.length);
    return { status: method === 'POST' ? 202 : 405, contentType: 'application/json', body: '{}' };
  },
  health: async () => ({ ok: true }),
  readLog: async (tenant, path) =>
    tenant === 'acme' && path === 'tile/0/x001/000'
      ? { bytes: Buffer.from('t'), contentType: 'application/octet-stream', immutable: true }
      : undefined,
  hooks: [{ provider: 'github', instance: '<b>' }],
});

describe('the HTTP app', () => {
  it('passes deliveries on and stops reading one byte above the limit', async () => {
    const body = Buffer.alloc(MAX_BODY_BYTES * 3);
    expect((await app.request('/hooks/github/github.com', { method: 'POST', body })).status).toBe(202);
    expect(seen).toEqual([MAX_BODY_BYTES + 1]);
    expect((await app.request('/hooks/github/github.com')).headers.get('allow')).toBe('POST');
  });

  it('serves a page without script and with all names escaped', async () => {
    const page = await app.request('/');
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
    const html = await page.text();
    expect(html).not.toContain('<script');
    expect(html).toContain('&#60;b&#62;');
  });

  it('serves health, tiles for ever and problems for the rest', async () => {
    expect(await (await app.request('/healthz')).json()).toEqual({ ok: true });
    const tile = await app.request('/ledger/acme/tile/0/x001/000');
    expect([await tile.text(), tile.headers.get('cache-control')]).toEqual([
      't',
      'public, max-age=31536000, immutable',
    ]);
    for (const path of ['/ledger/other/checkpoint', '/nothing']) {
      const answer = await app.request(path);
      expect([answer.status, answer.headers.get('content-type')]).toEqual([404, 'application/problem+json']);
    }
  });
});
