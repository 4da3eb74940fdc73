import { reasonOf, stateName, stateOf } from '../../src/record/state.js';
import type { Change, FileRecord, SourceFile } from '../../src/ports.js';
import type { Planner } from '../../src/rules/plan.js';
import { checksumOf } from '../conformance/support.js';
import type { Drive } from './drive.js';
import { recordOf } from './model-source.js';
import type { Held, Shelf } from './model-target.js';
import { folderOf, isMarker, MARKER, isTogether, listedIn, othersOf } from './units.js';

/** ms after disarming for which the program must not touch the vehicle. */
const QUIET_MS = 2_000;

export interface RefereeParts {
  readonly drives: ReadonlyMap<string, Drive>;
  readonly shelves: ReadonlyMap<string, Shelf>;
  /** Those whose files are found again by name and hash. */
  readonly canHash: (target: string) => boolean;
  readonly canStat: (target: string) => boolean;
  readonly planner: () => Planner;
  /** As the program sees it now. */
  readonly record: (id: string) => FileRecord | undefined;
  readonly records: () => readonly FileRecord[];
  /** ms since the run began. */
  readonly trueTime: () => number;
  /** ms, monotonic within the process's boot. */
  readonly now: () => number;
  /** ms for which a file must stand still before it is taken. */
  readonly settle: number;
}

/** A file that was found so shortly before may not have been known when an attempt began that asks its target first. */
const NEW_MS = 60_000;

/** Knows what must never happen, and what has. It looks at the very moment of each act, and judges by the outer world alone. */
export class Referee {
  readonly violations: string[] = [];
  /** What of each record is certainly on disk. */
  readonly durable = new Map<string, FileRecord>();
  /** Records that are in the archive alone. */
  readonly archived = new Set<string>();
  /** Records that move from the database to the archive now. */
  readonly archiving = new Set<string>();
  /** The record that a person is changing now. */
  editing: string | undefined;
  /** When this process saw the vehicle disarmed. */
  disarmedAt = -Infinity;
  readonly #parts: RefereeParts;
  /** Records whose bytes a target that cannot be asked has got, and that no edit asked to send again: `target id`. */
  readonly #blind = new Set<string>();
  /** What was removed last: `source path`. */
  readonly #removed = new Map<string, Buffer>();
  /** Records that a person has changed since they were last written. */
  readonly #undone = new Set<string>();
  /** When each record was found. */
  readonly #foundAt = new Map<string, number>();
  /** Files without times that were asked for a checksum, and have not changed since: path. */
  readonly #compared = new Map<string, Buffer>();

  constructor(parts: RefereeParts) {
    this.#parts = parts;
  }

  demand(holds: boolean, what: string): void {
    if (!holds) this.violations.push(what);
  }

  // ---- the database

  changed({ id, record, previous }: Change): void {
    if (!record && this.archiving.has(id)) return;
    const isNew = record !== undefined && previous === undefined;
    this.demand(!isNew || !this.archived.has(id), `${id} is the id of an archived record`);
    if (!previous) this.#foundAt.set(id, this.#parts.trueTime());
    // One that could not be forgotten comes back as it was.
    if (record?.source.state === 'present' && !previous) this.#found(record);
    for (const [name, { state }] of Object.entries(previous?.targets ?? {})) {
      // What could not be written is taken back: only what the disk knows is done.
      const isKnown = this.durable.get(id)?.targets[name]?.state === 'done';
      if (state !== 'done' || !isKnown || this.editing === id) continue;
      const now = record?.targets[name]?.state;
      this.demand(now === 'done', `${id} -> ${name} was done, and is ${now ?? 'unknown'}`);
    }
  }

