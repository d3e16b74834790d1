#!/usr/bin/env node
// Runs the sources in a checkout and the built bundle in an installed package: `npm ci` or `npm install` alone is enough.
import { existsSync } from 'node:fs';

const sources = new URL('./main.ts', import.meta.url);
if (existsSync(sources)) {
  if (!existsSync(new URL('../node_modules', import.meta.url))) {
    process.stderr.write('relseal: run npm ci first: this is a checkout without its dependencies\n');
    process.exit(2);
  }
  // Node strips types by itself from 22.18 on; before that tsx does.
  if (!process.features.typescript) (await import('tsx/esm/api')).register();
  await import(sources.href);
} else {
  await import(new URL('../dist/cli/main.mjs', import.meta.url).href);
}
