import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';

import { encodeFrame, FrameDecoder, type Frame } from '../../src/mavlink/frame.js';
import { decodeFtpPayload, encodeFtpPayload, MAX_DATA, Opcode } from '../../src/mavlink/ftp-payload.js';
import { FileTransferProtocol } from '../../src/mavlink/messages.js';

/**
 * Stands between a ground station and a vehicle, which so becomes one with a firmware of before PX4 1.13: a read of 0 bytes gives
 * a full packet. Released versions of MAVROS can read only there.
 */
export class OldFirmware {
  readonly #inner: Socket;
  readonly #outer: Socket;

  private constructor(inner: Socket, outer: Socket) {
    this.#inner = inner;
    this.#outer = outer;
  }

  /** `vehicle` and `station` are UDP ports of this machine. */
  static async start(vehicle: number, station: number): Promise<OldFirmware> {
    const [inner, outer] = [createSocket('udp4'), createSocket('udp4')];
    outer.bind(0, '127.0.0.1');
    await once(outer, 'listening');
    const decoder = new FrameDecoder();
    outer.on('message', bytes => {
      for (const frame of decoder.push(bytes)) inner.send(encodeFrame(enlarged(frame)), vehicle, '127.0.0.1');
    });
    inner.on('message', bytes => outer.send(bytes, station, '127.0.0.1'));
    return new OldFirmware(inner, outer);
  }

  get port(): number {
    return this.#outer.address().port;
  }

  async close(): Promise<void> {
    for (const socket of [this.#inner, this.#outer])
      await new Promise<void>(resolve => socket.close(() => resolve()));
  }
}

function enlarged(frame: Frame): Frame {
  if (frame.messageId !== FileTransferProtocol.id) return frame;
  const message = FileTransferProtocol.decode(frame.payload);
  const request = decodeFtpPayload(message.payload);
  if (request.opcode !== Opcode.READ_FILE || request.size > 0) return frame;
  const payload = encodeFtpPayload({ ...request, size: MAX_DATA });
  return { ...frame, payload: FileTransferProtocol.encode({ ...message, payload }) };
}
