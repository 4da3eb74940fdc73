import type { DeviceContext, LinkLimits } from '../../config/definition.js';
import type { ByteStream, Outgoing, Source, Target } from '../../ports.js';
import { daemonPolicy, type RetryPolicy } from '../../system/back-off.js';
import { LinkGate } from './gate.js';
import { RateLimiter } from './rate-limiter.js';
import { SlowDown } from './slow-down.js';
import { Spread } from './spread.js';

/** Applies a device's limits of its link to its ends. */
export interface LinkLimiter {
  source(end: Source): Source;
  target(end: Target): Target;
  /** A person waits: pauses that no key of the configuration asks for end. */
  readonly hurry: () => void;
}

const WITHOUT_LIMITS: LinkLimiter = { source: end => end, target: end => end, hurry: () => undefined };

/** Both ends of a device share a limiter and its gates. */
export function linkFor(
  limits: LinkLimits | undefined,
  context: DeviceContext,
  policy: RetryPolicy = daemonPolicy,
): LinkLimiter {
  if (!limits) return WITHOUT_LIMITS;
  const { maxRate, over, unmetered, hours, spread = 0 } = limits;
  const { clock, random } = context;
  const slowDown = new SlowDown(policy, clock, random);
  const start = policy.spreads && spread > 0 ? new Spread(spread, clock, random) : undefined;
  const gates = {
    limiter: maxRate === undefined ? undefined : new RateLimiter(maxRate, clock),
    gate: over || unmetered || hours ? new LinkGate(limits, context) : undefined,
  };
  return {
    source: end => limitedSource(slowDown.watch(end), { ...gates, pauses: [slowDown] }),
    target: end =>
      limitedTarget(slowDown.watch(end), { ...gates, pauses: start ? [slowDown, start] : [slowDown] }),
    hurry: () => [slowDown, start].forEach(pause => pause?.hurry()),
  };
}

interface Gates {
  readonly limiter: RateLimiter | undefined;
  readonly gate: LinkGate | undefined;
  /** From the inside. */
  readonly pauses: readonly Pick<SlowDown, 'guard'>[];
}

function limitedSource(end: Source, { limiter, gate, pauses }: Gates): Source {
  const read = (...[file, offset, signal]: Parameters<Source['read']>): ByteStream => {
    const bytes = end.read(file, offset, signal);
    return limiter ? limiter.pace(bytes, signal) : bytes;
  };
  const limited: Pick<Source, 'availability' | 'read'> = {
    availability: guarded(end.availability, pauses, gate),
    read: (file, offset, signal) => whileUsed(gate, read(file, offset, signal)),
  };
  return over(end, limited);
}

function limitedTarget(end: Target, { limiter, gate, pauses }: Gates): Target {
  const limited: Pick<Target, 'availability' | 'write'> = {
    availability: guarded(end.availability, pauses, gate),
    async write(file, path, offset, signal, events) {
      const done = gate?.use();
      try {
        return await end.write(limiter ? paced(file, limiter, signal) : file, path, offset, signal, events);
      } finally {
        done?.();
      }
    },
  };
  return over(end, limited);
}

/** A pause begins and ends inside of the hours: what is closed from the outside is not even asked. */
function guarded(
  own: Source['availability'],
  pauses: Gates['pauses'],
  gate: LinkGate | undefined,
): Source['availability'] {
  const paused = pauses.reduce((inner, pause) => pause.guard(inner), own);
  return gate ? gate.guard(paused) : paused;
}

/** The pieces are no chunks of the file's own: nothing is given back. */
function paced(file: Outgoing, limiter: RateLimiter, signal: AbortSignal): Outgoing {
  const open = (offset: number) => limiter.pace(file.open(offset), signal);
  return over(file, { open, giveBack: undefined });
}

async function* whileUsed(gate: LinkGate | undefined, bytes: ByteStream): ByteStream {
  const done = gate?.use();
  try {
    yield* bytes;
  } finally {
    done?.();
  }
}

/** The end with some members replaced; the others are asked of itself each time, since they may change. */
function over<End extends object>(end: End, members: object): End {
  return new Proxy(end, {
    get(target, key) {
      if (Object.hasOwn(members, key)) return Reflect.get(members, key) as unknown;
      const value = Reflect.get(target, key, target) as unknown;
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}
