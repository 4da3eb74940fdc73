import { FtpErrorCode, Opcode, type FtpPayload } from '../mavlink/ftp-payload.js';
import { errnoOf, Nak, type Requester } from './exchange.js';
import type { Personality } from './personality.js';
import { readData } from './reading.js';
import type { Session, Sessions } from './sessions.js';
import type { Traffic } from './traffic.js';

/** A burst that is being sent. */
interface Burst {
  readonly session: Session;
  readonly from: Requester;
  /** Data bytes of a packet. */
  readonly size: number;
  /** Sequence number of the next packet. */
  sequence: number;
  /** Offset of the next packet. */
  offset: number;
  /** Packets sent. */
  packets: number;
}

type Send = (reply: FtpPayload, from: Requester) => void;

/** Answers burst requests, one burst at a time; a new one ends the old one. */
export class Bursts {
  readonly #personality: Personality;
  readonly #sessions: Sessions;
  readonly #traffic: Traffic;
  readonly #send: Send;
  #current: Burst | undefined;

  constructor(personality: Personality, sessions: Sessions, traffic: Traffic, send: Send) {
    this.#personality = personality;
    this.#sessions = sessions;
    this.#traffic = traffic;
    this.#send = send;
  }

  /** Resolves when other requests may be served. Throws a Nak if there is no such session. */
  async begin(request: FtpPayload, from: Requester): Promise<undefined> {
    const session = this.#sessions.find(from, request.session, 'read');
    const size = this.#personality.burst.size(request);
    const { sequence, offset } = request;
    session.position = undefined;
    const burst = { session, from, size, sequence: (sequence + 1) & 0xffff, offset, packets: 0 };
    this.#current = burst;
    const over = this.#run(burst);
    if (this.#personality.burst.blocks) await over;
  }

  async #run(burst: Burst): Promise<void> {
    while (await this.#step(burst)) {
      this.#sessions.touchedByBurst(burst.session);
      await burst.from.ready();
    }
  }

  /** Sends the next packet; false if it was the last one. */
  async #step(burst: Burst): Promise<boolean> {
    const { file } = burst.session;
    if (this.#traffic.isHeld(file.path, burst.offset, burst.size)) return false;
    const data = await this.#read(burst);
    if (this.#current !== burst || burst.session.closed) return false;
    if (data instanceof Nak) {
      this.#refuse(burst, data);
      return false;
    }
    this.#traffic.count(file.path, burst.offset, data.length);
    return this.#sendData(burst, data);
  }

  async #read(burst: Burst): Promise<Uint8Array | Nak> {
    try {
      const { session, offset, size } = burst;
      const data = await readData(session.file, this.#personality.files, session.position ?? offset, size);
      if (session.position !== undefined) session.position += data.length;
      return data;
    } catch (error) {
      return error instanceof Nak ? error : new Nak(FtpErrorCode.FAIL_ERRNO, errnoOf(error));
    }
  }

  #sendData(burst: Burst, data: Uint8Array): boolean {
    const { packets, marksEnd } = this.#personality.burst;
    const last = burst.packets + 1 === packets;
    const complete = last || (marksEnd && data.length < burst.size);
    this.#emit(burst, { opcode: Opcode.ACK, burstComplete: complete, offset: burst.offset, data });
    burst.offset += data.length;
    burst.packets++;
    return !last;
  }

  #refuse(burst: Burst, { code, errno }: Nak): void {
    const data = Uint8Array.from(code === FtpErrorCode.FAIL_ERRNO ? [code, errno ?? 0] : [code]);
    const { marksEnd } = this.#personality.burst;
    // ArduPilot's is an ordinary NAK, without an offset, if no data came before (seen).
    const ordinary = marksEnd && burst.packets === 0;
    const offset = ordinary ? 0 : burst.offset;
    this.#emit(burst, { opcode: Opcode.NAK, burstComplete: marksEnd && !ordinary, offset, data });
  }

  #emit(burst: Burst, part: Pick<FtpPayload, 'opcode' | 'burstComplete' | 'offset' | 'data'>): void {
    const { sequence, session, from } = burst;
    const requestOpcode = Opcode.BURST_READ_FILE;
    this.#send({ ...part, sequence, session: session.id, requestOpcode, size: part.data.length }, from);
    burst.sequence = (sequence + 1) & 0xffff;
  }
}
