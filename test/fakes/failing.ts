import { Fault } from '../../core/faults.ts';

const AsyncGeneratorFunction = async function* () {}.constructor as new () => unknown;

/** Which call fails, counted over all stores that share the plan, and whether it has taken effect by then. */
export interface FailurePlan {
  readonly at: number;
  readonly when: 'before' | 'after';
  calls: number;
}

/** A store whose call number `plan.at` (from 0) answers `StoreUnavailable`, before or after it took effect. */
export function failing<T extends object>(target: T, plan: FailurePlan): T {
  return new Proxy(target, {
    get: (owner, property, receiver) => {
      const member: unknown = Reflect.get(owner, property, receiver);
      if (typeof member !== 'function') return member;
      if (member instanceof AsyncGeneratorFunction)
        return async function* (...args: unknown[]) {
          const mine = plan.calls++ === plan.at;
          if (mine && plan.when === 'before') throw new Fault('StoreUnavailable', 'planned, before');
          yield* Reflect.apply(member, owner, args) as AsyncIterable<unknown>;
          if (mine) throw new Fault('StoreUnavailable', 'planned, after');
        };
      return async (...args: unknown[]) => {
        const mine = plan.calls++ === plan.at;
        if (mine && plan.when === 'before') throw new Fault('StoreUnavailable', 'planned, before');
        const answer: unknown = await Reflect.apply(member, owner, args);
        if (mine) throw new Fault('StoreUnavailable', 'planned, after');
        return answer;
      };
    },
  });
}
