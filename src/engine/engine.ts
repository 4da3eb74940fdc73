import { BehaviorSubject, defer, groupBy, map, merge, mergeMap, repeat, Subscription, switchMap } from 'rxjs';
import type { Observable } from 'rxjs';
import { LocalCopyCheck } from '../local/local-copy-check.js';
import type { Change, FileRecord, Moment } from '../ports.js';
import { removalWaitOf, settlingOf, type Progress, type RunningTransfer } from '../record/progress.js';
import type { StepWait } from '../record/wait.js';
import type { WhileArmed } from '../rules/rule.js';
import { ageOf, momentOf } from '../system/moment.js';
import { after, HINT_REST_MS } from '../system/rx.js';
import { Cleaner } from './cleaner.js';
import { DeviceRegistry, type Device, type DeviceStatus } from './devices.js';
import { Downloader } from './downloader.js';
import { Finder } from './finder.js';
import type { Pending } from './backlog.js';
import { Queues } from './queues.js';
import { plannedEvent } from '../record/planned.js';
import { Records } from '../record/records.js';
import type { PassReport, Scan, ScanFailure } from '../record/scan.js';
import { isOver, Times } from '../record/times.js';
import { followsRules, hasLocalCopy, isUnfinished, openTargets } from '../record/state.js';
import { scanStep, stepsFor, waitOf, type World } from './steps.js';
import type { EngineParts } from './parts.js';
import { Streamer } from './streamer.js';
import { Uploader } from './uploader.js';
import { Units } from '../units/units.js';

/** Interval of the tasks that depend only on time: limits of local storage, old records, the wall clock. */
const UPKEEP_INTERVAL_MS = 60_000;

/** Finder, Downloader, Uploader and Cleaner around one database. */
export class Engine {
  readonly progress: Observable<Progress>;
  /** Each scan of a source, when it has ended. */
  readonly scans: Observable<Scan>;
  readonly scanFailures: Observable<ScanFailure>;
  /** All devices' states: emits immediately, then on each change. */
  readonly devices: Observable<DeviceStatus[]>;
  /** How many scans, downloads and uploads are queued, running or waiting for another attempt. */
  readonly pending: Observable<Pending>;
  readonly records: Records;
  readonly #parts: EngineParts;
  readonly #interval: BehaviorSubject<number>;
  readonly #registry: DeviceRegistry;
  readonly #finder: Finder;
  readonly #uploader: Uploader;
  readonly #cleaner: Cleaner;
  readonly #times: Times;
  readonly #units: Units;
  readonly #queues: Queues;
  /** The part of `World` that does not depend on the time. */
  readonly #lookups: Pick<
    World,
    'source' | 'target' | 'pushed' | 'sighting' | 'exceedsLimit' | 'spaceNeeded'
  > = {
    pushed: id => this.#pushed.has(id),
    source: device => this.#registry.sourceState(device),
    target: device => this.#registry.targetState(device),
    sighting: record => this.#finder.sighting(record),
    exceedsLimit: id => this.#cleaner.exceedsLimit(id),
    spaceNeeded: record => this.#cleaner.spaceNeeded(record),
  };
  readonly #running = new Subscription();
  #pushed: ReadonlySet<string> = new Set();
  #paused = false;
  #whileArmed: WhileArmed | undefined;
  /** Local copies were added or removed since limits were measured. */
  #limitsDirty = true;
  readonly #stopping = new AbortController();
  /** Resolves when local storage has been compared with the records. */
  #copiesChecked = Promise.resolve();

