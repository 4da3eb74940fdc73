import type { FileRecord } from '../ports.js';
import type { Owner } from './owners.js';
import type { Span, Timed } from './span.js';

/** A flight while its files are gathered. `start` and `end` are those of the files that it was made of; zero without times. */
export interface Gathering extends Span {
  readonly owner: Owner;
  readonly timed: Timed[];
  readonly untimed: FileRecord[];
}

/** Items by key, each list in their order. */
export function grouped<Item>(items: readonly Item[], keyOf: (item: Item) => string): Map<string, Item[]> {
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return groups;
}
