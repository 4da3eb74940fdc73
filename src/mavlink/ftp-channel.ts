import { FileSyncError, throwIfAborted } from '../errors.js';
import type { Clock } from '../ports.js';
import { withinTime } from '../system/deadline.js';
import { Opcode, opcodeName, type FtpPayload } from './ftp-payload.js';
import { RetransmissionTimer } from '../congestion/retransmission.js';
import type { Vehicle } from './vehicle.js';

/** A request without its sequence number, which the channel adds. */
export interface FtpRequest {
  readonly opcode: Opcode;
  readonly session?: number;
  readonly offset?: number;
  /** Bytes of `data`; in a read, bytes that are requested. */
  readonly size?: number;
  readonly data?: Uint8Array;
}

export interface Waiting {
  /** ms without a reply after which the request fails. */
  readonly limit: number;
  readonly signal: AbortSignal;
}

export interface FtpReply {
  /** ACK or NAK. */
  readonly reply: FtpPayload;
  /** The request was sent more than once, and may have been carried out more than once. */
  readonly repeated: boolean;
}

/** A request that was sent once, and whose replies are handed over. */
export interface Posted {
  /** Ends the delivery of replies. A second call does nothing. */
  forget(): void;
}

/** What the channel needs of a vehicle. */
export type FtpPort = Pick<Vehicle, 'sendFtp' | 'onFtp' | 'closed' | 'absence' | 'othersHeardAt'> &
  Partial<Pick<Vehicle, 'signs' | 'together'>>;

/** A request without a reply yet. */
interface Exchange {
  readonly request: FtpPayload;
  answer(reply: FtpPayload): void;
}

/** ms after which a request to an offline vehicle fails, however long its own limit is. */
const OFFLINE_TIMEOUT_MS = 10_000;

/** ms between two transmissions of a request, however little time is left. */
const MIN_RESEND_INTERVAL_MS = 1;

/** Sequence numbers that the packets of one burst may have: ArduPilot sends 2000 packets. */
const MAX_BURST_NUMBERS = 4096;

const NO_DATA = new Uint8Array(0);

/** Requests whose reply carries their session. */
const OF_A_SESSION: ReadonlySet<number> = new Set([Opcode.READ_FILE, Opcode.TERMINATE_SESSION]);

/**
 * Requests and their replies, over a link that loses, doubles and delays both. Any number may be in flight. An unanswered
 * request is sent again with the same sequence number, by which the vehicle recognises the repetition.
 */
export class FtpChannel {
  readonly #vehicle: FtpPort;
  readonly #clock: Clock;
  readonly #timer = new RetransmissionTimer();
  /** By the sequence number that the reply must have. */
  readonly #exchanges = new Map<number, Exchange>();
  #burst: Exchange | undefined;
  #sequence: number;

