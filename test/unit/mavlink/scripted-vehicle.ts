import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { encodeFrame, FrameDecoder, type Frame } from '../../../src/mavlink/frame.js';
import {
  contentOf,
  decodeFtpPayload,
  encodeFtpPayload,
  FtpErrorCode,
  Opcode,
  type FtpPayload,
} from '../../../src/mavlink/ftp-payload.js';
import { FileTransferProtocol, Heartbeat } from '../../../src/mavlink/messages.js';

/** The replies to a request, in place of the reply of a good server. */
export type Script = (request: FtpPayload, good: FtpPayload) => readonly FtpPayload[];

export interface HeartbeatValues {
  type: number;
  autopilot: number;
  baseMode: number;
}

const QUADROTOR_PX4: HeartbeatValues = { type: 2, autopilot: 12, baseMode: 0x1d };

/**
 * A vehicle on a real UDP port that serves one folder `/log`, and misbehaves by script. It has one session, 0, and keeps
 * the last reply for a repeated request.
 */
export class ScriptedVehicle {
  readonly files = new Map<string, Uint8Array>();
  readonly requests: FtpPayload[] = [];
  readonly frames: Frame[] = [];
  script: Script = (_request, good) => [good];
  system = 1;
  /** The heartbeat that it sends after each received one; undefined: none. */
  heartbeat: HeartbeatValues | undefined = QUADROTOR_PX4;
  opened: string | undefined;
  keepsReply = true;
  readonly #socket: Socket;
  #client: RemoteInfo | undefined;
  #kept: FtpPayload | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('message', (bytes, from) => {
      this.#client = from;
      for (const frame of new FrameDecoder().push(bytes)) this.#receive(frame);
    });
  }

  static async start(): Promise<ScriptedVehicle> {
    const socket = createSocket('udp4');
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    return new ScriptedVehicle(socket);
  }

  get port(): number {
    return this.#socket.address().port;
  }

  get url(): string {
    return `udp://127.0.0.1:0@127.0.0.1:${this.port}`;
  }

  opcodes(): number[] {
    return this.requests.map(({ opcode }) => opcode);
  }

  sendHeartbeat(values: HeartbeatValues, system = this.system, component = 1): void {
    const payload = Heartbeat.encode({ customMode: 0, systemStatus: 3, mavlinkVersion: 3, ...values });
    this.#send(Heartbeat.id, payload, system, component);
  }

  sendFtp(payload: FtpPayload, target = { system: 1, component: 194 }, system = this.system): void {
    const message = FileTransferProtocol.encode({
      targetNetwork: 0,
      targetSystem: target.system,
      targetComponent: target.component,
      payload: encodeFtpPayload(payload),
    });
    this.#send(FileTransferProtocol.id, message, system, 1);
  }

  async close(): Promise<void> {
    await new Promise<void>(resolve => this.#socket.close(resolve));
  }

  #receive(frame: Frame): void {
    this.frames.push(frame);
    if (frame.messageId === Heartbeat.id && this.heartbeat) this.sendHeartbeat(this.heartbeat);
    if (frame.messageId !== FileTransferProtocol.id) return;
    const request = decodeFtpPayload(FileTransferProtocol.decode(frame.payload).payload);
    this.requests.push(request);
    const { system, component } = frame;
    const expected = (request.sequence + 1) & 0xffff;
    const isRepeated = this.keepsReply && this.#kept?.sequence === expected;
    const good = isRepeated && this.#kept ? this.#kept : this.#good(request);
    this.#kept = good;
    for (const reply of this.script(request, good)) this.sendFtp(reply, { system, component });
  }

  #good(request: FtpPayload): FtpPayload {
    switch (request.opcode) {
      case Opcode.LIST_DIRECTORY:
        return this.#list(request);
      case Opcode.OPEN_FILE_RO:
        return this.#open(request);
      case Opcode.READ_FILE:
        return this.#read(request);
      case Opcode.TERMINATE_SESSION:
      case Opcode.RESET_SESSIONS:
        this.opened = undefined;
        return ack(request);
      case Opcode.REMOVE_FILE:
        return this.files.delete(nameIn(request)) ? ack(request) : nak(request, FtpErrorCode.FILE_NOT_FOUND);
      default:
        return nak(request, FtpErrorCode.UNKNOWN_COMMAND);
    }
  }

  #list(request: FtpPayload): FtpPayload {
    if (nameIn(request) !== '/log') return nak(request, FtpErrorCode.FILE_NOT_FOUND);
    const entries = [...this.files].map(
      ([path, { length }]) => `F${path.slice('/log/'.length)}\t${length}\0`,
    );
    const rest = entries.slice(request.offset, request.offset + 4).join('');
    return rest === '' ? nak(request, FtpErrorCode.EOF) : ack(request, Buffer.from(rest));
  }

  #open(request: FtpPayload): FtpPayload {
    const bytes = this.files.get(nameIn(request));
    if (!bytes) return nak(request, FtpErrorCode.FILE_NOT_FOUND);
    if (this.opened !== undefined) return nak(request, FtpErrorCode.NO_SESSIONS_AVAILABLE);
    this.opened = nameIn(request);
    return ack(request, uint32(bytes.length));
  }

  #read(request: FtpPayload): FtpPayload {
    const bytes = this.files.get(this.opened ?? '');
    if (!bytes) return nak(request, FtpErrorCode.INVALID_SESSION);
    const data = bytes.subarray(request.offset, request.offset + request.size);
    return data.length > 0 ? ack(request, data) : nak(request, FtpErrorCode.EOF);
  }

  #send(messageId: number, payload: Uint8Array, system: number, component: number): void {
    if (!this.#client) return;
    const frame = encodeFrame({ sequence: 0, system, component, messageId, payload });
    this.#socket.send(frame, this.#client.port, this.#client.address);
  }
}

export function ack(request: FtpPayload, data: Uint8Array = new Uint8Array(0)): FtpPayload {
  const sequence = (request.sequence + 1) & 0xffff;
  return { ...request, sequence, opcode: Opcode.ACK, requestOpcode: request.opcode, size: data.length, data };
}

export function nak(request: FtpPayload, ...code: readonly number[]): FtpPayload {
  return { ...ack(request, Uint8Array.from(code)), opcode: Opcode.NAK };
}

export function uint32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

export const nameIn = (request: FtpPayload): string => Buffer.from(contentOf(request)).toString();
