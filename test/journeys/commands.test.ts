import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { UsageError } from '../../cli/command.ts';
import { runCommandLine } from '../../cli/command-line.ts';
import { packageRoot } from '../../cli/package-root.ts';
import { startServer } from '../../demo/server-process.ts';
import { fakeIo } from '../fakes/fake-io.ts';

const CLI = join(packageRoot, 'cli', 'relseal.mjs');
const folder = mkdtempSync(join(tmpdir(), 'relseal-commands-'));
const passphraseFile = join(folder, 'passphrase');
writeFileSync(passphraseFile, 'a long passphrase\n');
const environment = { ...process.env, RELSEAL_KEY_PASSPHRASE_FILE: passphraseFile };
const data = join(folder, 'data');
afterAll(() => rmSync(folder, { recursive: true }));

/** A command as a shell would run it, without a terminal. */
async function relseal(args: readonly string[], variables: NodeJS.ProcessEnv = environment) {
  const child = spawn(process.execPath, [CLI, ...args], { env: variables, stdio: ['ignore', 'pipe', 'pipe'] });
  const printed = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const)
    child[name].setEncoding('utf8').on('data', (text: string) => {
      printed[name] += text;
    });
  const [code]: unknown[] = await once(child, 'close');
  return { code, ...printed };
}

