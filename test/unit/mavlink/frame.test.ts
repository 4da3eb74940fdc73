import assert from 'node:assert/strict';
import fc from 'fast-check';
import { frameCrc } from '../../../src/mavlink/crc.js';
import { encodeFrame, FrameDecoder, type Frame } from '../../../src/mavlink/frame.js';
import { FileTransferProtocol, Heartbeat } from '../../../src/mavlink/messages.js';
import { sample } from '../../conformance/support.js';
import { captured, recordings } from './captures.js';

const byte = fc.integer({ min: 0, max: 255 });
const SPLIT_RUNS = { numRuns: 200 };

/** A frame of a known message, with any payload. */
const anyFrame: fc.Arbitrary<Frame> = fc
  .record({
    sequence: byte,
    system: byte,
    component: byte,
    type: fc.constantFrom(Heartbeat, FileTransferProtocol),
    content: fc.uint8Array({ maxLength: 254 }),
  })
  .map(({ type, content, ...ids }) => {
    const payload = new Uint8Array(type.length);
    payload.set(content.subarray(0, type.length));
    return { version: 2 as const, ...ids, messageId: type.id, payload };
  });

/** Bytes in which no frame seems to begin. */
const garbage = fc.array(fc.integer({ min: 0, max: 0xfc })).map(values => Uint8Array.from(values));

const decode = (...pieces: Uint8Array[]): Frame[] => {
  const decoder = new FrameDecoder();
  return pieces.flatMap(piece => decoder.push(piece));
};

const heartbeat = (sequence: number): Frame => ({
  version: 2,
  sequence,
  system: 1,
  component: 1,
  messageId: Heartbeat.id,
  payload: Uint8Array.from([0, 0, 4, 3, 2, 12, 29, 0, 3]),
});

/** A frame made by hand, for what `encodeFrame` does not make. */
function handmade(header: number[], payload: Uint8Array, crcExtra: number, tail: number[] = []): Uint8Array {
  const crc = frameCrc(Uint8Array.from([...header.slice(1), ...payload]), crcExtra);
  return Uint8Array.from([...header, ...payload, crc & 0xff, crc >> 8, ...tail]);
}

