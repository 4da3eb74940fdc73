import {
  concat,
  distinctUntilChanged,
  firstValueFrom,
  map,
  Observable,
  of,
  ReplaySubject,
  share,
  startWith,
  switchMap,
  takeUntil,
} from 'rxjs';
import { FileSyncError, throwIfAborted } from '../../errors.js';
import type { Availability, Clock } from '../../ports.js';
import { after } from '../../system/rx.js';
import { LATCHED, type Graph } from '../graph.js';
import { stateType, type StateMessage } from './interfaces.js';
import { isSameAvailability } from '../../system/availability.js';

/** ms without a message after which MAVROS counts as offline: with a vehicle it publishes its state every second. */
const SILENCE_TIMEOUT_MS = 10_000;
const FIRST_MESSAGE_TIMEOUT_MS = 5_000;

/** The vehicle's state as MAVROS publishes it. */
export class MavrosState {
  /** Subscribed to only while it has subscribers. The first value comes after 5 s at the latest. */
  readonly availability: Observable<Availability>;
  readonly #topic: string;
  readonly #graph: Graph;
  readonly #clock: Clock;
  readonly #closing = new AbortController();
  #lastMessageAt = -Infinity;

  constructor(graph: Graph, namespace: string, clock: Clock) {
    this.#topic = `${namespace}/state`;
    this.#graph = graph;
    this.#clock = clock;
    this.availability = this.#messages().pipe(
      startWith(undefined),
      switchMap(message => this.#availabilityOf(message)),
      distinctUntilChanged(isSameAvailability),
      takeUntil(ended(this.#closing.signal)),
      share({ connector: () => new ReplaySubject(1), resetOnRefCountZero: true }),
    );
  }

  /** Monotonic ms of the last message. */
  get lastMessageAt(): number {
    return this.#lastMessageAt;
  }

  /** Resolves when the vehicle is online, rejects with `unavailable` when it is offline. */
  async ready(signal: AbortSignal): Promise<void> {
    throwIfAborted(signal);
    const now = this.availability.pipe(takeUntil(ended(signal)));
    const state = await firstValueFrom(now, { defaultValue: undefined });
    throwIfAborted(signal);
    if (!state) throw new FileSyncError('cancelled', 'the device was closed');
    if (!state.available) throw new FileSyncError('unavailable', state.reason);
  }

  close(): void {
    this.#closing.abort();
  }

  #messages(): Observable<StateMessage> {
    return new Observable(subscriber => {
      const subscription = this.#graph.subscribe(stateType, this.#topic, LATCHED, message => {
        this.#lastMessageAt = this.#clock.monotonic();
        subscriber.next(message);
      });
      return () => subscription.close();
    });
  }

  #availabilityOf(message: StateMessage | undefined): Observable<Availability> {
    if (!message) return this.#silent(FIRST_MESSAGE_TIMEOUT_MS, false);
    const { connected, armed } = message;
    if (!connected)
      return of(
        offline('MAVROS runs but receives no heartbeat of a vehicle: check its fcu_url, power and cable'),
      );
    const here = { available: true, reason: `vehicle on MAVROS, ${this.#topic}`, armed };
    return concat(of(here), this.#silent(SILENCE_TIMEOUT_MS, armed));
  }

  /** An armed vehicle counts as armed while nothing else is known. */
  #silent(ms: number, armed: boolean): Observable<Availability> {
    const stillArmed = armed ? '; the vehicle counts as armed until it is heard again (while_armed)' : '';
    const reason = `no message on ${this.#topic}: start MAVROS or correct namespace${stillArmed}`;
    return after(this.#clock, ms).pipe(map(() => ({ ...offline(reason), armed })));
  }
}

const offline = (reason: string): Availability => ({ available: false, reason, armed: false });

const ended = (signal: AbortSignal) =>
  new Observable<void>(subscriber => {
    const stop = () => subscriber.next();
    if (signal.aborted) return stop();
    signal.addEventListener('abort', stop, { once: true });
    return () => signal.removeEventListener('abort', stop);
  });
