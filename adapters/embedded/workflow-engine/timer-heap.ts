/** What is to happen at an instant (ms since the epoch). */
export interface Timer {
  readonly instant: number;
  /** Of two timers for one instant, that with the lower number is first. */
  readonly order: number;
  readonly callback: () => void;
}

interface Placed {
  readonly timer: Timer;
  at: number;
}

/** Timers by their instant, in a binary heap: thousands wait, and most are called off before their time. */
export interface TimerHeap {
  /** Returns how to take the timer out again; nothing happens when it is out already. */
  add(timer: Timer): () => void;
  first(): Timer | undefined;
  removeFirst(): void;
  clear(): void;
}

const isBefore = ({ timer: a }: Placed, { timer: b }: Placed): boolean =>
  a.instant < b.instant || (a.instant === b.instant && a.order < b.order);

const OUT = -1;

export function timerHeap(): TimerHeap {
  const heap: Placed[] = [];

  const put = (placed: Placed, at: number): void => {
    heap[at] = placed;
    placed.at = at;
  };

  function rise(placed: Placed): void {
    let { at } = placed;
    while (at > 0) {
      const parent = heap[(at - 1) >> 1];
      if (!parent || !isBefore(placed, parent)) break;
      const above = parent.at;
      put(parent, at);
      at = above;
    }
    put(placed, at);
  }

  const earlierChild = (at: number): Placed | undefined => {
    const left = heap[2 * at + 1];
    const right = heap[2 * at + 2];
    return left && right && isBefore(right, left) ? right : left;
  };

  function sink(placed: Placed): void {
    let { at } = placed;
    for (let child = earlierChild(at); child && isBefore(child, placed); child = earlierChild(at)) {
      const below = child.at;
      put(child, at);
      at = below;
    }
    put(placed, at);
  }

  function remove(placed: Placed): void {
    const { at } = placed;
    if (at === OUT) return;
    placed.at = OUT;
    const last = heap.pop();
    if (!last || last === placed) return;
    last.at = at;
    heap[at] = last;
    sink(last);
    rise(last);
  }

  return {
    add: (timer) => {
      const placed: Placed = { timer, at: heap.length };
      heap.push(placed);
      rise(placed);
      return () => remove(placed);
    },
    first: () => heap[0]?.timer,
    removeFirst: () => {
      const [first] = heap;
      if (first) remove(first);
    },
    clear: () => {
      for (const placed of heap.splice(0)) placed.at = OUT;
    },
  };
}
