import { parseArgs } from 'node:util';
import { bundlesBench } from './bundles.ts';
import { engineBench } from './engine.ts';
import { journeyBench } from './journey.ts';
import { ledgerBench } from './ledger.ts';
import { modulesBench } from './modules.ts';

/** Benchmarks by name. Each is bounded, ends by itself, and prints a ratio against its peer in the same run. */
const BENCHES: Readonly<Record<string, (more: readonly string[]) => Promise<void>>> = {
  journey: journeyBench,
  bundles: bundlesBench,
  engine: engineBench,
  modules: modulesBench,
  ledger: ledgerBench,
};

const { positionals } = parseArgs({ allowPositionals: true });
const [name = '', ...more] = positionals;
const bench = BENCHES[name];
if (bench) await bench(more);
else {
  process.stderr.write(`usage: npm run bench -- <name>, one of ${Object.keys(BENCHES).join(', ')}\n`);
  process.exitCode = 2;
}
