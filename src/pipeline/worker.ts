import {
  BehaviorSubject,
  filter,
  firstValueFrom,
  map,
  merge,
  mergeMap,
  shareReplay,
  Subject,
  type Observable,
} from 'rxjs';
import { FileSyncError, toFileSyncError } from '../errors.js';
import type { Clock, Logger } from '../ports.js';
import type { Gate } from './gate.js';
import { retryDelay, type RetryPolicy } from './retry-policy.js';
import { aborted, after } from './rx.js';

/** Work that shares a device and a gate stands in one lane: at most `concurrency` of it runs at once. */
export interface Lane {
  readonly key: string;
  readonly concurrency: number;
  readonly gate: Observable<Gate>;
}

export interface Task {
  /** Unique among the worker's tasks; a task that is queued already is not queued twice. */
  readonly key: string;
}

/**
 * The file's bytes are across up to here. Getting further than any try before begins the back-off anew; bytes that go once
 * more do not, or whoever refuses whole files would be sent them without end.
 */
export type Progressed = (position: number) => void;

/** What a kind of work is; the worker adds queueing, gates and retries. */
export interface Work<T extends Task> {
  lane(task: T): Lane;
  /** Does it, and tells how far it is, so that a bad link does not count as a dead one. */
  run(task: T, signal: AbortSignal, progressed: Progressed): Promise<void>;
  /** A try did not work. `final`: this run of the program does not try again (permanent, or out of tries). */
  failed(task: T, error: FileSyncError, final: boolean): Promise<void>;
}

/** What every worker is given. */
export interface WorkerTools {
  readonly policy: RetryPolicy;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Uniform in [0, 1), for jitter. */
  readonly random: () => number;
}

interface Entry<T> {
  readonly task: T;
  readonly lane: OpenLane<T>;
  failures: number;
  /** Bytes of the file that the best try has brought across. */
  reached: number;
  running: AbortController | undefined;
  /** It was queued once more while it ran: look again when it ends. */
  again: boolean;
  /** It was removed while it ran. */
  removed: boolean;
}

interface OpenLane<T> extends Lane {
  readonly queue: Subject<Entry<T>>;
  /** The gate has been closed for longer than our patience: whoever comes now does not wait for it again. */
  tired: boolean;
}

/**
 * A queue of tasks in lanes, with the program's one retry loop. A gate that interrupts aborts what runs in its lane; it is
 * taken up again, without counting as a failure, when the gate opens.
 */
export class Worker<T extends Task> {
  readonly #work: Work<T>;
  readonly #tools: WorkerTools;
  readonly #lanes = new Map<string, OpenLane<T>>();
  readonly #entries = new Map<string, Entry<T>>();
  /** Left for another run: that something else about the file changed is no reason to try once more in this one. */
  readonly #left = new Set<string>();
  readonly #stopping = new AbortController();
  readonly #count = new BehaviorSubject(0);

  constructor(work: Work<T>, tools: WorkerTools) {
    this.#work = work;
    this.#tools = tools;
  }

  /** Number of tasks that are queued, running or waiting for another try; emits at once and on each change. */
  get pending(): Observable<number> {
    return this.#count.asObservable();
  }

