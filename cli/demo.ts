import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { until } from '../demo/cases.ts';
import { copyDemoInputs, type DemoInputs } from '../demo/inputs.ts';
import { startLiveService } from '../demo/live-service.ts';
import { probeModuleProxy } from '../demo/network-probe.ts';
import { type DemoContext, type JudgedCase, runDemoCases } from '../demo/run.ts';
import { startServer } from '../demo/server-process.ts';
import {
  type DemoSetup,
  ENVIRONMENTS,
  freePorts,
  OWN_TENANT,
  type PublicModule,
  setUpDemo,
  standIn,
} from '../demo/setup.ts';
import { startUpstream, type Upstream } from '../demo/upstream.ts';
import { TenantId } from '../events/fields.ts';
import { type Command, EXIT, type ExitCode, type Given, type Io, JSON_OPTION, UsageError } from './command.ts';
import { readConfigFile } from './config-file.ts';
import { findServer } from './control.ts';
import { dataFolder } from './data-folder.ts';
import { goSettingsOf, readGoVariables } from './go-env.ts';
import { createKeys } from './init.ts';
import { packageRoot } from './package-root.ts';
import { askForApproval, askForPromotion } from './promotion-control.ts';
import { openStores, type Stores } from './stores.ts';

const DEFAULT_MODULE = 'github.com/spf13/cobra@v1.8.1';
/** The commit of that tag, as its hook names it; a module proxy cannot show commits, so it stays claimed. */
const DEFAULT_COMMIT = 'e94f6d0dd9a5e5738dca6bce03c4b1207ffbc0ec';
const CLI = join(packageRoot, 'cli', 'relseal.mjs');

/** Runs a command of ours in a process of its own and gives its exit code and what it printed. */
async function runCli(args: readonly string[], environment: NodeJS.ProcessEnv) {
  const child = spawn(process.execPath, [CLI, ...args], { env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
  let printed = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      printed += text;
    });
  const [code]: unknown[] = await once(child, 'close');
  return { code: typeof code === 'number' ? code : -1, printed: printed.trim() };
}

function parseModule(text: string): { module: string; version: string } {
  const at = text.lastIndexOf('@');
  const [module, version] = [text.slice(0, at), text.slice(at + 1)];
  if (at < 1 || !/^v\d+\.\d+\.\d+/.test(version))
    throw new UsageError('--module is PATH@VERSION, with a version vX.Y.Z');
  return { module, version };
}

