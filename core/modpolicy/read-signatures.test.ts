import { describe, expect, it } from 'vitest';
import { testSshKey } from '../../test/fakes/test-ssh-key.ts';
import { Fault } from '../faults.ts';
import { PublisherSignature } from './module-facts.ts';
import type { PublishedModule } from './published-modules.ts';
import { Publisher } from './publisher.ts';
import { readSignatures } from './read-signatures.ts';

const publisher = Publisher.parse({
  ...{ modules: ['example.com'], kind: 'ssh', keys: [`ana ${testSshKey().line}`] },
  url: 'https://sig.test/{path}/{version}',
});
const moduleOf = (path: string, changes: Partial<PublishedModule> = {}): PublishedModule => ({
  ...{ path, version: 'v1.0.0', where: 'go.mod:5', publisher, lines: 'any' },
  ...changes,
});

describe('reading the signatures of publishers', () => {
  it('asks for each version once, and for none that has no lines', async () => {
    const asked: string[] = [];
    const signature = async ({ href }: URL) => {
      asked.push(href);
      return href.includes('/a/') ? Buffer.from('bytes') : undefined;
    };
    const { lines: _none, ...unsigned } = moduleOf('example.com/c');
    const modules = [moduleOf('example.com/a'), moduleOf('example.com/a', { where: 'go.mod:6' })];
    const read = await readSignatures({ signature }, [...modules, moduleOf('example.com/B'), unsigned], () => true);
    expect(asked).toEqual(['https://sig.test/example.com/a/v1.0.0', 'https://sig.test/example.com/!b/v1.0.0']);
    expect(read).toEqual([
      { module: { path: 'example.com/a', version: 'v1.0.0' }, answer: { kind: 'found', base64: 'Ynl0ZXM=' } },
      { module: { path: 'example.com/B', version: 'v1.0.0' }, answer: { kind: 'absent' } },
    ]);
  });

  it.each(['SourceUnreachable', 'EgressRefused', 'CredentialRefused', 'LimitExceeded'] as const)(
    'passes %s on, unless it is a host that is down and no rule waits for it',
    async (name) => {
      const signature = async () => {
        throw new Fault(name, 'why '.repeat(1000));
      };
      const modules = [moduleOf('example.com/a')];
      await expect(readSignatures({ signature }, modules, () => true)).rejects.toMatchObject({ name });
      const tolerated = readSignatures({ signature }, modules, () => false);
      if (name === 'SourceUnreachable')
        for (const each of await tolerated)
          expect(PublisherSignature.parse(each).answer).toMatchObject({ kind: 'not-checked' });
      else await expect(tolerated).rejects.toMatchObject({ name });
    },
  );

  it.each([
    ['of 64 KiB', Buffer.alloc(65_536).toString('base64'), true],
    ['of nothing', '', true],
    ['of more', Buffer.alloc(65_539).toString('base64'), false],
    ['that is not base64', 'no base64!', false],
  ])('keeps one %s in a record: %#', (_what, base64, isKept) => {
    const module = { path: 'example.com/a', version: 'v1.0.0' };
    expect(PublisherSignature.safeParse({ module, answer: { kind: 'found', base64 } }).success).toBe(isKept);
  });
});
