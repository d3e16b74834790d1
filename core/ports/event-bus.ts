import type { CanonicalEvent } from '../../events/canonical.ts';
import type { TenantId } from '../../events/fields.ts';

/** What travels: a pointer. Whoever receives it loads the row by id and compares the hash. */
export interface BusMessage {
  readonly tenant: TenantId;
  readonly event: CanonicalEvent;
}

/** Accepted means delivered at least once, in any order. */
export interface EventBus {
  /** One outcome per message, in order. `BusUnavailable` when nothing is known to be accepted. */
  publish(messages: readonly BusMessage[]): Promise<('accepted' | 'refused')[]>;
}
