import { describe, expect, it } from 'vitest';
import { Config } from '../core/config.ts';
import { ConfigError, parseConfigText } from './config-file.ts';

const valid = `schema: relseal.config/1
environment:
  kind: test
tenants:
  - id: acme
    origin: ledger.example.com/acme
    policy: policy.yaml
    modules:
      proxy: https://proxy.golang.org
      checksumDatabase: sum.golang.org
    sources:
      - provider: github
        instance: github.com
        secrets: [env:HOOK_SECRET]
        repositories:
          - name: acme/sample
            fetch: { kind: git, path: sample.git }
`;

const problemsOf = (text: string) => {
  try {
    parseConfigText('relseal.yaml', text, Config);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
};

describe('the configuration document', () => {
  it('is read with its defaults filled in', () => {
    const config = parseConfigText('relseal.yaml', valid, Config);
    expect(config.listen).toEqual({ host: '127.0.0.1', port: 8787 });
    expect(config.tenants[0]?.sources[0]?.repositories[0]?.releaseTags).toBe('v[0-9].*');
  });

  it('reports every problem at once, each with its line', () => {
    const broken = valid
      .replace('kind: test', 'kind: staging')
      .replace('provider: github', 'provider: githug')
      .replace('env:HOOK_SECRET', 'hunter2');
    expect(problemsOf(broken).map(({ line, path }) => `${line} ${path}`)).toEqual([
      '3 environment.kind',
      '12 tenants.0.sources.0.provider',
      '14 tenants.0.sources.0.secrets.0',
    ]);
  });

  it('never repeats a value that stands where a secret reference belongs', () => {
    expect(JSON.stringify(problemsOf(valid.replace('env:HOOK_SECRET', 'hunter2')))).not.toContain('hunter2');
  });

  it('refuses unknown keys, duplicate keys, aliases and text that is not YAML', () => {
    expect(problemsOf(`${valid}polcy: x\n`)).toHaveLength(1);
    expect(problemsOf(`${valid}schema: relseal.config/1\n`)[0]?.line).toBe(18);
    expect(problemsOf(valid.replace('[env:HOOK_SECRET]', '&a [*a]'))[0]?.message).toBe('aliases are not allowed');
    expect(problemsOf('a: [')).not.toHaveLength(0);
    expect(problemsOf('')).not.toHaveLength(0);
  });
});
