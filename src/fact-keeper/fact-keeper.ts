import { FileSyncError, toFileSyncError } from '../errors.js';
import { formatOfName, hasEnds } from '../facts/names.js';
import type { FileFacts } from '../file-facts.js';
import type { LocalStorage } from '../local/storage.js';
import type { Clock, FileRecord, Logger, Source } from '../ports.js';
import type { FactReading, ReadingEngine } from '../record/fact-reading.js';
import { hasLocalCopy, isDelivered } from '../record/state.js';
import type { Step, StepWorker, StepWorkers } from '../record/step.js';
import type { Plan, Planner } from '../rules/plan.js';
import { MIN_DURATION } from '../rules/selection.js';
import { needsFacts } from '../rules/template.js';
import type { TemplateContext } from '../rules/template-context.js';
import { wasCut, withinTime } from '../system/deadline.js';
import { logDebug } from '../system/logger.js';
import { awaitedName, isUsable } from './conditions.js';
import { ReadingQueue } from './reading-queue.js';
import { SourceEnds } from './source-ends.js';

export interface FactSettings {
  /** What is read; false: nothing. */
  readonly facts: { readonly position: boolean } | false;
  /** Targets whose own options say something that only the contents of a file tell. */
  readonly telling: ReadonlySet<string>;
}

export interface FactKeeperParts {
  readonly local: LocalStorage;
  readonly planner: Planner;
  readonly templates: Pick<TemplateContext, 'paths' | 'whyUnnamed'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly settings: FactSettings;
}

/** A step waits no longer for facts. */
const MAX_WAIT_MS = 60_000;
/** Of that, for the whole file; the same time is left for its ends. */
const MAX_READ_MS = MAX_WAIT_MS / 2;
/** A smaller log is fetched: reading its ends, and what lies between, takes about as long. */
const MIN_JUDGED_BYTES = 160 * 1024;
/** Local copies without facts from before that are read in one run. */
const MAX_KNOWN = 10_000;

/**
 * Reads the facts of files from their local copies, one at a time and beside all other work, and applies them to the records. A step
 * waits for them only where its rule or target asks for them; a log that has to have a duration is judged by its ends before it is
 * fetched. Whatever fails here, the file goes its way.
 */
export class FactKeeper implements FactReading {
  settings: FactSettings;
  readonly #parts: FactKeeperParts;
  readonly #queue: ReadingQueue;
  #engine: ReadingEngine | undefined;
  /** Ids of files that cannot be read in this run, or have no facts. */
  readonly #unreadable = new Set<string>();
  /** Ids of files whose ends have been read, or could not be. */
  readonly #judged = new Set<string>();
  /** Ids of files for which a step has waited: none waits again. */
  readonly #awaited = new Set<string>();

  constructor(parts: FactKeeperParts) {
    this.#parts = parts;
    this.settings = parts.settings;
    this.#queue = new ReadingQueue((id, signal) => this.#readCopy(id, signal), parts.clock);
  }