  /** `firstSequence` should be random: a vehicle may answer a number of a former run with the reply that it kept. */
  constructor(vehicle: FtpPort, clock: Clock, firstSequence: number) {
    this.#vehicle = vehicle;
    this.#clock = clock;
    this.#sequence = firstSequence & 0xffff;
    vehicle.onFtp(reply => this.#receive(reply));
  }

  /** Aborted when no request will be answered any more. */
  get closed(): AbortSignal {
    return this.#vehicle.closed;
  }

  /** Monotonic ms. */
  get now(): number {
    return this.#clock.monotonic();
  }

  /** Monotonic ms of the last file transfer message to another client that was heard; -Infinity: none. */
  get othersHeardAt(): number {
    return this.#vehicle.othersHeardAt;
  }

  /** Resolves after `ms`; rejects with `cancelled` promptly after the abort or the vehicle's close. */
  rest(ms: number, signal: AbortSignal): Promise<void> {
    return this.#clock.sleep(ms, AbortSignal.any([signal, this.#vehicle.closed]));
  }

  /** What is posted while `work` runs is sent at its end, with as few system calls as the link allows. */
  together(work: () => void): void {
    if (this.#vehicle.together) this.#vehicle.together(work);
    else work();
  }

  /** Sends a request once. Every reply is handed over, doubled ones too, until `forget`. */
  post(request: FtpRequest, receive: (reply: FtpPayload) => void): Posted {
    const exchange: Exchange = { request: this.#numbered(request), answer: receive };
    const key = (exchange.request.sequence + 1) & 0xffff;
    this.#exchanges.set(key, exchange);
    this.#vehicle.sendFtp(exchange.request);
    return {
      forget: () => {
        if (this.#exchanges.get(key) === exchange) this.#exchanges.delete(key);
      },
    };
  }

  /** Sends a burst request once; its packets are handed over in the order of arrival. One burst at a time. */
  postBurst(request: FtpRequest, receive: (packet: FtpPayload) => void): Posted {
    const burst: Exchange = { request: this.#numbered(request), answer: receive };
    this.#burst = burst;
    // A later request must not have the number of a packet: the vehicle may treat it as already answered.
    this.#sequence = (this.#sequence + MAX_BURST_NUMBERS) & 0xffff;
    this.#vehicle.sendFtp(burst.request);
    return {
      forget: () => {
        if (this.#burst === burst) this.#burst = undefined;
      },
    };
  }

  /**
   * The reply, ACK or NAK. Rejects with `timeout` or `unavailable` if none came, and with `cancelled` promptly after the
   * abort or the vehicle's close.
   */
  async request(request: FtpRequest, { limit, signal }: Waiting): Promise<FtpReply> {
    const ends = [signal, this.#vehicle.closed];
    for (const end of ends) throwIfAborted(end);
    const payload = this.#numbered(request);
    const key = (payload.sequence + 1) & 0xffff;
    try {
      const reply = new Promise<FtpPayload>(answer => this.#exchanges.set(key, { request: payload, answer }));
      return await this.#sendUntilAnswered(payload, reply, limit, ends);
    } finally {
      this.#exchanges.delete(key);
    }
  }

  async #sendUntilAnswered(
    request: FtpPayload,
    reply: Promise<FtpPayload>,
    limit: number,
    ends: readonly AbortSignal[],
  ): Promise<FtpReply> {
    const begin = this.#clock.monotonic();
    const past = () => this.#clock.monotonic() - begin;
    const isOver = () => past() >= (this.#vehicle.absence ? Math.min(limit, OFFLINE_TIMEOUT_MS) : limit);
    for (let sent = 1; !isOver(); sent++) {
      for (const end of ends) throwIfAborted(end);
      this.#vehicle.sendFtp(request);
      const ms = Math.max(MIN_RESEND_INTERVAL_MS, Math.min(this.#timer.timeout(sent), limit - past()));
      const answer = await withinTime(reply, { ms, clock: this.#clock, signal: ends });
      if (!answer) continue;
      this.#timer.answered(sent, past());
      return { reply: answer, repeated: sent > 1 };
    }
    throw this.#vehicle.absence ?? (this.#vehicle.signs ? unsigned(request) : noAnswer(request, limit));
  }

  #numbered({ opcode, session = 0, offset = 0, size = 0, data = NO_DATA }: FtpRequest): FtpPayload {
    this.#sequence = (this.#sequence + 1) & 0xffff;
    const { NONE } = Opcode;
    return {
      sequence: this.#sequence,
      session,
      opcode,
      requestOpcode: NONE,
      burstComplete: false,
      offset,
      size,
      data,
    };
  }

  /** Whether it is the answer to a request. */
  #receive(reply: FtpPayload): boolean {
    const exchange =
      this.#burst && isOfBurst(reply, this.#burst.request) ? this.#burst : this.#exchangeOf(reply);
    exchange?.answer(reply);
    return exchange !== undefined;
  }

  #exchangeOf(reply: FtpPayload): Exchange | undefined {
    const exchange = this.#exchanges.get(reply.sequence);
    return exchange && answers(reply, exchange.request) ? exchange : undefined;
  }
}

/** The sequence number alone is no proof: a vehicle may send the reply to an older request with the same number. */
function answers(reply: FtpPayload, request: FtpPayload): boolean {
  if (reply.requestOpcode !== request.opcode) return false;
  if (OF_A_SESSION.has(request.opcode) && reply.session !== request.session) return false;
  if (reply.opcode === Opcode.NAK) return true;
  return reply.opcode === Opcode.ACK && isOfTheOffset(reply, request);
}

/** A packet of an older burst has a distant number: its session may have had another file. */
function isOfBurst(reply: FtpPayload, request: FtpPayload): boolean {
  if (reply.requestOpcode !== request.opcode || reply.session !== request.session) return false;
  return ((reply.sequence - request.sequence - 1) & 0xffff) < MAX_BURST_NUMBERS;
}

/** Data for another place in the file would corrupt it. */
function isOfTheOffset(reply: FtpPayload, request: FtpPayload): boolean {
  return request.opcode !== Opcode.READ_FILE || reply.offset === request.offset;
}

function unsigned({ opcode }: FtpPayload): FileSyncError {
  return new FileSyncError(
    'denied',
    `the vehicle signs its messages and does not answer ${opcodeName(opcode)}, which is not signed: set signing_key to its key`,
  );
}

function noAnswer({ opcode }: FtpPayload, limit: number): FileSyncError {
  const name = opcodeName(opcode);
  return new FileSyncError(
    'timeout',
    `the vehicle is there but did not answer ${name} for ${limit / 1000} s: the link loses too much, or file transfer is switched off on this MAVLink port of the vehicle`,
  );
}