/** Every `relseal …` command that the README's table names. */
const readme = readFileSync(join(packageRoot, 'README.md'), 'utf8');
const named = [...readme.matchAll(/`relseal ((?:verify|ledger|events|runs|dead-letters) [a-z]+|[a-z]+)/g)].flatMap(
  ([, name]) => name ?? [],
);

describe('the commands of the README', () => {
  it('are those that the program lists, and each tells its usage', { timeout: 60_000 }, async () => {
    const help = await relseal(['--help']);
    const listed = [
      ...help.stdout.matchAll(/^ {2}((?:verify |ledger |events |runs |dead-letters )?[a-z]+) {2}/gm),
    ].flatMap(([, name]) => name ?? []);
    expect(help.code).toBe(0);
    expect([...new Set(named)].sort()).toEqual([...new Set(listed)].sort());
    for (const name of listed) {
      const { io, out, notes } = fakeIo();
      expect(await runCommandLine([...name.split(' '), '--help'], io)).toBe(0);
      expect([out.join('\n'), notes]).toEqual([expect.stringContaining(`usage: relseal ${name}`), []]);
    }
  });

  it('say what is missing in a checkout whose dependencies nobody installed', async () => {
    const bare = join(folder, 'bare', 'cli');
    mkdirSync(bare, { recursive: true });
    copyFileSync(CLI, join(bare, 'relseal.mjs'));
    writeFileSync(join(bare, 'main.ts'), '');
    const child = spawnSync(process.execPath, [join(bare, 'relseal.mjs'), 'demo'], { encoding: 'utf8' });
    expect([child.status, child.stdout, child.stderr]).toEqual([
      2,
      '',
      expect.stringMatching(/^relseal: run npm ci first/),
    ]);
  });

  it('set up a data folder that the server then runs on', async () => {
    const init = await relseal(['init', '--data', data]);
    expect(init).toMatchObject({ code: 0, stderr: '' });
    for (const secret of ['secrets/github', 'keys/artifact.pem', 'keys/log.pem'])
      expect(statSync(join(data, secret)).mode & 0o077, secret).toBe(0);
    const config = join(data, 'relseal.yaml');
    writeFileSync(config, readFileSync(config, 'utf8').replace('port: 8787', 'port: 0'));
    const server = await startServer(CLI, data, environment);
    try {
      expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
      expect(statSync(join(data, 'server.json')).mode & 0o077).toBe(0);
      const second = await relseal(['serve', '--data', data]);
      expect(second.code).toBe(2);
      expect(second.stderr).toContain('already runs');
    } finally {
      await server.stop();
    }
    expect(existsSync(join(data, 'server.json'))).toBe(false);
  });

  it('list no runs, find nothing and replay nothing there yet', async () => {
    const runs = await relseal(['runs', '--data', data, '--json']);
    expect(runs).toMatchObject({ code: 0, stdout: '{"runs":[]}\n' });
    const query = await relseal(['query', '--data', data, '--tag', 'v1.0.0', '--json']);
    expect(query.code).toBe(0);
    expect(JSON.parse(query.stdout)).toMatchObject({ entries: [] });
    const letters = await relseal(['dead-letters', 'list', '--data', data, '--json']);
    expect(letters).toMatchObject({ code: 0, stdout: '{"deadLetters":[]}\n' });
    const shown = await relseal(['runs', 'show', 'source-release-0', '--data', data, '--json']);
    expect(shown.code).toBe(1);
    expect(JSON.parse(shown.stdout)).toMatchObject({ code: 'run.unknown' });
    const replay = await relseal(['replay', 'source-release-0', '--data', data]);
    expect(replay.code).toBe(1);
    expect(replay.stdout).toContain('is not a run of this data folder');
  });
});

describe('wrong use', () => {
  it.each<[string, readonly string[], string]>([
    ['an unknown option', ['runs', '--dta', data], '--dta'],
    ['an unknown word after runs', ['runs', 'source-release-0', '--data', data], 'runs show RUN'],
    ['a replay from nowhere', ['replay', 'source-release-0', '--from', 'middle', '--data', data], '--from is one of'],
    ['dead letters without a folder', ['dead-letters', 'redrive'], 'name a data folder with --data'],
    ['a missing option', ['serve'], '--data is required'],
  ])('tells of %s what to do', async (_name, args, words) => {
    const wrong = runCommandLine(args, fakeIo().io);
    await expect(wrong).rejects.toThrow(UsageError);
    await expect(wrong).rejects.toThrow(words);
  });

  const wrong: readonly [string, readonly string[], string][] = [
    ['no command', [], 'usage: relseal'],
    ['an unknown command', ['sign'], 'there is no command'],
    ['a folder that was never set up', ['serve', '--data', join(folder, 'nowhere')], 'relseal init'],
    ['a folder that is set up already', ['init', '--data', data], 'nothing was changed'],
  ];
  for (const [name, args, words] of wrong)
    it(`ends ${name} with 2 and says what to do`, async () => {
      const { code, stdout, stderr } = await relseal(args);
      expect(code).toBe(2);
      expect(stdout + stderr).toContain(words);
      expect(stderr).not.toMatch(/^\s+at /m);
    });

  it('ends a server without a passphrase with 2', async () => {
    const { RELSEAL_KEY_PASSPHRASE_FILE: _file, ...without } = environment;
    const { code, stderr } = await relseal(['serve', '--data', data], without);
    expect(code).toBe(2);
    expect(stderr).toContain('RELSEAL_KEY_PASSPHRASE_FILE');
  });

  it('ends a server with a wrong passphrase with 2 and does not repeat it', async () => {
    const file = join(folder, 'wrong');
    writeFileSync(file, 'open sesame');
    const { code, stderr } = await relseal(['serve', '--data', data], {
      ...environment,
      RELSEAL_KEY_PASSPHRASE_FILE: file,
    });
    expect(code).toBe(2);
    expect(stderr).not.toContain('sesame');
  });
});

describe('a wrong configuration', () => {
  it('is told whole, each problem at its line, and nothing starts', async () => {
    const config = join(data, 'relseal.yaml');
    const good = readFileSync(config, 'utf8');
    const bad = good
      .replace('policy: policy.yaml', 'policy: no-such-policy.yaml')
      .replace('  - host: proxy.golang.org\n', '')
      .replace('secrets: [file:secrets/github]', 'secrets: [file:secrets/missing]');
    writeFileSync(config, bad);
    const lineOf = (text: string) => bad.split('\n').findIndex((line) => line.includes(text)) + 1;
    const { code, stderr } = await relseal(['serve', '--data', data]);
    writeFileSync(config, good);
    expect(code).toBe(2);
    for (const text of ['no-such-policy.yaml', 'proxy: https', 'secrets/missing'])
      expect(stderr, text).toContain(`relseal.yaml:${lineOf(text)}: `);
    expect(existsSync(join(data, 'server.json'))).toBe(false);
  });

  it('is told by line when it breaks the schema', async () => {
    const config = join(data, 'relseal.yaml');
    const good = readFileSync(config, 'utf8');
    writeFileSync(
      config,
      good.replace('kind: test', 'kind: staging').replace('provider: github', 'provider: sourceforge'),
    );
    const { code, stderr } = await relseal(['serve', '--data', data]);
    writeFileSync(config, good);
    expect(code).toBe(2);
    expect(stderr.match(/relseal\.yaml:\d+: /g)).toHaveLength(2);
  });
});

describe('a reader that leaves early', () => {
  it('ends the demo, which leaves no server behind', { timeout: 60_000 }, async () => {
    const child = spawn(process.execPath, [CLI, 'demo', '--keep', join(folder, 'left-early')], {
      env: { ...process.env, GOPROXY: 'off' },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    await once(child.stdout, 'data');
    child.stdout.destroy();
    const [code]: unknown[] = await once(child, 'exit');
    expect(code).toBe(130);
    const server = join(folder, 'left-early', 'data', 'server.json');
    const { url } = z.object({ url: z.string() }).parse(JSON.parse(readFileSync(server, 'utf8')));
    const state = () =>
      fetch(`${url}/healthz`).then(
        () => 'up',
        () => 'down',
      );
    await expect.poll(state).toBe('down');
  });
});
