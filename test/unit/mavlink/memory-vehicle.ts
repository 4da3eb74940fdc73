import { contentOf, FtpErrorCode, Opcode, type FtpPayload } from '../../../src/mavlink/ftp-payload.js';
import type { FtpPort } from '../../../src/mavlink/ftp-channel.js';
import { Impairment, UNIMPAIRED, type Impairments } from '../../../src/sim/impairment.js';
import type { VirtualClock } from '../../fakes/virtual-clock.js';
import { ack, nak, nameIn, uint32 } from './scripted-vehicle.js';

/** The behaviour of a server. Times are ms. */
export interface ServerBehaviour {
  /** Requests that may wait to be served; requests beyond that are dropped. */
  readonly queue: number;
  /** Time to serve one request. */
  readonly service: number;
  /** Time without a request after which the file is closed. */
  readonly idle: number;
  /** Bytes up to which a reply is kept for a request with the same number. */
  readonly keptUpTo: number;
  /** Every NAK has the code FILE_EXISTS until a listing has failed. */
  readonly stickyErrno: boolean;
  /** Requests that may be in flight; others are refused. */
  readonly inFlight: number;
  /** Bytes; longer reads stay unanswered, as on a link that cuts packets. */
  readonly longest: number;
  /** Monotonic ms of restarts; it answers nothing for `downtime` after each. */
  readonly restarts: readonly number[];
  readonly downtime: number;
}

export const GOOD_BEHAVIOUR: ServerBehaviour = {
  queue: Infinity,
  service: 0,
  idle: 10_000,
  keptUpTo: 4,
  stickyErrno: false,
  inFlight: Infinity,
  longest: 239,
  restarts: [],
  downtime: 0,
};

/** One direction of a link: calls `deliver` never, once or twice, now or later. */
export interface Carrier {
  send(size: number, deliver: () => void): void;
}

/** Bytes of a frame around a payload: header, fields in front of the data, checksum. */
const OVERHEAD = 27;

export const LOG = '/log';

/** A vehicle in memory with one file, behind a link on a virtual clock. */
export class MemoryVehicle implements FtpPort {
  readonly closed = new AbortController().signal;
  readonly absence = undefined;
  othersHeardAt = -Infinity;
  readonly requests: FtpPayload[] = [];
  bytes: Uint8Array;
  session: number | undefined;
  /** Replaces the replies of a good server. */
  script: (request: FtpPayload, good: FtpPayload) => readonly FtpPayload[] = (_request, good) => [good];
  readonly #clock: VirtualClock;
  readonly #how: ServerBehaviour;
  readonly #up: Carrier;
  readonly #down: Carrier;
  readonly #restarts: number[];
  #listener: (reply: FtpPayload) => void = () => undefined;
  #kept: FtpPayload | undefined;
  #errno: boolean;
  #used = 0;
  #deadUntil = 0;
  #queue: FtpPayload[] = [];
  #serving = false;

  constructor(
    bytes: Uint8Array,
    clock: VirtualClock,
    how: Partial<ServerBehaviour> = {},
    link: Partial<Impairments> | { readonly up: Carrier; readonly down: Carrier } = {},
  ) {
    this.bytes = bytes;
    this.#clock = clock;
    this.#how = { ...GOOD_BEHAVIOUR, ...how };
    this.#errno = this.#how.stickyErrno;
    this.#restarts = [...this.#how.restarts];
    const { up, down } = 'up' in link ? link : impaired(link, clock);
    this.#up = up;
    this.#down = down;
  }

  onFtp(listener: (reply: FtpPayload) => void): void {
    this.#listener = listener;
  }

