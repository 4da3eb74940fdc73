import { Subject } from 'rxjs';
import { FileSyncError, toFileSyncError } from '../errors.js';
import {
  FileState,
  type Clock,
  type FileRecord,
  type Logger,
  type Source,
  type SourceFile,
  type Store,
} from '../ports.js';
import type { Plan } from '../rules/plan.js';
import type { DeviceHub } from './hub.js';
import type { Ledger } from './ledger.js';
import { recordId, withReason } from './record.js';
import { Settling } from './settling.js';
import type { Lane, Task, Work } from './worker.js';

export interface FindTools {
  readonly hub: DeviceHub;
  readonly store: Store;
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly logger: Logger;
  laneOf(device: string): Lane;
  planFor(device: string, path: string): Plan | undefined;
  localName(device: string, path: string, id: string): string;
  describe(device: string, file: SourceFile, plan: Plan, foundAt: number): Promise<string>;
}

/** The end of one look at one source. */
export interface Scan {
  readonly device: string;
  readonly found: number;
  /** Files that may still be growing: paths, and ms until the next of them can have settled. */
  readonly growing: readonly string[];
  readonly settledIn: number;
  /** Why the source, or a part of it, could not be listed. */
  readonly error?: FileSyncError;
}

interface Listed {
  readonly file: SourceFile;
  readonly plan: Plan;
}

/** ms after a look at everything for which looks at the changes will do. */
const FULL_LOOK_INTERVAL = 3_600_000;

/** What one look at a source showed. */
interface Look {
  readonly files: readonly SourceFile[];
  /** Paths that were looked for; undefined if everything was. Only of these it is known that they are gone. */
  readonly asked?: readonly string[];
  /** Why not everything could be seen. What was seen is fetched all the same. */
  readonly denied?: FileSyncError;
}

/** Looks for new files on sources. A task is one look at one device; its key is the device's name. */
export class Finder implements Work<Task> {
  readonly scans = new Subject<Scan>();
  readonly #tools: FindTools;
  readonly #settling = new Map<string, Settling>();
  /** Monotonic ms of the last look at everything, while what it saw can still be relied on. */
  readonly #lookedFully = new Map<string, number>();
  readonly #growing = new Map<string, readonly string[]>();
  /** What was last told of a source of which a part cannot be seen. */
  readonly #told = new Map<string, string>();

  constructor(tools: FindTools) {
    this.#tools = tools;
  }

  lane(task: Task): Lane {
    return this.#tools.laneOf(task.key);
  }

  async run({ key: device }: Task, signal: AbortSignal): Promise<void> {
    const source = this.#tools.hub.source(device);
    if (!source) throw new FileSyncError('config', `${device} cannot be read from`);
    const look = await this.#look(device, source, signal);
    const listed = look.files.flatMap(file => {
      const plan = this.#tools.planFor(device, file.path);
      return plan ? [{ file, plan }] : [];
    });
    const scan = await this.#take(device, listed, look.asked);
    this.#growing.set(device, scan.growing);
    this.#tellOf(device, look.denied);
    this.scans.next({ ...scan, ...(look.denied && { error: look.denied }) });
  }

  /** The card may be another one, or anything on it: the next look is one at everything. */
  distrust(device: string): void {
    this.#lookedFully.delete(device);
  }

  async failed({ key: device }: Task, error: FileSyncError, final: boolean): Promise<void> {
    this.distrust(device);
    if (error.kind === 'cancelled') return;
    this.#tools.logger.log('warn', `${device}: could not be listed: ${error.message}`);
    if (final) this.scans.next({ device, found: 0, growing: [], settledIn: 0, error });
  }

  async #look(device: string, source: Source, signal: AbortSignal): Promise<Look> {
    const asked = this.#growing.get(device) ?? [];
    const changes = this.#isFullLookDue(device) ? undefined : await source.listChanges?.(asked, signal);
    if (changes) return { files: changes, asked };
    // Set before, so that distrust that arises meanwhile stays.
    this.#lookedFully.set(device, this.#tools.clock.monotonic());
    const files: SourceFile[] = [];
    let seen = 0;
    try {
      for await (const file of source.list(signal)) {
        seen++;
        if (this.#tools.planFor(device, file.path)) files.push(file);
      }
      return { files };
    } catch (thrown) {
      const error = toFileSyncError(thrown);
      if (error.kind !== 'denied' || seen === 0) throw error;
      this.distrust(device);
      return { files, asked: [], denied: error };
    }
  }

