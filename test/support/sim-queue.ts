interface Due {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

/** The true time of a simulation, in milliseconds, and what is still to happen in it: a binary heap. */
export class SimQueue {
  now = 1000;
  readonly #heap: Due[] = [];
  #order = 0;

  /** What is due at one moment happens in the order in which it was put here. */
  after(ms: number, run: () => void): void {
    this.#order += 1;
    const due = { at: this.now + Math.max(0, ms), order: this.#order, run };
    let hole = this.#heap.push(due) - 1;
    while (hole > 0) {
      const parent = (hole - 1) >> 1;
      const above = this.#heap[parent];
      if (above === undefined || !isBefore(due, above)) break;
      this.#heap[hole] = above;
      hole = parent;
    }
    this.#heap[hole] = due;
  }

  /** Lets the next thing happen, if it is due until `end`; false once nothing is. */
  step(end: number): boolean {
    const first = this.#heap[0];
    if (first === undefined || first.at > end) {
      this.now = end;
      return false;
    }
    this.#removeFirst();
    this.now = first.at;
    first.run();
    return true;
  }

  #removeFirst(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let hole = 0;
    for (;;) {
      let child = 2 * hole + 1;
      let below = heap[child];
      const right = heap[child + 1];
      if (below !== undefined && right !== undefined && isBefore(right, below)) {
        child += 1;
        below = right;
      }
      if (below === undefined || !isBefore(below, last)) break;
      heap[hole] = below;
      hole = child;
    }
    heap[hole] = last;
  }
}

function isBefore(a: Due, b: Due): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
