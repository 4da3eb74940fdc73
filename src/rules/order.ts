import type { FileRecord } from '../ports.js';
import { naturalKey } from '../system/natural-order.js';
import type { Order } from './rule.js';

/** The position of a file's step in a queue; see `compareRanks`. */
export interface Rank {
  readonly first: number;
  /** All steps of a lower kind come before all of a higher one. */
  readonly kind: number;
  /** By the rule's `order`, smaller ones earlier. */
  readonly value: number;
  /** Orders names as people do: `2.BIN` before `10.BIN`. */
  readonly name: string;
  readonly descending: boolean;
}

/** Newest: by the time of the file, or of finding it; of files found together, the one whose name comes last. */
export function rankIn(kind: number, record: FileRecord | undefined, order: Order): Rank {
  if (!record) return { first: 0, kind, value: 0, name: '', descending: false };
  const { first = 0, path, size } = record;
  const time = timeOf(record);
  const value = order === 'smallest' ? size : order === 'oldest' ? time : -time;
  return { first, kind, value, name: naturalKey(path), descending: order === 'newest' };
}

/** The time of its last change if the source reports one, else of finding it; ms since the Unix epoch. */
export const timeOf = ({ modified, foundAt }: FileRecord): number => modified ?? foundAt;

/** Files that a person moved to the front, then by kind, then by the rule's order. */
export function compareRanks(a: Rank, b: Rank): number {
  const difference = b.first - a.first || a.kind - b.kind || a.value - b.value;
  if (difference !== 0 || a.name === b.name) return difference;
  return (a.name < b.name ? -1 : 1) * (a.descending ? -1 : 1);
}
