import assert from 'node:assert/strict';
import fc from 'fast-check';
import { FrameDecoder } from '../../../src/mavlink/frame.js';
import {
  contentOf,
  decodeFtpPayload,
  encodeFtpPayload,
  ftpErrorName,
  FtpErrorCode,
  Opcode,
  opcodeName,
  type FtpPayload,
} from '../../../src/mavlink/ftp-payload.js';
import {
  CommandAck,
  CommandLong,
  FileTransferProtocol,
  Heartbeat,
  layoutOf,
} from '../../../src/mavlink/messages.js';
import { captured, recordings } from './captures.js';

const uint = (bits: number) => fc.integer({ min: 0, max: 2 ** bits - 1 });

const anyFtpPayload: fc.Arbitrary<FtpPayload> = fc.record(
  {
    sequence: uint(16),
    session: uint(8),
    opcode: uint(8),
    requestOpcode: uint(8),
    burstComplete: fc.boolean(),
    offset: uint(32),
    size: uint(8),
    data: fc.uint8Array({ minLength: 239, maxLength: 239 }),
  },
  { noNullPrototype: true },
);

describe('MAVLink messages', () => {
  it('have the lengths of the common message set', () => {
    const lengths = [Heartbeat, CommandLong, CommandAck, FileTransferProtocol].map(type => type.length);
    assert.deepEqual(lengths, [9, 33, 10, 254]);
  });

  it('are found by their id, and only they', () => {
    assert.equal(layoutOf(110), FileTransferProtocol);
    assert.equal(layoutOf(111), undefined);
  });

  it('keep every field of a command', () => {
    const command = {
      param1: 1,
      param2: -2.5,
      param3: 0,
      param4: 4,
      param5: 5,
      param6: 6,
      param7: 7,
      command: 400,
      targetSystem: 3,
      targetComponent: 1,
      confirmation: 2,
    };
    const payload = CommandLong.encode(command);
    assert.equal(Buffer.from(payload).readUInt16LE(28), 400);
    assert.deepEqual(CommandLong.decode(payload), command);
    const ack = {
      command: 400,
      result: 4,
      progress: 255,
      resultParam2: -7,
      targetSystem: 255,
      targetComponent: 190,
    };
    assert.deepEqual(CommandAck.decode(CommandAck.encode(ack)), ack);
  });

  it('decode the heartbeats of PX4 and ArduPilot', () => {
    const autopilots = recordings.map(name => {
      const heartbeat = captured(name)
        .flatMap(({ bytes }) => new FrameDecoder().push(bytes))
        .find(frame => frame.messageId === Heartbeat.id);
      assert.ok(heartbeat);
      const { type, autopilot, mavlinkVersion } = Heartbeat.decode(heartbeat.payload);
      return { type, autopilot, mavlinkVersion };
    });
    assert.deepEqual(autopilots, [
      { type: 2, autopilot: 12, mavlinkVersion: 3 },
      { type: 2, autopilot: 3, mavlinkVersion: 3 },
    ]);
  });
});

describe('The payload of MAVLink FTP', () => {
  it('is the same after encode and decode', () => {
    fc.assert(
      fc.property(anyFtpPayload, payload => {
        assert.deepEqual(decodeFtpPayload(encodeFtpPayload(payload)), payload);
      }),
    );
  });

  for (const name of recordings) {
    it(`is encoded as in ${name}`, () => {
      for (const { bytes } of captured(name)) {
        const [frame] = new FrameDecoder().push(bytes);
        if (frame?.messageId !== FileTransferProtocol.id) continue;
        const message = FileTransferProtocol.decode(frame.payload);
        assert.deepEqual(encodeFtpPayload(decodeFtpPayload(message.payload)), message.payload);
        assert.deepEqual(FileTransferProtocol.encode(message), frame.payload);
      }
    });

    it(`decodes a request and its reply in ${name}`, () => {
      const payloads = captured(name)
        .flatMap(({ bytes }) => new FrameDecoder().push(bytes))
        .filter(frame => frame.messageId === FileTransferProtocol.id)
        .map(frame => decodeFtpPayload(FileTransferProtocol.decode(frame.payload).payload));
      const index = payloads.findIndex(({ opcode }) => opcode === Opcode.CALC_FILE_CRC32);
      const [request, reply] = payloads.slice(index, index + 2);
      assert.ok(request && reply);
      assert.equal(Buffer.from(contentOf(request)).toString(), '/ftp/b239.bin');
      assert.equal(reply.opcode, Opcode.ACK);
      assert.equal(reply.requestOpcode, Opcode.CALC_FILE_CRC32);
      assert.equal(reply.sequence, request.sequence + 1);
      assert.deepEqual(contentOf(reply), Uint8Array.from([0x16, 0x84, 0x55, 0x03]));
    });
  }

  it('has names for people', () => {
    assert.equal(opcodeName(Opcode.OPEN_FILE_RO), 'OPEN_FILE_RO');
    assert.equal(opcodeName(99), 'opcode 99');
    assert.equal(ftpErrorName(FtpErrorCode.NO_SESSIONS_AVAILABLE), 'NO_SESSIONS_AVAILABLE');
    assert.equal(ftpErrorName(77), 'error 77');
  });
});
