import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Fault } from '../../core/faults.ts';
import type { Secrets } from '../../core/ports/secrets.ts';

const trimmed = (text: string) => text.replace(/\r?\n$/, '');

/**
 * Secrets from the environment (`env:NAME`) and files (`file:PATH`, relative to `directory`). They are read at each use,
 * so that a rotation needs no restart.
 */
export function localSecrets(environment: Readonly<Record<string, string | undefined>>, directory: string): Secrets {
  const read = async (reference: string): Promise<string> => {
    if (reference.startsWith('env:')) return environment[reference.slice(4)] ?? '';
    if (reference.startsWith('file:')) {
      try {
        return trimmed(await readFile(resolve(directory, reference.slice(5)), 'utf8'));
      } catch (error) {
        throw new Fault('ConfigurationInvalid', `secret ${reference} cannot be read`, { cause: error });
      }
    }
    throw new Fault('ConfigurationInvalid', `secret ${reference}: only env: and file: references work here`);
  };
  return {
    values: async (reference) => {
      const value = await read(reference);
      if (value === '') throw new Fault('ConfigurationInvalid', `secret ${reference} is empty or not set`);
      return [value];
    },
  };
}
