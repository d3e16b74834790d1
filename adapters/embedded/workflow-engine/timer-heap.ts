/** What is to happen at an instant (ms since the epoch). */
export interface Timer {
  readonly instant: number;
  /** Of two timers for one instant, that with the lower number is first. */
  readonly order: number;
  readonly callback: () => void;
}

/** Timers by their instant, in a binary heap: thousands wait, and most are called off before their time. */
export interface TimerHeap {
  /** Returns how to take the timer out again; nothing happens when it is out already. */
  add(timer: Timer): () => void;
  first(): Timer | undefined;
  removeFirst(): void;
  clear(): void;
}

interface Placed {
  readonly timer: Timer;
  /** Its place in the heap, whose children are at twice that plus one and two. */
  at: number;
}

const OUT = -1;

const isBefore = ({ timer: a }: Placed, { timer: b }: Placed): boolean =>
  a.instant < b.instant || (a.instant === b.instant && a.order < b.order);

function put(heap: Placed[], placed: Placed, at: number): void {
  heap[at] = placed;
  placed.at = at;
}

function rise(heap: Placed[], placed: Placed): void {
  let { at } = placed;
  while (at > 0) {
    const parent = heap[(at - 1) >> 1];
    if (!parent || !isBefore(placed, parent)) break;
    const above = parent.at;
    put(heap, parent, at);
    at = above;
  }
  put(heap, placed, at);
}

function earlierChild(heap: readonly Placed[], at: number): Placed | undefined {
  const left = heap[2 * at + 1];
  const right = heap[2 * at + 2];
  return left && right && isBefore(right, left) ? right : left;
}

function sink(heap: Placed[], placed: Placed): void {
  let { at } = placed;
  for (let child = earlierChild(heap, at); child && isBefore(child, placed); child = earlierChild(heap, at)) {
    const below = child.at;
    put(heap, child, at);
    at = below;
  }
  put(heap, placed, at);
}

function remove(heap: Placed[], placed: Placed): void {
  const { at } = placed;
  if (at === OUT) return;
  placed.at = OUT;
  const last = heap.pop();
  if (!last || last === placed) return;
  put(heap, last, at);
  sink(heap, last);
  rise(heap, last);
}

export function timerHeap(): TimerHeap {
  const heap: Placed[] = [];
  return {
    add: (timer) => {
      const placed: Placed = { timer, at: heap.length };
      heap.push(placed);
      rise(heap, placed);
      return () => remove(heap, placed);
    },
    first: () => heap[0]?.timer,
    removeFirst: () => {
      const [first] = heap;
      if (first) remove(heap, first);
    },
    clear: () => {
      for (const placed of heap.splice(0)) placed.at = OUT;
    },
  };
}
