import { cpSync, mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { localSecrets } from '../../adapters/embedded/local-secrets.ts';
import { configIssues } from '../../cli/config-check.ts';
import { readConfigFile } from '../../cli/config-file.ts';
import { dataFolder } from '../../cli/data-folder.ts';
import { createKeys } from '../../cli/init.ts';
import { packageRoot } from '../../cli/package-root.ts';
import { type RunningServer, startServer } from '../../cli/serve.ts';
import { openStores, type Stores } from '../../cli/stores.ts';
import { distributionPush, giteaPush, githubPush, type SignedDelivery } from '../../demo/deliveries.ts';
import { copyDemoInputs, IMAGES, SAMPLE, STAND_IN } from '../../demo/inputs.ts';
import { type DemoSetup, REGISTRY_HOST, setUpDemo, standIn } from '../../demo/setup.ts';
import { startUpstream, type Upstream } from '../../demo/upstream.ts';

/** A data folder of its own over the demo's inputs, and what its sources would send. */
export interface World {
  readonly folder: string;
  readonly setup: DemoSetup;
  readonly upstream: Upstream;
  /** In this process; `close` it before the world. */
  serve(): Promise<RunningServer>;
  stores(): Stores;
  close(): Promise<void>;
}

/** `like`: a world whose keys and secrets are used again, so that both say and sign the same. */
export async function openWorld(like?: World): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), 'relseal-journey-'));
  const inputs = copyDemoInputs(join(packageRoot, 'demo', 'fixtures'), join(folder, 'inputs'));
  const upstream = await startUpstream(inputs.proxy);
  const setup = await setUpDemo({
    folder,
    packageRoot,
    upstream: upstream.url,
    inputs,
    released: standIn(inputs, upstream.url),
    environment: process.env,
    createKeys: async (data, passphrase) => {
      if (like) cpSync(join(like.setup.data, 'keys'), join(data, 'keys'), { recursive: true });
      else await createKeys(dataFolder(data), passphrase);
    },
    ...(like ? { like: like.setup } : {}),
  });
  const data = dataFolder(setup.data);
  return {
    folder,
    setup,
    upstream,
    serve: async () => {
      const secrets = localSecrets({}, data.root);
      const config = await readConfigFile(data.config, (read) => configIssues(read, data.root, secrets));
      const { passphrase } = setup;
      return startServer({ folder: data, config, passphrase, environment: {}, version: 'test', note: () => undefined });
    },
    stores: () => openStores(data),
    close: async () => {
      await upstream.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export const tagPush = ({ setup }: World, tag: keyof DemoSetup['inputs']['commits']): SignedDelivery =>
  giteaPush(
    {
      repository: SAMPLE.repository,
      ref: `refs/tags/${tag}`,
      commit: setup.inputs.commits[tag],
      secret: setup.secrets.gitea,
    },
    SAMPLE.host,
  );

export function imagePush({ setup }: World, image: 'good' | 'flipped' | 'rehashed' | 'otherCommit'): SignedDelivery {
  const { digest, size } = setup.inputs.images[image === 'flipped' ? 'good' : image];
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  const { repository } = IMAGES[image];
  return distributionPush(
    { repository, digest, size, mediaType, secret: setup.secrets.registry, tag: IMAGES.tag },
    REGISTRY_HOST,
  );
}

export const publicPush = ({ setup }: World): SignedDelivery =>
  githubPush({
    repository: STAND_IN.repository,
    ref: `refs/tags/${STAND_IN.tag}`,
    commit: STAND_IN.commit,
    secret: setup.secrets.github,
  });
