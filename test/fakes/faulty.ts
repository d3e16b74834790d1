import { Fault } from '../../core/faults.ts';

/**
 * What goes wrong at one call of a port. `late`: the caller is told that the time is up, and the call takes effect so many
 * calls afterwards, when the next attempt may have come half of its way.
 */
export type PortFault =
  | { readonly kind: 'fails' | 'dies'; readonly when: 'before' | 'after' }
  | { readonly kind: 'late'; readonly calls: number };

export const PORT_FAULTS: readonly (PortFault & { readonly name: string })[] = [
  { name: 'fails before it is stored', kind: 'fails', when: 'before' },
  { name: 'is stored and its answer lost', kind: 'fails', when: 'after' },
  { name: 'is stored after its time-out, before the next call', kind: 'late', calls: 1 },
  { name: 'is stored after its time-out, before the fifth call', kind: 'late', calls: 5 },
  { name: 'is the last of a process, not stored', kind: 'dies', when: 'before' },
  { name: 'is the last of a process, stored', kind: 'dies', when: 'after' },
];

/** The fault of call number `at`, counted from 0 over all that share the plan, and as what the caller gets to know it. */
export interface FaultPlan {
  readonly at: number;
  readonly fault: PortFault;
  unavailable(): Error;
  calls: number;
  dead: boolean;
  /** What is still to take effect, and before which call. */
  late?: { readonly before: number; apply(): Promise<unknown> } | undefined;
}

export const planOf = (
  at: number,
  fault: PortFault,
  unavailable: () => Error = () => new Fault('StoreUnavailable', 'planned'),
): FaultPlan => ({ at, fault, unavailable, calls: 0, dead: false });

/** Lets what is late take effect now. Nobody hears of it, nor of its failure. */
export async function settleLate(plan: FaultPlan): Promise<void> {
  const { late } = plan;
  plan.late = undefined;
  await late?.apply().catch(() => undefined);
}

/** One call of whatever shares the plan. */
export async function faultyCall<T>(plan: FaultPlan, apply: () => Promise<T>): Promise<T> {
  const call = plan.calls++;
  if (plan.dead) throw new Error('the process is dead');
  if (plan.late && call >= plan.late.before) await settleLate(plan);
  const { at, fault } = plan;
  if (call !== at) return apply();
  if (fault.kind === 'late') {
    plan.late = { before: call + fault.calls, apply };
    throw plan.unavailable();
  }
  plan.dead = fault.kind === 'dies';
  if (fault.when === 'after') await apply();
  throw plan.dead ? new Error('the process is dead') : plan.unavailable();
}

/** A port with the planned fault; every call of it counts, a listing as the one that it is. */
export function faulty<T extends object>(port: T, plan: FaultPlan): T {
  return new Proxy(port, {
    get: (owner, property) => {
      const member: unknown = Reflect.get(owner, property);
      if (typeof member !== 'function') return member;
      return (...args: unknown[]) => {
        const apply = () => Reflect.apply(member, owner, args);
        if (property !== 'list') return faultyCall(plan, async () => apply());
        return (async function* () {
          const names: unknown[] = [];
          await faultyCall(plan, async () => {
            for await (const name of apply()) names.push(name);
          });
          yield* names;
        })();
      };
    },
  });
}
