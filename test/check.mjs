// Everything that judges the code without running the product: one command, the one CI runs.
import { spawnSync } from 'node:child_process';

const steps = [
  ['types', 'node_modules/typescript/bin/tsc', '-p', '.'],
  ['lint and format', 'node_modules/@biomejs/biome/bin/biome', 'ci', '--error-on-warnings', '.'],
  ['unused code', 'node_modules/knip/bin/knip.js'],
  ['architecture', 'node_modules/vitest/vitest.mjs', 'run', '--project', 'unit', 'test/architecture.test.ts'],
];
let failed = 0;
for (const [name, ...command] of steps) {
  const { status } = spawnSync(process.execPath, command, { stdio: 'inherit' });
  process.stdout.write(`check: ${name}: ${status === 0 ? 'ok' : 'FAILED'}\n`);
  if (status !== 0) failed += 1;
}
process.exit(failed === 0 ? 0 : 1);
