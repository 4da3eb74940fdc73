import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { encodeFrame } from '../../../src/mavlink/frame.js';
import { Heartbeat } from '../../../src/mavlink/messages.js';
import type { Source } from '../../../src/ports.js';
import { startSim, type Sim } from '../../../src/sim/sim.js';
import { systemClock } from '../../../src/system/clock.js';
import { connected, mavlinkSource } from '../../conformance/mavlink-bench.js';
import { collect, eventually, listed, sample } from '../../conformance/support.js';
import { temporaryFolder } from '../../conformance/temp-folder.js';
import { RecordingLogger } from '../../fakes/recording-logger.js';

const never = new AbortController().signal;
const VEHICLES = [1, 2, 3, 4, 5, 6, 7, 8];

/** What a test started, to be closed after it in reverse order. */
const cleanups: (() => Promise<unknown>)[] = [];

async function freePort(): Promise<number> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  await new Promise<void>(resolve => socket.close(resolve));
  return port;
}

/** A vehicle that sends to the port, with one log of its own. */
async function vehicle(system: number, port: number): Promise<Sim> {
  const home = await temporaryFolder();
  cleanups.push(() => home.remove());
  await mkdir(join(home.path, 'log'));
  await writeFile(join(home.path, 'log', 'a.ulg'), sample(20_000 + system, system));
  const [listen, to] = [0, port].map(number => ({ host: '127.0.0.1', port: number }));
  assert.ok(listen && to);
  const logger = new RecordingLogger();
  const folder = home.path;
  const sim = await startSim({ folder, listen, to, system, like: 'px4', clock: systemClock, logger });
  cleanups.push(() => sim.close());
  return sim;
}

async function device(
  port: number,
  options: Record<string, unknown>,
  logger?: RecordingLogger,
): Promise<Source> {
  const source = await mavlinkSource({ url: `udp://127.0.0.1:${port}@`, root: '/log', ...options }, logger);
  cleanups.push(() => source.close());
  return source;
}

/** The bytes of the one log. */
async function log(source: Source): Promise<Buffer> {
  const [file, ...others] = await listed(source);
  assert.ok(file && others.length === 0);
  return collect(source.read(file, 0, never));
}

describe('A port to which more than one vehicle sends', () => {
  afterEach(async () => {
    for (let end = cleanups.pop(); end; end = cleanups.pop()) await end();
  });

  it('serves a dock with eight vehicles, each of which is its own device', async () => {
    const port = await freePort();
    const sources = await Promise.all(VEHICLES.map(system => device(port, { target_system: system })));
    const sims = await Promise.all(VEHICLES.map(system => vehicle(system, port)));
    await Promise.all(
      sources.map((source, index) => {
        const sim = sims[index];
        assert.ok(sim);
        return connected(source, sim);
      }),
    );
    const logs = await Promise.all(sources.map(log));
    for (const [index, bytes] of logs.entries())
      assert.deepEqual(bytes, Buffer.from(sample(20_001 + index, index + 1)));
  });

  it('is not taken over by a forged heartbeat that came first', async () => {
    const port = await freePort();
    const logger = new RecordingLogger();
    const source = await device(port, {}, logger);
    const heard: boolean[] = [];
    const subscription = source.availability.subscribe(({ available }) => heard.push(available));
    const forger = createSocket('udp4').bind(0, '127.0.0.1');
    await once(forger, 'listening');
    const payload = Heartbeat.encode({
      customMode: 0,
      type: 2,
      autopilot: 12,
      baseMode: 0,
      systemStatus: 3,
      mavlinkVersion: 3,
    });
    const beat = encodeFrame({ sequence: 0, system: 9, component: 1, messageId: Heartbeat.id, payload });
    const forging = setInterval(() => forger.send(beat, port, '127.0.0.1'), 50);
    cleanups.push(async () => {
      clearInterval(forging);
      subscription.unsubscribe();
      await new Promise<void>(resolve => forger.close(resolve));
    });
    await eventually(async () => heard.includes(true));
    await vehicle(1, port);
    let bytes: Buffer | undefined;
    await eventually(async () => {
      bytes = await log(source).catch(() => undefined);
      return bytes !== undefined;
    });
    assert.deepEqual(bytes, Buffer.from(sample(20_001, 1)));
  });
});
