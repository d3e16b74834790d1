import { parseArgs } from 'node:util';
import { bundlesBench } from './bundles.ts';
import { engineBench } from './engine.ts';
import { journeyBench } from './journey.ts';
import { modulesBench } from './modules.ts';

/** Benchmarks by name. Each is bounded, ends by itself, and prints a ratio against its peer in the same run. */
const BENCHES: Readonly<Record<string, () => Promise<void>>> = {
  journey: journeyBench,
  bundles: bundlesBench,
  engine: engineBench,
  modules: modulesBench,
};

const { positionals } = parseArgs({ allowPositionals: true });
const [name = ''] = positionals;
const bench = BENCHES[name];
if (bench) await bench();
else {
  process.stderr.write(`usage: npm run bench -- <name>, one of ${Object.keys(BENCHES).join(', ')}\n`);
  process.exitCode = 2;
}
