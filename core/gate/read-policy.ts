import { parseDocument } from 'yaml';
import * as z from 'zod';
import { Fault } from '../faults.ts';
import { Policy } from './policy.ts';

/** Characters of a policy document; the default one has under 4,000. */
const MAX_POLICY_LENGTH = 262_144;

/**
 * Reads a policy document. Aliases, repeated keys, unknown tags and further documents are refused, so what a person
 * reads is what is judged. `undefined` for a text without content; anything else unreadable is `ConfigurationInvalid`.
 */
export function parsePolicy(text: string): Policy | undefined {
  if (text.length > MAX_POLICY_LENGTH)
    throw new Fault('ConfigurationInvalid', `the policy is longer than ${MAX_POLICY_LENGTH} characters`);
  const value = readYaml(text);
  if (value === null || value === undefined) return undefined;
  const policy = Policy.safeParse(value);
  if (!policy.success) throw new Fault('ConfigurationInvalid', `policy: ${z.prettifyError(policy.error)}`);
  return policy.data;
}

function readYaml(text: string): unknown {
  const document = parseDocument(text, {
    version: '1.2',
    schema: 'core',
    strict: true,
    uniqueKeys: true,
    merge: false,
  });
  const [problem] = [...document.errors, ...document.warnings];
  if (problem) throw new Fault('ConfigurationInvalid', `policy: ${problem.message}`);
  try {
    return document.toJS({ maxAliasCount: 0 });
  } catch (cause) {
    throw new Fault('ConfigurationInvalid', 'policy: aliases are not allowed', { cause });
  }
}