  add(task: T): void {
    if (this.#stopping.signal.aborted || this.#left.has(task.key)) return;
    const known = this.#entries.get(task.key);
    if (known) known.again ||= known.running !== undefined;
    else this.#enter(task);
  }

  /** As `add`, also for what was left for another run: it is asked for anew. */
  ask(task: T): void {
    this.#left.delete(task.key);
    this.add(task);
  }

  /** Forgets a task; aborts it if it runs. One that is added again meanwhile begins when the former run has ended. */
  remove(key: string): void {
    this.#left.delete(key);
    const entry = this.#entries.get(key);
    if (!entry?.running) return entry && this.#leave(entry);
    entry.removed = true;
    entry.again = false;
    entry.running.abort();
  }

  /** Aborts what runs and resolves when all of it has ended. Nothing is lost: the database knows what was left. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    for (const entry of [...this.#entries.values()]) {
      if (entry.running) entry.running.abort();
      else this.#leave(entry);
    }
    await firstValueFrom(this.#count.pipe(filter(count => count === 0)));
  }

  #enter(task: T): void {
    const lane = this.#openLane(this.#work.lane(task));
    const entry: Entry<T> = {
      task,
      lane,
      failures: 0,
      reached: 0,
      running: undefined,
      again: false,
      removed: false,
    };
    this.#entries.set(task.key, entry);
    this.#count.next(this.#entries.size);
    lane.queue.next(entry);
  }

  #leave(entry: Entry<T>): void {
    if (!this.#alive(entry)) return;
    this.#entries.delete(entry.task.key);
    this.#count.next(this.#entries.size);
  }

  #alive(entry: Entry<T>): boolean {
    return this.#entries.get(entry.task.key) === entry;
  }

  #openLane(lane: Lane): OpenLane<T> {
    const known = this.#lanes.get(lane.key);
    if (known) return known;
    // Whoever runs shares one look at the gate: to set up its own would cost more than a small file does.
    const gate = lane.gate.pipe(shareReplay({ bufferSize: 1, refCount: true }));
    const open: OpenLane<T> = { ...lane, gate, queue: new Subject(), tired: false };
    open.queue.pipe(mergeMap(entry => this.#serve(entry), lane.concurrency)).subscribe();
    this.#lanes.set(lane.key, open);
    return open;
  }

  async #serve(entry: Entry<T>): Promise<void> {
    if (!this.#alive(entry)) return;
    const control = new AbortController();
    entry.running = control;
    const error = await this.#attempt(entry, control);
    const delay = error && (await this.#failed(entry, error, control.signal));
    // What `failed` has written comes back as a change and must not start the work anew.
    if (error && !entry.removed) entry.again = false;
    entry.running = undefined;
    if (delay === undefined || entry.removed) return this.#finish(entry);
    void this.#comeBack(entry, delay);
    if (error?.kind === 'unavailable' && !control.signal.aborted) await this.#gateMayClose(entry.lane);
  }

  /** A device that has just gone is not asked for file after file until its absence is known. */
  async #gateMayClose(lane: OpenLane<T>): Promise<void> {
    const closed = lane.gate.pipe(filter(gate => !gate.open));
    const pause = after(this.#tools.clock, this.#tools.policy.baseMs);
    await firstValueFrom(merge(closed, pause, aborted(this.#stopping.signal))).catch(() => undefined);
  }

  async #attempt(entry: Entry<T>, control: AbortController): Promise<FileSyncError | undefined> {
    try {
      await this.#gateOpens(entry.lane, control.signal);
      const closing = entry.lane.gate.pipe(filter(gate => gate.interrupts));
      const watch = closing.subscribe(gate => control.abort(new FileSyncError('cancelled', gate.reason)));
      const progressed = (position: number): void => this.#progressed(entry, position);
      await this.#work.run(entry.task, control.signal, progressed).finally(() => watch.unsubscribe());
      return undefined;
    } catch (thrown) {
      return toFileSyncError(thrown);
    }
  }

  #progressed(entry: Entry<T>, position: number): void {
    if (position <= entry.reached) return;
    entry.reached = position;
    entry.failures = 0;
  }

  /** Rejects with `unavailable` when patience runs out, with `cancelled` when the signal aborts. */
  async #gateOpens(lane: OpenLane<T>, signal: AbortSignal): Promise<void> {
    let reason = '';
    const gate = lane.gate.pipe(
      map(now => ((reason = now.reason), now.open)),
      filter(open => open),
    );
    const patience = after(this.#tools.clock, lane.tired ? 0 : this.#tools.policy.patienceMs);
    const opened = await firstValueFrom(merge(aborted(signal), gate, patience.pipe(map(() => false))));
    lane.tired = !opened;
    if (!opened) throw new FileSyncError('unavailable', reason);
  }

  /** The pause before the next try in ms; undefined if this run does not try again. */
  async #failed(entry: Entry<T>, error: FileSyncError, signal: AbortSignal): Promise<number | undefined> {
    const { policy, random, logger } = this.#tools;
    const interrupted = signal.aborted;
    if (!interrupted) entry.failures += 1;
    const final = !error.temporary || this.#isEnough(entry, error);
    if (final && error.temporary && !interrupted) this.#left.add(entry.task.key);
    await this.#work
      .failed(entry.task, error, final && !interrupted)
      .catch((thrown: unknown) =>
        logger.log('error', `${entry.task.key}: ${toFileSyncError(thrown).message}`),
      );
    if (interrupted) return this.#stopping.signal.aborted ? undefined : 0;
    return final ? undefined : retryDelay(policy, entry.failures, random, error.retryAfterMs);
  }

  /** Whether what is temporary is left for another run. */
  #isEnough({ lane, failures }: Entry<T>, { retryAfterMs = 0 }: FileSyncError): boolean {
    const { maxTries, patienceMs } = this.#tools.policy;
    return lane.tired || failures >= maxTries || retryAfterMs > patienceMs;
  }

  #finish(entry: Entry<T>): void {
    const again = entry.again && this.#alive(entry) && !this.#stopping.signal.aborted;
    if (!again) return this.#leave(entry);
    entry.again = entry.removed = false;
    entry.failures = entry.reached = 0;
    entry.lane.queue.next(entry);
  }

  async #comeBack(entry: Entry<T>, delay: number): Promise<void> {
    const pause = delay > 0 ? this.#tools.clock.sleep(delay, this.#stopping.signal) : Promise.resolve();
    await pause.catch(() => this.#leave(entry));
    if (this.#alive(entry)) entry.lane.queue.next(entry);
  }
}
