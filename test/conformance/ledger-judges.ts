import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { LogDeps } from '../../core/ledger/log-tiles.ts';
import { readLogResource, servedCheckpoint } from '../../core/ledger/read.ts';
import { bundlePath, bundlesOf, tilePath, tilesOf } from '../../core/tlog/tile.ts';
import type { TenantId } from '../../events/fields.ts';
import { judge } from './loopback-registry.ts';

const TIMEOUT_MS = 60_000;
export const fsck = judge('tessera-fsck');

/** Writes what the log serves, as `ledger export` does. */
export async function exportLog(deps: LogDeps, tenant: TenantId, target: string): Promise<void> {
  const { size = 0 } = (await servedCheckpoint(deps, tenant)) ?? {};
  const paths = [
    'checkpoint',
    ...[...bundlesOf(size)].map(({ index, width }) => bundlePath(index, width)),
    ...[...tilesOf(size)].map((tile) => tilePath(tile)),
  ];
  for (const path of paths) {
    const file = await readLogResource(deps, tenant, path);
    if (!file) throw new Error(`${path} is not served`);
    await mkdir(dirname(join(target, path)), { recursive: true });
    await writeFile(join(target, path), file.bytes);
  }
}

/**
 * Whether tessera's fsck accepts the log at this URL under the key in the file. Its exit code says nothing: it is 0 on
 * failure too. With one worker (its default) it hangs on a bad tile.
 */
export function acceptedByFsck(url: string, keyFile: string): Promise<boolean> {
  const args = ['--ui=false', '-N', '8', `--storage_url=${url}`, `--public_key=${keyFile}`];
  return new Promise((resolve) => {
    execFile(fsck ?? '', args, { timeout: TIMEOUT_MS, killSignal: 'SIGKILL' }, (_, stdout, stderr) => {
      resolve(`${stdout}${stderr}`.includes("Successfully fsck'd"));
    });
  });
}