describe('MAVLink frames', () => {
  for (const name of recordings) {
    it(`decodes every frame of ${name} and encodes it to the same bytes`, () => {
      for (const { bytes } of captured(name)) {
        const [frame, ...more] = decode(bytes);
        assert.ok(frame);
        assert.equal(more.length, 0);
        assert.deepEqual(encodeFrame(frame), bytes);
      }
    });

    it(`decodes ${name} as one stream that is cut anywhere`, () => {
      const frames = captured(name).slice(0, 80);
      const stream = Buffer.concat(frames.map(({ bytes }) => bytes));
      const expected = frames.flatMap(({ bytes }) => decode(bytes));
      const cuts = fc.array(fc.integer({ min: 0, max: stream.length }), { maxLength: 30 });
      fc.assert(
        fc.property(cuts, at => assert.deepEqual(decode(...split(stream, at)), expected)),
        SPLIT_RUNS,
      );
    });
  }

  it('returns any frame, however the stream is cut, with garbage between', () => {
    const noisy = fc.array(fc.tuple(garbage, anyFrame), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(noisy, fc.array(fc.integer({ min: 0, max: 1000 }), { maxLength: 12 }), (parts, cuts) => {
        const stream = Buffer.concat(parts.flatMap(([noise, frame]) => [noise, encodeFrame(frame)]));
        const expected = parts.map(([, frame]) => frame);
        assert.deepEqual(decode(...split(stream, cuts)), expected);
      }),
      SPLIT_RUNS,
    );
  });

  it('recovers after any garbage once enough of the stream has gone by', () => {
    const frames = Array.from({ length: 40 }, (_, index) => heartbeat(index));
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), noise => {
        const stream = Buffer.concat([noise, ...frames.map(frame => encodeFrame(frame))]);
        assert.deepEqual(decode(stream).at(-1), frames.at(-1));
      }),
      SPLIT_RUNS,
    );
  });

  it('drops a frame with a flipped bit and takes the next one', () => {
    const whole = encodeFrame(heartbeat(1));
    for (let bit = 8; bit < whole.length * 8; bit++) {
      const broken = Uint8Array.from(whole);
      broken[bit >> 3] = (broken[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const followers = Array.from({ length: 20 }, () => encodeFrame(heartbeat(2)));
      const frames = decode(broken, ...followers);
      assert.ok(frames.length > 0, `bit ${bit}`);
      assert.deepEqual(new Set(frames.map(frame => frame.sequence)), new Set([2]), `bit ${bit}`);
    }
  });

  it('spends no more time on a stream that was made to cost time than on frames', () => {
    const valid = Buffer.concat(Array.from({ length: 800 }, () => encodeFrame(fullFrame())));
    const starts = [
      [0xfe, 255, 0, 0, 0, 0],
      [0xfd, 255, 0, 0, 0, 0, 0, 110, 0, 0],
    ];
    const ratios = starts.map(start => {
      const crafted = Buffer.alloc(valid.length, Uint8Array.from(start));
      const rounds = [1, 2, 3, 4, 5].map(() => cpuTime(crafted) / cpuTime(valid));
      return Math.min(...rounds);
    });
    assert.ok(Math.max(...ratios) < 6, `${ratios.join(', ')} times as much`);
  });

  it('skips a signature', () => {
    const payload = heartbeat(0).payload;
    const header = [0xfd, payload.length, 1, 0, 7, 1, 1, 0, 0, 0];
    const signature = Array.from({ length: 13 }, () => 0xfd);
    const signed = handmade(header, payload, Heartbeat.crcExtra, signature);
    const frames = decode(signed, encodeFrame(heartbeat(8)));
    assert.deepEqual(
      frames.map(frame => frame.sequence),
      [7, 8],
    );
  });

  it('skips frames with unknown incompatibility flags', () => {
    const payload = heartbeat(0).payload;
    const header = [0xfd, payload.length, 2, 0, 7, 1, 1, 0, 0, 0];
    const strange = handmade(header, payload, Heartbeat.crcExtra);
    assert.deepEqual(decode(strange, encodeFrame(heartbeat(8))), [heartbeat(8)]);
  });

  it('reads MAVLink 1', () => {
    const { payload } = heartbeat(0);
    const bytes = handmade([0xfe, payload.length, 5, 1, 1, Heartbeat.id], payload, Heartbeat.crcExtra);
    assert.deepEqual(decode(bytes), [{ ...heartbeat(5), version: 1 }]);
  });

  it('skips an unknown message, even if it contains a known one', () => {
    const inner = encodeFrame(heartbeat(1));
    const tunnel = handmade([0xfd, inner.length, 0, 0, 0, 1, 1, 0x81, 0x01, 0], inner, 147);
    assert.deepEqual(decode(tunnel, encodeFrame(heartbeat(2))), [heartbeat(2)]);
  });

  it('refuses to send an unknown message', () => {
    assert.throws(() => encodeFrame({ ...heartbeat(0), messageId: 385 }), RangeError);
  });
});

function split(stream: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const edges = [0, ...[...cuts].sort((a, b) => a - b), stream.length];
  return edges.slice(1).map((end, index) => stream.subarray(edges[index], end));
}

function fullFrame(): Parameters<typeof encodeFrame>[0] {
  const content = { targetNetwork: 0, targetSystem: 1, targetComponent: 1, payload: sample(251) };
  const payload = FileTransferProtocol.encode(content);
  return { sequence: 0, system: 1, component: 1, messageId: FileTransferProtocol.id, payload };
}

/** Microseconds of CPU that decoding takes, in datagrams of 1,400 bytes. */
function cpuTime(bytes: Uint8Array): number {
  const decoder = new FrameDecoder();
  const before = process.cpuUsage();
  for (let at = 0; at < bytes.length; at += 1_400) decoder.push(bytes.subarray(at, at + 1_400));
  const { user, system } = process.cpuUsage(before);
  return Math.max(1, user + system);
}
