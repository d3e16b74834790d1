import { describe, expect, it } from 'vitest';
import type { DeskDeps } from '../core/desk/answer-operator.ts';
import { deskApp } from './promotion-control.ts';

/** A desk that is never reached: what these ask is refused before. */
const nobody = (): DeskDeps => {
  throw new Error('nobody is asked');
};
const post = (path: string, body: string) =>
  deskApp(nobody).request(path, { method: 'POST', body, headers: { 'content-type': 'application/json' } });

describe('the desk of a running server', () => {
  it.each([
    ['no JSON', '/stops', '{'],
    ['nobody who asks', '/stops', '{"run":"promotion-1"}'],
    ['half a replay', '/replay', '{}'],
    ['a name of no length', '/stops', '{"run":"promotion-1","operator":""}'],
  ])('answers 400 to %s', async (_what, path, body) => {
    const answer = await post(path, body);
    expect([answer.status, await answer.json()]).toEqual([400, { code: 'request.invalid' }]);
  });
});
