import { assertNever } from '../faults.ts';
import { formatVerifierKey, type VerifierKey } from './note.ts';

/** Which logs are believed, and whose cosignatures make a checkpoint of theirs valid (C2SP tlog-policy). */

export interface PolicyLog {
  /** Its name is the origin of the log. */
  readonly key: VerifierKey;
  /** As written; what it means is for whoever asks it. */
  readonly url?: string;
}
export interface PolicyWitness extends PolicyLog {
  /** Means something in this policy alone; the name that signs is the key's. */
  readonly name: string;
}
export type Quorum =
  | { readonly kind: 'none' }
  | { readonly kind: 'witness'; readonly witness: PolicyWitness }
  | { readonly kind: 'group'; readonly name: string; readonly threshold: number; readonly members: readonly Quorum[] };

export interface LogPolicy {
  readonly logs: readonly PolicyLog[];
  readonly witnesses: readonly PolicyWitness[];
  readonly quorum: Quorum;
}

/** The policy of those who have nothing but the key of one log. */
export const policyOfLog = (key: VerifierKey): LogPolicy => ({
  logs: [{ key }],
  witnesses: [],
  quorum: { kind: 'none' },
});

function isMet(quorum: Quorum, cosigned: ReadonlySet<string>): boolean {
  switch (quorum.kind) {
    case 'none':
      return true;
    case 'witness':
      return cosigned.has(formatVerifierKey(quorum.witness.key));
    case 'group':
      return quorum.members.filter((member) => isMet(member, cosigned)).length >= quorum.threshold;
    default:
      return assertNever(quorum);
  }
}

/** Whether the witnesses among these keys, whose lines have been verified, are enough. */
export const isQuorumMet = ({ quorum }: LogPolicy, signers: readonly VerifierKey[]): boolean =>
  isMet(quorum, new Set(signers.map(formatVerifierKey)));
