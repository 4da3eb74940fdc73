import { createHash } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { stringify } from 'yaml';
import { startFtpServer, type FtpServer } from '../../src/demo/ftp-server.js';
import { startReceiver, type Receiver } from '../../src/demo/receiver.js';
import type { Clock } from '../../src/ports.js';
import { startSim, type Sim } from '../../src/sim/sim.js';
import { RecordingLogger } from '../fakes/recording-logger.js';
import type { Random } from '../unit/db/crash-disk.js';

const LOGIN = { user: 'soak', password: 'soak-password' };
/** Loss of a link, from and to. */
const LOSS = [0.02, 0.2] as const;
/** Bytes that take many requests at once, and repeated ones where the link loses them. */
const LONG_FLIGHT_BYTES = 150_000;

/** A file that was put on a source. */
export interface Made {
  readonly source: 'vehicle' | 'camera';
  /** Below the source's root. */
  readonly path: string;
  readonly size: number;
  /** Hex. */
  readonly sha256: string;
}

/** Sources, targets and all files that ever came, below one folder. */
export class World {
  readonly folder: string;
  readonly made: Made[] = [];
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #ports: { vehicle: number; ftp: number; site: number } = { vehicle: 0, ftp: 0, site: 0 };
  /** Names and hashes of what the sites, of which there is one after the other, have received. */
  readonly #uploads: { readonly name: string; readonly sha256: string }[] = [];
  #vehicle: Sim | undefined;
  #ftp: FtpServer | undefined;
  #site: Receiver | undefined;

  private constructor(folder: string, clock: Clock, random: Random) {
    this.folder = folder;
    this.#clock = clock;
    this.#random = random;
  }

  /** @param parent the folder in which the world's own folder is made */
  static async make(parent: string, clock: Clock, random: Random): Promise<World> {
    const world = new World(await mkdtemp(join(parent, 'filesync-soak-')), clock, random);
    for (const name of ['camera', 'folder', 'card/log']) await mkdir(world.in(name), { recursive: true });
    await world.restore();
    return world;
  }

  in(...path: string[]): string {
    return join(this.folder, ...path);
  }

