import { describe, expect, it } from 'vitest';
import { TenantConfig } from '../config.ts';
import { classifyModule, ownPrefixes, privacySettings, undecidedHost } from './privacy.ts';

const own = ownPrefixes(['github.com/acme/widgets', 'git.acme.example/team/app', 'go.acme.example/tool/v2']);
const settings = (more: { private?: string[]; public?: string[] } = {}) => ({
  ...{ own, private: more.private ?? [], public: more.public ?? [] },
});

describe('who may be asked about a module', () => {
  it('is one’s own host, and on a shared host one’s own organisation', () => {
    expect(own).toEqual(['git.acme.example', 'github.com/acme', 'go.acme.example']);
  });

  it.each([
    ['github.com/acme/widgets', {}, 'private'],
    ['github.com/acme/another/v3', {}, 'private'],
    ['git.acme.example/other-team/secret', {}, 'private'],
    ['github.com/acme2/widgets', {}, 'undecided'],
    ['golang.org/x/mod', {}, 'undecided'],
    ['golang.org/x/mod', { public: ['golang.org/x'] }, 'public'],
    ['golang.org/x/mod', { public: ['*'] }, 'public'],
    ['golang.org/x/mod', { public: ['*'], private: ['golang.org/x/m*'] }, 'private'],
    // Everything else is public: what is one's own is not everything else.
    ['github.com/acme/widgets', { public: ['*'] }, 'private'],
    ['github.com/acme/widgets', { public: ['github.com'] }, 'private'],
    ['github.com/acme/widgets', { public: ['github.com/*'] }, 'private'],
    ['git.acme.example/team/open', { public: ['*/team/*'] }, 'private'],
    // Its name is an answer.
    ['github.com/acme/widgets', { public: ['github.com/acme/widgets'] }, 'public'],
    ['github.com/acme/other', { public: ['github.com/acme/widgets'] }, 'private'],
    ['github.com/acme/widgets', { public: ['github.com/acme'], private: ['github.com/acme/w*'] }, 'private'],
    ['git.acme.example/team/open', { public: ['git.acme.example/team/open*'] }, 'public'],
    ['golang.org/toolchain', { private: ['*'] }, 'public'],
  ] as const)('%s with %j is %s', (path, { private: hidden = [], public: shown = [] }: Patterns, expected) => {
    expect(classifyModule(path, settings({ private: [...hidden], public: [...shown] }))).toBe(expected);
  });

  it('is asked of the tenant, by the prefix that answers for all', () => {
    expect(undecidedHost('github.com/stranger/lib')).toMatchObject({
      code: 'modpolicy.host-undecided',
      found: 'none for github.com/stranger',
      fix: expect.stringContaining('modules.public'),
    });
    expect(undecidedHost('go.uber.org/zap')).toMatchObject({ found: 'none for go.uber.org' });
  });

  it('is told from the configuration of a tenant', () => {
    const tenant = TenantConfig.parse({
      ...{ id: 'acme', origin: 'ledger.example.com/acme', policy: 'policy.yaml' },
      modules: { proxy: 'off', checksumDatabase: 'sum.golang.org', private: ['a.example'], public: ['*'] },
      sources: [
        {
          ...{ provider: 'github', instance: 'github.com' },
          repositories: [
            { name: 'acme/widgets', fetch: { kind: 'module-proxy', module: 'go.acme.example/widgets' } },
            { name: 'acme/other', fetch: { kind: 'git', path: '/srv/other.git' } },
          ],
        },
        { provider: 'distribution', instance: 'registry.example.com', repositories: [{ name: 'acme/image' }] },
      ],
    });
    expect(privacySettings(tenant)).toEqual({
      ...{ private: ['a.example'], public: ['*'] },
      own: ['github.com/acme', 'go.acme.example'],
    });
  });
});

interface Patterns {
  readonly private?: readonly string[];
  readonly public?: readonly string[];
}
