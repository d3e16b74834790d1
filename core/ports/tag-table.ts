import type { TenantId } from '../../events/fields.ts';

export type TagChange = 'created' | 'moved' | 'republished' | 'deleted';

/** One observation of one tag, made after the source confirmed it. */
export interface TagObservation {
  readonly tenant: TenantId;
  readonly kind: 'source' | 'artifact';
  readonly host: string;
  readonly repository: string;
  readonly tag: string;
  /** Commit or digest; absent for a deletion. */
  readonly target?: string;
  /** Event id: observing again with the same one MUST answer the same and change nothing (a retry after a crash). */
  readonly eventId: string;
}

export interface TagState {
  readonly change: TagChange;
  /** Number of observed changes (moves and deletions) so far; part of the business key. */
  readonly generation: number;
  readonly previous?: string;
}

/** Our own memory of what each tag meant: hooks report a moved tag exactly like a new one. */
export interface TagTable {
  /** MUST be atomic per tag and durable before it resolves. */
  observe(observation: TagObservation): Promise<TagState>;
}
