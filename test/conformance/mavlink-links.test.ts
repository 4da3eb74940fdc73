import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { access, mkdir, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { filter, firstValueFrom } from 'rxjs';
import { encodeFrame, FrameDecoder } from '../../src/mavlink/frame.js';
import { MAX_DATA } from '../../src/mavlink/ftp-payload.js';
import type { Source } from '../../src/ports.js';
import { PX4 } from '../../src/sim/personality.js';
import { startSim, type Sim } from '../../src/sim/sim.js';
import { systemClock } from '../../src/system/clock.js';
import { RecordingLogger } from '../fakes/recording-logger.js';
import { Daemon, findProgram } from '../servers/program.js';
import { connected, mavlinkBench, mavlinkSource } from './mavlink-bench.js';
import { checksumOf, collect, eventually, failsWith, listed, sample } from './support.js';
import { temporaryFolder } from './temp-folder.js';

const never = new AbortController().signal;
/** More than is read ahead. */
const LOG = sample(600_000, 11);
const FILE = { path: 'flight.ulg', size: LOG.length };

/** What a test started, to be closed after it in reverse order. */
const cleanups: (() => Promise<unknown>)[] = [];
async function endAll(): Promise<void> {
  for (let end = cleanups.pop(); end; end = cleanups.pop()) await end();
}

function ended<Thing extends { close(): Promise<unknown> }>(thing: Thing): Thing {
  cleanups.push(() => thing.close());
  return thing;
}

async function startedSim(folder: string, port = 0): Promise<Sim> {
  const listen = { host: '127.0.0.1', port };
  const logger = new RecordingLogger();
  return ended(await startSim({ folder, listen, like: 'px4', clock: systemClock, logger }));
}

/** A simulated autopilot with one log, and a folder beside it. */
async function simWithLog(): Promise<{ sim: Sim; home: string; card: string }> {
  const home = await temporaryFolder();
  cleanups.push(() => home.remove());
  const card = join(home.path, 'card');
  await mkdir(join(card, 'log'), { recursive: true });
  await writeFile(join(card, 'log', FILE.path), LOG);
  return { sim: await startedSim(card), home: home.path, card };
}

/** The device on a vehicle that is online. */
async function sourceAt(url: string, sim: Sim): Promise<Source> {
  const source = ended(await mavlinkSource({ url, root: '/log' }));
  await connected(source, sim);
  return source;
}

/** Reads the file, and calls `event` when a third has come. */
async function readWithEvent(source: Source, event: () => Promise<void>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let count = 0;
  let pending: typeof event | undefined = event;
  for await (const chunk of source.read(FILE, 0, never)) {
    chunks.push(chunk);
    count += chunk.length;
    if (count < FILE.size / 3 || !pending) continue;
    await pending();
    pending = undefined;
  }
  return Buffer.concat(chunks);
}

/** Every file operation once. */
async function useAll(source: Source): Promise<void> {
  const files = await listed(source);
  assert.deepEqual(
    files.map(({ path, size }) => ({ path, size })),
    [FILE],
  );
  assert.deepEqual(await collect(source.read(FILE, 0, never)), Buffer.from(LOG));
  assert.deepEqual(await source.checksum(FILE, never), checksumOf('crc32-mavlink', LOG));
}

/** A TCP server in front of a UDP vehicle, frame by frame, as mavlink-router is. */
class Relay {
  readonly sockets = new Set<Socket>();
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(vehicle: Sim, port = 0): Promise<Relay> {
    const server = createServer();
    const relay = new Relay(server);
    server.on('connection', socket => relay.#join(socket, vehicle.address.port));
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return relay;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  cut(): void {
    for (const socket of this.sockets) socket.resetAndDestroy();
  }

  async close(): Promise<void> {
    this.#server.close();
    this.cut();
    await once(this.#server, 'close');
  }

  #join(socket: Socket, port: number): void {
    const udp = createSocket('udp4');
    const decoder = new FrameDecoder();
    this.sockets.add(socket);
    udp.on('message', bytes => socket.write(bytes));
    socket.on('data', bytes => {
      for (const frame of decoder.push(bytes)) udp.send(encodeFrame(frame), port, '127.0.0.1');
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.sockets.delete(socket);
      udp.close();
    });
  }
}

describe('mavlink source over TCP', () => {
  afterEach(endAll);

  it('serves every operation', async () => {
    const { sim } = await simWithLog();
    const relay = ended(await Relay.start(sim));
    await useAll(await sourceAt(`tcp://127.0.0.1:${relay.port}`, sim));
  });

  it('connects again and resumes when the connection is cut in mid-file', async () => {
    const { sim } = await simWithLog();
    const relay = ended(await Relay.start(sim));
    const source = await sourceAt(`tcp://127.0.0.1:${relay.port}`, sim);
    assert.deepEqual(await readWithEvent(source, async () => relay.cut()), Buffer.from(LOG));
  });

  it('says that the connection is refused, and is online when a server listens', async () => {
    const { sim } = await simWithLog();
    const gone = await Relay.start(sim);
    const { port } = gone;
    await gone.close();
    const source = ended(await mavlinkSource({ url: `tcp://127.0.0.1:${port}`, root: '/log' }));
    const { available, reason } = await firstValueFrom(source.availability);
    assert.equal(available, false);
    assert.match(reason, /refuses connections/);
    ended(await Relay.start(sim, port));
    await connected(source, sim);
    await useAll(source);
  });
});

describe('mavlink source over a serial port', () => {
  afterEach(endAll);

  /** A pseudo terminal whose other end is the vehicle's UDP port. */
  const cable = async (sim: Sim, path: string): Promise<Daemon> => {
    const socat = await findProgram('socat', 'usr/bin/socat');
    const daemon = new Daemon(socat, [`PTY,link=${path},rawer`, `UDP4:127.0.0.1:${sim.address.port}`]);
    cleanups.push(() => daemon.kill());
    await eventually(async () => {
      assert.ok(!daemon.ended, daemon.said);
      return access(path).then(
        () => true,
        () => false,
      );
    });
    return daemon;
  };

  it('serves every operation', async () => {
    const { sim, home } = await simWithLog();
    const path = join(home, 'ttyACM0');
    await cable(sim, path);
    await useAll(await sourceAt(`serial://${path}:921600`, sim));
  });

  it('says that another program has the port, and that the cable is pulled', async () => {
    const { sim, home } = await simWithLog();
    const path = join(home, 'ttyACM0');
    const wire = await cable(sim, path);
    const source = await sourceAt(`serial://${path}:921600`, sim);
    const other = ended(await mavlinkSource({ url: `serial://${path}:921600` }));
    assert.match((await firstValueFrom(other.availability)).reason, /is in use by another program/);
    await other.close();
    const offline = firstValueFrom(source.availability.pipe(filter(({ available }) => !available)));
    await wire.kill();
    assert.match((await offline).reason, /serial port .*ttyACM0 (was disconnected|does not exist)/);
  });

  it('opens the port again and resumes when the cable is pulled in mid-file', async () => {
    const { sim, home } = await simWithLog();
    const path = join(home, 'ttyACM0');
    const wire = await cable(sim, path);
    const source = await sourceAt(`serial://${path}:921600`, sim);
    const bytes = await readWithEvent(source, async () => {
      wire.signal('SIGTERM');
      await eventually(async () => wire.ended);
      await cable(sim, path);
    });
    assert.deepEqual(bytes, Buffer.from(LOG));
  });
});

describe('mavlink source on a vehicle with troubles', () => {
  afterEach(endAll);

  it('requests no byte before the offset when it resumes', async () => {
    const bench = ended(await mavlinkBench());
    const { source, sim } = bench;
    await bench.put(FILE.path, LOG);
    await collect(source.read(FILE, 590_000, never));
    const traffic = sim.stats.files.get('/log/flight.ulg');
    assert.equal(traffic?.lowest, 590_000);
    assert.ok(traffic.bytes < 15_000, `${traffic.bytes} bytes for 10,000`);
  });

  it('resumes at the offset after the vehicle restarted in mid-file', async () => {
    const { sim, card } = await simWithLog();
    const { port } = sim.address;
    const source = await sourceAt(`udp://127.0.0.1:0@127.0.0.1:${port}`, sim);
    let second: Sim | undefined;
    const bytes = await readWithEvent(source, async () => {
      await sim.close();
      second = await startedSim(card, port);
    });
    assert.deepEqual(bytes, Buffer.from(LOG));
    const served = second?.stats.files.get('/log/flight.ulg');
    assert.ok(served && served.lowest > FILE.size / 3 - MAX_DATA, `asked again from ${served?.lowest}`);
  });

  it('survives sessions that expire whenever the reader is slow', async () => {
    const like = { ...PX4, sessions: { ...PX4.sessions, idle: 20 } };
    const bench = ended(await mavlinkBench({ like }));
    const bytes = LOG.subarray(0, 200_000);
    await bench.put(FILE.path, bytes);
    const chunks: Uint8Array[] = [];
    for await (const chunk of bench.source.read({ path: FILE.path, size: 200_000 }, 0, never)) {
      chunks.push(chunk);
      await systemClock.sleep(40);
    }
    assert.deepEqual(Buffer.concat(chunks), Buffer.from(bytes));
  });

  for (const like of ['px4', 'ardupilot'] as const) {
    it(`replaces a client that was killed with a file open (${like})`, async () => {
      const bench = ended(await mavlinkBench({ like }));
      const { source, sim } = bench;
      await bench.put(FILE.path, LOG);
      const release = sim.hold('/log/flight.ulg', 1_000);
      const killed = failsWith(() => collect(source.read(FILE, 0, never)), 'cancelled');
      await eventually(async () => (sim.stats.files.get('/log/flight.ulg')?.bytes ?? 0) >= 4 * MAX_DATA);
      await source.close();
      await killed;
      release();
      const next = await sourceAt(`udp://127.0.0.1:0@127.0.0.1:${sim.address.port}`, sim);
      assert.deepEqual(await collect(next.read(FILE, 0, never)), Buffer.from(LOG));
    });
  }

  it('reports when the vehicle is armed', async () => {
    const { source, sim } = ended(await mavlinkBench());
    const armed = firstValueFrom(source.availability.pipe(filter(state => state.armed)));
    sim.arm(true);
    assert.equal((await armed).available, true);
  });
});
