import type { TenantId } from '../../events/fields.ts';
import { type LedgerEntry, parseEntry } from '../ledger/entry.ts';
import { toHex } from '../ledger/hex.ts';
import type { LedgerStore } from '../ports/ledger-store.ts';
import type { ViewField, ViewRow, Views } from '../ports/views.ts';
import { leafHash } from '../tlog/merkle.ts';

export interface ProjectDeps {
  readonly ledger: Pick<LedgerStore, 'head' | 'entries'>;
  readonly views: Views;
}

const PAGE = 256;
const DELIVERY = 'delivery:';

type Term = ViewRow['terms'][number];
const term = (field: ViewField, value: string | undefined): Term[] => (value ? [{ field, value }] : []);

/** What a subject can be found by: a delivery, a tagged name, a module version, its digests. */
function subjectTerms({ name, digest }: NonNullable<LedgerEntry['subjects']>[number]): Term[] {
  if (name.startsWith(DELIVERY)) return term('delivery', name.slice(DELIVERY.length));
  const colon = /:([^:/@]+)$/.exec(name)?.[1];
  const version = /@(v[0-9][^@]*)$/.exec(name)?.[1];
  return [
    ...term('tag', colon ?? version),
    ...term('module', version === undefined ? undefined : name),
    ...term('digest', digest.sha256 && `sha256:${digest.sha256}`),
    ...term('commit', digest.gitCommit),
  ];
}

/** `host/path@tag`, `host/path@sha256:…` and the change `host/path#7` all begin with their repository. */
function releaseTerms({ kind, id }: NonNullable<LedgerEntry['release']>): Term[] {
  if (kind === 'change') return [...term('release', id), ...term('repository', id.slice(0, id.lastIndexOf('#')))];
  const at = id.indexOf('@');
  const target = at < 0 ? undefined : id.slice(at + 1);
  return [
    ...term('release', id),
    ...term('repository', at < 0 ? id : id.slice(0, at)),
    ...term(kind === 'source' ? 'tag' : 'digest', target),
  ];
}

/** Every term an entry can be found by, each once. */
export function termsOf(entry: LedgerEntry): Term[] {
  const terms = [
    ...term('kind', entry.kind),
    ...term('outcome', entry.outcome),
    ...term('run', entry.run?.name),
    ...term('commit', entry.change?.commit),
    ...term('actor', entry.actor?.id),
    // A trace is asked for by its id, as logs show it.
    ...(entry.trace ?? []).flatMap((parent) => term('trace', parent.split('-')[1])),
    ...(entry.release ? releaseTerms(entry.release) : []),
    ...(entry.subjects ?? []).flatMap(subjectTerms),
  ];
  return [...new Map(terms.map((one) => [`${one.field} ${one.value}`, one])).values()];
}

/**
 * Projects what was committed since the last time and answers the new watermark. Killed anywhere it is repeated; views
 * that were lost are rebuilt from entry 0 because their watermark is.
 */
export async function projectEntries({ ledger, views }: ProjectDeps, tenant: TenantId): Promise<number> {
  const { size } = await ledger.head(tenant);
  let from = await views.watermark(tenant);
  while (from < size) {
    const entries = await ledger.entries(tenant, from, Math.min(PAGE, size - from));
    if (entries.length === 0) break;
    const rows = entries.map((bytes, at) => ({
      tenant,
      index: from + at,
      leaf: toHex(leafHash(bytes)),
      terms: termsOf(parseEntry(bytes)),
    }));
    from += rows.length;
    await views.put(tenant, rows, from);
  }
  return from;
}
