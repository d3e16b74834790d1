import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { bundleFunctions } from '../infra/bundle.ts';
import { percentile } from './figures.ts';

const RUNS = 7;

/**
 * Milliseconds that importing a module takes in a process of its own. A handler that then misses its variables has been
 * loaded whole: they are read after every import.
 */
function importTime(file: string): number {
  const script = `const t = performance.now(); await import(${JSON.stringify(pathToFileURL(file).href)}).catch(() => {}); console.log(performance.now() - t)`;
  return Number(
    execFileSync(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'ignore'] }),
  );
}

/** Size and cold import of each function, beside an empty module in the same run. */
export async function bundlesBench(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'relseal-bundles-'));
  try {
    const empty = join(folder, 'empty.mjs');
    writeFileSync(empty, 'export const handler = () => undefined;\n');
    const median = (file: string) =>
      percentile(
        Array.from({ length: RUNS }, () => importTime(file)),
        50,
      );
    const floor = median(empty);
    process.stdout.write(`peer, an empty module: ${floor.toFixed(1)} ms\n`);
    for (const { name, folder: built, bytes } of bundleFunctions(folder)) {
      const time = median(join(built, 'index.mjs'));
      process.stdout.write(
        `${name.padEnd(24)} ${String(Math.round(bytes / 1000)).padStart(4)} KB  ${time.toFixed(0).padStart(4)} ms  ratio ${(time / floor).toFixed(0)}\n`,
      );
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}
