import { FileSyncError, toFileSyncError } from '../errors.js';
import type { Clock } from '../ports.js';
import { withDeadline } from '../system/deadline.js';
import type { Together } from './outbox.js';

/** Connects to a vehicle, any number of times. */
export interface Transport {
  /** For messages: `UDP port 14540`. A port that the system chooses is known once it is connected. */
  readonly name: string;
  /** ms without a byte after which a connection counts as dead; absent where silence is no proof of that. */
  readonly silence?: number | undefined;
  /** Rejects with a FileSyncError. A connection that opens after the abort must be closed again. */
  connect(receive: (bytes: Uint8Array) => void, signal: AbortSignal): Promise<Connection>;
}

export interface Connection {
  /** How frames may share a `send`; absent: each needs its own. */
  readonly together?: Together | undefined;
  /** Never throws; bytes that cannot be sent are lost, as on any link. */
  send(bytes: Uint8Array): void;
  /** The other end has answered a request: it is the vehicle. Absent where the other end is certain. */
  confirm?(): void;
  /** The other end does not answer. True if another one takes its place. */
  tryNextSender?(): boolean;
  /** Resolves with the reason when the other end or the operating system closes the connection; never rejects. */
  readonly ended: Promise<FileSyncError>;
  /** A second call does nothing. */
  close(): Promise<void>;
}

export interface LinkEvents {
  receive(bytes: Uint8Array): void;
  /** Undefined: connected; else the reason why not. */
  changed(linkError: FileSyncError | undefined): void;
}

/** ms between two attempts to connect: doubles from the least to the greatest. */
const MIN_RECONNECT_INTERVAL_MS = 250;
const MAX_RECONNECT_INTERVAL_MS = 5_000;
/** ms that an attempt to connect may take. */
const CONNECT_TIMEOUT_MS = 10_000;

/** Keeps a transport connected until `close`. */
export class Link {
  readonly #transport: Transport;
  readonly #clock: Clock;
  readonly #events: LinkEvents;
  readonly #closing = new AbortController();
  #running: Promise<void> | undefined;
  #connection: Connection | undefined;
  /** Monotonic ms of the last byte, or of the connection. */
  #heard = 0;
  #reconnectInterval = MIN_RECONNECT_INTERVAL_MS;

  constructor(transport: Transport, clock: Clock, events: LinkEvents) {
    this.#transport = transport;
    this.#clock = clock;
    this.#events = events;
  }

  /** Begins to connect and returns at once; a second call does nothing. */
  open(): void {
    this.#running ??= this.#run();
  }

  /** How frames may share a `send`; undefined: each needs its own. */
  get together(): Together | undefined {
    return this.#connection?.together;
  }

  /** Lost while there is no connection. */
  send(bytes: Uint8Array): void {
    this.#connection?.send(bytes);
  }

  confirm(): void {
    this.#connection?.confirm?.();
  }

  tryNextSender(): boolean {
    return this.#connection?.tryNextSender?.() ?? false;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      const linkError = await this.#serve().catch((error: unknown) => toFileSyncError(error));
      if (signal.aborted) return;
      this.#events.changed(linkError);
      await this.#clock.sleep(this.#reconnectInterval, signal).catch(() => undefined);
      this.#reconnectInterval = Math.min(MAX_RECONNECT_INTERVAL_MS, this.#reconnectInterval * 2);
    }
  }

  /** Connects, and returns the reason when the connection has ended. */
  async #serve(): Promise<FileSyncError> {
    const { signal } = this.#closing;
    try {
      const connection = (this.#connection = await this.#connect(signal));
      this.#heard = this.#clock.monotonic();
      this.#events.changed(undefined);
      const { silence } = this.#transport;
      const end = (over: AbortSignal) =>
        silence === undefined
          ? connection.ended
          : Promise.race([connection.ended, this.#silence(silence, over)]);
      return await withDeadline(end, { signal });
    } finally {
      await this.#connection?.close();
      this.#connection = undefined;
    }
  }

  #connect(signal: AbortSignal): Promise<Connection> {
    const receive = (bytes: Uint8Array) => this.#receive(bytes);
    return withDeadline(over => this.#transport.connect(receive, over), {
      signal,
      clock: this.#clock,
      ms: CONNECT_TIMEOUT_MS,
      late: () => this.#dead(`does not answer within ${CONNECT_TIMEOUT_MS / 1000} s`),
      discard: connection => connection.close(),
    });
  }

  #receive(bytes: Uint8Array): void {
    this.#heard = this.#clock.monotonic();
    this.#reconnectInterval = MIN_RECONNECT_INTERVAL_MS;
    this.#events.receive(bytes);
  }

  /** Resolves when no byte has come for `silence` ms. Rejects with `cancelled` at the abort. */
  async #silence(silence: number, signal: AbortSignal): Promise<FileSyncError> {
    for (;;) {
      const left = this.#heard + silence - this.#clock.monotonic();
      if (left <= 0) return this.#dead(`is connected but silent for ${silence / 1000} s`);
      await this.#clock.sleep(Math.min(left, MAX_RECONNECT_INTERVAL_MS), signal);
    }
  }

  #dead(what: string): FileSyncError {
    return new FileSyncError(
      'unavailable',
      `${this.#transport.name} ${what}: check the vehicle and its cable`,
    );
  }
}
