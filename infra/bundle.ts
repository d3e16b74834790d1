import { copyFileSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';
import { shakeableClients } from './sdk-clients.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Folders of `functions/` that hold a handler. */
export const functionNames = (): readonly string[] =>
  readdirSync(join(root, 'functions'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort();

export interface BundledFunction {
  readonly name: string;
  /** Folder to upload: the bundle, and the deployment document where there is one. */
  readonly folder: string;
  readonly bytes: number;
}

/** CommonJS parts of the SDK call `require`, which an ES module has not. */
const BANNER = "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);";

/**
 * Bundles every function into a folder of its own below `target`. The SDK is bundled too: what is tested is what runs,
 * not what the platform happens to have. `document` is read by the functions beside their code.
 */
export function bundleFunctions(target: string, document?: string): readonly BundledFunction[] {
  const names = functionNames();
  for (const name of names) rmSync(join(target, name), { recursive: true, force: true });
  const clients = mkdtempSync(join(tmpdir(), 'relseal-clients-'));
  try {
    build(names, target, clients);
  } finally {
    rmSync(clients, { recursive: true });
  }
  return names.map((name) => {
    const folder = join(target, name);
    if (document !== undefined) writeFileSync(join(folder, 'relseal.json'), document);
    copyFileSync(join(root, 'NOTICE'), join(folder, 'NOTICE'));
    return { name, folder, bytes: statSync(join(folder, 'index.mjs')).size };
  });
}

/** All in one call: what they share is read once. `clients` is an empty folder for copies of the SDK's clients. */
function build(names: readonly string[], target: string, clients: string): void {
  const modules = join(root, 'node_modules');
  buildSync({
    entryPoints: names.map((name) => ({ in: join(root, 'functions', name, 'handler.ts'), out: `${name}/index` })),
    outdir: target,
    outExtension: { '.js': '.mjs' },
    absWorkingDir: root,
    bundle: true,
    minify: true,
    platform: 'node',
    format: 'esm',
    target: 'node24',
    mainFields: ['module', 'main'],
    // What copies import lies where it always does.
    nodePaths: [modules],
    alias: {
      ...shakeableClients(modules, clients),
      '@aws-sdk/credential-provider-node': join(root, 'adapters/aws/environment-credentials.ts'),
      yaml: join(root, 'functions/json-policies.ts'),
    },
    banner: { js: BANNER },
    legalComments: 'none',
    logLevel: 'warning',
  });
}
