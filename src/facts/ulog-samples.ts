import type { SampleSink } from './reader.js';
import { floatField, type Layout } from './ulog-formats.js';

/** Samples of one topic: takes the bytes of a data message, and seconds since the beginning of the log. */
export type Sampler = (bytes: Buffer, seconds: number) => void;

type Read = (bytes: Buffer) => number;

/** Which signals a topic of PX4 has. Of several topics with the same signal, that of the lowest rank is plotted. */
const TOPICS: Readonly<Record<string, (layout: Layout, sink: SampleSink) => Sampler>> = {
  vehicle_global_position: (layout, sink) => {
    const altitude = reading(layout, 'alt');
    return (bytes, seconds) => sink.sample('altitude', 0, seconds, altitude(bytes));
  },
  vehicle_local_position: (layout, sink) => {
    const [down, north, east] = [reading(layout, 'z'), reading(layout, 'vx'), reading(layout, 'vy')];
    return (bytes, seconds) => {
      // It is 0 without a position, and down from where the estimator began.
      sink.sample('altitude', 1, seconds, -down(bytes));
      sink.sample('speed', 0, seconds, Math.hypot(north(bytes), east(bytes)));
    };
  },
  battery_status: (layout, sink) => {
    const remaining = reading(layout, 'remaining');
    return (bytes, seconds) => sink.sample('battery', 0, seconds, 100 * remaining(bytes));
  },
};

/** Undefined if the topic has no signal, or if this is not its first instance. */
export function samplerOf(
  topic: string,
  instance: number,
  layout: Layout,
  sink: SampleSink | undefined,
): Sampler | undefined {
  if (!sink || instance !== 0 || !Object.hasOwn(TOPICS, topic)) return undefined;
  return TOPICS[topic]?.(layout, sink);
}

/** NaN where the topic has no such field. */
function reading({ fields }: Layout, name: string): Read {
  const read = floatField(fields.get(name));
  return bytes => read?.(bytes) ?? NaN;
}
