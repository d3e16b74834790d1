import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { localSecrets } from '../../adapters/embedded/local-secrets.ts';
import { configIssues } from '../../cli/config-check.ts';
import { readConfigFile } from '../../cli/config-file.ts';
import { dataFolder } from '../../cli/data-folder.ts';
import { createKeys } from '../../cli/init.ts';
import { startServer } from '../../cli/serve.ts';
import { openStores } from '../../cli/stores.ts';
import { documentOf, type EmulatorWorld, ENVIRONMENTS, SECRETS } from './emulator-world.ts';
import { startRollout } from './loopback-rollout.ts';

const PASSPHRASE = 'of a test only';

/** The embedded server on the configuration of a deployment: the same sources, policy and upstream behind it. */
export async function startEmbeddedTwin(world: EmulatorWorld, registry: string | undefined, policy: string) {
  const root = mkdtempSync(join(tmpdir(), 'relseal-twin-'));
  const data = dataFolder(root);
  mkdirSync(data.secrets);
  for (const [name, value] of Object.entries(SECRETS)) writeFileSync(join(data.secrets, name), value);
  const secrets = Object.fromEntries(Object.keys(SECRETS).map((name) => [name, `file:secrets/${name}`]));
  const { inputs, upstream, code } = world;
  const names = Object.values(ENVIRONMENTS).map(({ name }) => name);
  const own = await startRollout(SECRETS.rollout, names, inputs.images.good.digest);
  // Its own targets, and the same numbers.
  const rollout = { url: own.url, metrics: world.rollout.metrics };
  const document = documentOf({ inputs, upstream, secrets, registry, rollout, code });
  writeFileSync(data.config, stringify({ ...document, listen: { port: 0 } }));
  writeFileSync(data.policy, policy);
  await createKeys(data, PASSPHRASE);
  const config = await readConfigFile(data.config, (read) => configIssues(read, root, localSecrets({}, root)));
  const note = () => undefined;
  const options = { folder: data, config, passphrase: PASSPHRASE, environment: {}, version: 'test', note };
  const server = await startServer(options);
  const stores = openStores(data);
  const stop = async () => {
    stores.close();
    await server.close();
    await own.stop();
    rmSync(root, { recursive: true, force: true });
  };
  return { url: server.url, folder: data, stores, rollout: own, stop };
}

export type EmbeddedTwin = Awaited<ReturnType<typeof startEmbeddedTwin>>;
