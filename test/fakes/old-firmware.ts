import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';

import { encodeFrame, FrameDecoder, type Frame } from '../../src/mavlink/frame.js';
import {
  decodeFtpPayload,
  encodeFtpPayload,
  MAX_DATA,
  Opcode,
  type FtpPayload,
} from '../../src/mavlink/ftp-payload.js';
import { FileTransferProtocol } from '../../src/mavlink/messages.js';

/**
 * Stands between a ground station and a vehicle, which so becomes one with a firmware of before PX4 1.13: a read of 0 bytes gives
 * a full packet. Released versions of MAVROS can read only there.
 */
export class OldFirmware {
  readonly #inner: Socket;
  readonly #outer: Socket;
  #operations = 0;
  #last: number | undefined;

  private constructor(inner: Socket, outer: Socket) {
    this.#inner = inner;
    this.#outer = outer;
  }

  /** `vehicle` and `station` are UDP ports of this machine. */
  static async start(vehicle: number, station: number): Promise<OldFirmware> {
    const [inner, outer] = [createSocket('udp4'), createSocket('udp4')];
    outer.bind(0, '127.0.0.1');
    await once(outer, 'listening');
    const old = new OldFirmware(inner, outer);
    const decoder = new FrameDecoder();
    outer.on('message', bytes => {
      for (const frame of decoder.push(bytes)) {
        old.#count(frame);
        inner.send(encodeFrame(enlarged(frame)), vehicle, '127.0.0.1');
      }
    });
    inner.on('message', bytes => outer.send(bytes, station, '127.0.0.1'));
    return old;
  }

  /** Calls of MAVROS that took requests to the vehicle, or fewer: reads of one file, and parts of listings, in a row count as one. */
  get operations(): number {
    return this.#operations;
  }

  #count(frame: Frame): void {
    const request = requestOf(frame);
    if (!request) return;
    const goesOn = request.opcode === Opcode.READ_FILE || request.opcode === Opcode.LIST_DIRECTORY;
    if (!goesOn || request.opcode !== this.#last) this.#operations += 1;
    this.#last = request.opcode;
  }

  get port(): number {
    return this.#outer.address().port;
  }

  async close(): Promise<void> {
    for (const socket of [this.#inner, this.#outer])
      await new Promise<void>(resolve => socket.close(() => resolve()));
  }
}

function requestOf(frame: Frame): FtpPayload | undefined {
  if (frame.messageId !== FileTransferProtocol.id) return undefined;
  return decodeFtpPayload(FileTransferProtocol.decode(frame.payload).payload);
}

function enlarged(frame: Frame): Frame {
  const request = requestOf(frame);
  if (request?.opcode !== Opcode.READ_FILE || request.size > 0) return frame;
  const message = FileTransferProtocol.decode(frame.payload);
  const payload = encodeFtpPayload({ ...request, size: MAX_DATA });
  return { ...frame, payload: FileTransferProtocol.encode({ ...message, payload }) };
}
