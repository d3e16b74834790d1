import { describe, expect, it } from 'vitest';
import { mentionsIn } from './mentions.ts';

describe('the people of a payload', () => {
  it.each<[string, unknown, string[]]>([
    [
      'who sent and who pushed it (GitHub)',
      { sender: { login: 'ana' }, pusher: { name: 'ben', email: 'ben@x' } },
      ['ana', 'ben', 'ben@x'],
    ],
    [
      'authors and committers, in lists',
      { commits: [{ author: { name: 'Cy', email: 'cy@x', username: 'cy' } }, { committer: { name: 'Di' } }] },
      ['Cy', 'cy@x', 'cy', 'Di'],
    ],
    [
      'the flat fields of GitLab',
      { user_name: 'Ana B', user_username: 'ana', user_email: 'ana@x' },
      ['Ana B', 'ana', 'ana@x'],
    ],
    ['users with a whole name (Gitea)', { user: { login: 'ana', full_name: 'Ana B' } }, ['ana', 'Ana B']],
    ['the actor of a registry', { events: [{ actor: { name: 'robot' } }] }, ['robot']],
    ['whoever has a login, wherever it is', { deep: [{ assignee: { login: 'eve' } }] }, ['eve']],
    ['nobody in names of things', { repository: { name: 'payments', full_name: 'acme/payments' }, ref: 'x' }, []],
    ['nobody in what is no text', { sender: { login: 7, email: null, name: '' }, user_name: [] }, []],
    ['nobody in no object', 'ana', []],
  ])('are %s', (_what, payload, names) => {
    expect([...mentionsIn(payload)].sort()).toEqual([...names].sort());
  });

  it('are found at any depth', () => {
    let payload: unknown = { sender: { login: 'ana' } };
    for (let depth = 0; depth < 200_000; depth += 1) payload = [payload];
    expect([...mentionsIn(payload)]).toEqual(['ana']);
  });
});
