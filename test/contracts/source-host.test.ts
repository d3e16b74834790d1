import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll } from 'vitest';
import * as z from 'zod';
import { gitFolderSource } from '../../adapters/embedded/git-folder-source.ts';
import { openEgress } from '../../adapters/network/egress.ts';
import { gitHttpsSource } from '../../adapters/network/git-https-source.ts';
import { moduleProxySource } from '../../adapters/network/module-proxy-source.ts';
import { ModulePath } from '../../core/brands.ts';
import { Fault } from '../../core/faults.ts';
import type { ModuleSource } from '../../core/ports/module-source.ts';
import { GitSha } from '../../events/fields.ts';
import { objectMaker, packOf } from '../fakes/git-packs.ts';
import { type FakeGitServer, packAnswer, startFakeGit } from '../fakes/git-server.ts';
import { memorySourceHost } from '../fakes/memory-source-host.ts';
import { sourceHostContract } from './source-host.contract.ts';

const FIXTURES = fileURLToPath(new URL('../../demo/fixtures', import.meta.url));
const { commits } = z
  .object({ commits: z.object({ 'v1.0.0': GitSha }) })
  .parse(JSON.parse(readFileSync(join(FIXTURES, 'inputs.json'), 'utf8')));
const commit = commits['v1.0.0'];
const tag = 'v1.0.0';

const scratch = mkdtempSync(join(tmpdir(), 'source-host-'));
const servers: FakeGitServer[] = [];
afterAll(async () => {
  rmSync(scratch, { recursive: true });
  for (const server of servers) await server.stop();
});

sourceHostContract('memory', async () => {
  const host = memorySourceHost();
  const made = objectMaker();
  const released = made.commit(made.tree());
  host.tags.set(tag, { commit: released, resolution: 'resolved' });
  host.rawTags.set(tag, { commit: released, commitObject: made.objects.get(released)?.body ?? new Uint8Array() });
  host.commits.set(released, [{ path: 'go.mod', bytes: new TextEncoder().encode('module example.com/m\n') }]);
  return {
    host,
    tag,
    commit: released,
    breakDown: async () => {
      host.down = true;
    },
  };
});

sourceHostContract('a git folder', async () => {
  const folder = mkdtempSync(join(scratch, 'git-'));
  cpSync(join(FIXTURES, 'sample.git'), folder, { recursive: true });
  return {
    host: gitFolderSource(folder),
    tag,
    commit,
    breakDown: async () => rmSync(join(folder, 'objects'), { recursive: true }),
  };
});

sourceHostContract('a git server', async () => {
  const server = await startFakeGit();
  const made = objectMaker();
  const released = made.commit(made.tree(['100644', 'go.mod', made.add('blob', 'module example.com/m\n')]));
  const tagged = made.tag(released, 'commit');
  server.refs = [{ name: `refs/tags/${tag}`, id: tagged, peeled: released }];
  server.pack = packAnswer(packOf([...made.objects.values()]));
  servers.push(server);
  return {
    host: gitHttpsSource({ egress: openEgress([{ host: server.host, private: true }]), url: server.url }),
    tag,
    commit: released,
    breakDown: () => server.stop(),
  };
});

sourceHostContract('a module proxy', async () => {
  let down = false;
  const read = (module: string, file: string): Uint8Array | undefined => {
    if (down) throw new Fault('ModuleProxyUnreachable', 'the proxy is down');
    const path = join(FIXTURES, 'proxy', module, '@v', file);
    return existsSync(path) ? readFileSync(path) : undefined;
  };
  const modules: ModuleSource = {
    goMod: async (module, version) => read(module, `${version}.mod`),
    zip: async (module, version) => {
      const bytes = read(module, `${version}.zip`);
      return (
        bytes && {
          size: bytes.length,
          read: async (offset, length) => bytes.subarray(offset, offset + length),
          release: async () => {},
        }
      );
    },
  };
  return {
    host: moduleProxySource(modules, ModulePath.parse('git.example.com/acme/command')),
    tag,
    commit,
    breakDown: async () => {
      down = true;
    },
  };
});
