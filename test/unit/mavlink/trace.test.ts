import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { FtpChannel } from '../../../src/mavlink/ftp-channel.js';
import { FtpClient } from '../../../src/mavlink/ftp-client.js';
import { encodeFrame, FrameDecoder } from '../../../src/mavlink/frame.js';
import { Heartbeat } from '../../../src/mavlink/messages.js';
import { RemoteFile } from '../../../src/mavlink/remote-file.js';
import { AdaptiveRead } from '../../../src/mavlink/window/adaptive-read.js';
import {
  connected,
  mavlinkBench,
  mavlinkSource,
  type MavlinkBench,
} from '../../conformance/mavlink-bench.js';
import { collect, sample } from '../../conformance/support.js';
import { RecordingLogger } from '../../fakes/recording-logger.js';
import { VirtualClock } from '../../fakes/virtual-clock.js';
import { captured, framesOf } from './captures.js';
import { inVirtualTime } from './memory-vehicle.js';
import { ReplayedVehicle } from './replayed-vehicle.js';

const never = new AbortController().signal;
const LOG = sample(60_000, 12);
const FILE = { path: 'a.ulg', size: LOG.length };
const limits = { rate: Infinity, inFlight: 2048 };

describe('FILESYNC_TRACE=mavlink:FILE', () => {
  let bench: MavlinkBench;

  beforeEach(async () => {
    bench = await mavlinkBench({ loss: 0.02, seed: 3 });
    await bench.put(FILE.path, LOG);
  });

  afterEach(() => bench.close());

  /** Reads the file by a device of its own. */
  const readTraced = async (trace: string, logger = new RecordingLogger()) => {
    const url = `udp://127.0.0.1:0@127.0.0.1:${bench.sim.address.port}`;
    const source = await mavlinkSource({ url, root: '/log' }, logger, { FILESYNC_TRACE: trace });
    await connected(source, bench.sim);
    const bytes = await collect(source.read(FILE, 0, never));
    await source.close();
    return bytes;
  };

  it('records a transfer, which the FTP client then repeats without a vehicle', async () => {
    const file = join(bench.card, 'trace.jsonl');
    assert.deepEqual(await readTraced(`mavlink:${file}`), Buffer.from(LOG));
    const clock = new VirtualClock();
    const vehicle = new ReplayedVehicle(framesOf(file), clock);
    const logger = new RecordingLogger();
    const client = new FtpClient(new FtpChannel(vehicle, clock, 40_000), logger);
    const read = async () => {
      const path = '/log/a.ulg';
      const remote = await RemoteFile.open(client, path, never);
      const span = { path, offset: 0, end: remote.size };
      const bytes = await collect(new AdaptiveRead({ clock, logger, limits }).read(remote, span, never));
      await remote.close();
      return bytes;
    };
    assert.deepEqual(await inVirtualTime(clock, read()), Buffer.from(LOG));
  });

  it('holds monotonic times and frames of both sides, in the format of the recordings', async () => {
    const file = join(bench.card, 'trace.jsonl');
    await readTraced(`mavlink:${file}`);
    const frames = framesOf(file);
    assert.deepEqual(new Set(frames.map(({ from }) => from)), new Set(['client', 'vehicle']));
    for (const [index, { ms, bytes }] of frames.entries()) {
      assert.ok(ms >= (frames[index - 1]?.ms ?? 0));
      const [frame, ...more] = new FrameDecoder().push(bytes);
      assert.ok(frame && more.length === 0);
      assert.deepEqual(encodeFrame(frame), bytes);
    }
  });

  it('does not disturb the transfer where the file cannot be written, and reports that once', async () => {
    const logger = new RecordingLogger();
    const bytes = await readTraced(`mavlink:${join(bench.card, 'missing', 'trace.jsonl')}`, logger);
    assert.deepEqual(bytes, Buffer.from(LOG));
    const [warning, ...more] = logger.messages('warn');
    assert.match(warning ?? '', /^MAVLink trace .*trace\.jsonl cannot be written \(ENOENT.*FILESYNC_TRACE$/);
    assert.deepEqual(more, []);
  });

  it('leaves other traces alone', async () => {
    const file = join(bench.card, 'trace.jsonl');
    await readTraced(`ftp:${file}`);
    assert.equal(existsSync(file), false);
  });
});

describe('A replayed vehicle', () => {
  it('answers as the real PX4 did', async () => {
    const clock = new VirtualClock();
    const vehicle = new ReplayedVehicle(captured('px4-ftp.jsonl'), clock);
    const client = new FtpClient(new FtpChannel(vehicle, clock, 7), new RecordingLogger());
    const crc = await inVirtualTime(clock, client.checksum('/ftp/b239.bin', 239, never));
    assert.equal(crc, 0x03558416);
  });
});

describe('The bytes of frames', () => {
  it('are seen whole, those of unknown messages too, and without garbage between', () => {
    const known = encodeFrame({
      sequence: 1,
      system: 1,
      component: 1,
      messageId: Heartbeat.id,
      payload: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9),
    });
    const unknown = Uint8Array.of(0xfd, 2, 0, 0, 0, 1, 1, 30, 0, 0, 7, 7, 0, 0);
    const seen: Uint8Array[] = [];
    const decoder = new FrameDecoder(bytes => seen.push(Uint8Array.from(bytes)));
    const stream = Buffer.concat([Uint8Array.of(1, 2), unknown, known, known]);
    for (const byte of stream) decoder.push(Uint8Array.of(byte));
    assert.deepEqual(seen, [unknown, known, known]);
  });
});
