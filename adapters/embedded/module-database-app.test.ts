import { describe, expect, it } from 'vitest';
import { Fault } from '../../core/faults.ts';
import type { DatabaseAnswer } from '../../core/modulelog/database.ts';
import { moduleDatabaseApp } from './module-database-app.ts';

const found = (text: boolean, forEver: boolean): DatabaseAnswer => ({
  ...{ kind: 'found', bytes: Buffer.from('x'), text, forEver },
});
const failures: unknown[] = [];
const asked: string[] = [];
const app = moduleDatabaseApp({
  answer: async (tenant, path) => {
    asked.push(path);
    if (tenant !== 'acme') return undefined;
    if (path === 'busy') throw new Fault('StoreUnavailable', 'a secret of the store');
    if (path === 'broken') throw new Error('a secret of the program');
    if (path.startsWith('tile/')) return found(false, true);
    if (path === 'refused')
      return { kind: 'refused', reason: { code: 'sumdb.fork', where: 'a@v1.0.0', found: 'two heads', fix: 'Tell.' } };
    return path === 'nothing' ? { kind: 'absent' } : found(true, false);
  },
  failed: (error) => failures.push(error),
});
const get = async (path: string) => {
  const response = await app.request(path);
  return [response.status, response.headers.get('cache-control'), await response.text()];
};

describe('the app of the module databases', () => {
  it('serves tiles for ever and heads for now', async () => {
    expect(await get('/acme/tile/8/0/000')).toEqual([200, 'public, max-age=31536000, immutable', 'x']);
    expect(await get('/acme/latest')).toEqual([200, 'no-store', 'x']);
  });

  it('reads paths as the go command writes them', async () => {
    await get('/acme/lookup/example.com/acme/%21mixed@v1.0.0+incompatible');
    expect(asked.at(-1)).toBe('lookup/example.com/acme/!mixed@v1.0.0+incompatible');
  });

  it('says 404 only of what is not there', async () => {
    for (const path of ['/acme/nothing', '/other/latest', '/acme/%zz'])
      expect(await get(path)).toEqual([404, null, 'not in this log\n']);
    expect(await get('/acme/refused')).toEqual([403, null, 'sumdb.fork: a@v1.0.0\ntwo heads\nTell.\n']);
  });

  it('tells callers the name of a failure and the log the rest', async () => {
    expect(await get('/acme/busy')).toEqual([503, null, 'StoreUnavailable\n']);
    expect(await get('/acme/broken')).toEqual([500, null, 'InternalError\n']);
    expect(failures).toHaveLength(2);
  });
});