  around(workers: StepWorkers, engine: ReadingEngine): StepWorkers {
    this.#engine = engine;
    const prepared = (worker: StepWorker): StepWorker => ({
      run: async (step, signal, progressed) => {
        if (await this.#prepare(step, signal)) await worker.run(step, signal, progressed);
      },
      failed: worker.failed.bind(worker),
    });
    const { fetch, deliver, stream, evict } = workers;
    return {
      ...workers,
      ...{ fetch: prepared(fetch), deliver: prepared(deliver) },
      ...{ stream: prepared(stream), evict: prepared(evict) },
    };
  }

  start(): void {
    const { records } = this.#running;
    records.changes.subscribe(({ id, record, previous }) => {
      if (!record) for (const ids of [this.#unreadable, this.#judged, this.#awaited]) ids.delete(id);
      const isNew = record && hasLocalCopy(record) && !(previous && hasLocalCopy(previous));
      if (isNew && this.#isWanted(record)) this.#queue.add(record.id);
    });
    const known = [...records.all()].filter(record => this.#isWanted(record));
    this.#queue.addKnown(known.slice(-MAX_KNOWN).map(({ id }) => id));
  }

  idle(): Promise<void> {
    return this.#queue.idle();
  }

  stop(): Promise<void> {
    return this.#queue.stop();
  }

  get #running(): ReadingEngine {
    if (!this.#engine) throw new FileSyncError('internal', 'no engine asks for facts yet');
    return this.#engine;
  }

  // ---- before a step ------------------------------------------------------------------------------------

  /** False: the step is not wanted any more, or is to be asked for again with the name that has been chosen. */
  async #prepare(step: Step, signal: AbortSignal): Promise<boolean> {
    const { id, target } = step;
    const { records } = this.#running;
    const record = records.get(id);
    const plan = record && this.#parts.planner.planFor(record);
    if (!record || !plan) return true;
    await this.#learn(step, record, plan, signal);
    const now = records.get(id);
    if (!now || (now.skipped !== undefined && record.skipped === undefined)) return false;
    if (target === undefined) return true;
    return now.targets[target] !== undefined && !(await this.#name(now, plan, target));
  }

  /** Reads what the step depends on. The local copy that goes is read in any case. */
  async #learn({ kind, target }: Step, record: FileRecord, plan: Plan, signal: AbortSignal): Promise<void> {
    if (kind === 'evict') return this.#waitFor(record, signal);
    const isAsked = kind === 'fetch' ? this.#mayBeSkipped(record) : this.#isAsked(record, plan, target);
    if (!isAsked) return;
    if (kind === 'deliver') return this.#waitFor(record, signal);
    const source = this.#sourceOf(record);
    if (source) await this.#readEnds(record, source, plan, signal);
  }

  /** What is done with the file, or its name on the target, depends on its facts. */
  #isAsked(record: FileRecord, plan: Plan, target = ''): boolean {
    const name = awaitedName(record, plan, target);
    const isNamedByFacts = name !== undefined && needsFacts(name);
    return plan.minDuration !== undefined || this.settings.telling.has(target) || isNamedByFacts;
  }

  /** No rule would take the file if it were short. */
  #mayBeSkipped(record: FileRecord): boolean {
    const isNew = record.copy.state === 'none' && !isDelivered(record) && record.size >= MIN_JUDGED_BYTES;
    const short = { ...record, facts: { format: 'ulog', duration: 0 } } as const;
    return isNew && this.#parts.planner.planFor(short)?.skip?.startsWith(MIN_DURATION) === true;
  }

  async #waitFor(record: FileRecord, signal: AbortSignal): Promise<void> {
    const { id } = record;
    if (!this.#isWanted(record) || this.#awaited.has(id)) return;
    const { clock } = this.#parts;
    await withinTime(this.#queue.first(id), { signal, ms: MAX_WAIT_MS, clock });
    this.#awaited.add(id);
  }

  /**
   * Chooses the name on the target, where that needed the facts or the autopilot: files of one name are not sent at the same time.
   * Rejects with `unavailable` while the autopilot has not said what it is called.
   */
  async #name(record: FileRecord, plan: Plan, target: string): Promise<boolean> {
    const template = awaitedName(record, plan, target);
    if (template === undefined) return false;
    const why = this.#parts.templates.whyUnnamed(record.device, template);
    if (why !== undefined) throw new FileSyncError('unavailable', why, { device: target });
    const { [target]: path } = await this.#parts.templates.paths(record, plan);
    if (path === undefined) return false;
    await this.#running.records.commit(record.id, { type: 'Named', target, path });
    return true;
  }

  // ---- the ends of a file on its source -----------------------------------------------------------------

  /** The source, where something can be learned from the ends of the file. */
  #sourceOf({ id, device, path, facts }: FileRecord): Source | undefined {
    const isOpen = this.settings.facts !== false && facts === undefined && !this.#judged.has(id);
    const { registry } = this.#running;
    const isFree = isOpen && hasEnds(path) && isUsable(registry.sourceState(device), this.#parts.clock);
    const source = isFree ? registry.source(device) : undefined;
    return source?.capabilities.resume ? source : undefined;
  }

  /** One attempt: where it fails, the file is taken as one of which nothing is known. */
  async #readEnds(record: FileRecord, source: Source, plan: Plan, signal: AbortSignal): Promise<void> {
    const { id, device, path } = record;
    this.#judged.add(id);
    const file = new SourceEnds(source, record, this.#parts.clock);
    try {
      const facts = await this.#factsAtEnds(file, path, plan, signal);
      if (facts && (record.via === 'stream' || this.#isShort(record, facts))) this.#apply(id, facts);
    } catch (thrown) {
      if (wasCut(signal, thrown)) this.#judged.delete(id);
      if (wasCut(signal, thrown)) throw thrown;
      const { message } = toFileSyncError(thrown);
      logDebug(this.#parts.logger, () => `${device}:${path}: its ends cannot be read: ${message}`);
    } finally {
      await file.close();
    }
  }

  async #factsAtEnds(
    file: SourceEnds,
    path: string,
    { minDuration }: Plan,
    signal: AbortSignal,
  ): Promise<FileFacts | undefined> {
    const { factsOf } = await import('../facts/facts.js');
    const options = { ...this.#options(signal), endsOnly: true, maxMs: MAX_READ_MS };
    const facts = await factsOf(path, file, { ...options, ...(minDuration && { shorterThan: minDuration }) });
    return facts && { ...facts, endsOnly: true };
  }

  // ---- local copies -------------------------------------------------------------------------------------

  /** There is something to read that is not known yet. */
  #isWanted(record: FileRecord): boolean {
    const { id, path, facts } = record;
    const isUnknown = facts === undefined || facts.endsOnly === true;
    const isReadable = isUnknown && hasLocalCopy(record) && !this.#unreadable.has(id);
    return isReadable && this.settings.facts !== false && formatOfName(path) !== undefined;
  }

  async #readCopy(id: string, signal: AbortSignal): Promise<void> {
    const record = this.#running.records.get(id);
    if (!record || !this.#isWanted(record)) return;
    try {
      const facts = await this.#factsInCopy(record, signal);
      if (facts) this.#apply(id, facts);
      else this.#unreadable.add(id);
    } catch (thrown) {
      if (wasCut(signal, thrown)) return;
      this.#unreadable.add(id);
      const { message } = toFileSyncError(thrown);
      logDebug(
        this.#parts.logger,
        () => `${record.device}:${record.path}: its facts cannot be read: ${message}`,
      );
    }
  }

  async #factsInCopy(record: FileRecord, signal: AbortSignal): Promise<FileFacts | undefined> {
    const { local, path, size } = record;
    const [{ factsOf }, { accessTo }] = await Promise.all([
      import('../facts/facts.js'),
      import('../facts/file-access.js'),
    ]);
    return this.#parts.local.reading(local, async file => {
      const access = accessTo(file, size);
      const options = { ...this.#options(signal), maxMs: MAX_READ_MS };
      const facts = await factsOf(path, access, options);
      if (!facts || !this.#isShort(record, facts)) return facts;
      const byEnds = await factsOf(path, access, { ...options, endsOnly: true });
      return this.#isShort(record, byEnds) ? facts : { ...facts, note: LONG_BY_ENDS };
    });
  }

  #options(signal: AbortSignal) {
    const position = this.settings.facts !== false && this.settings.facts.position;
    return { signal, position, clock: this.#parts.clock };
  }

  #isShort(record: FileRecord, facts: FileFacts | undefined): boolean {
    const plan = facts && this.#parts.planner.planFor({ ...record, facts });
    return plan?.skip?.startsWith(MIN_DURATION) === true;
  }

  #apply(id: string, facts: FileFacts): void {
    const { records, plan } = this.#running;
    const record = records.apply(id, { type: 'FactsRead', facts });
    if (!record || this.#parts.planner.plan(record.device, record.path)?.minDuration === undefined) return;
    plan(id);
    const now = records.get(id);
    if (now?.skipped !== undefined && now.skipped !== record.skipped)
      this.#parts.logger.log('info', `${record.device}:${record.path}: skipped: ${now.skipped}`);
  }
}

const LONG_BY_ENDS = 'by its ends it is longer';
