import { createHash } from 'node:crypto';
import { copyFile, mkdir, readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startFtpServer } from '../../src/demo/ftp-server.js';
import { startReceiver, type Receiver, type ReceiverOptions } from '../../src/demo/receiver.js';
import { startSim, type Sim, type SimOptions } from '../../src/sim/sim.js';
import { systemClock } from '../../src/system/clock.js';
import { RecordingLogger } from '../fakes/recording-logger.js';
import { Place } from './program.js';

/** A real flight log. */
export const FLIGHT = fileURLToPath(new URL('../data/flight-appended.ulg', import.meta.url));
export const FLIGHT_SIZE = 486_737;

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
export const hashOf = async (path: string): Promise<string> => sha256(await readFile(path));

export interface WorldOptions {
  readonly sim?: Partial<SimOptions>;
  readonly trouble?: NonNullable<ReceiverOptions['trouble']>;
  /** Paths below the autopilot's `/log` that get the flight log. */
  readonly logs?: readonly string[];
  readonly rule?: object;
}

/** A simulated autopilot with real flight logs, an FTP server and Flight Review, joined by a configuration. */
export interface World {
  readonly place: Place;
  readonly receiver: Receiver;
  readonly config: string;
  sim(): Sim;
  /** Ends the autopilot; the result starts one again at the same address. */
  killSim(): Promise<() => Promise<void>>;
  /** Names of all files on the FTP server, unfinished ones included. */
  onFtp(): Promise<string[]>;
  ftpPath(name: string): string;
}

export async function inWorld(options: WorldOptions, test: (world: World) => Promise<void>): Promise<void> {
  await Place.with(async place => test(await build(place, options)));
}

async function build(place: Place, options: WorldOptions): Promise<World> {
  await fillCard(place.path('card/log'), options.logs ?? ['sess001/log100.ulg']);
  const tools = { clock: systemClock, logger: new RecordingLogger() };
  const shape = { folder: place.path('card'), like: 'px4' as const, ...tools, ...options.sim };
  let sim = await startSim({ listen: { host: '127.0.0.1', port: 0 }, ...shape });
  const { address } = sim;
  place.use({ close: () => sim.close() });
  const ftp = place.use(
    await startFtpServer({ folder: place.path('ftp'), user: 'u', password: 'secret-word', signals: process }),
  );
  const trouble = options.trouble && { trouble: options.trouble };
  const receiver = place.use(await startReceiver({ folder: place.path('site'), ...trouble }));
  const config = await place.configure({
    local: './data',
    devices: {
      autopilot: { type: 'mavlink', url: `udp://127.0.0.1:0@127.0.0.1:${address.port}`, root: '/log' },
      archive: {
        type: 'ftp',
        host: '127.0.0.1',
        port: ftp.port,
        user: 'u',
        password: { env: 'ARCHIVE_PASSWORD' },
      },
      review: { type: 'flight-review', url: receiver.url },
    },
    rules: [{ from: 'autopilot', to: ['archive', 'review'], settle: 0, ...options.rule }],
  });
  return {
    place,
    receiver,
    config,
    sim: () => sim,
    killSim: async () => {
      await sim.close();
      return async () => void (sim = await startSim({ listen: address, ...shape }));
    },
    onFtp: async () => {
      const entries = await readdir(place.path('ftp'), { recursive: true, withFileTypes: true });
      return entries.filter(entry => entry.isFile()).map(entry => entry.name);
    },
    ftpPath: name => place.path('ftp/autopilot', name),
  };
}

async function fillCard(folder: string, logs: readonly string[]): Promise<void> {
  for (const log of logs) {
    await mkdir(dirname(join(folder, log)), { recursive: true });
    await copyFile(FLIGHT, join(folder, log));
  }
}

export const ENV = { ARCHIVE_PASSWORD: 'secret-word' };
