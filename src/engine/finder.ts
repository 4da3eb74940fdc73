import { Subject } from 'rxjs';
import { FileSyncError, toFileSyncError } from '../errors.js';
import { localName, TakenNames } from '../local/names.js';
import type { LocalStorage } from '../local/storage.js';
import type { Clock, FileRecord, Logger, Source, SourceFile } from '../ports.js';
import { companionOf } from '../rules/companion.js';
import { beginFirstScan } from '../rules/first-contact.js';
import type { Plan, Planner } from '../rules/plan.js';
import { takenTogether } from '../rules/together.js';
import type { TemplateContext } from '../rules/template-context.js';
import type { DeviceRegistry } from './devices.js';
import { checkMedium } from '../local/medium.js';
import { match, recordId, type Match } from '../record/identity.js';
import type { Outcome } from '../record/events.js';
import { withTargets } from '../record/named-targets.js';
import { newRecord } from '../record/record.js';
import type { Records } from '../record/records.js';
import type { Scan, ScanFailure } from '../record/scan.js';
import { newMemory, type SourceMemory } from '../record/sightings.js';
import { isDelivered, levelOf } from '../record/state.js';
import { WorkPacer } from '../system/work-pacer.js';
import type { Sighting } from '../rules/after-delivery.js';
import type { StepWorker, Step } from './steps.js';

export interface FinderParts {
  readonly registry: DeviceRegistry;
  readonly records: Records;
  readonly planner: Planner;
  readonly templates: TemplateContext;
  readonly local: LocalStorage;
  readonly clock: Clock;
  readonly logger: Logger;
}

interface ListedFile {
  readonly file: SourceFile;
  readonly plan: Plan;
  readonly match: Match;
}

/** The result of listing one source. */
interface Listing {
  /** Monotonic ms. What was learned of a file after that takes precedence. */
  readonly began: number;
  readonly files: readonly SourceFile[];
  readonly seen?: number;
  /** Paths that were asked for; undefined if everything was listed. Only these can be recorded as gone. */
  readonly asked?: readonly string[];
  /** Why not everything could be listed. The files that were listed are fetched. */
  readonly denied?: FileSyncError;
}

/** Between two full scans, only changes are listed where the source supports that. */
const FULL_SCAN_INTERVAL_MS = 3_600_000;
/** Files that are recorded between two turns of the event loop. */
const RECORD_BATCH = 64;
/** Files waiting for removal that a scan of the changes includes. */
const MAX_AWAITED = 100;

/** Scans sources for new files, and for changes of the known ones. */
export class Finder implements StepWorker {
  readonly scans = new Subject<Scan>();
  /** Scans that failed, those included that are attempted again. */
  readonly failures = new Subject<ScanFailure>();
  readonly #parts: FinderParts;
  readonly #memories = new Map<string, SourceMemory>();
  /** Monotonic ms of the listing that last showed a delivered file as its record says, by id. */
  readonly #confirmed = new Map<string, number>();
  readonly #names = new TakenNames();

  constructor(parts: FinderParts) {
    this.#parts = parts;
    for (const { local } of parts.records.all()) this.#names.add(local);
  }

