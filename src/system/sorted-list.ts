/** Up to that many new items, or that part of the list, are inserted one by one; for more of them the list is sorted. */
const MAX_SINGLE_INSERTS = 8;
const MAX_SINGLE_PART = 1 / 32;

/** Items in order. New items are sorted at the next access, and the first item is removed in constant time. */
export class SortedList<Item> {
  readonly #compare: (a: Item, b: Item) => number;
  /** In reverse: the first item is the last element. */
  readonly #items: Item[] = [];
  #incoming: Item[] = [];

  /** `compare`: negative if `a` comes before `b`. */
  constructor(compare: (a: Item, b: Item) => number) {
    this.#compare = compare;
  }

  insert(item: Item): void {
    this.#incoming.push(item);
  }

  /** An item that is not in the list is ignored. */
  remove(item: Item): void {
    const items = this.#sorted();
    if (items.at(-1) === item) return void items.pop();
    const place = this.#placeOf(item);
    const at = items[place] === item ? place : items.indexOf(item);
    if (at >= 0) items.splice(at, 1);
  }

  /** The first item that satisfies the test. */
  find(test: (item: Item) => boolean): Item | undefined {
    return this.#sorted().findLast(test);
  }

  #sorted(): Item[] {
    const incoming = this.#incoming;
    if (incoming.length === 0) return this.#items;
    this.#incoming = [];
    if (incoming.length <= Math.max(MAX_SINGLE_INSERTS, this.#items.length * MAX_SINGLE_PART)) {
      for (const item of incoming) this.#items.splice(this.#placeOf(item), 0, item);
    } else {
      for (const item of incoming) this.#items.push(item);
      this.#items.sort((a, b) => this.#compare(b, a));
    }
    return this.#items;
  }

  /** The first index whose item does not come after this one. */
  #placeOf(item: Item): number {
    let [low, high] = [0, this.#items.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#compare(this.#items[middle] as Item, item) > 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