  sendFtp(request: FtpPayload): void {
    this.requests.push(request);
    // Never in the same turn, as on any link.
    queueMicrotask(() => this.#up.send(OVERHEAD, () => this.#arrived(request)));
  }

  #arrived(request: FtpPayload): void {
    this.#live();
    if (this.#clock.monotonic() < this.#deadUntil || this.#queue.length >= this.#how.queue) return;
    this.#queue.push(request);
    if (!this.#serving) void this.#serveAll();
  }

  async #serveAll(): Promise<void> {
    this.#serving = true;
    for (let request = this.#queue[0]; request; request = this.#queue[0]) {
      if (this.#how.service > 0) await this.#clock.sleep(this.#how.service);
      this.#serve(request);
      this.#queue.shift();
    }
    this.#serving = false;
  }

  /** Restarts, and the end of an idle session. */
  #live(): void {
    const now = this.#clock.monotonic();
    for (let at = this.#restarts[0]; at !== undefined && at <= now; at = this.#restarts[0]) {
      this.#restarts.shift();
      this.#deadUntil = at + this.#how.downtime;
      this.session = this.#kept = undefined;
    }
    if (now - this.#used > this.#how.idle) this.session = this.#kept = undefined;
    this.#used = now;
  }

  #serve(request: FtpPayload): void {
    const kept = this.#kept?.sequence === ((request.sequence + 1) & 0xffff) ? this.#kept : undefined;
    const good = kept ?? this.#good(request);
    if (good.size <= this.#how.keptUpTo) this.#kept = good;
    for (const reply of this.script(request, good)) {
      if (reply.size > this.#how.longest) continue;
      this.#down.send(OVERHEAD + reply.size, () => this.#listener(reply));
    }
  }

  #good(request: FtpPayload): FtpPayload {
    const reply = this.#answer(request);
    if (reply.opcode !== Opcode.NAK || !this.#errno) return reply;
    return nak(request, FtpErrorCode.FILE_EXISTS);
  }

  #answer(request: FtpPayload): FtpPayload {
    switch (request.opcode) {
      case Opcode.OPEN_FILE_RO:
        return this.#open(request);
      case Opcode.READ_FILE:
        return this.#read(request);
      case Opcode.TERMINATE_SESSION:
      case Opcode.RESET_SESSIONS:
        this.session = undefined;
        return ack(request);
      case Opcode.LIST_DIRECTORY:
        this.#errno = false;
        return nak(request, FtpErrorCode.FILE_NOT_FOUND);
      default:
        return nak(request, FtpErrorCode.UNKNOWN_COMMAND);
    }
  }

  #open(request: FtpPayload): FtpPayload {
    if (nameIn(request) !== LOG) return nak(request, FtpErrorCode.FILE_NOT_FOUND);
    if (this.session !== undefined) return nak(request, FtpErrorCode.NO_SESSIONS_AVAILABLE);
    this.session = 0;
    return { ...ack(request, uint32(this.bytes.length)), session: 0 };
  }

  #read(request: FtpPayload): FtpPayload {
    if (this.session !== request.session) return nak(request, FtpErrorCode.INVALID_SESSION);
    if (this.#queue.length > this.#how.inFlight) return nak(request, FtpErrorCode.FAIL);
    const data = this.bytes.slice(request.offset, request.offset + request.size);
    return data.length > 0 ? ack(request, data) : nak(request, FtpErrorCode.EOF);
  }
}

function impaired(link: Partial<Impairments>, clock: VirtualClock): { up: Carrier; down: Carrier } {
  const how = { ...UNIMPAIRED, ...link };
  return { up: new Impairment(how, clock, 0), down: new Impairment(how, clock, 1) };
}

export const sizeOf = (payload: FtpPayload): number => contentOf(payload).length;

/** Wake-ups after which the work counts as an endless loop, and ms after which it takes too long. */
const LIMITS = { events: 200_000, ms: 600_000 };

/** Runs the work in virtual time. Fails if the work waits for nothing, or takes too long. */
export async function inVirtualTime<Value>(
  clock: VirtualClock,
  work: Promise<Value>,
  limits: Partial<typeof LIMITS> = {},
): Promise<Value> {
  const max = { ...LIMITS, ...limits };
  let over = false;
  let events = 0;
  void work.then(
    () => (over = true),
    () => (over = true),
  );
  for (await clock.advance(0); !over;) {
    const wait = clock.nextWake;
    if (wait === undefined) throw new Error('waits for nothing');
    if (++events > max.events) throw new Error(`${events} events in ${clock.monotonic()} ms`);
    if (clock.monotonic() > max.ms) throw new Error(`not over after ${max.ms} ms`);
    await clock.advance(Math.max(0, wait));
  }
  return work;
}