  async run({ source: device = '' }: Step, signal: AbortSignal): Promise<void> {
    const { registry, records } = this.#parts;
    const source = registry.source(device);
    if (!source) throw new FileSyncError('config', `${device} cannot be read from`);
    const listing = await this.#list(device, source, signal);
    const memory = this.#memoryOf(device);
    const isFull = !listing.asked && !listing.denied;
    const medium = { ...this.#parts, device, source, ...listing, signal };
    const isProof = isFull && (await checkMedium(medium, memory));
    if (isProof && !records.knowsSource(device))
      beginFirstScan({ ...this.#parts, ...listing, device, memory });
    const proven = isFull && !isProof ? { ...listing, asked: [] } : listing;
    const scan = await this.#take(device, source, proven, signal);
    memory.growing = scan.growing;
    await this.#endFirstScan(device, memory);
    this.#report(device, listing.denied);
    const error = listing.denied && { error: listing.denied };
    const result = { complete: isProof, otherAndEmpty: proven !== listing, files: listing.files.length };
    this.scans.next({ ...scan, ...result, ...error });
  }

  failed({ source: device = '' }: Step, error: FileSyncError, _outcome: Outcome, last: boolean): void {
    this.invalidate(device);
    if (error.kind === 'cancelled') return;
    this.#parts.logger.log(levelOf(error, false), `${device}: listing failed: ${error.message}`);
    this.failures.next({ device, error });
    const nothing = { began: -Infinity, complete: false, files: 0, found: 0, growing: [], settledIn: 0 };
    if (last) this.scans.next({ device, ...nothing, error });
  }

  /** Earlier scans of the source are not reliable any more: the next scan is a full one. */
  invalidate(device: string): void {
    this.#memoryOf(device).scannedFully = -Infinity;
  }

  /** The source may have another medium now. */
  suspect(device: string): void {
    this.#memoryOf(device).suspect = true;
    this.invalidate(device);
  }

  sighting({ id, device }: FileRecord): Sighting {
    const { writersSeen, growing } = this.#memoryOf(device);
    const isLearned = this.#parts.records.learned(id) > -Infinity;
    return { at: this.#confirmed.get(id) ?? -Infinity, writersSeen, isLearned, growing };
  }

  #memoryOf(device: string): SourceMemory {
    const known = this.#memories.get(device);
    if (known) return known;
    const memory = newMemory(this.#parts.clock);
    this.#memories.set(device, memory);
    return memory;
  }

  // ---- listing ------------------------------------------------------------------------------------------

  async #list(device: string, source: Source, signal: AbortSignal): Promise<Listing> {
    const { clock } = this.#parts;
    const memory = this.#memoryOf(device);
    const began = clock.monotonic();
    const asked = [...memory.growing, ...this.#awaited(device)];
    const isDue = began - memory.scannedFully >= FULL_SCAN_INTERVAL_MS;
    const changes = isDue ? undefined : await source.listChanges?.(asked, signal);
    if (changes) return { began, files: changes.filter(({ path }) => this.#isWanted(device, path)), asked };
    // Set before the listing, so that an invalidation during it is kept.
    memory.scannedFully = began;
    const files: SourceFile[] = [];
    let seen = 0;
    try {
      for await (const file of source.list(signal)) {
        seen++;
        if (this.#isWanted(device, file.path)) files.push(file);
      }
      return { began, files, seen };
    } catch (thrown) {
      const denied = toFileSyncError(thrown);
      if (denied.kind !== 'denied' || seen === 0) throw denied;
      this.invalidate(device);
      return { began, files, asked: [], denied };
    }
  }

  /** A rule takes the file, or there is a record of it, whose source state must be known. */
  #isWanted(device: string, path: string): boolean {
    const { planner, records } = this.#parts;
    return planner.plan(device, path) !== undefined || records.versions(device, path).length > 0;
  }

  /** Paths of files that are removed once they have been listed unchanged again. */
  #awaited(device: string): string[] {
    const awaited: string[] = [];
    for (const id of this.#confirmed.keys()) {
      const record = this.#parts.records.get(id);
      if (!record || !this.#awaitsRemoval(record)) this.#confirmed.delete(id);
      else if (record.device === device && awaited.length < MAX_AWAITED) awaited.push(record.path);
    }
    return awaited;
  }

  #awaitsRemoval(record: FileRecord): boolean {
    if (!isDelivered(record) || record.source.state !== 'present') return false;
    return (this.#parts.planner.planFor(record)?.after.source ?? 'keep') !== 'keep';
  }

  /** Logs the same message only once, not with each scan. */
  #report(device: string, denied: FileSyncError | undefined): void {
    const memory = this.#memoryOf(device);
    const message = denied?.message ?? '';
    if (denied && memory.reported !== message)
      this.#parts.logger.log('warn', `${device}: listing incomplete: ${message}`);
    memory.reported = message;
  }

  /** Files of the first scan may settle in a later one. The first scan ends when all of them are recorded. */
  async #endFirstScan(
    device: string,
    { firstScan, growing, sightings, volume }: SourceMemory,
  ): Promise<void> {
    const { records, clock } = this.#parts;
    if (records.source(device)) return;
    if (firstScan !== undefined && growing.some(path => sightings.since(path) === firstScan)) return;
    if (firstScan === undefined && !records.knowsSource(device)) return;
    await records.putSource({ device, scannedAt: clock.now(), ...(volume !== undefined && { volume }) });
  }

  // ---- taking -------------------------------------------------------------------------------------------

  async #take(device: string, source: Source, listing: Listing, signal: AbortSignal) {
    const { planner, records } = this.#parts;
    const { began, asked } = listing;
    const { sightings } = this.#memoryOf(device);
    const isOutdated = ({ id, source: { state } }: FileRecord) =>
      state === 'removed' ? records.learned(id) >= began : records.learned(id) > began;
    const listed: ListedFile[] = [];
    const present = new Set<string>();
    for (const file of listing.files) {
      const plan = planner.plan(device, file.path);
      const found = match(file, records.versions(device, file.path), isOutdated);
      if (plan) listed.push({ file, plan, match: found });
      if (found.kind === 'known') present.add(found.record.id);
    }
    const paths = new Set(listed.map(({ file }) => file.path));
    if (asked) asked.filter(path => !paths.has(path)).forEach(path => sightings.drop(path));
    else sightings.keepOnly(paths);
    const fresh = listed.filter(one => one.match.kind === 'new' || one.match.kind === 'back');
    for (const { file } of fresh) sightings.observe(file, began, this.#versionsOf(device, file));
    const settled = await this.#settledOf(device, source, fresh, began, signal);
    const pacer = new WorkPacer(RECORD_BATCH);
    for (const one of settled) {
      present.add(await this.#record(device, one, began));
      await pacer.after(1);
    }
    this.#noteGone(device, listed, listing, present);
    this.#confirm(listed, began);
    return this.#scanOf(device, began, fresh, settled);
  }

  /** How often this path was recorded although it was still growing. */
  #versionsOf(device: string, { path, size }: SourceFile): number {
    return this.#parts.records
      .versions(device, path)
      .filter(record => record.source.state === 'present' && record.size < size).length;
  }

  /** Files that have not changed for `settle` and that nobody writes to, with those that have to be taken together. */
  async #settledOf(
    device: string,
    source: Source,
    fresh: readonly ListedFile[],
    began: number,
    signal: AbortSignal,
  ): Promise<ListedFile[]> {
    const memory = this.#memoryOf(device);
    const still = (seen: boolean) =>
      fresh.filter(({ file, plan }) => memory.sightings.remaining(file, plan.settle, seen) === 0);
    const paths = still(true).map(({ file }) => file.path);
    const writers = paths.length > 0 ? await source.writers?.(paths, signal) : undefined;
    if (writers) memory.writersSeen = writers.complete;
    for (const path of writers?.open ?? []) memory.sightings.hold(path, began);
    const quiet = still(memory.writersSeen).filter(({ file }) => !writers?.open.has(file.path));
    return takenTogether(quiet, fresh);
  }

  #scanOf(device: string, began: number, fresh: readonly ListedFile[], settled: readonly ListedFile[]) {
    const { sightings, writersSeen } = this.#memoryOf(device);
    const taken = new Set(settled);
    const growing = fresh.filter(one => !taken.has(one));
    const waits = growing.map(
      ({ file, plan }) => sightings.remaining(file, plan.settle, writersSeen) || plan.settle,
    );
    const settledIn = growing.length > 0 ? Math.min(...waits) : 0;
    const paths = growing.map(({ file }) => file.path);
    return { device, began, found: settled.length, growing: paths, settledIn };
  }

  /** Returns the id of the record. */
  async #record(device: string, { file, plan, match: found }: ListedFile, asOf: number): Promise<string> {
    const { records, logger } = this.#parts;
    const { sightings, firstScan } = this.#memoryOf(device);
    const isFirst =
      firstScan !== undefined && !records.source(device) && sightings.since(file.path) === firstScan;
    sightings.drop(file.path);
    if (found.kind === 'back') return records.apply(found.record.id, { type: 'SeenAgain', asOf })?.id ?? '';
    if (found.kind !== 'new') return '';
    const record = this.#selected(await this.#make(device, file, plan, found, isFirst));
    const { id, skipped } = record;
    // Only the first scan shows which files were there before it.
    if (isFirst && skipped !== undefined) await records.commit(id, { type: 'Found', record });
    else records.apply(id, { type: 'Found', record });
    const skip = skipped === undefined ? '' : `, skipped: ${skipped}`;
    logger.log('info', `${device}:${file.path}: found, ${file.size} bytes${skip}`);
    return id;
  }

  /** The record with the targets of the rules that select the file; it gets to the others when they do. */
  #selected(record: FileRecord): FileRecord {
    const plan = this.#parts.planner.planFor(record, this.#mainOf(record));
    const wanted = Object.fromEntries((plan?.targets ?? []).map(target => [target.device, undefined]));
    return {
      ...withTargets(record, wanted),
      ...(plan?.skip !== undefined && { skipped: plan.skip }),
      ...(plan?.via === 'stream' && { via: plan.via }),
    };
  }

