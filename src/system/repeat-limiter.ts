import { createHash } from 'node:crypto';
import type { Clock, Logger, LogLevel } from '../ports.js';

/** ms in which a message is not logged again: after its first line, its second one and so on; the last one repeats. */
const INTERVALS_MS = [60_000, 600_000, 3_600_000, 6 * 3_600_000];
/** ms without the message after which its next occurrence counts as the first one. */
export const QUIET_MS = 3_600_000;
/** ms until a message of which `lines` lines have been written may be logged again. */
export const repeatIntervalMs = (lines: number): number =>
  INTERVALS_MS[Math.min(lines, INTERVALS_MS.length) - 1] ?? 0;
/** Messages that are remembered; beyond that the one that was not seen for longest is forgotten. */
const MAX_MESSAGES = 1_000;

interface Repeats {
  /** Monotonic ms. */
  lastSeen: number;
  /** Monotonic ms until which it is suppressed. */
  until: number;
  /** Lines that were written of it. */
  lines: number;
  /** Occurrences since the last of these lines. */
  suppressed: number;
}

/**
 * Suppresses a message that one logger repeats at one level, for intervals that grow. Messages whose texts differ and messages
 * of the level debug always pass. No timer runs: the first occurrence after an interval reports how many there were.
 */
export class RepeatLimiter {
  readonly #clock: Pick<Clock, 'monotonic'>;
  /** By hash, so that the length of messages does not matter; the one seen last is the last entry. */
  readonly #known = new Map<string, Repeats>();

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  /**
   * What is logged at level info are events: each of them counts, also when it reads like an earlier one.
   * Returns the message to write, with `(repeated N times)` if there were occurrences since its
   * last line; undefined: suppressed.
   */
  admit(level: LogLevel, logger: string, message: string): string | undefined {
    if (level === 'debug' || level === 'info') return message;
    const now = this.#clock.monotonic();
    const repeats = this.#seen(`${level} ${logger}: ${message}`, now);
    if (now < repeats.until) {
      repeats.suppressed += 1;
      return undefined;
    }
    const text = repeats.lines > 0 ? `${message} (repeated ${repeats.suppressed + 1} times)` : message;
    repeats.lines += 1;
    repeats.until = now + repeatIntervalMs(repeats.lines);
    repeats.suppressed = 0;
    return text;
  }

  #seen(text: string, now: number): Repeats {
    const key = createHash('sha1').update(text).digest('base64');
    const known = this.#known.get(key);
    const isRecent = known !== undefined && now - known.lastSeen < QUIET_MS;
    const repeats = isRecent ? known : { lastSeen: now, until: -Infinity, lines: 0, suppressed: 0 };
    repeats.lastSeen = now;
    this.#known.delete(key);
    this.#known.set(key, repeats);
    const [oldest] = this.#known.keys();
    if (this.#known.size > MAX_MESSAGES && oldest !== undefined) this.#known.delete(oldest);
    return repeats;
  }
}

/** The logger, and all its children together, through one limiter. */
export function limitRepeats(logger: Logger, clock: Pick<Clock, 'monotonic'>): Logger {
  return limited(logger, '', new RepeatLimiter(clock));
}

function limited(logger: Logger, name: string, limiter: RepeatLimiter): Logger {
  return {
    ...(logger.isEnabled && { isEnabled: level => logger.isEnabled?.(level) ?? true }),
    log(level, message) {
      const text = limiter.admit(level, name, message);
      if (text !== undefined) logger.log(level, text);
    },
    child: child => limited(logger.child(child), `${name}.${child}`, limiter),
  };
}
