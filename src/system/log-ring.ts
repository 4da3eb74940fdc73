import { Subject } from 'rxjs';
import type { Clock, Logger, LogLevel } from '../ports.js';
import { oneLine, SEVERITY, withoutProgram, type LogEntry } from './logger.js';
import type { SecretMask } from './secret-mask.js';

const MAX_ENTRIES = 1000;
/** Longer messages are cut off: all lines together need a few megabytes at most. */
const MAX_TEXT_LENGTH = 2000;

/** One line of the log as people and programs see it. */
interface Line {
  /** Counts the lines since the start of the program. */
  readonly n: number;
  /** RFC 3339, UTC. */
  readonly at: string;
  readonly level: LogLevel;
  readonly text: string;
}

interface Query {
  readonly level?: LogLevel | undefined;
  readonly text?: string | undefined;
  readonly limit?: number | undefined;
}

/** The last MAX_ENTRIES lines of the log, without secrets and control characters. */
export class LogRing {
  /** Emits each new line. */
  readonly entries = new Subject<Line>();
  readonly #clock: Pick<Clock, 'now'>;
  readonly #mask: Pick<SecretMask, 'apply'>;
  readonly #ring: Line[] = [];
  #count = 0;

  constructor(clock: Pick<Clock, 'now'>, mask: Pick<SecretMask, 'apply'>) {
    this.#clock = clock;
    this.#mask = mask;
  }

  add({ level, logger, message }: LogEntry): void {
    const text = oneLine(this.#mask.apply(`${withoutProgram(logger)}${message}`)).slice(0, MAX_TEXT_LENGTH);
    const at = new Date(this.#clock.now()).toISOString();
    const line = { n: ++this.#count, at, level, text };
    this.#ring[(line.n - 1) % MAX_ENTRIES] = line;
    this.entries.next(line);
  }

  /** The newest `limit` lines of at least that level that contain the text in upper or lower case, oldest first. */
  query({ level = 'debug', text = '', limit = MAX_ENTRIES }: Query): { entries: Line[] } {
    const wanted = text.toLowerCase();
    const begin = this.#count % MAX_ENTRIES;
    const inOrder =
      this.#count > MAX_ENTRIES ? [...this.#ring.slice(begin), ...this.#ring.slice(0, begin)] : this.#ring;
    const isMeant = (line: Line) =>
      SEVERITY[line.level] >= SEVERITY[level] && line.text.toLowerCase().includes(wanted);
    return { entries: inOrder.filter(isMeant).slice(-limit) };
  }
}

/** The logger, with every line of it and of its children in the ring as well. */
export function ringed(logger: Logger, ring: Pick<LogRing, 'add'>, name = 'filesync'): Logger {
  return {
    ...(logger.isEnabled && { isEnabled: level => logger.isEnabled?.(level) ?? true }),
    log(level, message) {
      if (logger.isEnabled?.(level) !== false) ring.add({ level, logger: name, message });
      logger.log(level, message);
    },
    child: child => ringed(logger.child(child), ring, `${name}.${child}`),
  };
}
