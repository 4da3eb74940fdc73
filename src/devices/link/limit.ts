import type { DeviceContext, LinkLimits } from '../../config/definition.js';
import type { ByteStream, Outgoing, Source, Target } from '../../ports.js';
import { LinkGate } from './gate.js';
import { RateLimiter } from './rate-limiter.js';

/** Applies a device's limits of its link to its ends. */
export interface LinkLimiter {
  source(end: Source): Source;
  target(end: Target): Target;
}

const WITHOUT_LIMITS: LinkLimiter = { source: end => end, target: end => end };

/** Both ends of a device share a limiter and a gate. */
export function linkFor(limits: LinkLimits | undefined, context: DeviceContext): LinkLimiter {
  if (!limits) return WITHOUT_LIMITS;
  const { maxRate, over, unmetered, hours } = limits;
  const limiter = maxRate === undefined ? undefined : new RateLimiter(maxRate, context.clock);
  const gate = over || unmetered || hours ? new LinkGate(limits, context) : undefined;
  if (!limiter && !gate) return WITHOUT_LIMITS;
  return {
    source: end => limitedSource(end, limiter, gate),
    target: end => limitedTarget(end, limiter, gate),
  };
}

function limitedSource(end: Source, limiter: RateLimiter | undefined, gate: LinkGate | undefined): Source {
  const read = (...[file, offset, signal]: Parameters<Source['read']>): ByteStream => {
    const bytes = end.read(file, offset, signal);
    return limiter ? limiter.pace(bytes, signal) : bytes;
  };
  const limited: Pick<Source, 'availability' | 'read'> = {
    availability: gate ? gate.guard(end.availability) : end.availability,
    read: (file, offset, signal) => whileUsed(gate, read(file, offset, signal)),
  };
  return over(end, limited);
}

function limitedTarget(end: Target, limiter: RateLimiter | undefined, gate: LinkGate | undefined): Target {
  const limited: Pick<Target, 'availability' | 'write'> = {
    availability: gate ? gate.guard(end.availability) : end.availability,
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
