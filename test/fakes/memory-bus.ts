import { Fault } from '../../core/faults.ts';
import type { BusMessage, EventBus } from '../../core/ports/event-bus.ts';

/** A bus in memory that keeps what it accepted. `down` makes publishing fail as an unreachable bus does. */
export interface MemoryBus extends EventBus {
  readonly accepted: BusMessage[];
  down: boolean;
}

export function memoryBus(): MemoryBus {
  const bus: MemoryBus = {
    accepted: [],
    down: false,
    publish: async (messages) => {
      if (bus.down) throw new Fault('BusUnavailable', 'the bus is down');
      bus.accepted.push(...structuredClone(messages));
      return messages.map(() => 'accepted');
    },
  };
  return bus;
}