  constructor(parts: EngineParts) {
    const { clock, logger } = parts;
    this.#parts = parts;
    this.#interval = new BehaviorSubject(parts.interval);
    this.#registry = new DeviceRegistry(parts.devices, clock, logger);
    this.records = new Records(parts.store, clock, logger);
    this.#times = new Times(this.records, clock, logger);
    this.#units = new Units({ ...parts, records: this.records, signal: this.#stopping.signal });
    const tools = {
      ...{ ...parts, registry: this.#registry, records: this.records, units: this.#units },
      invalidate: (device: string) => this.#finder.invalidate(device),
      plan: (id: string) => this.#plan(this.records.get(id)),
    };
    this.#finder = new Finder(tools);
    this.#uploader = new Uploader(tools);
    this.#cleaner = new Cleaner(tools);
    const downloader = new Downloader(tools);
    const streamer = new Streamer({ ...tools, uploader: this.#uploader });
    const workers = {
      ...{ scan: this.#finder, recover: downloader, fetch: downloader, stream: streamer },
      ...{ deliver: this.#uploader, remove: this.#cleaner, evict: this.#cleaner },
    };
    const reading = parts.facts?.around(workers, tools) ?? workers;
    this.#queues = new Queues({ ...tools, workers: reading, world: retry => this.#world(retry) });
    this.progress = merge(downloader.progress, this.#uploader.progress);
    this.devices = this.#registry.status;
    this.scans = this.#finder.scans;
    this.scanFailures = this.#finder.failures;
    this.pending = this.#queues.pending;
  }

  /** Works until stopped. */
  async start(): Promise<void> {
    this.#startWork();
    this.#running.add(this.#nextScans().subscribe(device => this.#queues.scan(device)));
    this.#running.add(this.#registry.hints().subscribe(device => this.#queues.scan(device)));
    this.#running.add(this.#registry.disarmed.subscribe(device => this.#scanFully(device)));
    this.#running.add(this.#upkeep().subscribe());
    this.rescan();
  }

  /** Finds, fetches and delivers all files once; resolves when each step has ended or is left for the next run. */
  async pass(): Promise<PassReport> {
    const scans = new Map<string, Scan>();
    const delivered = new Map<string, FileRecord>();
    this.#running.add(this.#finder.scans.subscribe(scan => scans.set(scan.device, scan)));
    this.#running.add(this.records.deliveries().subscribe(record => delivered.set(record.id, record)));
    this.#startWork();
    this.rescan();
    await this.#queues.scanned();
    await this.#scanGrowing([...scans.values()]);
    for (const scan of scans.values()) await this.#scanned(scan);
    await this.#queues.idle();
    await this.#scanForRemoval();
    await Promise.all([this.#copiesChecked, this.#parts.facts?.idle()]);
    this.#measure();
    await this.#queues.idle();
    await this.#archiveOld();
    const unfinished = [...this.records.all()].filter(isUnfinished);
    return { scans: [...scans.values()], delivered: [...delivered.values()], unfinished };
  }

  /** Starts a full scan of every source. */
  rescan(): void {
    for (const device of this.#registry.sourceNames()) this.#scanFully(device);
  }

  /** What each step of a file waits for, and until when; steps that are under way are left out. */
  waits(record: FileRecord): readonly StepWait[] {
    return this.#queues.waits(record);
  }

  /** The transfers that are under way. */
  transfers(): readonly RunningTransfer[] {
    return this.#queues.transfers();
  }

  /** Stops or resumes all work; running transfers are interrupted and resumed later. */
  pause(on: boolean): void {
    this.#paused = on;
    this.#parts.logger.log('debug', on ? 'paused' : 'resumed');
    this.#queues.gatesChanged();
  }

  /** Delivers what is unfinished now whatever `hours`, `over` and `unmetered` say. Returns how many files that are. */
  push(): number {
    this.#pushed = new Set([...this.records.all()].filter(isUnfinished).map(({ id }) => id));
    this.#queues.gatesChanged();
    return this.#pushed.size;
  }

  get paused(): boolean {
    return this.#paused;
  }

  /** Whether a rule delivers to that device. */
  isTarget(device: string): boolean {
    return this.#registry.target(device) !== undefined;
  }

  /** For a change of the configuration: steps of these devices are interrupted, and wait. The caller closes the devices. */
  removeDevices(names: readonly string[]): void {
    for (const name of names) this.#registry.remove(name);
    for (const name of names) this.#queues.dropScan(name);
  }

  /** Works with these devices as well, and by the rules that the planner has now. `sources` are scanned. */
  addDevices(devices: readonly Device[], sources: readonly string[]): void {
    for (const device of devices) this.#registry.add(device);
    for (const record of [...this.records.all()]) this.#plan(record);
    this.#units.replan();
    this.#queues.replan();
    for (const source of sources) this.#scanFully(source);
  }

  setInterval(ms: number): void {
    this.#interval.next(ms);
  }

  /** Overrides `while_armed` of all rules; without a mode, the rules decide again. */
  setWhileArmed(mode: WhileArmed | undefined): void {
    this.#whileArmed = mode;
    this.#parts.logger.log('debug', `while_armed: ${mode ?? 'as the rules say'}`);
    this.#queues.gatesChanged();
  }

  /** Ends all work cleanly, closes the devices and the database. */
  async stop(): Promise<void> {
    this.#running.unsubscribe();
    this.#stopping.abort();
    await Promise.all([this.#queues.stop(), this.#parts.facts?.stop()]);
    await this.#copiesChecked;
    await this.#registry.close();
    await this.records.close();
  }

  /**
   * Records files that targets already hold as delivered, by name and, where both ends have it, by hash: after a lost database.
   * Sources are listed first. Returns the files that were adopted on at least one target, and those that still wait for one.
   */
  async adopt(signal: AbortSignal): Promise<{ adopted: FileRecord[]; left: FileRecord[] }> {
    await this.#list(signal);
    const adopted: FileRecord[] = [];
    for (const { id } of [...this.records.all()].filter(isUnfinished)) {
      const record = this.records.get(id);
      if (record && (await this.#adoptOne(record, signal))) adopted.push(this.records.get(id) ?? record);
    }
    return { adopted, left: [...this.records.all()].filter(isUnfinished) };
  }

  /** Scans every source, a second time where files may be growing, and records the files; nothing is fetched. */
  async #list(signal: AbortSignal): Promise<void> {
    this.#begin();
    const step = (device: string) => this.#finder.run(scanStep(device), signal);
    const scans: Scan[] = [];
    const watching = this.#finder.scans.subscribe(scan => scans.push(scan));
    await Promise.all(this.#registry.sourceNames().map(step));
    await Promise.all((await this.#untilSettled(scans, signal)).map(step));
    watching.unsubscribe();
  }

  async #adoptOne(record: FileRecord, signal: AbortSignal): Promise<boolean> {
    const source = this.#registry.source(record.device);
    const canTell = record.sha256 === undefined && source?.capabilities.checksum === 'sha256';
    const sha256 = canTell ? (await source.checksum(record, signal)).value : record.sha256;
    let any = false;
    for (const target of openTargets(record))
      if (await this.#uploader.adopt(record, target, sha256, signal)) any = true;
    return any;
  }

  // ---- the start ----------------------------------------------------------------------------------------

  #begin(): void {
    const { records } = this;
    // Ends what a process that died left under way.
    for (const { id } of [...records.all()]) this.#plan(records.apply(id, { type: 'Restarted' }));
    this.#times.check();
    this.#running.add(records.changes.subscribe(change => this.#changed(change)));
    const reconsider = (ids: ReadonlyMap<string, unknown>) =>
      this.#queues.reconsider(({ step }) => ids.has(step.id));
    this.#running.add(this.#units.changes.subscribe(reconsider));
    this.#running.add(this.#registry.wentOffline.subscribe(device => this.#finder.suspect(device)));
    // A file that is asked for is wanted by all rules that match it.
    const asked = records.requests.pipe(map(id => records.get(id)));
    this.#running.add(asked.subscribe(record => record?.asked && this.#plan(record)));
    this.#registry.watch();
  }

  #startWork(): void {
    this.#begin();
    this.#running.add(this.#finder.scans.subscribe(scan => void this.#scanned(scan)));
    this.#measure();
    this.#queues.start();
    this.#parts.facts?.start();
    const sources = this.#registry.sourceNames();
    const check = new LocalCopyCheck({ ...this.#parts, records: this.records, sources });
    this.#copiesChecked = check.run(this.#stopping.signal);
  }

  /** Applies today's rules to the record. */
  #plan(record: FileRecord | undefined): void {
    if (!record || !followsRules(record)) return;
    const plan = this.#parts.planner.planFor(record);
    this.records.apply(record.id, plannedEvent(record.device, plan));
  }

  #changed({ record, previous }: Change): void {
    if (!record && previous) this.#finder.invalidate(previous.device);
    if (record && hasLocalCopy(record) !== (previous !== undefined && hasLocalCopy(previous)))
      this.#limitsDirty = true;
  }

  // ---- scans --------------------------------------------------------------------------------------------

  #scanFully(device: string): void {
    this.#finder.invalidate(device);
    this.#queues.scan(device);
  }

  /** After a scan: files that were seen again may be removed, and the space that the source needs is measured. */
  async #scanned({ device, error }: Scan): Promise<void> {
    if (!error && this.#parts.planner.keepsFree)
      await this.#cleaner.measureSource(device, this.#stopping.signal);
    this.#queues.reconsider(({ step, owner }) => step.kind === 'remove' && owner === device);
  }

  /** The next scan of a device is due an interval after its last one, whatever caused that. */
  #nextScans(): Observable<string> {
    const wait = (scan: Scan) =>
      this.#interval.pipe(switchMap(ms => after(this.#parts.clock, Math.min(ms, this.#growthIn(scan)))));
    return this.#finder.scans.pipe(
      groupBy(scan => scan.device),
      mergeMap(scans => scans.pipe(switchMap(scan => wait(scan).pipe(map(() => scans.key))))),
    );
  }

  /** ms until growing files need another scan: a source that emits hints emits none when a file has settled. */
  #growthIn({ device, growing, settledIn }: Scan): number {
    const isHinted = this.#registry.source(device)?.changes !== undefined;
    return isHinted && growing.length > 0 ? Math.max(settledIn, HINT_REST_MS) : Infinity;
  }

  /** A second scan, when the first files can have settled, shows which files are still growing. */
  async #scanGrowing(scans: readonly Scan[]): Promise<void> {
    for (const device of await this.#untilSettled(scans)) this.#queues.scan(device);
    await this.#queues.scanned();
  }

  /** Waits until the first of the growing files can have settled. Returns the sources that hold them. */
  async #untilSettled(scans: readonly Scan[], signal?: AbortSignal): Promise<string[]> {
    const growing = scans.filter(scan => scan.growing.length > 0);
    if (growing.length === 0) return [];
    const ms = Math.max(...growing.map(scan => scan.settledIn));
    this.#parts.logger.log('info', settlingOf(growing, ms));
    await this.#parts.clock.sleep(ms, signal);
    return growing.map(({ device }) => device);
  }

  /** Delivered files are listed once more before they are removed, if that can be soon. */
  async #scanForRemoval(): Promise<void> {
    const { clock, logger, policy, planner } = this.#parts;
    const now = clock.monotonic();
    const world = this.#world(() => undefined);
    const due = [...this.records.all()].flatMap(record => {
      const plan = planner.planFor(record);
      const step = stepsFor(record, plan).find(({ kind }) => kind === 'remove');
      const wait = step && waitOf(step, record, plan, world);
      const delay = (wait?.until ?? now) - now;
      return wait && delay <= policy.maxWaitMs && plan?.after.source === 'delete'
        ? [{ device: record.device, delay }]
        : [];
    });
    if (due.length === 0) return;
    const ms = Math.max(...due.map(({ delay }) => delay));
    logger.log('info', removalWaitOf(due.length, ms));
    await clock.sleep(ms);
    for (const device of new Set(due.map(one => one.device))) this.#queues.scan(device);
    await this.#queues.idle();
  }

  // ---- upkeep -------------------------------------------------------------------------------------------

  #upkeep(): Observable<void> {
    return defer(() => after(this.#parts.clock, UPKEEP_INTERVAL_MS)).pipe(
      mergeMap(() => this.#keepUp()),
      repeat(),
    );
  }

  async #keepUp(): Promise<void> {
    this.#times.check();
    this.#measure();
    await this.#archiveOld();
  }

  #measure(): void {
    if (!this.#limitsDirty || !this.#parts.planner.limitsLocal) return;
    this.#limitsDirty = false;
    const going = this.#cleaner.measureLocal();
    this.#queues.reconsider(({ step }) => step.kind === 'evict' && going.has(step.id));
  }

  #archiveOld(): Promise<void> {
    const now = momentOf(this.#parts.clock);
    return this.records.archiveWhere(record => this.#isOld(record, now));
  }

  #isOld(record: FileRecord, now: Moment): boolean {
    const { keepRecords, planner } = this.#parts;
    return isOver(record, now, keepRecords) && stepsFor(record, planner.planFor(record)).length === 0;
  }

  #world(retry: World['retry']): World {
    const { clock } = this.#parts;
    // Not rounded: a wait that is over must not count as one.
    const now = { ...momentOf(clock), up: clock.monotonic() };
    return {
      ...{ ...this.#lookups, ...this.#units.lookups },
      ...{ now, retry, paused: this.#paused, whileArmed: this.#whileArmed },
      vehicleArmed: this.#registry.vehicleArmed,
      age: since => ageOf(since, now),
    };
  }
}
