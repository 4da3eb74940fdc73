import { randomBytes } from 'node:crypto';
import {
  EMPTY,
  finalize,
  map,
  merge,
  Observable,
  of,
  repeat,
  Subject,
  takeUntil,
  type Subscription,
} from 'rxjs';
import { FileSyncError } from '../errors.js';
import type { Clock } from '../ports.js';
import { after } from '../system/rx.js';
import type { ApiEvent } from './schema-events.js';

/** Events that a client gets that has missed them. */
export const MAX_KEPT_EVENTS = 1000;
const MAX_KEPT_BYTES = 4 * 1024 * 1024;
export const MAX_STREAMS = 16;
/** Shows a client that the connection lives. */
const COMMENT_INTERVAL_MS = 15_000;
const COMMENT = Buffer.from(':\n\n');
/** Events are kept for that long without a client: one may be about to connect again. */
export const LINGER_MS = 60_000;
/** ms after which a browser connects again. */
const RETRY_MS = 2000;

/** Events of which the latest one says all: a new client gets that one, and need not have had the others. */
const STATES: ReadonlySet<ApiEvent['type']> = new Set(['devices', 'counts', 'progress']);

interface Kept {
  readonly number: number;
  readonly text: Buffer;
}

/**
 * Server-sent events (HTML standard, section 9.2) for many clients, from one feed that is read while there are clients and shortly
 * after. Ids are `<boot>-<n>`: `boot` names the run of the program, `n` counts the events that a client must not miss.
 */
export class EventHub {
  readonly #feed: Observable<ApiEvent>;
  readonly #clock: Clock;
  readonly #boot = randomBytes(4).toString('hex');
  readonly #sent = new Subject<Buffer>();
  /** Emits when the feed ends, or fails. */
  readonly #ended = new Subject<void>();
  readonly #latest = new Map<ApiEvent['type'], ApiEvent>();
  #streams = 0;
  #number = 0;
  #kept: Kept[] = [];
  #keptBytes = 0;
  /** Undefined while the feed is not read. */
  #reading: Subscription | undefined;
  #lingering: Subscription = EMPTY.subscribe();
  #isOver = false;

  constructor(feed: Observable<ApiEvent>, clock: Clock) {
    this.#feed = feed;
    this.#clock = clock;
  }

  /**
   * The text for one client. `last`: the id of the last event that it has had; the first chunk has all that it has missed. Throws
   * `busy` if there are too many clients. Completes when the feed does.
   */
  stream(last?: string): Observable<Buffer> {
    if (this.#streams >= MAX_STREAMS)
      throw new FileSyncError('busy', `${MAX_STREAMS} clients read the events already: close one of them`);
    return new Observable<Buffer>(subscriber => {
      if (this.#isOver) return subscriber.complete();
      const first = Buffer.concat([...this.#missed(last), this.#greeting(), ...this.#states()]);
      const events = merge(of(first), this.#sent, this.#comments());
      this.#streams += 1;
      const sending = events.pipe(
        takeUntil(this.#ended),
        finalize(() => this.#left()),
      );
      const subscription = sending.subscribe(subscriber);
      this.#read();
      return subscription;
    });
  }

  /** A client that reconnects before anything has happened has an id, too. */
  #greeting(): Buffer {
    return Buffer.from(`retry: ${RETRY_MS}\nid: ${this.#boot}-${this.#number}\n\n`);
  }

  #comments(): Observable<Buffer> {
    return after(this.#clock, COMMENT_INTERVAL_MS).pipe(
      map(() => COMMENT),
      repeat(),
    );
  }

  #missed(last: string | undefined): Buffer[] {
    if (last === undefined) return [];
    const [, boot, number] = /^([0-9a-f]{8})-(\d{1,15})$/.exec(last) ?? [];
    const [had, oldest] = [Number(number), this.#number - this.#kept.length];
    const isKnown = this.#reading && boot === this.#boot && had >= oldest && had <= this.#number;
    if (!isKnown) return [this.#textOf({ type: 'reset' })];
    return this.#kept.filter(one => one.number > had).map(({ text }) => text);
  }

  #states(): Buffer[] {
    return [...this.#latest.values()].map(event => this.#textOf(event));
  }

  #read(): void {
    this.#lingering.unsubscribe();
    this.#reading ??= this.#feed.subscribe({
      next: event => this.#send(event),
      // The next client has it read again.
      error: () => this.#end(),
      complete: () => {
        this.#isOver = true;
        this.#end();
      },
    });
  }

  #left(): void {
    this.#streams -= 1;
    if (this.#streams > 0 || !this.#reading) return;
    this.#lingering = after(this.#clock, LINGER_MS).subscribe(() => this.#stop());
  }

  #end(): void {
    this.#lingering.unsubscribe();
    this.#stop();
    this.#ended.next();
  }

  #stop(): void {
    this.#reading?.unsubscribe();
    this.#reading = undefined;
    this.#latest.clear();
    // What happens until the feed is read again is missing for every client.
    this.#number += 1;
    this.#forget();
  }

  #send(event: ApiEvent): void {
    if (STATES.has(event.type)) {
      this.#latest.set(event.type, event);
      return this.#sent.next(this.#textOf(event));
    }
    this.#number += 1;
    const text = this.#textOf(event);
    if (event.type === 'reset') this.#forget();
    else this.#keep(text);
    this.#sent.next(text);
  }

  #keep(text: Buffer): void {
    this.#kept.push({ number: this.#number, text });
    this.#keptBytes += text.length;
    while (this.#kept.length > MAX_KEPT_EVENTS || this.#keptBytes > MAX_KEPT_BYTES)
      this.#keptBytes -= this.#kept.shift()?.text.length ?? 0;
  }

  #forget(): void {
    this.#kept = [];
    this.#keptBytes = 0;
  }

  #textOf(event: ApiEvent): Buffer {
    const id = `${this.#boot}-${this.#number}`;
    return Buffer.from(`id: ${id}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
  }
}
