import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';

const CLIENTS = ['dynamodb', 'eventbridge', 'kms', 's3', 'secrets-manager', 'sfn', 'sqs'];
const Package = z.object({ version: z.string(), module: z.string(), sideEffects: z.literal(false) });

/** Keys that are written as constants of the same file, written out. */
function withPlainKeys(source: string): string {
  const constants = new Map(
    [...source.matchAll(/^const (\w+) = ("[^"\n]*");$/gm)].map(([, name, text]) => [name, text]),
  );
  return source.replaceAll(/\[(\w+)\]:/g, (key, name: string) =>
    constants.has(name) ? `${constants.get(name)}:` : key,
  );
}

/**
 * Copies the SDK's clients below `folder` in a form that can be shaken, and answers the folder of each by its package. The
 * SDK writes keys of its schemas as constants; for a bundler such a key may have effects, so it would keep the schema of
 * every operation of a service, whichever a function calls: some 55 KB in each.
 */
export function shakeableClients(modules: string, folder: string): Readonly<Record<string, string>> {
  const copies = CLIENTS.map((client) => {
    const name = `@aws-sdk/client-${client}`;
    const copy = join(folder, client);
    cpSync(join(modules, name, 'dist-es'), join(copy, 'dist-es'), { recursive: true });
    // The client says its version; the rest of its package would be in the bundle for nothing.
    const description = Package.parse(JSON.parse(readFileSync(join(modules, name, 'package.json'), 'utf8')));
    writeFileSync(join(copy, 'package.json'), JSON.stringify(description));
    const schemas = join(copy, 'dist-es', 'schemas', 'schemas_0.js');
    writeFileSync(schemas, withPlainKeys(readFileSync(schemas, 'utf8')));
    return [name, copy] as const;
  });
  return Object.fromEntries(copies);
}
