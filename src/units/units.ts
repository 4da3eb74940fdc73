import { nextTick } from 'node:process';
import { Subject } from 'rxjs';
import type { Change, Clock, FileRecord, Moment } from '../ports.js';
import type { Records } from '../record/records.js';
import type { StepKind, Wait } from '../record/wait.js';
import type { Planner } from '../rules/plan.js';
import type { Group } from '../rules/retention.js';
import { concernsUnit, judge, onlyReleases, signatureOf, unitReason } from '../rules/unit.js';
import type { UnitPlace, UnitVerdict } from '../rules/unit.js';
import { fileUnit } from './grouping.js';
import { Listings, type ListingsParts } from './listings.js';

export interface UnitsParts extends Omit<ListingsParts, 'records' | 'onRead'> {
  readonly records: Records;
  readonly planner: Planner;
  readonly clock: Pick<Clock, 'monotonic' | 'sleep'>;
}

/** A step as far as it depends on other files of its unit. */
interface UnitStep {
  readonly kind: StepKind;
  readonly id: string;
  readonly target?: string;
}

/** The files of one unit. */
interface Unit {
  readonly key: string;
  readonly place: UnitPlace;
  readonly early: boolean;
  /** Whether each of its files is the marker, by id, in the order in which they were found. */
  readonly ids: Map<string, boolean>;
  /** Undefined: something has changed since. */
  verdict?: UnitVerdict | undefined;
  /** Files may have been released since the verdict: it is made again soon. */
  isStale: boolean;
  /** Of the verdict that was reported last. */
  signature: string;
}

/** The pause before it is asked again whether a list is read. */
const READING_MS = 100;
/** A verdict looks at each file of its unit: that of one with more files is not made again for each file that is delivered. */
const MANY_FILES = 100;
/** The pause before that, by the number of files: a fraction of the time is spent on verdicts, whatever the size of the unit. */
const PAUSE_MS_PER_FILE = 0.05;

/** The units of all records, by today's rules, and what holds their files back. */
export class Units {
  /** Emits the ids of files whose steps may wait no longer, or have to wait now. */
  readonly changes = new Subject<ReadonlyMap<string, unknown>>();
  /** For the decisions of the engine. */
  readonly lookups = {
    together: (step: UnitStep): Wait | undefined => this.#wait(step),
    delivered: (record: FileRecord): Moment | undefined => this.#deliveredOf(record),
  };
  readonly #parts: UnitsParts;
  readonly #listings: Listings;
  readonly #units = new Map<string, Unit>();
  readonly #byId = new Map<string, Unit>();
  /** Units with new files. */
  readonly #grown = new Set<Unit>();

  constructor(parts: UnitsParts) {
    this.#parts = parts;
    this.#listings = new Listings({ ...parts, onRead: id => this.#update(this.#byId.get(id)) });
    this.replan();
    parts.records.changes.subscribe(change => this.#changed(change));
  }

  /** The rules have changed. */
  replan(): void {
    this.#units.clear();
    this.#byId.clear();
    for (const record of this.#parts.records.all()) this.#add(record);
  }

  /** Why the step of a file waits for other files of its unit. */
  #wait({ kind, id, target }: UnitStep): Wait | undefined {
    const unit = this.#byId.get(id);
    const record = unit && this.#parts.records.get(id);
    if (!record) return undefined;
    const verdict = this.#verdictOn(unit);
    const member = { record, isMarker: unit.ids.get(id) ?? false };
    const step = { kind, ...(target !== undefined && { target }) };
    const reason = unitReason(step, member, unit.place, unit.early, verdict);
    if (reason === undefined) return undefined;
    const until = verdict.soon || unit.isStale ? { until: this.#parts.clock.monotonic() + READING_MS } : {};
    return { code: 'together', reason: `together: ${reason}`, ...until };
  }

  /** When the last file of its unit was delivered; a file without a unit is one of its own. */
  #deliveredOf({ id, delivered }: FileRecord): Moment | undefined {
    const unit = this.#byId.get(id);
    return (unit && this.#verdictOn(unit).delivered) ?? delivered;
  }

  /** What files that go together have in common; `isWhole`: they may go. */
  readonly groupOf = ({ id, delivered }: FileRecord): Group => {
    const unit = this.#byId.get(id);
    if (!unit) return { group: id, isWhole: delivered !== undefined };
    return { group: unit, isWhole: this.#verdictOn(unit).held === undefined };
  };

  #changed({ id, record, previous }: Change): void {
    if (!record || record.delivered) this.#listings.drop(id);
    if (!record) return this.#remove(id);
    if (!previous) return this.#add(record);
    const unit = this.#byId.get(id);
    if (!unit || !concernsUnit(record, previous)) return;
    if (isOneOfMany(unit, id) && onlyReleases(record, previous)) this.#updateSoon(unit);
    else this.#update(unit);
  }

  /** Until then the verdict holds back what may be free by now. */
  #updateSoon(unit: Unit): void {
    if (unit.isStale || !unit.verdict) return;
    unit.isStale = true;
    const { clock, signal } = this.#parts;
    const update = () => {
      if (unit.isStale) this.#update(unit);
    };
    void clock.sleep(unit.ids.size * PAUSE_MS_PER_FILE, signal).then(update, () => undefined);
  }

  #add(record: FileRecord): void {
    const found = fileUnit(this.#parts.planner, record);
    if (!found) return;
    const { key, unit: place } = found;
    const early = found.together.early === true;
    const unit = this.#units.get(key) ?? { key, place, early, ids: new Map(), isStale: false, signature: '' };
    this.#units.set(key, unit);
    unit.ids.set(record.id, place.isMarker);
    this.#byId.set(record.id, unit);
    this.#grows(unit);
  }

  /** Many files are found at once: the unit is judged when they are. */
  #grows(unit: Unit): void {
    unit.verdict = undefined;
    if (this.#grown.size === 0) nextTick(() => this.#updateGrown());
    this.#grown.add(unit);
  }

  #updateGrown(): void {
    const grown = [...this.#grown];
    this.#grown.clear();
    for (const unit of grown) this.#update(unit);
  }

  #remove(id: string): void {
    const unit = this.#byId.get(id);
    this.#byId.delete(id);
    unit?.ids.delete(id);
    if (unit?.ids.size === 0) this.#units.delete(unit.key);
    else this.#update(unit);
  }

  /** Judges the unit again. Its files are reported only if others may go now, or have to wait. */
  #update(unit: Unit | undefined): void {
    if (!unit) return;
    unit.verdict = undefined;
    const { signature } = unit;
    unit.signature = signatureOf(this.#verdictOn(unit));
    if (unit.signature !== signature) this.changes.next(unit.ids);
  }

  #verdictOn(unit: Unit): UnitVerdict {
    if (unit.verdict) return unit.verdict;
    unit.isStale = false;
    const { records } = this.#parts;
    const members = [...unit.ids].flatMap(([id, isMarker]) => {
      const record = records.get(id);
      return record ? [{ record, isMarker }] : [];
    });
    unit.verdict = judge(unit.place, members, marker => this.#listings.of(marker));
    // Whoever asks before the first report knows it: only another verdict is reported.
    unit.signature ||= signatureOf(unit.verdict);
    return unit.verdict;
  }
}

/** The unit is large, and complete without that file. */
const isOneOfMany = ({ ids, place }: Unit, id: string): boolean =>
  ids.size > MANY_FILES && place.needs.length === 1 && ids.get(id) === false;
