import type { AuthScheme } from '../../events/canonical.ts';
import type { Provider, Sha256Hex } from '../../events/fields.ts';
import type { NormalisedDelivery } from '../../events/normalised.ts';

/** Request headers with lower-case names, one value each. */
export type DeliveryHeaders = Readonly<Record<string, string | undefined>>;

/** `keyId` names which of the active secrets fitted (`secret-1`, `secret-2`), never anything derived from it. */
export type Authentication =
  | { readonly ok: true; readonly scheme: AuthScheme; readonly keyId: string }
  | { readonly ok: false; readonly code: 'auth.missing' | 'auth.wrong' | 'auth.no-secret' };

/** What a normaliser is told besides headers and body. */
export interface NormaliseContext {
  readonly instance: string;
  /** Host of the repositories, from configuration: a payload does not choose where credentials go. */
  readonly host: string;
  /** The vendor's delivery id; events are numbered `#0`, `#1` … behind it. */
  readonly deliveryId: string;
}

/** One kind of source. It is chosen by URL path, never by headers: Gitea sends GitHub's too. */
export interface IngestProvider {
  readonly provider: Provider;
  /** `iam`: comes by an AWS-native event only and has no webhook. */
  readonly transport: 'webhook' | 'iam';
  /** Media types a webhook may have. */
  readonly contentTypes: readonly string[];
  /**
   * Over the raw bytes, before anything is parsed; every secret is compared, in constant time. `nowMs` is for schemes
   * that sign a time.
   */
  authenticate(
    headers: DeliveryHeaders,
    rawBody: Uint8Array,
    secrets: readonly string[],
    nowMs: number,
  ): Authentication;
  /** The vendor's id of this delivery, which a retry keeps; `bodySha256` where the vendor has none. */
  deliveryIdOf(headers: DeliveryHeaders, body: unknown, bodySha256: Sha256Hex): string;
  /** Total over any JSON: what is not understood is a coded reject. */
  normalise(headers: DeliveryHeaders, body: unknown, context: NormaliseContext): NormalisedDelivery;
}