/** Decides once, before anything is judged, where the first release comes from. */
async function choosePublic(given: Given, io: Io, inputs: DemoInputs, upstream: Upstream) {
  const named = given.text('module');
  const { module, version } = parseModule(named ?? DEFAULT_MODULE);
  const { proxy } = goSettingsOf(await readGoVariables(io.environment));
  const probe = await probeModuleProxy(proxy, module, version);
  if (probe.kind === 'absent') {
    if (given.flag('public') || named !== undefined)
      throw new Error(`the public module proxy is not there: ${probe.why}`);
    const why = `no public module proxy (${probe.why}); the bundled modules and their own checksum database`;
    return { line: why, released: standIn(inputs, upstream.url) };
  }
  const made = createHash('sha1').update(`${module}@${version}`).digest('hex');
  const commit = probe.commit ?? (module === 'github.com/spf13/cobra' && version === 'v1.8.1' ? DEFAULT_COMMIT : made);
  const repository = module
    .replace(/^github\.com\//, '')
    .split('/')
    .slice(0, 2)
    .join('/');
  const released: PublicModule = {
    repository,
    module,
    tag: version,
    commit,
    proxy,
    checksumDatabase: 'sum.golang.org',
  };
  return { line: `${module}@${version}, proved in the public checksum database`, released };
}

const cell = (text: string, width: number) => (text.length > width ? text : text.padEnd(width));

function shownRow({ name, expected, found, code, index, passed }: JudgedCase): string {
  const at = index === undefined ? '' : `#${index}`;
  return [passed ? 'ok  ' : 'FAIL', cell(name, 42), cell(expected, 9), cell(found, 9), cell(code, 22), at]
    .join(' ')
    .trimEnd();
}

/** Waits until everything committed is under a signed checkpoint: what is exported then holds every case. */
const published = (stores: Stores, tenant: string) =>
  until(`checkpoint of ${tenant}`, async () => {
    const id = TenantId.parse(tenant);
    const [{ size }, checkpoint] = [await stores.ledger.head(id), await stores.ledger.published(id)];
    return checkpoint?.size === size ? size : undefined;
  });

/** Exports each log and verifies it from its files alone, in separate processes. */
async function verifyLedgers(setup: DemoSetup, stores: Stores, work: string): Promise<JudgedCase[]> {
  const rows: JudgedCase[] = [];
  const config = await readConfigFile(dataFolder(setup.data).config);
  for (const { id, origin } of config.tenants) {
    const size = await published(stores, id);
    const folder = join(work, `log-${id}`);
    const exported = await runCli(
      ['ledger', 'export', folder, '--data', setup.data, '--tenant', id],
      setup.environment,
    );
    const key = join(setup.data, 'keys', `${id}.vkey`);
    const verified = await runCli(['verify', 'ledger', folder, '--key', key], setup.environment);
    const good = exported.code === 0 && verified.code === 0;
    const row = { name: `ledger of ${origin}, ${size} entries`, expected: 'verified', code: '', index: size - 1 };
    const found = good ? 'verified' : `${exported.printed}\n${verified.printed}`;
    rows.push({ ...row, found, passed: good });
  }
  return rows;
}

async function runDemo(given: Given, io: Io, work: string): Promise<readonly JudgedCase[]> {
  const json = given.flag('json');
  const inputs = copyDemoInputs(join(packageRoot, 'demo', 'fixtures'), join(work, 'inputs'));
  const upstream = await startUpstream(inputs.proxy);
  const ports = await freePorts();
  const service = await startLiveService(
    Object.fromEntries(Object.values(ENVIRONMENTS).map(({ name, behaviour }) => [name, behaviour])),
  );
  const report = (row: JudgedCase) => {
    if (!json) io.out(shownRow(row));
  };
  try {
    const { line, released } = await choosePublic(given, io, inputs, upstream);
    if (!json) io.out(`first release: ${line}`);
    const setup = await setUpDemo({
      folder: work,
      packageRoot,
      upstream: upstream.url,
      inputs,
      released,
      environment: { ...io.environment },
      targets: { service, ports },
      createKeys: (data, passphrase) => createKeys(dataFolder(data), passphrase),
    });
    const stores = openStores(dataFolder(setup.data));
    try {
      const rows = await runDemoCases({
        setup,
        stores,
        upstream,
        startServer: () => startServer(CLI, setup.data, setup.environment),
        operator: {
          relseal: (...args) => runCli(args, setup.environment),
          ...operatorOfDemo(setup),
          traffic: (environment) => service.drive(`http://127.0.0.1:${ports[environment]}/`),
        },
        report,
        beforeEnd: () => verifyLedgers(setup, stores, work),
      });
      if (given.flag('serve')) await serveOn(setup, io);
      return rows;
    } finally {
      stores.close();
    }
  } finally {
    await service.close();
    await upstream.close();
  }
}

/** What is asked of the server without a command: quickly, or as a second person, for the commands speak for one. */
function operatorOfDemo(setup: DemoSetup): Pick<DemoContext['operator'], 'request' | 'approve'> {
  const server = async () => {
    const found = await findServer(dataFolder(setup.data));
    if (!found) throw new Error('the server of the demo is gone');
    return found;
  };
  return {
    request: async (image) => {
      const answer = await askForPromotion(await server(), { ...image, tenant, operator: 'whoever runs the demo' });
      if (answer.kind !== 'started') throw new Error(`a promotion was not started: ${JSON.stringify(answer)}`);
      return answer.runName;
    },
    approve: async (run) => {
      const decision = { run, decision: 'approved', operator: 'a second person' } as const;
      const answer = await askForApproval(await server(), decision);
      if (answer.kind !== 'recorded') throw new Error(`the approval was refused: ${answer.code}`);
    },
  };
}
const tenant = TenantId.parse(OWN_TENANT);

/** Leaves a server running on what the demo made. */
async function serveOn(setup: DemoSetup, io: Io): Promise<void> {
  const server = await startServer(CLI, setup.data, setup.environment);
  io.out(`the server runs at ${server.url}/ on ${setup.data}; stop it with Ctrl-C`);
  if (!io.signal.aborted) await once(io.signal, 'abort');
  await server.stop();
}

export const demoCommand: Command = {
  name: 'demo',
  summary: 'the whole chain on this machine: real webhooks in, verdicts and a verified ledger out',
  positionals: '',
  options: {
    keep: { type: 'string', value: 'DIR', help: 'leave everything in this new folder, to look at' },
    public: { type: 'boolean', help: 'refuse to fall back to the bundled modules' },
    module: { type: 'string', value: 'PATH@VERSION', help: `the public module; ${DEFAULT_MODULE} when not given` },
    serve: { type: 'boolean', help: 'leave the server running at the end' },
    ...JSON_OPTION,
  },
  run: async (given, io): Promise<ExitCode> => {
    const keep = given.text('keep');
    const work = keep === undefined ? mkdtempSync(join(tmpdir(), 'relseal-demo-')) : resolve(keep);
    if (keep !== undefined) mkdirSync(work);
    try {
      const rows = await runDemo(given, io, work);
      const failed = rows.filter(({ passed }) => !passed).length;
      if (given.flag('json')) io.out(JSON.stringify({ cases: rows, passed: rows.length - failed, failed }));
      else io.out(`demo: ${rows.length - failed} passed, ${failed} failed`);
      return failed === 0 ? EXIT.done : EXIT.refused;
    } finally {
      if (keep === undefined) await rm(work, { recursive: true, force: true });
    }
  },
};
