import {
  BehaviorSubject,
  defer,
  filter,
  groupBy,
  map,
  merge,
  mergeMap,
  repeat,
  Subscription,
  switchMap,
  type Observable,
} from 'rxjs';
import { toFileSyncError } from '../errors.js';
import { expired, isDelivered } from '../local/retention.js';
import type { LocalStorage } from '../local/storage.js';
import { FileState, type Clock, type FileRecord, type Logger, type Store } from '../ports.js';
import type { Planner } from '../rules/plan.js';
import type { WhileArmed } from '../rules/rule.js';
import { Cleaner } from './cleaner.js';
import { Courier } from './courier.js';
import { Downloader } from './downloader.js';
import { Finder, type Scan } from './finder.js';
import { REST } from './hints.js';
import { DeviceHub, UNKNOWN, type Device, type DeviceStatus } from './hub.js';
import { Ledger } from './ledger.js';
import { LocalNames } from './local-names.js';
import type { Progress } from './progress.js';
import { Queues, type Pending, type Workers } from './queues.js';
import { recovered, reconciled } from './record.js';
import type { RetryPolicy } from './retry-policy.js';
import { after } from './rx.js';
import { Streamer, type UseBoth } from './streamer.js';
import { Uploader } from './uploader.js';
import type { Wording } from './wording.js';

/** How often local copies are looked through for those that may go, ms. */
const RETENTION_INTERVAL = 60_000;

export interface EngineParts {
  readonly devices: readonly Device[];
  readonly store: Store;
  readonly local: LocalStorage;
  readonly planner: Planner;
  readonly wording: Wording;
  /** Without it, streams use both ends as they are. */
  readonly useBoth?: UseBoth;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: () => number;
  readonly policy: RetryPolicy;
  /** ms between two looks at a source. */
  readonly interval: number;
}

/** What one pass over everything came to. */
export interface PassReport {
  /** The last look at each source. */
  readonly scans: readonly Scan[];
  /** Records that every target has got in this pass. */
  readonly delivered: readonly FileRecord[];
  /** Records that are neither delivered nor gone, after the pass. */
  readonly unfinished: readonly FileRecord[];
}

/** The whole machine: Finder, Downloader, Uploader and Cleaner around one database. */
export class Engine {
  readonly progress: Observable<Progress>;
  /** All devices' states, at once and whenever one changes. */
  readonly devices: Observable<DeviceStatus[]>;
  readonly #parts: EngineParts;
  /** How many looks, downloads and uploads are queued, running or waiting for another try. */
  readonly pending: Observable<Pending>;
  readonly #paused = new BehaviorSubject(false);
  readonly #whileArmed = new BehaviorSubject<WhileArmed | undefined>(undefined);
  readonly #interval: BehaviorSubject<number>;
  readonly #hub: DeviceHub;
  readonly #ledger: Ledger;
  readonly #workers: Workers;
  readonly #queues: Queues;
  readonly #running = new Subscription();

