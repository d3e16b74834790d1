// Bundles the command line for the published package. What is native or must keep its own files stays outside.
import { build } from 'esbuild';

const result = await build({
  // The thread that hashes zips is started from a file of its own, beside whoever starts it.
  entryPoints: { main: 'cli/main.ts', 'zip-hash-worker': 'adapters/network/zip-hash-worker.ts' },
  outdir: 'dist/cli',
  outExtension: { '.js': '.mjs' },
  bundle: true,
  platform: 'node',
  target: 'node20.19',
  format: 'esm',
  minify: true,
  keepNames: true,
  legalComments: 'linked',
  mainFields: ['module', 'main'],
  external: ['@photostructure/sqlite'],
  banner: { js: "import { createRequire as __cr } from 'node:module'; const require = __cr(import.meta.url);" },
  metafile: true,
});
for (const [file, { bytes }] of Object.entries(result.metafile.outputs))
  process.stdout.write(`${file} ${Math.round(bytes / 1024)} KiB\n`);
