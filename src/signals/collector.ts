import type { SampleSink, SignalName } from '../facts/reader.js';
import { Buckets, type Point } from './buckets.js';

export const UNITS = { altitude: 'm', speed: 'm/s', battery: '%' } as const;

export interface Signal {
  readonly name: SignalName;
  readonly unit: (typeof UNITS)[SignalName];
  readonly points: [number, number][];
}

/** Values outside of these are no measurements. */
const RANGES: Readonly<Record<SignalName, readonly [number, number]>> = {
  altitude: [-10_000, 100_000],
  speed: [0, 2_000],
  battery: [0, 110],
};
/** One sample shows nothing. */
const MIN_POINTS = 2;

/** Gathers the samples of a log. Of several sensors of one signal it shows the best that has any. */
export class SignalCollector implements SampleSink {
  readonly #series = new Map<SignalName, Buckets[]>();

  sample(name: SignalName, rank: number, seconds: number, value: number): void {
    const [least, greatest] = RANGES[name];
    if (!(value >= least && value <= greatest)) return;
    const ranked = this.#series.get(name) ?? [];
    this.#series.set(name, ranked);
    (ranked[rank] ??= new Buckets()).add(seconds, value);
  }

  signals(): Signal[] {
    return (Object.keys(UNITS) as SignalName[]).flatMap(name => {
      const all = (this.#series.get(name) ?? []).map(buckets => buckets.points());
      const points = all.find(one => one !== undefined && one.length >= MIN_POINTS);
      return points ? [{ name, unit: UNITS[name], points: points.map(rounded) }] : [];
    });
  }
}

const rounded = ([seconds, value]: Point): [number, number] => [
  Math.round(seconds * 1000) / 1000,
  Math.round(value * 1000) / 1000,
];
