import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import * as z from 'zod';
import { packageRoot } from '../../cli/package-root.ts';

const Printed = z.strictObject({
  cases: z.array(z.looseObject({ name: z.string(), code: z.string(), passed: z.boolean() })),
  passed: z.int(),
  failed: z.int(),
});

it('shows every case of the demo as it should be, without a network', { timeout: 120_000 }, async () => {
  const run = promisify(execFile);
  const { stdout } = await run(process.execPath, [join(packageRoot, 'cli', 'relseal.mjs'), 'demo', '--json'], {
    env: { ...process.env, GOPROXY: 'off' },
  });
  const { cases, passed, failed } = Printed.parse(JSON.parse(stdout));
  expect(cases.filter((one) => !one.passed)).toEqual([]);
  expect({ passed, failed }).toEqual({ passed: 23, failed: 0 });
  const codes = cases.map(({ code }) => code).filter((code) => code !== '');
  expect(codes).toEqual([
    'approval.own-request',
    'gosum.mismatch',
    'gosum.line-missing',
    'oci.digest-mismatch',
    'chain.module-hash',
    'chain.revision',
    'stage.breach',
    'stage.no-data',
    'States.Timeout',
    'ModuleProxyUnreachable',
  ]);
});
