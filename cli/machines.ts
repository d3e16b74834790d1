import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { MACHINES } from '../statemachines/catalog.ts';
import { packageRoot } from './package-root.ts';

/** The ASL documents, the very files that the AWS side deploys. */
export const readMachines = (): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    MACHINES.map((name) => [
      name,
      JSON.parse(readFileSync(join(packageRoot, 'statemachines', `${name}.asl.json`), 'utf8')),
    ]),
  );
