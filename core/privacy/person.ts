import { createHmac } from 'node:crypto';
import type { Sha256Hex, TenantId } from '../../events/fields.ts';
import type { TenantConfig } from '../config.ts';
import { sha256Hex } from '../evidence.ts';
import type { PersonStore } from '../ports/person-store.ts';
import type { Secrets } from '../ports/secrets.ts';
import { pseudonymOf } from '../pseudonym.ts';

/** A person as they came in: a login or an e-mail address, and where that is one. */
export interface NamedPerson {
  /** `provider/host` of a source, or how an operator was authenticated. */
  readonly place: string;
  readonly name: string;
}

/** People of this machine, and principals of the account of a deployment. */
const OPERATOR_PLACES = ['local', 'aws-iam'] as const;

export const sourcePlaceOf = (provider: string, host: string): string => `${provider}/${host}`;

/** How a tenant's people are told apart. */
export interface PeopleOf {
  readonly tenant: TenantId;
  /** Values of the pseudonym key, newest first; none: nobody is known. */
  readonly keys: readonly string[];
  /** Everywhere that people may have come from. */
  readonly places: readonly string[];
}

export async function peopleOf(
  secrets: Secrets,
  { id: tenant, pseudonymKey, sources }: Pick<TenantConfig, 'id' | 'pseudonymKey' | 'sources'>,
): Promise<PeopleOf> {
  const keys = pseudonymKey === undefined ? [] : await secrets.values(pseudonymKey);
  const hosts = sources.map(({ provider, host, instance }) => sourcePlaceOf(provider, host ?? instance));
  return { tenant, keys, places: [...new Set([...hosts, ...OPERATOR_PLACES])] };
}

/** The id of a person in the person store. Hosts write one login in several ways, so case does not count. */
export const personIdOf = (key: string, tenant: TenantId, { place, name }: NamedPerson): Sha256Hex =>
  sha256Hex(
    createHmac('sha256', key)
      .update(`relseal.person/1\0${tenant}\0${place}\0${name.normalize('NFC').toLowerCase()}`)
      .digest(),
  );

/** The pseudonym of a person, a new one for whoever is not known or was erased; `undefined` where nobody is known. */
export async function pseudonymFor(
  persons: PersonStore,
  { tenant, keys: [key] }: PeopleOf,
  person: NamedPerson,
): Promise<Sha256Hex | undefined> {
  return key === undefined
    ? undefined
    : pseudonymOf(await persons.keyOf(tenant, personIdOf(key, tenant, person)), tenant);
}