  constructor(parts: EngineParts) {
    this.#parts = parts;
    this.#interval = new BehaviorSubject(parts.interval);
    this.#hub = new DeviceHub(parts.devices, parts.clock, this.#paused, this.#whileArmed);
    this.#ledger = new Ledger(parts.store, parts.clock);
    const courier = makeCourier(parts, this.#ledger);
    this.#workers = makeWorkers(parts, this.#hub, this.#ledger, courier);
    this.#queues = new Queues(parts.store, this.#hub, parts.planner, this.#workers, parts);
    this.progress = merge(this.#workers.downloader.progress, courier.progress);
    this.devices = this.#hub.status();
    this.pending = this.#queues.pending();
  }

  /** Works until stopped. */
  async start(): Promise<void> {
    await this.#begin();
    this.#running.add(this.#lookAgain().subscribe(device => this.#queues.look(device)));
    this.#running.add(this.#hub.hints().subscribe(device => this.#queues.look(device)));
    this.#running.add(this.#hub.landings().subscribe(device => this.#lookFully(device)));
    this.#running.add(this.#tidyNowAndThen().subscribe());
    this.rescan();
  }

  /** Finds, fetches and delivers what there is now; resolves when all of it has been tried. */
  async pass(): Promise<PassReport> {
    const scans = new Map<string, Scan>();
    const delivered = new Map<string, FileRecord>();
    this.#running.add(this.#workers.finder.scans.subscribe(scan => scans.set(scan.device, scan)));
    await this.#begin();
    this.#running.add(this.#deliveries().subscribe(record => delivered.set(record.id, record)));
    this.rescan();
    await this.#queues.looked();
    await this.#lookAtGrowing([...scans.values()]);
    await this.#queues.idle();
    await this.#tidy();
    const unfinished = [...this.#parts.store.all()].filter(isUnfinished);
    return { scans: [...scans.values()], delivered: [...delivered.values()], unfinished };
  }

  /** Looks at everything on every source at once. */
  rescan(): void {
    for (const device of this.#hub.sourceNames()) this.#lookFully(device);
  }

  /** Stops or resumes all work; what is under way is cut off and taken up again where it was. */
  pause(on: boolean): void {
    this.#paused.next(on);
  }

  /** Whether a rule delivers to that device. */
  isTarget(device: string): boolean {
    return this.#hub.target(device) !== undefined;
  }

  get paused(): boolean {
    return this.#paused.value;
  }

  setInterval(ms: number): void {
    this.#interval.next(ms);
  }

  /** What may be done while a vehicle is armed, whatever the rules say; without a mode they decide again. */
  setWhileArmed(mode: WhileArmed | undefined): void {
    this.#whileArmed.next(mode);
  }

  /** Ends all work cleanly, closes the devices and the database. */
  async stop(): Promise<void> {
    this.#running.unsubscribe();
    await this.#queues.stop();
    await this.#hub.close();
    await this.#parts.store.close();
  }

  #lookFully(device: string): void {
    this.#workers.finder.distrust(device);
    this.#queues.look(device);
  }

  async #begin(): Promise<void> {
    await this.#recover();
    this.#running.add(this.#doubts().subscribe(device => this.#workers.finder.distrust(device)));
    this.#running.add(this.devices.subscribe(this.#tellChanges()));
    this.#running.add(this.#queues.feed());
  }

  /** Puts at rest what a process that died left in motion, and gives unfinished files the targets of today's rules. */
  async #recover(): Promise<void> {
    const { store, planner } = this.#parts;
    const changes = [...store.all()].flatMap(record => {
      const now = reconciled(recovered(record), planner.plan(record.device, record.path));
      return now === record ? [] : [store.put(now)];
    });
    await Promise.all(changes);
  }

  /** A device that was away may hold another card; a file that was forgotten is to be found anew. */
  #doubts(): Observable<string> {
    const forgotten = this.#parts.store.changes.pipe(
      mergeMap(({ record, previous }) => (record || !previous ? [] : [previous.device])),
    );
    return merge(this.#hub.departures(), forgotten);
  }

