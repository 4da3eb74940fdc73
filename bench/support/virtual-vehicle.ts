import type { Connection, Transport } from '../../src/mavlink/link.js';
import { encodeFrame, FrameDecoder, type Frame } from '../../src/mavlink/frame.js';
import {
  decodeFtpPayload,
  encodeFtpPayload,
  Opcode,
  type FtpPayload,
} from '../../src/mavlink/ftp-payload.js';
import { FileTransferProtocol, Heartbeat } from '../../src/mavlink/messages.js';
import type { VirtualClock } from '../../test/fakes/virtual-clock.js';
import { ack, nak, uint32 } from '../../test/unit/mavlink/scripted-vehicle.js';
import { WireCarrier } from '../../test/unit/mavlink/wire-carrier.js';
import type { WireConditions } from '../link/wire.js';

const HEARTBEAT_INTERVAL_MS = 1_000;
const IDS = { sequence: 0, system: 1, component: 1 };

/** A vehicle with one file behind an emulated link, all in virtual time: its counts do not depend on the machine. */
export class VirtualVehicle implements Transport {
  readonly name = 'virtual link';
  /** `read` requests that arrived, and the datagrams that held any file transfer request. */
  reads = 0;
  datagrams = 0;
  readonly #file: Uint8Array;
  readonly #clock: VirtualClock;
  readonly #up: WireCarrier;
  readonly #down: WireCarrier;
  #receive: (bytes: Uint8Array) => void = () => undefined;

  constructor(file: Uint8Array, clock: VirtualClock, link: WireConditions) {
    this.#file = file;
    this.#clock = clock;
    this.#up = new WireCarrier(link, 11, clock);
    this.#down = new WireCarrier(link, 22, clock);
  }

  async connect(receive: (bytes: Uint8Array) => void): Promise<Connection> {
    this.#receive = receive;
    const over = new AbortController();
    void this.#beat(over.signal);
    const send = (bytes: Uint8Array) => this.#up.send(bytes.length, () => this.serve(bytes));
    const ended = new Promise<never>(() => undefined);
    return { together: 'datagram', ended, send, close: async () => over.abort() };
  }

  /** A datagram has arrived at the vehicle. */
  serve(bytes: Uint8Array): void {
    const requests = new FrameDecoder()
      .push(bytes)
      .filter(({ messageId }) => messageId === FileTransferProtocol.id);
    if (requests.length > 0) this.datagrams++;
    for (const request of requests) this.#answer(request);
  }

  #answer(frame: Frame): void {
    const request = decodeFtpPayload(FileTransferProtocol.decode(frame.payload).payload);
    const payload = encodeFtpPayload(this.#reply(request));
    const target = { targetNetwork: 0, targetSystem: frame.system, targetComponent: frame.component };
    this.#deliver(FileTransferProtocol.id, FileTransferProtocol.encode({ ...target, payload }));
  }

  #reply(request: FtpPayload): FtpPayload {
    if (request.opcode === Opcode.OPEN_FILE_RO) return ack(request, uint32(this.#file.length));
    if (request.opcode === Opcode.TERMINATE_SESSION) return ack(request);
    if (request.opcode !== Opcode.READ_FILE) return nak(request, 7);
    this.reads++;
    return ack(request, this.#file.subarray(request.offset, request.offset + request.size));
  }

  async #beat(signal: AbortSignal): Promise<void> {
    const values = { customMode: 0, type: 2, autopilot: 12, baseMode: 0, systemStatus: 3, mavlinkVersion: 3 };
    while (!signal.aborted) {
      this.#deliver(Heartbeat.id, Heartbeat.encode(values));
      await this.#clock.sleep(HEARTBEAT_INTERVAL_MS, signal).catch(() => undefined);
    }
  }

  #deliver(messageId: number, payload: Uint8Array): void {
    const bytes = encodeFrame({ ...IDS, messageId, payload });
    this.#down.send(bytes.length, () => this.#receive(bytes));
  }
}
