import { makeDevices } from '../../compose.js';
import type { Config } from '../../config/config.js';
import { closeDevices, type Device } from '../../engine/devices.js';
import { toFileSyncError } from '../../errors.js';
import { LocalStorage } from '../../local/storage.js';
import type { FileRecord, Logger, Source, Store, Target } from '../../ports.js';
import { withDeadline } from '../../system/deadline.js';
import {
  compareCopy,
  compareDelivery,
  expectsCopy,
  isFault,
  type Fault,
  type CompareResult,
} from '../../verify/compare.js';
import { unknownCopies, unknownOnTarget, type UnknownFile } from '../../verify/unknown.js';
import { withReachableDevices, type Reachable } from '../check/held.js';
import { settled } from '../check/listing.js';
import type { Shell } from '../shell.js';

/** Files without a record that are kept for the report; more are only counted. */
const MAX_UNKNOWN = 1_000;
/** Time for the listing of a target. */
const LISTING_TIMEOUT_MS = 60_000;

/** A copy that is not as its record says. */
export interface Finding extends Fault {
  readonly record: FileRecord;
  /** Empty: the local copy. */
  readonly target: string;
}

/** What was compared at one place: the local copies of a source, or a target. */
export interface ComparedPlace {
  readonly device: string;
  readonly role: 'local copies' | 'target';
  /** Copies by how they were compared, or by what is wrong with them. */
  readonly counts: Readonly<Record<'hash' | 'size' | 'uncompared' | Fault['kind'], number>>;
  /** Why nothing, or not all, could be compared or listed there; empty: nothing was in the way. */
  readonly problem: string;
}

export interface Comparison {
  readonly places: readonly ComparedPlace[];
  readonly findings: readonly Finding[];
  readonly unknown: readonly (UnknownFile & {
    readonly device: string;
    readonly role: ComparedPlace['role'];
  })[];
  readonly unknownTotal: number;
}

export interface ComparisonParts {
  readonly config: Config;
  readonly known: Store;
  /** Only what concerns this source or target. */
  readonly device: string | undefined;
  readonly shell: Shell;
  readonly logger: Logger;
}

/** Compares records with local copies and targets. Changes nothing; rejects with `cancelled` when the program is stopped. */
export function compareAll(parts: ComparisonParts): Promise<Comparison> {
  const compare = async (signal: AbortSignal) => new Run(parts, signal).all();
  return withDeadline(compare, { signal: parts.shell.stopped });
}

class Run {
  readonly #parts: ComparisonParts;
  readonly #signal: AbortSignal;
  readonly #places: ComparedPlace[] = [];
  readonly #findings: Finding[] = [];
  readonly #unknown: Comparison['unknown'][number][] = [];
  #unknownTotal = 0;

  constructor(parts: ComparisonParts, signal: AbortSignal) {
    this.#parts = parts;
    this.#signal = signal;
  }

