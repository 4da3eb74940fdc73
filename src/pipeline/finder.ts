import { Subject } from 'rxjs';
import { FileSyncError } from '../errors.js';
import {
  FileState,
  type Clock,
  type FileRecord,
  type Logger,
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
  /** Why the source could not be listed. */
  readonly error?: FileSyncError;
}

interface Listed {
  readonly file: SourceFile;
  readonly plan: Plan;
}

/** Looks for new files on sources. A task is one look at one device; its key is the device's name. */
export class Finder implements Work<Task> {
  readonly scans = new Subject<Scan>();
  readonly #tools: FindTools;
  readonly #settling = new Map<string, Settling>();

  constructor(tools: FindTools) {
    this.#tools = tools;
  }

  lane(task: Task): Lane {
    return this.#tools.laneOf(task.key);
  }

  async run({ key: device }: Task, signal: AbortSignal): Promise<void> {
    const source = this.#tools.hub.source(device);
    if (!source) throw new FileSyncError('config', `${device} cannot be read from`);
    const listed: Listed[] = [];
    for await (const file of source.list(signal)) {
      const plan = this.#tools.planFor(device, file.path);
      if (plan) listed.push({ file, plan });
    }
    this.scans.next(await this.#take(device, listed));
  }

  async failed({ key: device }: Task, error: FileSyncError, final: boolean): Promise<void> {
    if (error.kind === 'cancelled') return;
    this.#tools.logger.log('warn', `${device}: could not be listed: ${error.message}`);
    if (final) this.scans.next({ device, found: 0, growing: [], settledIn: 0, error });
  }

  async #take(device: string, listed: readonly Listed[]): Promise<Scan> {
    const settling = this.#settlingOf(device);
    settling.keepOnly(new Set(listed.map(({ file }) => file.path)));
    const fresh = listed.filter(({ file }) => this.#isNew(device, file));
    const waits = fresh.map(({ file, plan }) => settling.remaining(file, plan.settle));
    const settled = fresh.filter((_, index) => waits[index] === 0);
    await Promise.all(settled.map(one => this.#record(device, one)));
    await this.#noteVanished(device, listed);
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
    const state = FileState.FOUND;
    await this.#tools.store.put({
      ...file,
      id,
      device,
      state,
      local,
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
      record => record.device === device && record.state === FileState.FOUND && !present.has(record.id),
    );
    const reason = 'gone from the source, or another file by now, before it was fetched';
    const vanish = (record: FileRecord) => withReason({ ...record, state: FileState.VANISHED }, reason);
    await Promise.all(gone.map(record => this.#tools.ledger.update(record.id, vanish)));
  }
}
