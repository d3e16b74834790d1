import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openEgress } from '../adapters/network/egress.ts';
import { ModulePath, ModuleVersion } from '../core/brands.ts';
import { objectMaker, packOf } from '../test/fakes/git-packs.ts';
import { type FakeGitServer, packAnswer, startFakeGit } from '../test/fakes/git-server.ts';
import { memoryHeadStore } from '../test/fakes/memory-head-store.ts';
import { goSettingsOf, readGoVariables } from './go-env.ts';
import { type ModuleAccess, openModuleAccess } from './module-access.ts';

const MODULE = ModulePath.parse('git.example.com/m.git');
const VERSION = ModuleVersion.parse('v1.0.0');

let git: FakeGitServer;
let folder: string;
let opened: ModuleAccess | undefined;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'relseal-module-access-'));
  git = await startFakeGit();
  const made = objectMaker();
  const commit = made.commit(made.tree(['100644', 'go.mod', made.add('blob', `module ${MODULE}\n`)]));
  git.refs = [{ name: `refs/tags/${VERSION}`, id: commit }];
  git.pack = packAnswer(packOf([...made.objects.values()]));
});
afterEach(async () => {
  await opened?.close();
  opened = undefined;
  await git.stop();
  await rm(folder, { recursive: true, force: true });
});

/** The way out as it is, but that every listed name is answered by the repository on loopback. */
const onLoopback: typeof openEgress = (hosts) => {
  const real = openEgress([...hosts, { host: git.host, private: true }]);
  const isListed = ({ host }: URL) => hosts.some((listed) => listed.host === host);
  return {
    ...real,
    request: ({ url, ...request }) => {
      const moved = new URL(`http://${git.host}${url.pathname}${url.search}`);
      return real.request({ ...request, url: isListed(url) ? moved : url });
    },
  };
};

async function open(environment: Readonly<Record<string, string>>, ...directHosts: string[]): Promise<ModuleAccess> {
  const variables = { GOENV: 'off', GOSUMDB: 'off', GOMODCACHE: folder, GOPROXY: 'direct', ...environment };
  opened = await openModuleAccess({
    settings: goSettingsOf(await readGoVariables(variables)),
    offline: false,
    state: { heads: memoryHeadStore(), close: () => undefined },
    io: { progress: () => undefined, signal: new AbortController().signal },
    directHosts,
    openEgress: onLoopback,
  });
  return opened;
}

const goModOf = async ({ modules }: ModuleAccess) => {
  const bytes = await modules.goMod(MODULE, VERSION);
  return bytes && Buffer.from(bytes).toString();
};

describe('modules that are read from their repository', () => {
  const text = `module ${MODULE}\n`;

  it('are those that GOPROXY leads to `direct` for, at hosts that were named', async () => {
    expect(await goModOf(await open({}, 'git.example.com'))).toBe(text);
  });

  it.each([
    ['at no host without one', [], 'ModuleProxyUnreachable'],
    ['at no other host', ['other.example.com'], 'EgressRefused'],
  ])('are read %s', async (_what, hosts, name) => {
    await expect(goModOf(await open({}, ...hosts))).rejects.toMatchObject({ name });
    expect(git.asked).toEqual([]);
  });

  it('are, where their hosts were named, those that no proxy is asked for', async () => {
    const environment = { GOPRIVATE: 'git.example.com', GOPROXY: 'https://proxy.example.com' };
    const access = await open(environment, 'git.example.com');
    expect([await goModOf(access), access.unasked.size]).toEqual([text, 0]);
    for (const asked of git.asked) expect(asked).toContain('/m/');
  });

  it('are otherwise asked for by nobody, and named', async () => {
    const access = await open({ GOPRIVATE: 'git.example.com' }, 'other.example.com');
    expect([await goModOf(access), [...access.unasked]]).toEqual([undefined, [`${MODULE}@${VERSION}`]]);
    expect(git.asked).toEqual([]);
  });
});
