import { createHash } from 'node:crypto';
import { Sha256Hex, type TenantId } from '../../events/fields.ts';
import { canonicalJson } from '../canonical-json.ts';
import { keepJsonEvidence, sha256Hex } from '../evidence.ts';
import { Fault } from '../faults.ts';
import type { appendEntries } from '../ledger/append.ts';
import { type EntryDraft, entryKeyOf } from '../ledger/entry.ts';
import type { ClaimStore } from '../ports/claim-store.ts';
import type { ErasableStore } from '../ports/erasable-store.ts';
import type { Ids } from '../ports/ids.ts';
import type { PersonStore } from '../ports/person-store.ts';
import type { WaitStore } from '../ports/wait-store.ts';
import type { WormStore } from '../ports/worm-store.ts';
import { openApprovalOf } from '../promotion/approval.ts';
import { pseudonymOf } from '../pseudonym.ts';
import { type ErasedObjects, type Erasure, erasureReceiptOf } from './erasure.ts';
import { type NamedPerson, type PeopleOf, personIdOf } from './person.ts';

export interface EraseDeps {
  readonly persons: PersonStore;
  readonly raw: ErasableStore;
  readonly worm: WormStore;
  readonly claims: Pick<ClaimStore, 'list'>;
  readonly waits: Pick<WaitStore, 'listOpen'>;
  readonly ids: Ids;
  /** `appendEntries` or `groupCommit`, bound to its stores. */
  append(tenant: TenantId, drafts: readonly EntryDraft[]): ReturnType<typeof appendEntries>;
}

export interface EraseRequest {
  /** A login, an e-mail address or a name, as it came in. */
  readonly name: string;
  /** The one place that is meant; absent: all where the name is known. */
  readonly at?: string;
  /** Whoever asks. Called once it is known that there is something to erase. */
  by(): Promise<Erasure['by']>;
}

/** What is known of a person at one place. */
export interface KnownPerson {
  readonly place: string;
  readonly pseudonym?: Sha256Hex;
  /** Erasable objects that mention them. */
  readonly objects: number;
}

export interface ErasedPerson extends KnownPerson {
  /** Of the entry that says so. */
  readonly index: number;
}

export type EraseOutcome =
  | { readonly kind: 'erased'; readonly erased: readonly ErasedPerson[] }
  /** As much as one request has time for is done: ask again. */
  | { readonly kind: 'unfinished'; readonly objects: number }
  | {
      readonly kind: 'refused';
      readonly code: 'erase.unknown-person' | 'erase.unknown-place' | 'erase.no-pseudonym-key';
    }
  | { readonly kind: 'refused'; readonly code: 'erase.run-open'; readonly runName: string };
type Refused = Extract<EraseOutcome, { kind: 'refused' }>;

export type FindOutcome = { readonly kind: 'found'; readonly found: readonly KnownPerson[] } | Refused;

/** Objects that are erased at a time, and most of them for one request. */
const AT_ONCE = 10;
const MOST_OBJECTS = 500;
/** Runs that are looked through for the person. */
const MOST_RUNS = 10_000;

interface Known {
  readonly person: NamedPerson;
  readonly id: Sha256Hex;
  readonly pseudonym: Sha256Hex | undefined;
  readonly objects: ErasedObjects;
  /** One that was begun and cut short. */
  readonly begun: Erasure | undefined;
}

async function objectsOf({ persons }: EraseDeps, tenant: TenantId, id: Sha256Hex): Promise<ErasedObjects> {
  const hash = createHash('sha256');
  let count = 0;
  for await (const name of persons.mentions(tenant, id)) {
    hash.update(`${name}\n`);
    count += 1;
  }
  return { count, sha256: Sha256Hex.parse(hash.digest('hex')) };
}

/** What is known of a name under each value of the key: an older one may have made its id. */
async function knownOf(deps: EraseDeps, people: PeopleOf, { name, at }: Omit<EraseRequest, 'by'>): Promise<Known[]> {
  const { tenant, keys, places } = people;
  const known: Known[] = [];
  for (const place of at === undefined ? places : [at])
    for (const key of keys) {
      const person = { place, name };
      const id = personIdOf(key, tenant, person);
      const own = await deps.persons.knownKey(tenant, id);
      const objects = await objectsOf(deps, tenant, id);
      const begun = await deps.persons.erasure(tenant, id);
      if (own || objects.count > 0 || begun)
        known.push({ person, id, pseudonym: own && pseudonymOf(own, tenant), objects, begun });
    }
  return known;
}

async function found(
  deps: EraseDeps,
  people: PeopleOf,
  request: Omit<EraseRequest, 'by'>,
): Promise<{ kind: 'known'; known: Known[] } | Refused> {
  if (people.keys.length === 0) return { kind: 'refused', code: 'erase.no-pseudonym-key' };
  if (request.at !== undefined && !people.places.includes(request.at))
    return { kind: 'refused', code: 'erase.unknown-place' };
  const known = await knownOf(deps, people, request);
  return known.length > 0 ? { kind: 'known', known } : { kind: 'refused', code: 'erase.unknown-person' };
}