  async all(): Promise<Comparison> {
    const { known } = this.#parts;
    const records = [...known.all()];
    for await (const record of known.archived()) records.push(record);
    await Promise.all([this.#local(records), this.#targets(records)]);
    const places = this.#places.sort((a, b) => (a.device < b.device ? -1 : 1));
    const [findings, unknown] = [this.#findings, this.#unknown];
    return { places, findings, unknown, unknownTotal: this.#unknownTotal };
  }

  // ---- local copies -------------------------------------------------------------------------------------

  async #local(records: readonly FileRecord[]): Promise<void> {
    const { config, device } = this.#parts;
    const local = new LocalStorage(config.local);
    const wanted = records.filter(record => expectsCopy(record) && isOf(record, device));
    const compare = (record: FileRecord) => compareCopy(record, local, this.#signal);
    for (const name of new Set(wanted.map(record => record.device)))
      await this.#compare(
        name,
        'local copies',
        wanted.filter(record => record.device === name),
        compare,
      );
    if (device !== undefined) return;
    const sources = config.rules.map(({ from }) => from);
    await this.#note('', 'local copies', unknownCopies(local, records, sources, this.#signal));
  }

  // ---- targets ------------------------------------------------------------------------------------------

  async #targets(records: readonly FileRecord[]): Promise<void> {
    const { config, shell } = this.#parts;
    const names = new Set(config.rules.flatMap(({ to }) => to));
    const used = new Map([...config.devices].filter(([name]) => names.has(name)));
    await withReachableDevices({ ...config, devices: used }, shell, found => this.#reached(found, records));
    const gone = new Set(records.flatMap(({ targets }) => Object.keys(targets)));
    for (const name of gone)
      if (!names.has(name) && this.#delivered(records, name).length > 0)
        this.#unreached(name, records, 'no rule of the configuration names it: add one, or forget the files');
  }

  async #reached({ config, held }: Reachable, records: readonly FileRecord[]): Promise<void> {
    for (const { name } of held)
      this.#unreached(name, records, 'the running daemon alone may use it: stop it, then verify again');
    const { shell, logger } = this.#parts;
    const [rule] = config.rules;
    // Each target as a source as well: that end lists.
    const rules = rule ? [...config.devices.keys()].map(name => ({ ...rule, from: name, to: [name] })) : [];
    const devices = await makeDevices({ ...config, rules }, { ...shell, logger }, 'without');
    const each = devices.map(device => this.#target(device, records).finally(() => closeDevices([device])));
    await Promise.all(each).finally(() => Promise.allSettled(each));
  }

  async #target({ name, type, source, target }: Device, records: readonly FileRecord[]): Promise<void> {
    const delivered = this.#delivered(records, name);
    if (!target || delivered.length === 0) return;
    const { available, reason } = await settled(target.availability, this.#signal);
    if (!available) return this.#unreached(name, records, reason);
    await this.#compare(name, 'target', delivered, record => this.#ofTarget(record, name, target));
    // A drive is mounted for one use at a time.
    if (source && type !== 'disk' && this.#concerns(name)) await this.#listTarget(name, source, records);
  }

  async #ofTarget(record: FileRecord, name: string, target: Target): Promise<CompareResult> {
    const delivery = record.targets[name];
    return delivery ? compareDelivery(record, delivery, target, this.#signal) : 'uncompared';
  }

  async #listTarget(name: string, source: Source, records: readonly FileRecord[]): Promise<void> {
    const paths = records.flatMap(({ targets }) => targets[name]?.path ?? []);
    const list = (signal: AbortSignal) =>
      this.#note(name, 'target', unknownOnTarget(source, new Set(paths), signal));
    const { clock } = this.#parts.shell;
    await withDeadline(list, { signal: this.#signal, clock, ms: LISTING_TIMEOUT_MS }).catch(
      (thrown: unknown) => {
        const { message } = toFileSyncError(thrown);
        if (this.#signal.aborted) throw thrown;
        this.#parts.logger.log('warn', `${name}: files without a record were not all listed: ${message}`);
      },
    );
  }

  #concerns(name: string): boolean {
    const { device } = this.#parts;
    return device === undefined || device === name;
  }

  #delivered(records: readonly FileRecord[], name: string): FileRecord[] {
    const { device } = this.#parts;
    const isWanted = (record: FileRecord) => device === name || isOf(record, device);
    return records.filter(record => record.targets[name]?.state === 'done' && isWanted(record));
  }

  #unreached(device: string, records: readonly FileRecord[], problem: string): void {
    const unknown = this.#delivered(records, device).length;
    if (unknown === 0) return;
    this.#places.push({ device, role: 'target', counts: { ...NONE, unknown }, problem });
  }

  // ---- both ---------------------------------------------------------------------------------------------

  async #compare(
    device: string,
    role: ComparedPlace['role'],
    records: readonly FileRecord[],
    compare: (record: FileRecord) => Promise<CompareResult>,
  ): Promise<void> {
    const counts = { ...NONE };
    for (const record of records) {
      const verdict = await compare(record);
      counts[isFault(verdict) ? verdict.kind : verdict]++;
      const target = role === 'target' ? device : '';
      if (isFault(verdict)) this.#findings.push({ record, target, ...verdict });
    }
    this.#places.push({ device, role, counts, problem: '' });
  }

  async #note(device: string, role: ComparedPlace['role'], files: AsyncIterable<UnknownFile>): Promise<void> {
    for await (const file of files) {
      this.#unknownTotal++;
      if (this.#unknown.length < MAX_UNKNOWN) this.#unknown.push({ device, role, ...file });
    }
  }
}

const NONE: ComparedPlace['counts'] = { hash: 0, size: 0, uncompared: 0, missing: 0, corrupt: 0, unknown: 0 };

const isOf = (record: FileRecord, device: string | undefined): boolean =>
  device === undefined || record.device === device;

/** Without what a running daemon has changed meanwhile. */
export function stillTrue(found: Comparison, now: Store): Comparison {
  const isTrue = ({ record, target }: Finding): boolean => {
    const current = now.get(record.id);
    // An archived record changes no more.
    if (!current) return true;
    if (target !== '') return current.targets[target]?.path === record.targets[target]?.path;
    return current.local === record.local && expectsCopy(current);
  };
  return { ...found, findings: found.findings.filter(isTrue) };
}
