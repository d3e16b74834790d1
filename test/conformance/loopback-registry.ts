import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { systemClock } from '../../adapters/embedded/system-clock.ts';
import { openEgress } from '../../adapters/network/egress.ts';
import { ociRegistry } from '../../adapters/network/oci-registry.ts';
import type { Registry } from '../../core/ports/registry.ts';
import { digestOf } from '../../core/signing/referrer.ts';

/** Where `install-tools.sh` put a judge; `undefined` when it is not there, which `RELSEAL_REQUIRE` makes a failure. */
export function judge(name: string): string | undefined {
  const folder = process.env.RELSEAL_TOOLS_DIR ?? join(homedir(), '.cache', 'relseal-tools');
  const path = join(folder, 'bin', name);
  if (existsSync(path)) return path;
  if (process.env.RELSEAL_REQUIRE) throw new Error(`${name} is required and not installed`);
  return undefined;
}

/** The environment of this process, where the tools and libraries of `RELSEAL_TOOLS_DIR` are found before others. */
export function toolsEnvironment(): NodeJS.ProcessEnv {
  const folder = process.env.RELSEAL_TOOLS_DIR;
  if (!folder) return { ...process.env };
  const PATH = `${join(folder, 'bin')}${delimiter}${process.env.PATH ?? ''}`;
  return { ...process.env, LD_LIBRARY_PATH: join(folder, 'lib'), PATH };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

export type RegistryKind = 'crane' | 'docker-registry';

export interface LoopbackRegistry {
  readonly host: string;
  client(name: string): Registry;
  stop(): Promise<void>;
}

/** A real registry program on loopback with an empty store of its own. */
export async function startRegistry(kind: RegistryKind, program: string): Promise<LoopbackRegistry> {
  const folder = mkdtempSync(join(tmpdir(), 'relseal-registry-'));
  const host = `127.0.0.1:${await freePort()}`;
  const config = join(folder, 'config.yml');
  writeFileSync(
    config,
    `version: 0.1\nstorage: {filesystem: {rootdirectory: ${folder}/store}}\nhttp: {addr: "${host}"}\nlog: {level: error}\n`,
  );
  const args = kind === 'crane' ? ['registry', 'serve', '--address', host] : ['serve', config];
  const child = spawn(program, args, { stdio: 'ignore' });
  await answers(`http://${host}/v2/`, child);
  const egress = openEgress([{ host, private: true }]);
  return {
    host,
    client: (name) =>
      ociRegistry({
        egress,
        clock: systemClock,
        url: `http://${host}`,
        host,
        name,
        credentials: async () => undefined,
      }),
    async stop() {
      egress.close();
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill();
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function answers(url: string, child: ChildProcess): Promise<void> {
  for (let attempt = 0; attempt < 200 && child.exitCode === null; attempt += 1) {
    try {
      if ((await fetch(url)).ok) return;
    } catch {
      // Not listening yet.
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${url} does not answer`);
}

/** Pushes an image of one empty layer whose configuration holds `label`; answers its manifest's descriptor. */
export async function pushImage(registry: Registry, label: string) {
  const layer = Buffer.alloc(1024);
  const config = Buffer.from(
    JSON.stringify({
      architecture: 'amd64',
      os: 'linux',
      config: { Labels: { label } },
      rootfs: { type: 'layers', diff_ids: [digestOf(layer)] },
    }),
  );
  for (const blob of [layer, config]) await registry.pushBlob(digestOf(blob), blob);
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  const bytes = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType,
      config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: digestOf(config), size: config.length },
      layers: [{ mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: digestOf(layer), size: layer.length }],
    }),
  );
  await registry.pushManifest(label, mediaType, bytes);
  return { digest: digestOf(bytes), mediaType, size: bytes.length };
}

const execute = promisify(execFile);

/** Exit code and output of a judge; it gets no environment that could change its mind. */
export async function runJudge(program: string, args: readonly string[], cwd?: string) {
  const env = { HOME: tmpdir(), PATH: '/usr/bin:/bin', COSIGN_PASSWORD: '' };
  try {
    const { stdout, stderr } = await execute(program, args, { env, ...(cwd ? { cwd } : {}) });
    return { code: 0, stdout, stderr };
  } catch (error) {
    const { code, stdout, stderr } = Object(error);
    return { code: typeof code === 'number' ? code : -1, stdout: String(stdout), stderr: String(stderr) };
  }
}
