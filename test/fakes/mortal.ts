import type { DeathPlan } from './dying-database.ts';

/** Which of its port calls a process dies at: right before it, or after it took effect and before anyone hears of it. */
export interface MortalPlan extends DeathPlan {
  /** Calls so far. */
  calls: number;
  /** Whether the process dies at this one. */
  isLast(call: number): boolean;
  /** Told when it has died. */
  die?(): void;
}

/** A port as a process has it that may die at any of its calls; none works afterwards. */
export function mortal<T extends object>(port: T, plan: MortalPlan): T {
  const end = (): never => {
    plan.dead = true;
    plan.die?.();
    throw new Error('the process is dead');
  };
  return new Proxy(port, {
    get: (owner, property) => {
      const member: unknown = Reflect.get(owner, property);
      if (typeof member !== 'function') return member;
      return (...args: unknown[]) => {
        if (plan.dead) throw new Error('the process is dead');
        const last = plan.isLast(plan.calls++);
        if (last && plan.when === 'before') return end();
        const answer: unknown = Reflect.apply(member, owner, args);
        return last && answer instanceof Promise ? answer.then(end) : answer;
      };
    },
  });
}
