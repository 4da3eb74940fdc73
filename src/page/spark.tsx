import { rate } from './format.js';
import { TEXT } from './strings.js';
import type { LinkSample } from './types.js';

const WIDTH = 360;
const HEIGHT = 56;
const HOUR_MS = 3_600_000;
/** Samples that are further apart than this are not joined: nothing was measured between them. */
const GAP_MS = 60_000;

/** The rate of a link over the last hour. */
export function Spark({ name, samples }: { name: string; samples: readonly LinkSample[] }) {
  const last = Date.parse(samples.at(-1)?.at ?? '');
  const highest = Math.max(1, ...samples.map(({ bytes_per_second: speed }) => speed ?? 0));
  const points = samples.map(({ at, bytes_per_second: speed }) => {
    const time = Date.parse(at);
    return {
      time,
      x: WIDTH * (1 - (last - time) / HOUR_MS),
      y: HEIGHT - 2 - ((speed ?? 0) / highest) * (HEIGHT - 6),
    };
  });
  const line = pathOf(points);
  return (
    <figure class="spark">
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={TEXT.devices.chart(name, rate(highest))}
      >
        <path class="spark-base" d={`M0 ${HEIGHT - 1.5}H${WIDTH}`} />
        <path class="spark-line" d={line} />
      </svg>
      <figcaption>
        <span>{TEXT.devices.hour}</span>
        <span>{TEXT.devices.highest(rate(highest))}</span>
      </figcaption>
    </figure>
  );
}

interface Point {
  readonly time: number;
  readonly x: number;
  readonly y: number;
}

function pathOf(points: readonly Point[]): string {
  let before = -Infinity;
  return points
    .map(({ time, x, y }) => {
      const step = time - before > GAP_MS ? 'M' : 'L';
      before = time;
      return `${step}${x.toFixed(1)} ${y.toFixed(1)}`;
    })
    .join('');
}
