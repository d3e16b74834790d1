import { Fault } from '../faults.ts';
import type { LogPolicy } from '../tlog/log-policy.ts';
import type { VerifierKey } from '../tlog/note.ts';
import { parseLogPolicy } from '../tlog/parse-log-policy.ts';

/** Whom a log asks to cosign (C2SP tlog-policy): each witness has the URL that it is asked at. */
export interface WitnessPolicy {
  readonly policy: LogPolicy;
  readonly asked: readonly { readonly key: VerifierKey; readonly url: URL }[];
}

/** With the log's own they are signature lines of one note, of which readers need not accept more than a hundred. */
const MAX_WITNESSES = 32;

const LOOPBACK = /^(?:127(?:\.[0-9]+){3}|\[::1\]|localhost)$/;

function submissionUrl(name: string, text: string | undefined): URL {
  if (text === undefined)
    throw new Fault('ConfigurationInvalid', `witness ${name} has no URL that it is asked at: witness NAME VKEY URL`);
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isSecure = url?.protocol === 'https:' || (url?.protocol === 'http:' && LOOPBACK.test(url.hostname));
  if (!url || !isSecure || url.search !== '' || url.hash !== '')
    throw new Fault('ConfigurationInvalid', `${text} is no https URL that ends in a path`);
  if (url.username !== '' || url.password !== '')
    throw new Fault('ConfigurationInvalid', `the URL of witness ${name} holds credentials, and witnesses take none`);
  return url;
}

/** Reads the witness policy of a log, which is not named in it. What is wrong with it is `ConfigurationInvalid`. */
export function readWitnessPolicy(text: string): WitnessPolicy {
  const parsed = parseLogPolicy(new TextEncoder().encode(text));
  if (parsed.kind === 'malformed') {
    const { line, column, message } = parsed.problem;
    throw new Fault('ConfigurationInvalid', `line ${line}, column ${column}: ${message}`);
  }
  const { logs, witnesses } = parsed.policy;
  if (logs.length > 0)
    throw new Fault('ConfigurationInvalid', 'it is the policy of this log alone: leave its log lines out');
  if (witnesses.length === 0 || witnesses.length > MAX_WITNESSES)
    throw new Fault('ConfigurationInvalid', `it names ${witnesses.length} witnesses, not 1 to ${MAX_WITNESSES}`);
  const asked = witnesses.map(({ name, key, url }) => ({ key, url: submissionUrl(name, url) }));
  return { policy: parsed.policy, asked };
}
