import { FileSyncError, throwIfAborted } from '../errors.js';
import type { Clock } from '../ports.js';
import { withinTime } from '../system/deadline.js';
import type { Frame } from './frame.js';
import { LogData, LogEntry, LogErase, LogRequestData, LogRequestEnd, LogRequestList } from './messages.js';
import type { Vehicle } from './vehicle.js';

/** A log of the vehicle. */
export interface Log {
  /** Its number in requests; it may be another log's after a restart. */
  readonly id: number;
  /** Bytes. */
  readonly size: number;
  /** Seconds since the Unix epoch; 0: unknown. */
  readonly time: number;
}

/** What the client needs of a vehicle. */
export type LogPort = Pick<Vehicle, 'sendLog' | 'onLog' | 'armed' | 'absence' | 'closed'>;

/** Data bytes of one packet. */
const PACKET_BYTES = 90;
/** Bytes that are requested at once. A vehicle serves one request at a time, and a new one ends the old one. */
const WINDOW_BYTES = 256 * PACKET_BYTES;
/** ms without a packet after which what is missing is requested again. */
const GAP_TIMEOUT_MS = 500;
/** ms without any packet after which the transfer fails. */
const SILENCE_TIMEOUT_MS = 10_000;
const NOT_SERVED = { isServed: false, requestedTo: Infinity };
/** The number that stands for the last log. */
const LAST = 0xffff;

/** Part of a log that is being received. */
interface Window {
  readonly id: number;
  readonly start: number;
  readonly bytes: Uint8Array;
  /** By packet: whether it has come. */
  readonly have: boolean[];
  missing: number;
  /** The packet at the end of what was requested has come: nothing follows until the next request. */
  isServed: boolean;
  /** Offset in the window behind what was requested. */
  requestedTo: number;
}

/**
 * MAVLink's log protocol (mavlink.io, "Log Transfer"). One operation at a time. ArduPilot writes no log between a request and
 * `end`, so that every operation has to be followed by that.
 */
export class LogClient {
  readonly #vehicle: LogPort;
  readonly #clock: Clock;
  /** Wakes the call that waits for a packet. */
  #wake: () => void = () => undefined;
  #entries: Map<number, Log> | undefined;
  #announced: number | undefined;
  #window: Window | undefined;

  constructor(vehicle: LogPort, clock: Clock) {
    this.#vehicle = vehicle;
    this.#clock = clock;
    vehicle.onLog(frame => this.#receive(frame));
  }

  /** All logs. Rejects with `timeout` if the list is not complete within the time limit, and with `busy` while it is armed. */
  async list(signal: AbortSignal): Promise<Log[]> {
    const entries = (this.#entries = new Map<number, Log>());
    this.#announced = undefined;
    try {
      await this.#until(
        () => this.#announced !== undefined && entries.size >= this.#announced,
        () => this.#vehicle.sendLog(LogRequestList, { start: 0, end: LAST }),
        signal,
      );
      return [...entries.values()].sort((one, other) => one.id - other.id);
    } finally {
      this.#entries = undefined;
      this.end();
    }
  }

  /** The bytes from `offset` on, up to WINDOW_BYTES of them; lost packets are requested again. */
  async read({ id, size }: Log, offset: number, signal: AbortSignal): Promise<Uint8Array> {
    const bytes = new Uint8Array(Math.min(WINDOW_BYTES, size - offset));
    const packets = Math.ceil(bytes.length / PACKET_BYTES);
    const have = Array.from({ length: packets }, () => false);
    const window: Window = (this.#window = {
      id,
      start: offset,
      bytes,
      have,
      missing: packets,
      ...NOT_SERVED,
    });
    try {
      await this.#until(
        () => window.missing === 0,
        () => this.#requestGap(window),
        signal,
        () => window.isServed,
      );
      return bytes;
    } finally {
      this.#window = undefined;
    }
  }

  /** Erases all logs of the vehicle. */
  erase(): void {
    this.#checkDisarmed();
    this.#vehicle.sendLog(LogErase, {});
  }

  /** The vehicle may log again. */
  end(): void {
    this.#vehicle.sendLog(LogRequestEnd, {});
  }

  /** Asks, and asks again after each silence of GAP_TIMEOUT_MS and whenever a request was served, until it is done. */
  async #until(
    isDone: () => boolean,
    ask: () => void,
    signal: AbortSignal,
    isServed = () => false,
  ): Promise<void> {
    let heardAt = this.#clock.monotonic();
    for (let quiet = true; !isDone();) {
      for (const end of [signal, this.#vehicle.closed]) throwIfAborted(end);
      this.#checkDisarmed();
      if (this.#clock.monotonic() - heardAt >= SILENCE_TIMEOUT_MS) throw this.#vehicle.absence ?? silent();
      if (quiet || isServed()) ask();
      const heard = new Promise<true>(resolve => (this.#wake = () => resolve(true)));
      const ends = [signal, this.#vehicle.closed];
      quiet = !(await withinTime(heard, { ms: GAP_TIMEOUT_MS, clock: this.#clock, signal: ends }));
      if (!quiet) heardAt = this.#clock.monotonic();
    }
  }

  #checkDisarmed(): void {
    if (this.#vehicle.armed)
      throw new FileSyncError('busy', 'the vehicle is armed: its logs are not transferred meanwhile');
  }

  /** The first run of packets that are missing. */
  #requestGap(window: Window): void {
    const { id, start, bytes, have } = window;
    const first = have.indexOf(false);
    const next = have.indexOf(true, first);
    const from = first * PACKET_BYTES;
    const to = next < 0 ? bytes.length : next * PACKET_BYTES;
    window.isServed = false;
    window.requestedTo = to;
    this.#vehicle.sendLog(LogRequestData, { id, offset: start + from, count: to - from });
  }

  #receive({ messageId, payload }: Frame): void {
    if (messageId === LogEntry.id) this.#receiveEntry(LogEntry.decode(payload));
    else this.#receiveData(LogData.decode(payload));
  }

  #receiveEntry({ id, size, timeUtc, numLogs }: ReturnType<(typeof LogEntry)['decode']>): void {
    if (!this.#entries) return;
    this.#announced = numLogs;
    if (numLogs > 0) this.#entries.set(id, { id, size, time: timeUtc });
    this.#wake();
  }

  /** Packets of another window, or that do not lie in its grid, are ignored. */
  #receiveData({ id, offset, count, data }: ReturnType<(typeof LogData)['decode']>): void {
    const window = this.#window;
    if (window?.id !== id) return;
    const at = offset - window.start;
    const packet = at / PACKET_BYTES;
    if (window.have[packet] !== false) return;
    const wanted = Math.min(PACKET_BYTES, window.bytes.length - at);
    if (count < wanted) return;
    window.bytes.set(data.subarray(0, wanted), at);
    window.have[packet] = true;
    window.missing--;
    window.isServed ||= at + wanted >= window.requestedTo;
    this.#wake();
  }
}

function silent(): FileSyncError {
  return new FileSyncError(
    'timeout',
    `the vehicle is there but did not answer the log protocol for ${SILENCE_TIMEOUT_MS / 1000} s: the link loses too much, or the vehicle keeps no logs`,
  );
}