  /** A listing that is older than a removal says nothing of the file. */
  #found({ device, path }: FileRecord): void {
    const removed = this.#removed.get(`${device} ${path}`);
    const isLatest = removed !== undefined && this.#drive(device).latest(path) === removed;
    this.demand(!isLatest, `${device}:${path} was found after it had been removed`);
  }

  wrote(record: FileRecord): void {
    this.durable.set(record.id, record);
    this.#undone.delete(record.id);
  }

  /** A person has asked for it: it may be sent again, and what was done may be undone. */
  edited(id: string): void {
    this.#undone.add(id);
    for (const key of [...this.#blind]) if (key.endsWith(` ${id}`)) this.#blind.delete(key);
  }

  /** What a process finds when it starts. */
  reopened(get: (id: string) => FileRecord | undefined): void {
    for (const [id, { targets }] of this.durable) {
      if (this.#undone.has(id)) continue;
      const found = get(id);
      for (const [name, { state }] of Object.entries(targets))
        if (state === 'done')
          this.demand(found?.targets[name]?.state === 'done', `the database forgot that ${name} has ${id}`);
    }
  }

  // ---- sources

  atSource(name: string, operation: string, file?: SourceFile): void {
    const drive = this.#drive(name);
    const mode = this.#parts.planner().mildest(name);
    if (mode !== 'continue') {
      this.demand(!drive.armed || !drive.available, `${operation} on ${name} while it is armed`);
      const quiet = this.#parts.now() - this.disarmedAt;
      this.demand(
        name !== 'vehicle' || quiet >= QUIET_MS,
        `${operation} on ${name} ${quiet} ms after disarming`,
      );
    }
    const stored = file && drive.files.get(file.path);
    if (operation === 'checksum' && stored) this.#compared.set(`${name} ${file.path}`, stored.bytes);
    if (operation === 'remove' && file) this.#removes(name, recordOf(file));
  }

  #removes(name: string, record: FileRecord): void {
    const { id, path } = record;
    const bytes = this.#drive(name).files.get(path)?.bytes ?? Buffer.alloc(0);
    this.#removed.set(`${name} ${path}`, bytes);
    const onDisk = this.durable.get(id);
    const what = `${name}:${path} (${id}) was removed`;
    this.demand(isAllDone(onDisk), `${what} before the disk knew of its delivery`);
    const unseen = record.modified === undefined && this.#compared.get(`${name} ${path}`) !== bytes;
    const plan = this.#parts.planner().planFor(record);
    this.demand(plan !== undefined && plan.after.source !== 'keep', `${what} although its rule keeps it`);
    this.#goesAsOne(what, record);
    if (unseen) return;
    for (const target of Object.keys(onDisk?.targets ?? {}))
      this.demand(this.#holds(target, bytes), `${what} although ${target} has not got these bytes`);
  }

  #holds(target: string, bytes: Buffer): boolean {
    return [...(this.#parts.shelves.get(target)?.files.values() ?? [])].some(held =>
      held.bytes.equals(bytes),
    );
  }

  #drive(name: string): Drive {
    const drive = this.#parts.drives.get(name);
    if (!drive) throw new Error(`no drive ${name}`);
    return drive;
  }

  // ---- local storage

  /** `local`: relative to the local root. */
  evicts(local: string): void {
    const what = `the local copy ${local} was removed`;
    const owner = [...this.durable.values()].find(one => one.local === local && isAllDone(one));
    this.demand(owner !== undefined, `${what} before the disk knew of its delivery`);
    const now = owner && this.#parts.record(owner.id);
    const waits = now?.source.state === 'present' && now.removal !== 'refused';
    const goes = now && this.#parts.planner().planFor(now)?.after.source === 'delete';
    this.demand(!waits || !goes, `${what} before the file on its source`);
  }

  // ---- targets

  /** A file that no rule takes any more, and that a person has sent, is uploaded while its vehicle is armed. */
  atTarget(target: string, record: FileRecord): void {
    const { id, device } = record;
    const drive = this.#drive(device);
    if (this.#parts.planner().planFor(record)?.whileArmed === 'pause')
      this.demand(!drive.armed || !drive.available, `${id} was sent to ${target} while ${device} was armed`);
    this.#markerComesLast(target, this.#parts.record(id) ?? record);
  }

  /** No consumer finds a marker without the files that it completes. What is found while it is on its way comes later. */
  #markerComesLast(target: string, marker: FileRecord): void {
    if (!isTogether(this.#parts.planner(), marker) || !isMarker(marker.path)) return;
    const what = `the marker ${marker.device}:${marker.path} (${marker.id}) was sent to ${target}`;
    const files = [...(this.#parts.shelves.get(target)?.files.values() ?? [])];
    const others = othersOf(marker, this.#parts.records());
    for (const { id, path, targets, sha256 } of others) {
      const isNew = (this.#foundAt.get(id) ?? 0) > this.#parts.trueTime() - NEW_MS;
      if (isNew || targets[target] === undefined) continue;
      this.demand(targets[target].state === 'done', `${what} before ${path} (${id}) was delivered`);
      this.demand(
        sha256 === undefined || files.some(({ bytes }) => checksumOf('sha256', bytes).value === sha256),
        `${what} before it had ${path} (${id})`,
      );
    }
    this.#listIsThere(what, marker);
  }

  /** Of a marker that is streamed, the list is not read. */
  #listIsThere(what: string, marker: FileRecord): void {
    const bytes = this.#drive(marker.device).latest(marker.path);
    if (marker.via === 'stream' || !bytes || checksumOf('sha256', bytes).value !== marker.sha256) return;
    const known = new Set(this.#parts.records().map(({ device, path }) => `${device}:${path}`));
    for (const name of listedIn(bytes)) {
      const path = `${marker.device}:${folderOf(marker.path)}${name}`;
      this.demand(known.has(path), `${what} although nothing is known of ${path}, which it lists`);
    }
  }

  /** A unit goes from its source as one, its marker first. */
  #goesAsOne(what: string, record: FileRecord): void {
    if (!isTogether(this.#parts.planner(), record)) return;
    const others = othersOf(record, this.#parts.records());
    for (const one of others)
      this.demand(isAllDone(one), `${what} before ${one.path} (${one.id}) of its unit was delivered`);
    const markers = this.#parts
      .records()
      .filter(({ device, path }) => device === record.device && path === `${folderOf(record.path)}${MARKER}`);
    this.demand(markers.some(isAllDone), `${what} before its unit was complete`);
    if (isMarker(record.path)) return;
    const marker = markers.at(-1);
    this.demand(marker?.source.state !== 'present', `${what} before its marker`);
  }

  holds(target: string, held: Held): void {
    const { id, device, from, bytes } = held;
    const what = `${target} got ${bytes.length} bytes of ${device}:${from} (${id})`;
    this.demand(
      this.#drive(device).everHeld(from, bytes, this.#parts.settle),
      `${what} that never lay there so, as a whole file at rest`,
    );
    if (!this.#parts.canStat(target)) {
      this.demand(!this.#blind.has(`${target} ${id}`), `${what} twice`);
      this.#blind.add(`${target} ${id}`);
    }
    const copies = [...(this.#parts.shelves.get(target)?.files.values() ?? [])].filter(
      one => one.id === id && one.bytes.equals(bytes),
    );
    this.demand(!this.#parts.canHash(target) || copies.length <= 1, `${what} and has it already`);
  }

  /** What the database says now of a file, for messages. */
  static describe(record: FileRecord): string {
    return `${record.device}:${record.path} (${record.id}, ${stateName(stateOf(record))}: ${reasonOf(record) || 'no reason'})`;
  }
}

export const isAllDone = (record: FileRecord | undefined): boolean =>
  record !== undefined &&
  Object.keys(record.targets).length > 0 &&
  Object.values(record.targets).every(({ state }) => state === 'done');