  /** A whole number from 0 up to the limit. */
  below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }

  oneOf<Value>(...values: readonly [Value, ...Value[]]): Value {
    return values[this.below(values.length)] ?? values[0];
  }

  /** Everything is there, and the vehicle disarmed. */
  async restore(): Promise<void> {
    if (!this.#vehicle) await this.vehicleComes();
    this.#vehicle?.arm(false);
    if (!this.#ftp) await this.#startFtp();
    if (!this.#site) await this.#startSite();
  }

  async vehicleComes(): Promise<void> {
    const loss = LOSS[0] + this.#random() * (LOSS[1] - LOSS[0]);
    const link = {
      loss,
      delay: this.oneOf(2, 20, 60),
      reorder: this.oneOf(0, 0.02),
      dup: this.oneOf(0, 0.01),
    };
    const options = { ...link, seed: this.below(1e6), like: this.oneOf('px4', 'ardupilot') } as const;
    const listen = { host: '127.0.0.1', port: this.#ports.vehicle };
    const logger = new RecordingLogger();
    this.#vehicle = await startSim({
      ...options,
      folder: this.in('card'),
      listen,
      clock: this.#clock,
      logger,
    });
    this.#ports.vehicle = this.#vehicle.address.port;
  }

  async vehicleGoes(): Promise<void> {
    const vehicle = this.#vehicle;
    this.#vehicle = undefined;
    await vehicle?.close();
  }

  arm(): void {
    this.#vehicle?.toggleArmed();
  }

  async ftpRestarts(): Promise<void> {
    await this.#ftp?.close();
    await this.#startFtp();
  }

  async siteRestarts(): Promise<void> {
    await this.#endSite();
    await this.#startSite();
  }

  /** Flights of a few hundred bytes to some hundred KB. */
  async flights(count: number): Promise<void> {
    for (let index = 0; index < count; index++) {
      const size = this.oneOf(0, 1, 239, 240, 2_000, 20_000, this.below(60_000), this.below(200_000));
      await this.#add('vehicle', `card/log/2026-11-${10 + this.below(20)}`, 'ulg', size);
    }
  }

  /** On which timers of a transfer may be left behind. */
  async longFlights(count: number): Promise<void> {
    for (let index = 0; index < count; index++)
      await this.#add('vehicle', 'card/log/2026-11-09', 'ulg', LONG_FLIGHT_BYTES);
  }

  /** Pictures of nothing to 2 MB, most of them small. */
  async pictures(count: number): Promise<void> {
    for (let index = 0; index < count; index++) {
      const size = this.oneOf(0, 1, 4_096, 65_537, this.below(3_000), this.below(3_000), this.below(200_000));
      const isLarge = this.below(100) === 0;
      await this.#add('camera', `camera/${this.below(30)}MEDIA`, 'jpg', isLarge ? 2_000_000 : size);
    }
  }

  /** Another one each time: what the rules want changes with it. */
  async writeConfiguration(): Promise<string> {
    const { vehicle, ftp, site } = this.#ports;
    const file = this.in('filesync.yaml');
    const local = (): string => this.oneOf('keep', 'delete', '1MB', '1m');
    const common = { settle: this.oneOf('0s', '1s') };
    const rules = [
      {
        ...{ from: 'vehicle', to: ['folder', 'ftp'], path: '{file.path}', ...common },
        ...{ order: this.oneOf('newest', 'oldest', 'smallest'), via: this.oneOf('local', 'local', 'stream') },
        ...{ while_armed: this.oneOf('upload-only', 'pause', 'continue') },
        after: { source: 'keep', local: local() },
      },
      {
        ...{ from: 'camera', to: ['folder', 'site'], path: '{file.path}', ...common, delete_after: '0s' },
        after: { source: 'delete', local: local() },
      },
    ];
    const devices = {
      vehicle: { type: 'mavlink', url: `udp://127.0.0.1:0@127.0.0.1:${vehicle}`, root: '/log' },
      camera: { type: 'directory', path: './camera' },
      folder: { type: 'directory', path: './folder' },
      ftp: { type: 'ftp', host: '127.0.0.1', port: ftp, ...LOGIN, tls: false, root: '/' },
      site: { type: 'http', url: `http://127.0.0.1:${site}/plain`, on_lost_answer: 'resend' },
    };
    const top = { local: './data', interval: '2s', keep_records: this.oneOf('1m', '1y'), min_free: '1MB' };
    await writeFile(file, stringify({ ...top, description_file: './coex.conf', devices, rules }));
    return file;
  }

  /** What is not as it must be once all is delivered, a sentence each. */
  async problems(): Promise<string[]> {
    const [folder, ftp, camera] = await Promise.all(
      ['folder', 'ftp', 'camera'].map(name => this.#hashes(name)),
    );
    const uploaded = new Set(
      [...this.#uploads, ...(this.#site?.received ?? [])].map(({ name, sha256 }) => `${name} ${sha256}`),
    );
    const problems: string[] = [];
    for (const { source, path, sha256 } of this.made) {
      const places = { folder: folder?.get(path), ...(source === 'vehicle' && { ftp: ftp?.get(path) }) };
      for (const [place, found] of Object.entries(places))
        if (found !== sha256)
          problems.push(`${path} is ${found === undefined ? 'missing' : 'corrupt'} in ${place}`);
      if (source === 'camera' && !uploaded.has(`${path.split('/').at(-1) ?? ''} ${sha256}`))
        problems.push(`${path} is missing at site`);
      if (camera?.has(path)) problems.push(`${path} is still on the camera`);
    }
    const paths = { folder: new Set(this.made.map(({ path }) => path)), ftp: this.#pathsOf('vehicle') };
    for (const path of folder?.keys() ?? [])
      if (!paths.folder.has(path)) problems.push(`folder has ${path} as well`);
    for (const path of ftp?.keys() ?? []) if (!paths.ftp.has(path)) problems.push(`ftp has ${path} as well`);
    return problems;
  }

  /** Sources that hold something else than what was put there, and local copies that are not what they should be. */
  async damages(): Promise<string[]> {
    const [card, vehicle, camera] = await Promise.all(
      ['card/log', 'data/vehicle', 'data/camera'].map(name => this.#hashes(name)),
    );
    const damages: string[] = [];
    for (const { source, path, sha256 } of this.made) {
      if (source === 'vehicle' && card?.get(path) !== sha256)
        damages.push(`${path} is damaged on the vehicle`);
      const copy = (source === 'vehicle' ? vehicle : camera)?.get(path);
      if (copy !== undefined && copy !== sha256) damages.push(`the local copy of ${path} is corrupt`);
    }
    for (const path of [...(vehicle?.keys() ?? []), ...(camera?.keys() ?? [])])
      if (/\.(part|corrupt\d*)$/.test(path)) damages.push(`local storage has ${path}`);
    return damages;
  }

  async close(): Promise<void> {
    await Promise.all([this.vehicleGoes(), this.#ftp?.close(), this.#endSite()]);
    await rm(this.folder, { recursive: true, force: true });
  }

  #pathsOf(source: Made['source']): Set<string> {
    return new Set(this.made.filter(one => one.source === source).map(({ path }) => path));
  }

  async #startFtp(): Promise<void> {
    const options = { ...LOGIN, folder: this.in('ftp'), port: this.#ports.ftp, signals: new EventEmitter() };
    this.#ftp = await startFtpServer({ ...options, signals: process });
    this.#ports.ftp = this.#ftp.port;
  }

  async #startSite(): Promise<void> {
    this.#site = await startReceiver({ folder: this.in('site'), port: this.#ports.site });
    this.#ports.site = Number(new URL(this.#site.url).port);
  }

  async #endSite(): Promise<void> {
    const site = this.#site;
    this.#site = undefined;
    await site?.close();
    this.#uploads.push(...(site?.received ?? []).map(({ name, sha256 }) => ({ name, sha256 })));
  }

  /** The file gets its name when it is whole: nobody writes into a file that a source lists. */
  async #add(source: Made['source'], folder: string, extension: string, size: number): Promise<void> {
    const name = `${source}_${String(this.made.length).padStart(6, '0')}.${extension}`;
    const bytes = Buffer.alloc(
      size,
      createHash('sha256').update(name).update(String(this.#random())).digest(),
    );
    const path = this.in(folder, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(`${path}.part`, bytes);
    await rename(`${path}.part`, path);
    const root = this.in(source === 'vehicle' ? 'card/log' : 'camera');
    this.made.push({ source, path: relative(root, path), size, sha256: hashOf(bytes) });
  }

  /** Hashes of all files below, by their paths; empty if there is no folder. */
  async #hashes(name: string): Promise<Map<string, string>> {
    const root = this.in(name);
    const entries = await readdir(root, { recursive: true, withFileTypes: true }).catch(() => []);
    const hashes = new Map<string, string>();
    for (const entry of entries.filter(one => one.isFile())) {
      const path = join(entry.parentPath, entry.name);
      hashes.set(relative(root, path), await readFile(path).then(hashOf, () => 'gone'));
    }
    return hashes;
  }
}

const hashOf = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
