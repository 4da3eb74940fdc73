import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { filter, firstValueFrom } from 'rxjs';
import { mavlink } from '../../../src/devices/mavlink.js';
import { encodeFrame, FrameDecoder, type Frame } from '../../../src/mavlink/frame.js';
import { Heartbeat } from '../../../src/mavlink/messages.js';
import { keyFrom, Signing, type TimestampStore } from '../../../src/mavlink/signing.js';
import type { Source } from '../../../src/ports.js';
import { startSim } from '../../../src/sim/sim.js';
import { systemClock } from '../../../src/system/clock.js';
import { connected } from '../../conformance/mavlink-bench.js';
import { collect, failsWith, listed, sample } from '../../conformance/support.js';
import { temporaryFolder } from '../../conformance/temp-folder.js';
import { RecordingLogger } from '../../fakes/recording-logger.js';
import { VirtualClock } from '../../fakes/virtual-clock.js';
import { makeSource } from '../../servers/device.js';

const never = new AbortController().signal;
const KEY = keyFrom('a passphrase');
const EPOCH = Date.UTC(2015, 0, 1);

class MemoryTimestamps implements TimestampStore {
  saved = 0;
  load = async () => this.saved;
  save = async (timestamp: number) => void (this.saved = timestamp);
}

const beat = (signing?: Signing): Frame => {
  const values = { customMode: 0, type: 2, autopilot: 12, baseMode: 0, systemStatus: 3, mavlinkVersion: 3 };
  const payload = Heartbeat.encode(values);
  const bytes = encodeFrame({ sequence: 0, system: 1, component: 1, messageId: 0, payload }, signing);
  const [frame] = new FrameDecoder().push(bytes);
  assert.ok(frame);
  return frame;
};

const timestampOf = ({ signed }: Frame): number =>
  Buffer.from(signed ?? []).readUIntLE((signed?.length ?? 0) - 12, 6);

describe('Signed MAVLink frames', () => {
  const make = (clock = new VirtualClock(), store?: TimestampStore, key: Uint8Array = KEY) =>
    new Signing({ key, linkId: 7, clock, store });

  it('have the signature of the specification', () => {
    const clock = new VirtualClock(EPOCH + 1_000);
    const { signed = new Uint8Array(0) } = beat(make(clock));
    const end = signed.length - 13;
    assert.equal(signed[2], 1);
    assert.equal(signed[end], 7);
    assert.equal(Buffer.from(signed).readUIntLE(end + 1, 6), 100_000);
    const hash = createHash('sha256')
      .update(KEY)
      .update(signed.subarray(0, end + 7))
      .digest();
    assert.deepEqual(Buffer.from(signed.subarray(end + 7)), hash.subarray(0, 6));
  });

  it('are valid once, with the right key, and not when they are old or changed', () => {
    const clock = new VirtualClock();
    const [sender, receiver] = [make(clock), make(clock)];
    const frame = beat(sender);
    assert.equal(receiver.verify(frame), 'valid');
    assert.equal(receiver.verify(frame), 'replayed');
    assert.equal(receiver.verify(beat(make(clock, undefined, keyFrom('another')))), 'wrong key');
    assert.equal(receiver.verify(beat()), 'unsigned');
    const changed = beat(sender);
    assert.ok(changed.signed);
    changed.signed[12] = Number(changed.signed[12]) ^ 1;
    assert.equal(receiver.verify(changed), 'wrong key');
    const late = make(new VirtualClock(clock.now() + 120_000));
    assert.equal(late.verify(beat(sender)), 'replayed');
  });

  it('have timestamps that never go back, whatever the clock does between two runs', async () => {
    const store = new MemoryTimestamps();
    const first = make(new VirtualClock(), store);
    await first.open();
    const before = timestampOf(beat(first));
    // The first run is killed, and the clock of the second one was never set.
    const second = make(new VirtualClock(0), store);
    await second.open();
    assert.ok(timestampOf(beat(second)) > before);
    await second.close();
    const third = make(new VirtualClock(0), store);
    await third.open();
    const next = timestampOf(beat(third));
    assert.ok(next > before && next <= store.saved);
  });

  it('have the key that ground stations make of a passphrase, or the key itself', () => {
    assert.deepEqual(Buffer.from(KEY), createHash('sha256').update('a passphrase').digest());
    assert.deepEqual(Buffer.from(keyFrom('0F'.repeat(32))), Buffer.alloc(32, 0x0f));
  });
});

describe('A vehicle that signs its messages', () => {
  const cleanups: (() => Promise<unknown>)[] = [];
  let local: string;

  afterEach(async () => {
    for (let end = cleanups.pop(); end; end = cleanups.pop()) await end();
  });

  /** A vehicle that sends to the port of the device. */
  const start = async (signingKey: Uint8Array | undefined, options: Record<string, unknown>) => {
    const home = await temporaryFolder();
    cleanups.push(() => home.remove());
    local = join(home.path, 'local');
    await mkdir(join(home.path, 'card', 'log'), { recursive: true });
    await writeFile(join(home.path, 'card', 'log', 'a.ulg'), sample(30_000, 2));
    const socket = createSocket('udp4').bind(0, '127.0.0.1');
    await once(socket, 'listening');
    const { port } = socket.address();
    await new Promise<void>(resolve => socket.close(resolve));
    const source: Source = await makeSource(
      mavlink,
      { url: `udp://127.0.0.1:${port}@`, root: '/log', ...options },
      { local },
    );
    cleanups.push(() => source.close());
    const ports = { listen: { host: '127.0.0.1', port: 0 }, to: { host: '127.0.0.1', port } };
    const [folder, logger] = [join(home.path, 'card'), new RecordingLogger()];
    const key = signingKey && { signingKey };
    const sim = await startSim({ folder, ...ports, like: 'px4', clock: systemClock, logger, ...key });
    cleanups.push(() => sim.close());
    return { source, sim };
  };
  const offline = (source: Source) =>
    firstValueFrom(source.availability.pipe(filter(({ available }) => !available)));

  it('is read with its key, and the timestamp is kept', async () => {
    const { source, sim } = await start(KEY, { signing_key: 'a passphrase' });
    await connected(source, sim);
    const [file] = await listed(source);
    assert.ok(file);
    assert.deepEqual(await collect(source.read(file, 0, never)), Buffer.from(sample(30_000, 2)));
    await source.close();
    const kept = Number(await readFile(join(local, '.mavlink-signing', 'device'), 'utf8'));
    assert.ok(kept > (Date.now() - EPOCH - 600_000) * 100);
  });

  it('is named where there is no key', async () => {
    const { source, sim } = await start(KEY, {});
    await connected(source, sim);
    const error = await failsWith(() => listed(source), 'denied');
    assert.match(error.message, /^the vehicle signs its messages .*: set signing_key to its key$/);
  });

  it('is told apart from one that does not sign, and from one with another key', async () => {
    const unsigned = await start(undefined, { signing_key: 'a passphrase' });
    assert.match(
      (await offline(unsigned.source)).reason,
      /vehicle 1 does not sign its messages: .*signing_key/,
    );
  });
});
