import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { compose } from '../../../src/compose.js';
import { loadConfig } from '../../../src/config/load.js';
import { deviceTypes } from '../../../src/devices/registry.js';
import type { Engine } from '../../../src/engine/engine.js';
import { daemonPolicy } from '../../../src/system/back-off.js';
import { eventually } from '../../conformance/support.js';
import { temporaryFolder } from '../../conformance/temp-folder.js';
import { RecordingLogger } from '../../fakes/recording-logger.js';
import { VirtualClock } from '../../fakes/virtual-clock.js';

const VEHICLES = 50;
const FILES = 50;
const SPREAD_MS = 5_000;

type Answer = (vehicle: string) => { status: number; headers?: Record<string, string> };

/** One server for all vehicles, which counts the uploads of each. */
async function startServer(answer: Answer) {
  const uploads = new Map<string, number>();
  const server = createServer((request, response) => {
    const vehicle = request.url?.slice(1) ?? '';
    request.resume().on('end', () => {
      uploads.set(vehicle, (uploads.get(vehicle) ?? 0) + 1);
      const { status, headers } = answer(vehicle);
      response.writeHead(status, headers).end('said');
    });
  });
  let connections = 0;
  server.on('connection', () => connections++);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    uploads,
    connections: () => connections,
    close: async () => {
      server.closeAllConnections();
      await new Promise(resolve => server.close(resolve));
    },
  };
}

interface Fleet {
  readonly port: number;
  readonly folder: string;
  readonly clock: VirtualClock;
}

/** The daemon's engine as its configuration makes it, on a clock that the test moves. */
async function startVehicle(
  name: string,
  { port, folder, clock }: Fleet,
  files: number,
  random: () => number,
) {
  const home = join(folder, name);
  await mkdir(join(home, 'inbox'), { recursive: true });
  for (let index = 0; index < files; index++) await writeFile(join(home, 'inbox', `${index}.bin`), name);
  const url = `http://127.0.0.1:${port}/${name}`;
  const file = join(home, 'filesync.yaml');
  const config = {
    ...{ local: './data', database: './data/filesync.json', min_free: 0, interval: '1h' },
    devices: {
      inbox: { type: 'directory', path: './inbox' },
      site: { type: 'http', url, connections: 1, spread: `${SPREAD_MS}ms` },
    },
    rules: [{ from: 'inbox', to: ['site'], settle: 0 }],
  };
  await writeFile(file, stringify(config));
  const services = { clock, random, logger: new RecordingLogger(), env: {}, hostname: name };
  const loaded = await loadConfig(file, { env: {}, deviceTypes });
  const { engine } = await compose(loaded, services, daemonPolicy);
  await engine.start();
  return engine;
}

async function withFleet(answer: Answer, test: (fleet: Fleet, server: Server) => Promise<readonly Engine[]>) {
  const folder = await temporaryFolder();
  const server = await startServer(answer);
  try {
    const fleet = { port: server.port, folder: folder.path, clock: new VirtualClock() };
    const engines = await test(fleet, server);
    await Promise.all(engines.map(engine => engine.stop()));
  } finally {
    await server.close();
    await folder.remove();
  }
}

type Server = Awaited<ReturnType<typeof startServer>>;

/** Waits in real time, moving the engines' clock on by a moment each time, so that their small sleeps end. */
const settled = (clock: VirtualClock, condition: () => boolean) =>
  eventually(async () => {
    await clock.advance(1);
    return condition();
  });

/** How many files wait because of their target, for its pause or their own. */
function waiting(engine: Engine): number {
  const codes = [...engine.records.all()].map(record => engine.waits(record)[0]?.code);
  return codes.filter(code => code === 'slow_down' || code === 'back_off').length;
}

describe('a herd of vehicles', function () {
  this.timeout(120_000);

  it(`of ${VEHICLES} that start together contacts its server one after the other`, () =>
    withFleet(
      () => ({ status: 200 }),
      async (fleet, server) => {
        const { clock } = fleet;
        const name = (index: number) => `v${index}`;
        const starting = Array.from({ length: VEHICLES }, (_, index) =>
          startVehicle(name(index), fleet, 1, () => index / VEHICLES),
        );
        const engines = await Promise.all(starting);
        const copied = (engine: Engine) =>
          [...engine.records.all()].some(({ sha256 }) => sha256 !== undefined);
        await settled(clock, () => engines.every(copied));
        assert.ok(clock.monotonic() < SPREAD_MS, 'the copies took no time of the clock');
        const begun = clock.monotonic();
        for (let ms = begun; ms < SPREAD_MS + begun; ms += SPREAD_MS / 10) {
          const due = Array.from({ length: VEHICLES }, (_, index) => index).filter(
            index => (index / VEHICLES) * SPREAD_MS <= clock.monotonic(),
          );
          await settled(clock, () => due.every(index => server.uploads.has(name(index))));
          const late = (clock.monotonic() / SPREAD_MS) * VEHICLES;
          for (const vehicle of server.uploads.keys())
            assert.ok(Number(vehicle.slice(1)) <= late, `${vehicle} has begun too early`);
          await clock.advance(SPREAD_MS / 10);
        }
        await settled(clock, () => server.uploads.size === VEHICLES);
        assert.deepEqual(
          [...server.uploads.values()],
          Array.from({ length: VEHICLES }, () => 1),
        );
        return engines;
      },
    ));

  it(`a server that asks one of ${FILES} files to wait is not asked for the others`, () => {
    let refusing = true;
    const answer = () => (refusing ? { status: 503, headers: { 'retry-after': '60' } } : { status: 200 });
    return withFleet(answer, async (fleet, server) => {
      const { clock } = fleet;
      const engine = await startVehicle('v', fleet, FILES, () => 0);
      const uploads = () => server.uploads.get('v') ?? 0;
      await settled(clock, () => uploads() === 1);
      await settled(clock, () => waiting(engine) === FILES);
      const connections = server.connections();
      await clock.advance(50_000);
      // A request of our own comes after all that were sent before it.
      await fetch(`http://127.0.0.1:${server.port}/fence`);
      assert.deepEqual([uploads(), server.connections()], [1, connections + 1], 'not even a probe');
      refusing = false;
      await clock.advance(10_000);
      await settled(clock, () => uploads() === FILES + 1);
      return [engine];
    });
  });

  it('a person who asks for a file does not wait: for the pause, nor for the start', () => {
    let refusing = true;
    const answer = () => (refusing ? { status: 503, headers: { 'retry-after': '3600' } } : { status: 200 });
    return withFleet(answer, async (fleet, server) => {
      const { clock } = fleet;
      const engine = await startVehicle('v', fleet, 3, () => 0.99);
      const records = () => [...engine.records.all()];
      await settled(
        clock,
        () => records().length === 3 && records().every(({ sha256 }) => sha256 !== undefined),
      );
      assert.equal(server.connections(), 0, 'its start is put off');
      const ask = (index: number) =>
        engine.records.apply(records()[index]?.id ?? '', { type: 'Prioritised', first: 1 + index });
      ask(0);
      await settled(clock, () => server.uploads.get('v') === 1 && waiting(engine) === 3);
      refusing = false;
      ask(1);
      await settled(clock, () => server.uploads.get('v') === 3);
      assert.ok(clock.monotonic() < 3_600_000);
      return [engine];
    });
  });
});