  /** Each file whose last target has just got it. */
  #deliveries(): Observable<FileRecord> {
    return this.#parts.store.changes.pipe(
      filter(
        ({ record, previous }) =>
          record?.state === FileState.UPLOADED && previous?.state !== FileState.UPLOADED,
      ),
      map(({ record }) => record as FileRecord),
    );
  }

  /** After each look at a device, the next one an interval later; a look in between starts the wait anew. */
  #lookAgain(): Observable<string> {
    const wait = (scan: Scan) =>
      this.#interval.pipe(switchMap(ms => after(this.#parts.clock, Math.min(ms, this.#growthIn(scan)))));
    return this.#workers.finder.scans.pipe(
      groupBy(scan => scan.device),
      mergeMap(scans => scans.pipe(switchMap(scan => wait(scan).pipe(map(() => scans.key))))),
    );
  }

  /** ms until a look at what grew is due before its turn: a source that gives hints gives none when a file has settled. */
  #growthIn({ device, growing, settledIn }: Scan): number {
    const isHinted = this.#hub.source(device)?.changes !== undefined;
    return isHinted && growing.length > 0 ? Math.max(settledIn, REST) : Infinity;
  }

  /** One look tells nothing of growth: a second one, when the first files can have settled, does. */
  async #lookAtGrowing(scans: readonly Scan[]): Promise<void> {
    const growing = scans.filter(scan => scan.growing.length > 0);
    if (growing.length === 0) return;
    await this.#parts.clock.sleep(Math.max(...growing.map(scan => scan.settledIn)));
    for (const scan of growing) this.#queues.look(scan.device);
    await this.#queues.looked();
  }

  #tidyNowAndThen(): Observable<void> {
    return defer(() => after(this.#parts.clock, RETENTION_INTERVAL)).pipe(
      mergeMap(() => this.#tidy()),
      repeat(),
    );
  }

  /** Never rejects: a copy that cannot go now may go the next time, and keeps no other one. */
  async #tidy(): Promise<void> {
    const { store, planner, clock, logger } = this.#parts;
    const retentionOf = (record: FileRecord) =>
      planner.plan(record.device, record.path)?.after.local ?? { kind: 'keep' };
    const stay: string[] = [];
    for (const { id } of expired(store.all(), retentionOf, clock.now())) {
      if (this.#running.closed) return;
      await this.#removeCopy(id).catch((error: unknown) => stay.push(toFileSyncError(error).message));
    }
    if (stay.length > 0) logger.log('warn', `${stay.length} local copies cannot be removed: ${stay[0]}`);
  }

  async #removeCopy(id: string): Promise<void> {
    const { local, logger } = this.#parts;
    const record = await this.#ledger.confirmed(id);
    if (!record || !isDelivered(record)) return;
    await local.remove(record.local);
    await this.#ledger.update(id, now => ({ ...now, kept: false }));
    logger.log('info', `${record.device}:${record.path}: local copy removed, as its rule says`);
  }

  #tellChanges(): (devices: DeviceStatus[]) => void {
    const told = new Map<string, boolean>();
    return devices => {
      for (const { name, available, reason } of devices) {
        if (told.get(name) === available || reason === UNKNOWN.reason) continue;
        told.set(name, available);
        this.#parts.logger.log('info', `${name}: ${available ? 'available' : 'away'}: ${reason}`);
      }
    };
  }
}

/** Neither delivered nor gone. */
export function isUnfinished({ state }: FileRecord): boolean {
  return state !== FileState.UPLOADED && state !== FileState.REMOVED && state !== FileState.VANISHED;
}

function makeWorkers(parts: EngineParts, hub: DeviceHub, ledger: Ledger, courier: Courier): Workers {
  const { planner, wording, useBoth = asTheyAre } = parts;
  const planFor = ({ device, path }: FileRecord) => planner.plan(device, path);
  const modeOf = (record: FileRecord) => planFor(record)?.whileArmed ?? 'upload-only';
  const laneOf = (record: FileRecord) => hub.sourceLane(record.device, modeOf(record));
  const finder = makeFinder(parts, hub, ledger);
  const distrust = (device: string) => finder.distrust(device);
  const tools = { ...parts, hub, ledger, courier, laneOf, distrust };
  return {
    finder,
    downloader: new Downloader(tools),
    uploader: new Uploader({
      ...tools,
      laneOf: (record, target) => hub.targetLane(target, record.device, modeOf(record)),
      outgoing: record => wording.outgoing(record),
    }),
    streamer: new Streamer({
      ...{ ...tools, useBoth },
      laneOf: (record, target) => hub.streamLane(record.device, target, modeOf(record)),
      about: record => wording.about(record),
    }),
    cleaner: new Cleaner({ ...tools, planFor }),
  };
}

const asTheyAre: UseBoth = (source, target, _signal, work) => work(source, target);

function makeCourier({ wording, logger }: EngineParts, ledger: Ledger): Courier {
  return new Courier({ ledger, logger, pathOn: (record, target) => wording.pathOn(record, target) });
}

function makeFinder(parts: EngineParts, hub: DeviceHub, ledger: Ledger): Finder {
  const { planner, wording } = parts;
  const names = new LocalNames(parts.store);
  return new Finder({
    ...parts,
    hub,
    ledger,
    laneOf: device => hub.sourceLane(device, planner.mildest(device)),
    planFor: (device, path) => planner.plan(device, path),
    localName: (device, path, id) => names.choose(device, path, id),
    describe: (device, file, plan, foundAt) => wording.describe(device, file, plan, foundAt),
  });
}
