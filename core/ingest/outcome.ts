import type { DetailType } from '../../events/canonical.ts';
import type { NormalisedDelivery, NormalisedEvent } from '../../events/normalised.ts';

/** What one announced thing amounts to. */
export type Judged =
  | {
      readonly outcome: 'emit' | 'audit';
      readonly event: NormalisedEvent;
      readonly code?: string;
      readonly why?: string;
    }
  | Dropped;

const STRENGTH = ['emit', 'reject', 'audit', 'ignore'] as const;
const MAX_EVENTS = 256;

interface Dropped {
  readonly outcome: 'ignore' | 'reject';
  readonly code: string;
  readonly why: string;
}

export const ignored = (code: string, why: string): Dropped => ({ outcome: 'ignore', code, why });
export const rejected = (code: string, why: string): Dropped => ({ outcome: 'reject', code, why });

/** Deletions and pushes of images and tags reach the bus; manifests and referrers only the ledger. */
export const reachesBus = (detailType: DetailType): boolean =>
  detailType !== 'artifact.manifest.pushed' && detailType !== 'artifact.referrer.pushed';

/** The strongest outcome names the delivery; what is ignored beside it is dropped. */
export function deliveryOf(judged: readonly Judged[]): NormalisedDelivery {
  if (judged.length > MAX_EVENTS)
    return deliveryOf([rejected('body.too-many-events', 'The delivery holds too many events.')]);
  const strongest = STRENGTH.flatMap((outcome) => judged.filter((one) => one.outcome === outcome))[0];
  if (!strongest) return deliveryOf([ignored('body.no-events', 'The delivery holds no event.')]);
  return {
    outcome: strongest.outcome,
    code: strongest.code ?? null,
    why: strongest.why ?? null,
    events: judged.flatMap((one) => ('event' in one ? [one.event] : [])),
  };
}

export const ignoredDelivery = (code: string, why: string): NormalisedDelivery => deliveryOf([ignored(code, why)]);
export const rejectedDelivery = (code: string, why: string): NormalisedDelivery => deliveryOf([rejected(code, why)]);

/** The fixed text for a body that lacks what its kind must have; what was wrong is in the erasable raw body. */
export const notUnderstood = (): NormalisedDelivery =>
  rejectedDelivery('body.not-understood', 'The body lacks a field this kind of delivery must have.');
