import assert from 'node:assert/strict';
import { encodeFrame } from '../../src/mavlink/frame.js';
import { FileTransferProtocol, Heartbeat } from '../../src/mavlink/messages.js';
import { decodeMavlink, encodeMavlink } from '../../src/ros/mavros/mavlink-message.js';
import { sample } from '../conformance/support.js';

/** Behind the encapsulation and an empty header: framing status, then the magic. */
const STATUS_AT = 4 + 13;
const MAGIC_AT = STATUS_AT + 1;
const MAGIC_V1 = 0xfe;
const SIGNATURE = 13;

const sender = { sequence: 200, system: 3, component: 194 };
const heartbeat = {
  customMode: 0x01020304,
  type: 18,
  autopilot: 8,
  baseMode: 1,
  systemStatus: 4,
  mavlinkVersion: 3,
};
const frame = encodeFrame({ ...sender, messageId: Heartbeat.id, payload: Heartbeat.encode(heartbeat) });

describe('mavros_msgs/Mavlink, serialized', () => {
  it('holds frames of every length', () => {
    for (const length of [1, 7, 8, 9, 100, 251]) {
      const content = { targetNetwork: 0, targetSystem: 1, targetComponent: 1, payload: sample(length) };
      const payload = FileTransferProtocol.encode(content);
      const whole = encodeFrame({ ...sender, messageId: FileTransferProtocol.id, payload });
      const decoded = decodeMavlink(encodeMavlink(whole));
      assert.equal(decoded?.messageId, FileTransferProtocol.id);
      assert.deepEqual(decoded.frame(), whole);
    }
  });

  it('decodes a frame of MAVLink 1 to its own layout', () => {
    const message = encodeMavlink(frame);
    message[MAGIC_AT] = MAGIC_V1;
    const [, length = 0, , , ...rest] = frame;
    const [head, tail] = [rest.slice(0, 3), rest.slice(6)];
    const expected = Uint8Array.of(MAGIC_V1, length, ...head, Heartbeat.id, ...tail);
    assert.deepEqual(decodeMavlink(message)?.frame(), expected);
  });

  it('keeps a signature', () => {
    const signature = sample(SIGNATURE);
    const message = encodeMavlink(frame);
    message[message.length - 4] = SIGNATURE;
    const decoded = decodeMavlink(Buffer.concat([message, signature]));
    assert.deepEqual(decoded?.frame(), Uint8Array.of(...frame, ...signature));
  });

  it('drops what MAVROS found damaged', () => {
    const message = encodeMavlink(frame);
    message[STATUS_AT] = 2;
    assert.equal(decodeMavlink(message), undefined);
  });

  it('refuses what is cut', () => {
    const message = encodeMavlink(frame);
    for (let length = 4; length < message.length; length++)
      assert.throws(() => decodeMavlink(message.slice(0, length)), RangeError);
  });
});
