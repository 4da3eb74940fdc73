import { posix } from 'node:path';
import type { Observable } from 'rxjs';
import { FileSyncError } from '../errors.js';
import type { Availability, ByteStream, Clock } from '../ports.js';
import { withinTime } from '../system/deadline.js';
import type { FolderListing, ListingScope, RemoteEntry } from './listing.js';
import { LogClient, type Log } from './log-client.js';
import type { OpenRemoteFile, RemoteFiles } from './remote-source.js';
import type { Vehicle } from './vehicle.js';

export interface LogFilesOptions {
  readonly vehicle: Vehicle;
  readonly clock: Clock;
}

/** ms after which the logs must be gone after LOG_ERASE: a flash chip needs that long. */
const ERASE_TIMEOUT_MS = 60_000;
const ERASE_CHECK_INTERVAL_MS = 2_000;
/** ms that the log protocol has to answer before it counts as missing. */
const PROBE_TIMEOUT_MS = 4_000;

/** The logs of a vehicle over MAVLink's log protocol, as files of one folder. Their names come from time or number. */
export class LogFiles implements RemoteFiles {
  readonly availability: Observable<Availability>;
  readonly #vehicle: Vehicle;
  readonly #clock: Clock;
  readonly #client: LogClient;
  /** By name, as last listed. */
  #logs = new Map<string, Log>();
  /** Logs that may be erased, by name: they go together, or not at all. */
  readonly #released = new Map<string, Log>();

  constructor({ vehicle, clock }: LogFilesOptions) {
    this.#vehicle = vehicle;
    this.#clock = clock;
    this.#client = new LogClient(vehicle, clock);
    this.availability = vehicle.availability;
  }

  get autopilot(): string | undefined {
    return this.#vehicle.autopilot;
  }

  ready(signal: AbortSignal): Promise<void> {
    return this.#vehicle.ready(signal);
  }

  /** Whether the vehicle answers the log protocol, and has logs. */
  async hasLogs(signal: AbortSignal): Promise<boolean> {
    const probe = { ms: PROBE_TIMEOUT_MS, clock: this.#clock, signal };
    const logs = await withinTime(over => this.#client.list(over), probe).catch(() => undefined);
    return logs !== undefined && logs.length > 0;
  }

  /** The same for every folder: the protocol knows none. */
  async list(_folder: string, _scope: ListingScope, signal: AbortSignal): Promise<FolderListing> {
    const logs = await this.#listed(signal);
    const entries = [...logs].map(([name, { size, time }]): RemoteEntry => ({
      kind: 'file',
      name,
      size,
      ...(time > 0 && { modified: time * 1000 }),
    }));
    return { entries };
  }

  async open(path: string, signal: AbortSignal): Promise<OpenRemoteFile> {
    const name = posix.basename(path);
    const log = (await this.#listed(signal)).get(name);
    if (!log) throw new FileSyncError('not-found', `${name} is not on the vehicle any more`, { path });
    return {
      size: log.size,
      read: (offset, asked) => this.#read(log, offset, asked),
      close: async () => this.#client.end(),
    };
  }

  checksum(): Promise<number> {
    return Promise.reject(new FileSyncError('unsupported', 'the log protocol has no checksums'));
  }

  /** Erases all logs as soon as every one of them may go, and is as it was then. */
  async remove(path: string, signal: AbortSignal): Promise<void> {
    const name = posix.basename(path);
    const logs = await this.#listed(signal);
    const log = logs.get(name);
    if (!log) return;
    this.#released.set(name, log);
    const kept = [...logs].filter(([other, now]) => !isSame(this.#released.get(other), now));
    if (kept.length > 0) {
      const message = `${name} stays until all logs may go, since the log protocol erases all of them together: ${kept.length} may not yet`;
      throw new FileSyncError('busy', message, { path });
    }
    await this.#erase(signal);
  }

  close(): Promise<void> {
    return this.#vehicle.close();
  }

  async *#read(log: Log, offset: number, signal: AbortSignal): ByteStream {
    for (let at = offset; at < log.size;) {
      const chunk = await this.#client.read(log, at, signal);
      at += chunk.length;
      yield chunk;
    }
  }

  async #listed(signal: AbortSignal): Promise<Map<string, Log>> {
    const extension = this.autopilot === 'ArduPilot' ? 'bin' : 'ulg';
    this.#logs = namedLogs(await this.#client.list(signal), extension);
    for (const [name, log] of this.#released)
      if (!isSame(this.#logs.get(name), log)) this.#released.delete(name);
    return this.#logs;
  }

  async #erase(signal: AbortSignal): Promise<void> {
    const begun = this.#clock.monotonic();
    this.#client.erase();
    while ((await this.#listed(signal)).size > 0) {
      if (this.#clock.monotonic() - begun > ERASE_TIMEOUT_MS)
        throw new FileSyncError('timeout', 'the vehicle did not erase its logs: erase them there');
      await this.#clock.sleep(ERASE_CHECK_INTERVAL_MS, signal);
    }
  }
}

const isSame = (one: Log | undefined, other: Log): boolean =>
  one?.id === other.id && one.size === other.size && one.time === other.time;

/** Numbers may begin again or shift when a log is deleted: the time is the better name, where there is one. */
function namedLogs(logs: readonly Log[], extension: string): Map<string, Log> {
  const named = new Map<string, Log>();
  for (const log of logs) {
    const number = `log${String(log.id).padStart(3, '0')}`;
    const time = new Date(log.time * 1000).toISOString().slice(0, 19).replaceAll(':', '-');
    const name = log.time > 0 ? time : number;
    named.set(`${named.has(`${name}.${extension}`) ? `${name}_${number}` : name}.${extension}`, log);
  }
  return named;
}
