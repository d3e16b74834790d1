import canonicalize from 'canonicalize';
import { Fault } from './faults.ts';

/** RFC 8785 text of a value. Undefined members, numbers that are not finite and lone surrogates are refused. */
export function canonicalJson(value: unknown): string {
  const text = canonicalize(value);
  if (text === undefined) throw new Fault('InputInvalid', 'the value has no JSON form');
  return text;
}

export const canonicalBytes = (value: unknown): Uint8Array => new TextEncoder().encode(canonicalJson(value));