/** What would go. */
async function findPerson(deps: EraseDeps, people: PeopleOf, request: Omit<EraseRequest, 'by'>): Promise<FindOutcome> {
  const answer = await found(deps, people, request);
  if (answer.kind === 'refused') return answer;
  const shown = answer.known.map(({ person: { place }, pseudonym, objects: { count: objects } }) => ({
    ...{ place, objects },
    ...(pseudonym === undefined ? {} : { pseudonym }),
  }));
  return { kind: 'found', found: shown };
}

/** A run that somebody of these has begun or approved: a new pseudonym would let them approve it, or do so twice. */
async function openRunOf(deps: EraseDeps, tenant: TenantId, known: readonly Known[]): Promise<string | undefined> {
  const pseudonyms = new Set<string>(known.flatMap(({ pseudonym }) => pseudonym ?? []));
  const running = await deps.claims.list(tenant, { status: 'running', limit: MOST_RUNS });
  const begun = running.find(({ actor }) => actor && pseudonyms.has(actor.id));
  return begun?.runName ?? openApprovalOf(deps, tenant, pseudonyms);
}

/** Only the key that made the pseudonym: whoever came back since has another. */
async function destroyKey({ persons }: EraseDeps, tenant: TenantId, id: Sha256Hex, erasure: Erasure): Promise<void> {
  const own = await persons.knownKey(tenant, id);
  if (own && pseudonymOf(own, tenant) === erasure.pseudonym) await persons.destroyKey(tenant, id, own);
}

/** Erases objects that mention somebody, `budget` at most, and answers how many those were. */
async function eraseObjects(
  { persons, raw }: EraseDeps,
  tenant: TenantId,
  id: Sha256Hex,
  budget: number,
): Promise<number> {
  let erased = 0;
  let batch: string[] = [];
  const flush = async () => {
    await Promise.all(batch.map((name) => raw.erase(name)));
    // Forgotten once they are gone, so that an erasure that is cut short finds them again.
    await persons.unmention(tenant, id, batch);
    erased += batch.length;
    batch = [];
  };
  for await (const name of persons.mentions(tenant, id)) {
    if (erased + batch.length === budget) break;
    batch.push(name);
    if (batch.length === AT_ONCE) await flush();
  }
  await flush();
  return erased;
}

async function draftOf({ worm }: EraseDeps, tenant: TenantId, erasure: Erasure): Promise<EntryDraft> {
  const receipt = await keepJsonEvidence(worm, tenant, 'erasure-receipt', erasureReceiptOf(erasure));
  const key = entryKeyOf(tenant, {
    businessKey: sha256Hex(canonicalJson([tenant, erasure.id])),
    ...{ machine: 'operator', step: 'erase', replay: 0, kind: 'erasure', ordinal: 0 },
  });
  return { key, content: { kind: 'erasure', outcome: 'info', actor: erasure.by, evidence: [receipt] } };
}

/** Says so on the ledger, once for each erasure however often it is finished. */
async function record(deps: EraseDeps, tenant: TenantId, id: Sha256Hex, erasure: Erasure) {
  const { entries } = await deps.append(tenant, [await draftOf(deps, tenant, erasure)]);
  const [entry] = entries;
  if (!entry) throw new Fault('LedgerInconsistent', 'an erasure was appended, and no entry is answered');
  await deps.persons.endErasure(tenant, id);
  const { pseudonym, objects } = erasure;
  return { objects: objects.count, index: entry.index, ...(pseudonym === undefined ? {} : { pseudonym }) };
}

const begin = (deps: EraseDeps, tenant: TenantId, { id, pseudonym, objects }: Known, by: Erasure['by']) =>
  deps.persons.beginErasure(tenant, id, {
    ...{ id: deps.ids.ulid(), by, objects },
    ...(pseudonym === undefined ? {} : { pseudonym }),
  });

/**
 * Severs a person from what they did: their keys are destroyed, then every erasable object that mentions them, then the
 * ledger says so. Entries stay as they are, so every proof does. It may be cut short anywhere and is finished by being
 * asked again; whoever does something later is somebody new.
 */
async function erasePerson(deps: EraseDeps, people: PeopleOf, request: EraseRequest): Promise<EraseOutcome> {
  const { tenant } = people;
  const answer = await found(deps, people, request);
  if (answer.kind === 'refused') return answer;
  const runName = await openRunOf(deps, tenant, answer.known);
  if (runName !== undefined) return { kind: 'refused', code: 'erase.run-open', runName };
  const by = await request.by();
  const erased: ErasedPerson[] = [];
  let budget = MOST_OBJECTS;
  for (const known of answer.known) {
    const erasure = known.begun ?? (await begin(deps, tenant, known, by));
    await destroyKey(deps, tenant, known.id, erasure);
    budget -= await eraseObjects(deps, tenant, known.id, budget);
    if (budget === 0) return { kind: 'unfinished', objects: MOST_OBJECTS };
    erased.push({ place: known.person.place, ...(await record(deps, tenant, known.id, erasure)) });
  }
  return { kind: 'erased', erased };
}

/** Erases, or says what would go. Only erasing looks up who asks: a question makes nobody known. */
export const answerErasure = (
  deps: EraseDeps,
  people: PeopleOf,
  { dryRun, ...request }: EraseRequest & { readonly dryRun: boolean },
): Promise<EraseOutcome | FindOutcome> =>
  dryRun ? findPerson(deps, people, request) : erasePerson(deps, people, request);
