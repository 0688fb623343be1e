/** A binary heap: `pop` gives the item that comes before all others. */
export class Heap<T> {
  readonly #items: T[] = [];
  readonly #before: (a: T, b: T) => boolean;

  constructor(before: (a: T, b: T) => boolean) {
    this.#before = before;
  }

  push(item: T): void {
    let at = this.#items.push(item) - 1;
    while (at > 0) {
      const up = (at - 1) >> 1;
      const parent = this.#items[up];
      if (parent === undefined || !this.#before(item, parent)) break;
      this.#items[at] = parent;
      at = up;
    }
    this.#items[at] = item;
  }

  pop(): T | undefined {
    const top = this.#items[0];
    const last = this.#items.pop();
    if (last !== undefined && this.#items.length > 0) this.#sink(last);
    return top;
  }

  #sink(item: T): void {
    let at = 0;
    for (;;) {
      const next = this.#smaller(2 * at + 1);
      const child = this.#items[next];
      if (child === undefined || !this.#before(child, item)) break;
      this.#items[at] = child;
      at = next;
    }
    this.#items[at] = item;
  }

  /** Of two neighbours, the one that comes first. */
  #smaller(left: number): number {
    const [a, b] = [this.#items[left], this.#items[left + 1]];
    return a !== undefined && b !== undefined && this.#before(b, a) ? left + 1 : left;
  }
}
