import { Subscription } from 'rxjs';
import { setImmediate } from 'node:timers/promises';
import { useDirectly } from '../fakes/use-directly.js';
import type { DatabaseApi } from '../../src/api/database-api.js';
import { databaseApi } from '../fakes/database-api.js';
import { openStore } from '../../src/db/store.js';
import { Engine } from '../../src/engine/engine.js';
import { daemonPolicy } from '../../src/system/back-off.js';
import { LocalStorage } from '../../src/local/storage.js';
import type { FileRecord, Store } from '../../src/ports.js';
import { DescriptionFile } from '../../src/config/description-file.js';
import { Planner } from '../../src/rules/plan.js';
import type { Rule } from '../../src/rules/rule.js';
import { TemplateContext } from '../../src/rules/template-context.js';
import { RecordingLogger } from '../fakes/recording-logger.js';
import { randomFrom, type Random } from '../unit/db/crash-disk.js';
import { CrashFs } from './crash-fs.js';
import { mount, takeServers, unmount } from './disk-mount.js';
import { Drive } from './drive.js';
import { ModelSource } from './model-source.js';
import { ModelTarget, Shelf } from './model-target.js';
import { Activity, ProcessLife } from './process-life.js';
import { Referee } from './referee.js';
import { WatchedClock } from './watched-clock.js';

/** What a run is made with. */
export interface Setting {
  readonly seed: number;
  readonly rules: readonly Rule[];
  /** ms, of every rule. */
  readonly settle: number;
  /** ms after which records are archived. */
  readonly keepRecords: number;
}

export const TARGETS = {
  hash: { stat: true, checksum: 'sha256', resume: true },
  stat: { stat: true, checksum: false, resume: true },
  blind: { stat: false, checksum: false, resume: false },
} as const;
export type TargetName = keyof typeof TARGETS;
export type SourceName = 'vehicle' | 'folder';

/** When each run begins, ms since the Unix epoch. */
const START = Date.UTC(2026, 0, 1);
/** ms between two scans of a source. */
const INTERVAL_MS = 300_000;
/** Turns without anything under way, after which the program is at rest. */
const QUIET_TURNS = 4;
/** Turns without anything under way, after which a program that is stopped will not end; it takes a few. */
const MAX_STOP_TURNS = 1_000;
/** Turns at one moment of virtual time, after which the program goes in circles. */
const MAX_TURNS = 50_000;

/** One run of the program, from start to kill. */
interface Process {
  readonly life: ProcessLife;
  readonly folder: string;
  readonly engine: Engine;
  readonly api: DatabaseApi;
  readonly sources: ReadonlyMap<string, ModelSource>;
  readonly targets: ReadonlyMap<string, ModelTarget>;
  readonly release: () => void;
  readonly watching: Subscription;
}

/** Everything around the program, and the program, which may be killed and started again. */
export class World {
  readonly clock = new WatchedClock(START, () =>
    this.referee.demand(false, 'the program wakes up without end'),
  );
  readonly fs = new CrashFs();
  readonly logger = new RecordingLogger();
  readonly activity = new Activity();
  readonly random: Random;
  readonly drives: ReadonlyMap<SourceName, Drive>;
  readonly shelves: ReadonlyMap<TargetName, Shelf>;
  readonly referee: Referee;
  readonly setting: Setting;
  rules: readonly Rule[];
  planner: Planner;
  /** ms that each operation of a device takes. */
  latency = 0;
  #bootedAt = 0;
  #process: Process | undefined;

  constructor(setting: Setting) {
    this.setting = setting;
    this.random = randomFrom(setting.seed);
    this.rules = setting.rules;
    this.planner = new Planner(this.rules);
    const now = () => this.trueTime;
    this.drives = new Map([
      ['vehicle', new Drive(now)],
      ['folder', new Drive(now)],
    ]);
    this.shelves = new Map((Object.keys(TARGETS) as TargetName[]).map(name => [name, new Shelf()]));
    this.referee = new Referee({
      ...{ drives: this.drives, shelves: this.shelves, settle: setting.settle },
      planner: () => this.planner,
      canHash: name => TARGETS[name as TargetName].checksum !== false,
      canStat: name => TARGETS[name as TargetName].stat,
      record: id => this.engine?.records.get(id),
      records: () => this.records,
      trueTime: () => this.trueTime,
      now: () => this.clock.monotonic(),
    });
    this.fs.onUnlink = path => {
      if (path.startsWith('/local/') && !/\.part$|\.corrupt\d*$/.test(path))
        this.referee.evicts(path.slice('/local/'.length));
    };
  }