  /** Once, not with each look. */
  #tellOf(device: string, denied: FileSyncError | undefined): void {
    const message = denied?.message ?? '';
    if (denied && this.#told.get(device) !== message) {
      this.#tools.logger.log('warn', `${device}: could not be listed whole: ${message}`);
    }
    this.#told.set(device, message);
  }

  #isFullLookDue(device: string): boolean {
    const last = this.#lookedFully.get(device) ?? -Infinity;
    return this.#tools.clock.monotonic() - last >= FULL_LOOK_INTERVAL;
  }

  async #take(device: string, listed: readonly Listed[], asked?: readonly string[]): Promise<Scan> {
    const settling = this.#settlingOf(device);
    const present = new Set(listed.map(({ file }) => file.path));
    if (asked) asked.filter(path => !present.has(path)).forEach(path => settling.drop(path));
    else settling.keepOnly(present);
    const fresh = listed.filter(({ file }) => this.#isNew(device, file));
    const waits = fresh.map(({ file, plan }) => settling.remaining(file, plan.settle));
    const settled = fresh.filter((_, index) => waits[index] === 0);
    await Promise.all(settled.map(one => this.#record(device, one)));
    if (!asked) await this.#noteVanished(device, listed);
    const growing = fresh.filter((_, index) => waits[index] !== 0).map(({ file }) => file.path);
    const settledIn = Math.min(...waits.filter(wait => wait > 0));
    return { device, found: settled.length, growing, settledIn: growing.length > 0 ? settledIn : 0 };
  }

  #settlingOf(device: string): Settling {
    const known = this.#settling.get(device) ?? new Settling(this.#tools.clock);
    this.#settling.set(device, known);
    return known;
  }

  #isNew(device: string, file: SourceFile): boolean {
    const known = this.#tools.store.get(this.#idOf(device, file));
    return known === undefined || known.state === FileState.VANISHED;
  }

  /** The id of the newest file that is alike; what was removed from the source by us can only be back as a new file. */
  #idOf(device: string, file: SourceFile): string {
    let generation = 0;
    let id = recordId(device, file);
    while (this.#tools.store.get(id)?.state === FileState.REMOVED) id = recordId(device, file, ++generation);
    return id;
  }

  async #record(device: string, { file, plan }: Listed): Promise<void> {
    const id = this.#idOf(device, file);
    const back = (record: FileRecord) => withReason({ ...record, state: FileState.FOUND }, '');
    if (this.#tools.store.get(id)) return void (await this.#tools.ledger.update(id, back));
    const now = this.#tools.clock.now();
    const description = await this.#tools.describe(device, file, plan, now);
    const local = this.#tools.localName(device, file.path, id);
    const targets = Object.fromEntries(
      plan.targets.map(target => [target.device, { state: 'pending' as const }]),
    );
    await this.#tools.store.put({
      ...file,
      id,
      device,
      state: FileState.FOUND,
      local,
      ...(plan.via === 'stream' && { via: plan.via }),
      description,
      targets,
      foundAt: now,
      updatedAt: now,
    });
    this.#tools.logger.log('info', `${device}:${file.path}: found, ${file.size} bytes`);
  }

  /** Only a whole listing proves that a file is gone. Its partial copy stays: it may be all that is left of it. */
  async #noteVanished(device: string, listed: readonly Listed[]): Promise<void> {
    const present = new Set(listed.map(({ file }) => this.#idOf(device, file)));
    const gone = [...this.#tools.store.all()].filter(
      record => record.device === device && isWanted(record) && !present.has(record.id),
    );
    const reason = 'gone from the source, or another file by now, before it was fetched';
    const vanish = (record: FileRecord) => withReason({ ...record, state: FileState.VANISHED }, reason);
    await Promise.all(gone.map(record => this.#tools.ledger.update(record.id, vanish)));
  }
}

/** It is nowhere yet, or (a stream) not everywhere, and nothing moves it now. */
function isWanted({ state, via }: FileRecord): boolean {
  return state === FileState.FOUND || (state === FileState.PARTIAL && via === 'stream');
}
