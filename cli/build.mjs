// Bundles the command line for the published package. What is native or must keep its own files stays outside.
import { build } from 'esbuild';

const result = await build({
  entryPoints: ['cli/main.ts'],
  outfile: 'dist/cli/main.mjs',
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
