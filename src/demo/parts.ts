import { createHash } from 'node:crypto';
import type { EventEmitter } from 'node:events';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { stringify } from 'yaml';
import type { Clock, Logger } from '../ports.js';
import { startSim } from '../sim/sim.js';
import { startFtpServer } from './ftp-server.js';
import { startReceiver, type Receiver } from './receiver.js';

const USER = 'demo';
const PASSWORD = 'demo-password';

const BETWEEN_FLIGHTS_MS = 30 * 60_000;

/** A flight log as the autopilot holds it. */
export interface FlightLog {
  /** Below the autopilot's log folder. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** Hex. */
  readonly sha256: string;
}

/** SHA-256 of one flight log at each place, hex; undefined where it is missing. */
export interface Arrival {
  readonly local: string | undefined;
  readonly ftp: string | undefined;
  readonly website: string | undefined;
}

/** The servers and files of the demo, on loopback and in one temporary folder. */
export interface DemoParts {
  readonly logs: readonly FlightLog[];
  /** Absolute path of the configuration. */
  readonly configFile: string;
  /** The environment variables that the configuration names. */
  readonly env: Readonly<Record<string, string>>;
  /** One line a server. */
  readonly descriptions: readonly string[];
  arrival(log: FlightLog): Promise<Arrival>;
  /** Ends the servers and removes the folder; a second call does nothing. */
  close(): Promise<void>;
}

export interface DemoTools {
  readonly clock: Clock;
  readonly logger: Logger;
  /** See FtpServerOptions. */
  readonly signals: EventEmitter;
}

/** Starts the servers; the autopilot has the flight logs (`.ulg`) of the folder `logs`. `more`: other keys of the configuration. */
export async function startDemoParts(logs: string, tools: DemoTools, more: object = {}): Promise<DemoParts> {
  const { clock, logger, signals } = tools;
  const folder = await mkdtemp(join(tmpdir(), 'filesync-demo-'));
  const card = join(folder, 'card');
  const onCard = await fillCard(logs, join(card, 'log'), clock.now());
  const loopback = { host: '127.0.0.1', port: 0 };
  const autopilot = await startSim({ folder: card, listen: loopback, like: 'px4', clock, logger });
  const ftp = await startFtpServer({ folder: join(folder, 'ftp'), user: USER, password: PASSWORD, signals });
  const website = await startReceiver({ folder: join(folder, 'website') });
  const configFile = join(folder, 'filesync.yaml');
  await writeFile(configFile, configuration(autopilot.address.port, ftp.port, website.url, more));
  return {
    logs: onCard,
    configFile,
    env: { DEMO_PASSWORD: PASSWORD },
    descriptions: descriptionsOf(onCard.length, autopilot.address.port, ftp.port, website.url),
    arrival: log => arrivalOf(log, folder, website),
    close: async () => {
      await Promise.all([autopilot.close(), ftp.close(), website.close()]);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function descriptionsOf(logs: number, autopilot: number, ftp: number, website: string): string[] {
  return [
    `autopilot   simulated PX4 with ${logs} flight logs, MAVLink FTP at udp://127.0.0.1:${autopilot}`,
    `archive     FTP server at ftp://127.0.0.1:${ftp}`,
    `review      Flight Review's upload page at ${website}`,
  ];
}

/** Copies the logs into session folders, as PX4 writes them, as if each were of a flight of its own. */
async function fillCard(logs: string, folder: string, now: number): Promise<FlightLog[]> {
  const names = (await readdir(logs)).filter(name => name.endsWith('.ulg')).sort();
  return Promise.all(
    names.map(async (name, index) => {
      const path = join(`sess${String(index + 1).padStart(3, '0')}`, name);
      await mkdir(join(folder, path, '..'), { recursive: true });
      await copyFile(join(logs, name), join(folder, path));
      const ended = new Date(now - (names.length - index) * BETWEEN_FLIGHTS_MS);
      await utimes(join(folder, path), ended, ended);
      const { size } = await stat(join(folder, path));
      return { path, size, sha256: await hashOfFile(join(folder, path)) };
    }),
  );
}

function configuration(autopilot: number, ftp: number, website: string, more: object): string {
  return stringify({
    local: './data',
    devices: {
      autopilot: { type: 'mavlink', url: `udp://127.0.0.1:0@127.0.0.1:${autopilot}`, root: '/log' },
      archive: { type: 'ftp', host: '127.0.0.1', port: ftp, user: USER, password: { env: 'DEMO_PASSWORD' } },
      review: { type: 'flight-review', url: website },
    },
    rules: [
      {
        from: 'autopilot',
        to: ['archive', 'review'],
        include: ['**/*.ulg'],
        settle: '1s',
        description: '{file.name}',
      },
    ],
    interval: '1s',
    ...more,
  });
}

async function arrivalOf(log: FlightLog, folder: string, website: Receiver): Promise<Arrival> {
  const below = (place: string) =>
    hashOfFile(join(folder, place, 'autopilot', log.path)).catch(() => undefined);
  const uploaded = website.received.find(
    ({ name, sha256 }) => name === basename(log.path) && sha256 === log.sha256,
  );
  return { local: await below('data'), ftp: await below('ftp'), website: uploaded?.sha256 };
}

async function hashOfFile(path: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
}
