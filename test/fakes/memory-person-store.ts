import { randomBytes } from 'node:crypto';
import type { PersonStore } from '../../core/ports/person-store.ts';
import type { Erasure } from '../../core/privacy/erasure.ts';

/** People in memory. */
export function memoryPersonStore(): PersonStore {
  const keys = new Map<string, Uint8Array>();
  const mentioned = new Map<string, Set<string>>();
  const erasures = new Map<string, Erasure>();
  const of = (tenant: string, person: string) => `${tenant} ${person}`;
  const objectsOf = (at: string) => {
    const objects = mentioned.get(at) ?? new Set();
    mentioned.set(at, objects);
    return objects;
  };
  return {
    keyOf: async (tenant, person) => {
      const key = keys.get(of(tenant, person)) ?? randomBytes(32);
      keys.set(of(tenant, person), key);
      return new Uint8Array(key);
    },
    knownKey: async (tenant, person) => {
      const key = keys.get(of(tenant, person));
      return key && new Uint8Array(key);
    },
    destroyKey: async (tenant, person, key) => {
      if (Buffer.from(keys.get(of(tenant, person)) ?? []).equals(key)) keys.delete(of(tenant, person));
    },
    mention: async (tenant, persons, object) => {
      for (const person of persons) objectsOf(of(tenant, person)).add(object);
    },
    async *mentions(tenant, person) {
      yield* [...objectsOf(of(tenant, person))].sort();
    },
    unmention: async (tenant, person, objects) => {
      for (const object of objects) objectsOf(of(tenant, person)).delete(object);
    },
    erasure: async (tenant, person) => erasures.get(of(tenant, person)),
    beginErasure: async (tenant, person, erasure) => {
      const begun = erasures.get(of(tenant, person)) ?? erasure;
      erasures.set(of(tenant, person), begun);
      return begun;
    },
    endErasure: async (tenant, person) => {
      erasures.delete(of(tenant, person));
    },
  };
}