  /** ms since the run began, whatever the clocks say. */
  get trueTime(): number {
    return this.#bootedAt + this.clock.monotonic();
  }

  setClockRight(): void {
    this.clock.setWall(START + this.trueTime);
    this.clock.synchronised = true;
  }

  get engine(): Engine | undefined {
    return this.#process?.engine;
  }

  get api(): DatabaseApi | undefined {
    return this.#process?.api;
  }

  get records(): FileRecord[] {
    return [...(this.engine?.records.all() ?? [])];
  }

  drive(name: SourceName): Drive {
    return this.drives.get(name) as Drive;
  }

  shelf(name: TargetName): Shelf {
    return this.shelves.get(name) as Shelf;
  }

  // ---- the program

  async start(rules = this.rules): Promise<void> {
    this.rules = rules;
    this.planner = new Planner(rules);
    this.referee.disarmedAt = -Infinity;
    const life = new ProcessLife(this.activity);
    const folder = mount({ fs: this.fs, life });
    const { clock, logger } = this;
    takeServers();
    const store = await openStore(`${folder}/db.json`, { clock, logger, compactAfter: 30 });
    const servers = takeServers();
    this.referee.reopened(id => store.get(id));
    const sources = new Map([...this.drives.keys()].map(name => [name, this.#source(name, life)]));
    const targets = new Map([...this.shelves.keys()].map(name => [name, this.#target(name, life)]));
    const engine = this.#engine(folder, this.#watched(store), sources, targets);
    const watching = engine.records.changes.subscribe(change => this.referee.changed(change));
    const release = () => servers.forEach(server => server.close());
    const api = databaseApi(engine.records, engine, this.clock);
    this.#process = { life, folder, engine, api, sources, targets, release, watching };
    await engine.start();
  }

  kill(): void {
    const { life, folder, release, watching } = this.#process ?? {};
    life?.kill();
    watching?.unsubscribe();
    this.clock.forgetSleepers();
    release?.();
    if (folder !== undefined) unmount(folder);
    this.#process = undefined;
  }

  /** What a step waits for when it is interrupted needs turns of the event loop, never time: none passes meanwhile. */
  async stop(): Promise<void> {
    if (!this.#process) return;
    let ended = false;
    const stopping = this.#process.engine.stop().finally(() => (ended = true));
    stopping.catch(() => undefined);
    let quiet = 0;
    for (let turns = 0; !ended && quiet < MAX_STOP_TURNS && turns < MAX_TURNS; turns++) {
      await setImmediate();
      quiet = this.activity.running > 0 ? 0 : quiet + 1;
    }
    this.referee.demand(ended, 'a step did not end when the program was stopped');
    if (ended) await stopping;
    this.kill();
  }

  /** The machine boots again. `cut`: without having been shut down. `wall`: what its clock says then. */
  async reboot(cut: boolean, wall: number): Promise<void> {
    if (cut) {
      this.kill();
      this.fs.powerCut(this.random);
    }
    await this.stop();
    this.#bootedAt = this.trueTime;
    this.clock.reboot(wall);
  }

  /** Time passes while the program does not run. */
  async sleep(ms: number): Promise<void> {
    await this.clock.advance(ms);
  }

  // ---- time

  /** Lets everything happen that needs no time. */
  async settle(): Promise<void> {
    let quiet = 0;
    for (let turns = 0; quiet < QUIET_TURNS; turns++) {
      if (turns > MAX_TURNS) return this.referee.demand(false, 'the program goes in circles');
      await setImmediate();
      quiet = this.activity.running > 0 ? 0 : quiet + 1;
    }
  }

  async advance(ms: number): Promise<void> {
    const end = this.trueTime + ms;
    await this.settle();
    for (let next = this.clock.nextWake; next !== undefined; next = this.clock.nextWake) {
      if (this.trueTime + next > end || this.referee.violations.length > 0) break;
      await this.clock.advance(next);
      await this.settle();
    }
    await this.clock.advance(Math.max(0, end - this.trueTime));
  }

  /** Time passes until the next sleeper wakes. */
  async wake(): Promise<void> {
    await this.clock.advance(this.clock.nextWake ?? 0);
  }

  /** The devices' states have changed. */
  probe(): void {
    for (const source of this.#process?.sources.values() ?? []) source.refreshAvailability();
    for (const target of this.#process?.targets.values() ?? []) target.refreshAvailability();
  }

  // ---- parts

  #engine(
    folder: string,
    store: Store,
    sources: ReadonlyMap<string, ModelSource>,
    targets: ReadonlyMap<string, ModelTarget>,
  ): Engine {
    const { clock, logger, random, planner } = this;
    const descriptionFile = new DescriptionFile(`${folder}/coex.conf`, logger);
    return new Engine({
      ...{ clock, logger, random, planner, store, useBoth: useDirectly },
      local: new LocalStorage(`${folder}/local`, { boot: clock.boot }),
      templates: new TemplateContext({ descriptionFile, hostname: 'pi' }),
      policy: daemonPolicy,
      interval: INTERVAL_MS,
      keepRecords: this.setting.keepRecords,
      devices: [
        ...[...sources].map(([name, source]) => ({ name, type: 'model', source })),
        ...[...targets].map(([name, target]) => ({ name, type: 'model', target })),
      ],
    });
  }

  /** Tells the referee what is certainly on disk. */
  #watched(store: Store): Store {
    const { referee } = this;
    return {
      ...bound(store),
      put: async (record: FileRecord) => {
        await store.put(record);
        referee.wrote(record);
      },
      delete: async (id: string) => {
        await store.delete(id);
        referee.durable.delete(id);
      },
      archive: async (ids: readonly string[]) => {
        for (const id of ids) referee.archiving.add(id);
        await store.archive(ids);
        const archived = new Set<string>();
        for await (const { id } of store.archived()) archived.add(id);
        for (const id of ids.filter(one => !store.get(one))) {
          referee.demand(archived.has(id), `${id} is neither in the database nor in the archive`);
          referee.archived.add(id);
          referee.durable.delete(id);
        }
        referee.archiving.clear();
      },
    };
  }

  #source(name: SourceName, life: ProcessLife): ModelSource {
    return new ModelSource({
      ...{ name, life, drive: this.drive(name), isVehicle: name === 'vehicle' },
      pass: signal => this.#pass(signal),
      watch: (operation, file) => this.referee.atSource(name, operation, file),
    });
  }

  #target(name: TargetName, life: ProcessLife): ModelTarget {
    return new ModelTarget({
      ...{ name, life, shelf: this.shelf(name), capabilities: TARGETS[name] },
      pass: signal => this.#pass(signal),
      onWrite: record => this.referee.atTarget(name, record),
      onHeld: held => this.referee.holds(name, held),
    });
  }

  async #pass(signal: AbortSignal): Promise<void> {
    if (this.latency > 0) await this.clock.sleep(this.latency, signal);
  }
}

/** The store's own methods and properties: private fields know no heirs. */
function bound(store: Store): Store {
  return {
    changes: store.changes,
    get: id => store.get(id),
    all: () => store.all(),
    versions: (device, path) => store.versions(device, path),
    put: record => store.put(record),
    note: (record, soon) => store.note(record, soon),
    delete: id => store.delete(id),
    archive: ids => store.archive(ids),
    archived: () => store.archived(),
    archiveSize: () => store.archiveSize(),
    source: device => store.source(device),
    putSource: source => store.putSource(source),
    close: () => store.close(),
  };
}
