export type Point = readonly [seconds: number, value: number];

interface Bucket {
  least: Point;
  greatest: Point;
}

/** Spans of time: each has two points at most. */
const MAX_BUCKETS = 500;
const FIRST_WIDTH_S = 0.05;
/** A sample that is later than that after all samples before it has a damaged time. */
const MAX_GAP_S = 3600;

/**
 * The least and the greatest value of each of at most MAX_BUCKETS spans of equal length. How long the log is need not be known:
 * when the spans are used up, each two of them become one.
 */
export class Buckets {
  #buckets: (Bucket | undefined)[] = [];
  #width = FIRST_WIDTH_S;
  #last: number | undefined;

  add(seconds: number, value: number): void {
    if (!(seconds >= 0) || !Number.isFinite(value) || seconds - (this.#last ?? 0) > MAX_GAP_S) return;
    this.#last = Math.max(this.#last ?? 0, seconds);
    while (seconds >= this.#width * MAX_BUCKETS) this.#widen();
    const index = Math.floor(seconds / this.#width);
    this.#buckets[index] = merged(this.#buckets[index], {
      least: [seconds, value],
      greatest: [seconds, value],
    });
  }

  /** In the order of their times. */
  points(): Point[] {
    return this.#buckets.flatMap(bucket => {
      if (!bucket) return [];
      const { least, greatest } = bucket;
      if (least === greatest || (least[0] === greatest[0] && least[1] === greatest[1])) return [least];
      return least[0] <= greatest[0] ? [least, greatest] : [greatest, least];
    });
  }

  #widen(): void {
    this.#width *= 2;
    const before = this.#buckets;
    this.#buckets = [];
    for (let index = 0; index < before.length; index += 2) {
      const both = merged(before[index], before[index + 1]);
      if (both) this.#buckets[index / 2] = both;
    }
  }
}

function merged(a: Bucket | undefined, b: Bucket | undefined): Bucket | undefined {
  if (!a || !b) return a ?? b;
  return {
    least: b.least[1] < a.least[1] ? b.least : a.least,
    greatest: b.greatest[1] > a.greatest[1] ? b.greatest : a.greatest,
  };
}