  /** The record of the database that a write-ahead log belongs to. */
  #mainOf({ device, path }: FileRecord): FileRecord | undefined {
    const main = companionOf(path);
    return main === undefined ? undefined : this.#parts.records.versions(device, main).at(-1);
  }

  async #make(
    device: string,
    file: SourceFile,
    plan: Plan,
    { generation, like }: Extract<Match, { kind: 'new' }>,
    first: boolean,
  ): Promise<FileRecord> {
    const { templates, clock, records } = this.#parts;
    const now = clock.now();
    const id = recordId(device, file, generation, await records.archiveSize());
    const described = { ...file, device, foundAt: now };
    const description = await templates.describe(described, plan);
    const paths = await templates.pathsWhenFound({ ...described, description }, plan);
    const local = localName(device, file.path, candidate => this.#names.has(candidate), id);
    this.#names.add(local);
    return {
      ...newRecord({ ...file, id, device, local, description, foundAt: now }, paths),
      ...(generation > 0 && { generation }),
      ...(like && { like: like.id }),
      ...(first && { atFirstScan: true }),
    };
  }

  /** A file is gone if a complete listing did not show it, or if another file is listed under its path. */
  #noteGone(
    device: string,
    listed: readonly ListedFile[],
    { began, asked, denied }: Listing,
    present: Set<string>,
  ): void {
    const { records } = this.#parts;
    const replaced = listed.filter(({ match: one }) => one.kind !== 'outdated');
    const candidates =
      asked || denied
        ? replaced.flatMap(({ file }) => records.versions(device, file.path))
        : [...records.all()].filter(record => record.device === device);
    for (const { id, source } of candidates)
      if (source.state === 'present' && !present.has(id)) records.apply(id, { type: 'Gone', asOf: began });
  }

  #confirm(listed: readonly ListedFile[], began: number): void {
    for (const { match: one } of listed)
      if (one.kind === 'known' && this.#parts.planner.planFor(one.record)?.after.source !== 'keep')
        this.#confirmed.set(one.record.id, began);
  }
}
