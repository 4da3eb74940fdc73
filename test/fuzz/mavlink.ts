import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { encodeFrame, FrameDecoder, type Frame } from '../../src/mavlink/frame.js';
import { decodeFtpPayload } from '../../src/mavlink/ftp-payload.js';
import * as messages from '../../src/mavlink/messages.js';
import { keyFrom, Signing } from '../../src/mavlink/signing.js';
import { parseLinkUrl } from '../../src/mavlink/url.js';
import { versionText } from '../../src/mavlink/version-text.js';
import { Recording } from '../../src/sim/recording.js';
import { readTrace } from '../../src/sim/trace.js';
import { VirtualClock } from '../fakes/virtual-clock.js';
import { captured, recordings } from '../unit/mavlink/captures.js';
import { ftpAndLogParsers } from './mavlink-exchanges.js';
import type { Parser } from './parser.js';

/** Frames of both recordings, some at a time. */
const recorded: readonly Buffer[] = recordings.flatMap(name => {
  const frames = captured(name).map(({ bytes }) => Buffer.from(bytes));
  return [0, 40, 80].map(at => Buffer.concat(frames.slice(at, at + 40)));
});

const HEARTBEAT_V1 = Buffer.from('fe0900010100000000000203510403d4f4', 'hex');

const clock = new VirtualClock(Date.UTC(2026, 5, 1));
const signing = (): Signing => new Signing({ key: keyFrom('a passphrase'), linkId: 1, clock });

const DECODERS = Object.values(messages).filter(one => typeof one === 'object' && 'decode' in one);

/** Everything that is decoded of a frame. */
function decoded({ messageId, payload }: Frame): unknown {
  const values = DECODERS.filter(({ id }) => id === messageId).map(type => type.decode(payload));
  if (messageId === messages.FileTransferProtocol.id)
    return decodeFtpPayload(messages.FileTransferProtocol.decode(payload).payload);
  if (messageId === messages.AutopilotVersion.id)
    return versionText(messages.AutopilotVersion.decode(payload));
  return values;
}

function decodeStream(input: Buffer): Frame[] {
  let seen = 0;
  const decoder = new FrameDecoder(bytes => (seen += bytes.length));
  const frames: Frame[] = [];
  const step = Math.max(1, (input[0] ?? 0) * 7);
  for (let at = 0; at < input.length; at += step) frames.push(...decoder.push(input.subarray(at, at + step)));
  assert.ok(seen <= input.length, 'more bytes are in frames than came');
  for (const { payload, system, component, sequence } of frames) {
    assert.ok(payload.length <= 255 + 13 && [system, component, sequence].every(one => one <= 255));
  }
  return frames;
}

const message = fc.constantFrom(...DECODERS);

/** Frames of all known messages with any payload. */
const frameBytes = fc
  .array(
    fc
      .tuple(message, fc.uint8Array({ minLength: 255, maxLength: 255 }), fc.nat(255))
      .map(([type, bytes, sequence]) =>
        encodeFrame({
          sequence,
          system: 1,
          component: 1,
          messageId: type.id,
          payload: bytes.subarray(0, type.length),
        }),
      ),
    { maxLength: 20 },
  )
  .map(frames => Buffer.concat(frames));

const frames: Parser = {
  name: 'mavlink-frames',
  seeds: [...recorded, HEARTBEAT_V1, Buffer.concat([HEARTBEAT_V1, ...recorded.slice(0, 1)])],
  generated: frameBytes,
  words: ['\xfd', '\xfe', '\xfd\xff\0\0'],
  worst: ['\xfd', '\xfe', '\xfd\xff\0\0', '\xfe\xff\xfe\0', '\xfd\x01\x01\x00'],
  parse: input => decodeStream(input).map(decoded),
};

const HEARTBEAT_PAYLOAD = messages.Heartbeat.encode({
  ...{ customMode: 0, type: 2, autopilot: 12, baseMode: 81, systemStatus: 3, mavlinkVersion: 3 },
});
const signedFrames = [1, 2, 3].map(sequence =>
  Buffer.from(
    encodeFrame(
      { sequence, system: 1, component: 1, messageId: messages.Heartbeat.id, payload: HEARTBEAT_PAYLOAD },
      signing(),
    ),
  ),
);
const authentic = new Set(signedFrames.map(bytes => bytes.toString('hex')));

const signatures: Parser = {
  name: 'mavlink-signatures',
  seeds: [Buffer.concat(signedFrames)],
  parse(input) {
    const verifier = signing();
    const verdicts = decodeStream(input).map(frame => ({ frame, verdict: verifier.verify(frame) }));
    for (const { frame, verdict } of verdicts) {
      const bytes = Buffer.from(frame.signed ?? []).toString('hex');
      assert.ok(verdict !== 'valid' || authentic.has(bytes), 'a forged frame counts as valid');
    }
    return verdicts;
  },
};

const folder = mkdtempSync(join(tmpdir(), 'filesync-fuzz-'));
process.once('exit', removeFolder);
function removeFolder(): void {
  rmSync(folder, { recursive: true, force: true });
}

const traces: Parser = {
  name: 'mavlink-traces',
  seeds: recordings.map(name =>
    captured(name)
      .slice(0, 30)
      .map(({ ms, from, bytes }) =>
        JSON.stringify({ t_ms: ms, from, frame: Buffer.from(bytes).toString('hex') }),
      )
      .join('\n'),
  ),
  worst: ['{"t_ms":1,"from":"client","frame":"fd"}\n', '[', '{"t_ms": ', 'fd'],
  // Each line is validated by zod, and each frame has a decoder of its own.
  msPerMegabyte: 400,
  async parse(input) {
    const file = join(folder, 'trace.jsonl');
    writeFileSync(file, input);
    const recording = new Recording(await readTrace(file));
    return recording.vehicle;
  },
};

const urls: Parser = {
  name: 'mavlink-urls',
  seeds: [
    ...[
      'udp://0.0.0.0:14540@',
      'udp://:14540@192.168.1.2:14550?ids=255,190',
      'udp-b://:14555@:14550',
      'udp-pb://@',
    ],
    ...['tcp://[::1]:5760', 'tcp-l://:5760', 'serial:///dev/ttyACM0:921600', '/dev/ttyS0:57600'],
    'serial-hwfc:///dev/serial/by-path/platform-3610000.usb-0:2.3:1.0-port0:57600',
  ],
  worst: [
    { before: 'udp://', unit: '@' },
    { before: 'serial:///dev/serial/by-id/', unit: ':1' },
    { before: 'tcp://', unit: '[:' },
    { before: 'tcp://h', unit: '?ids=1,1' },
  ],
  maxBytes: 10_000,
  parse: input => parseLinkUrl(input.toString()),
};

export const mavlinkParsers: readonly Parser[] = [frames, signatures, traces, urls, ...ftpAndLogParsers];
