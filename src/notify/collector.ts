import type { NotifyConfig } from '../config/notify.js';
import { FileState, type Change, type FileRecord, type Moment, type Space } from '../ports.js';
import { isUnfinished, stateOf } from '../record/state.js';
import { FailedFiles } from './failed-files.js';
import { arrivalOf } from './arrival.js';
import type { Arrival, NoticeEvent } from './events.js';
import { Lasting } from './lasting.js';
import type { Told } from './told.js';
import { OfflineDevices, type DeviceFacts } from './offline-devices.js';

/** What happens within that time is one message, and nothing else is told meanwhile. */
export const WINDOW_MS = 60_000;

/** `after` of an entry that does not say: devices and disks recover by themselves, FAILED files do not. */
const DEFAULT_AFTER_MS = 600_000;

export interface CollectorParts {
  readonly entry: Pick<NotifyConfig, 'on' | 'after'>;
  readonly told: Told;
  readonly get: (id: string) => FileRecord | undefined;
}

/** Delivered files of one source that no message has told of. */
interface Delivered {
  readonly ids: Set<string>;
  /** Monotonic ms at which something last happened there. */
  last: number;
}

/**
 * What has happened, and what of it is to be told, for one entry of `notify`. It does no input or output and has no timer: the
 * caller says what happens and what time it is.
 */
export class Collector {
  readonly #parts: CollectorParts;
  readonly #since: number;
  readonly #underWay = new Map<string, Set<string>>();
  readonly #sources = new Map<string, Delivered>();
  readonly #flights: Record<string, number>;
  readonly #failed: FailedFiles;
  readonly #offline: OfflineDevices;
  readonly #short: Lasting;
  #space: Space | undefined;
  #idle: number | undefined;
  /** Monotonic ms at which something was last found, delivered or given up. */
  #last = -Infinity;
  /** Delivered since everything was last delivered. */
  #work = { files: 0, bytes: 0 };
  /** Of the last message, monotonic ms. */
  #messageAt = -Infinity;

  constructor(parts: CollectorParts, records: Iterable<FileRecord>, now: Moment) {
    const { told, entry } = parts;
    this.#parts = parts;
    this.#since = told.since;
    this.#flights = { ...told.flights };
    this.#idle = told.idle;
    const { after = DEFAULT_AFTER_MS } = entry;
    this.#failed = new FailedFiles(entry.after ?? 0, told.failed);
    this.#offline = new OfflineDevices(after, told.offline);
    this.#short = new Lasting(after, told.space);
    for (const record of records) this.#remember(record, now);
  }

  /** A record has changed. */
  changed({ id, record, previous }: Change, now: Moment): void {
    const device = (record ?? previous)?.device ?? '';
    if (this.#place(id, device, record)) this.#touch(device, now.up);
    if (record && stateOf(record) === FileState.FAILED) this.#failed.add(record, now.up);
    else this.#failed.delete(id);
    if (!previous?.delivered) this.#delivered(record, now.up);
  }

  /** The devices of the rules, as they are now. */
  devices(devices: readonly DeviceFacts[], now: Moment): void {
    this.#offline.update(devices, now);
  }

  /** `space`: what can still be written above `min_free`. */
  space(space: Space, now: Moment): void {
    this.#space = space;
    this.#short.update(space.free <= 0 || this.#lacks(space.free), now);
  }

  get wantsSpace(): boolean {
    return this.#wants('space');
  }

  /**
   * What is to be told now; empty: nothing. It counts as told then. `isEnd`: nothing else will happen in this run of the program,
   * so that nothing is waited for, except for what `after` says.
   */
  due(now: Moment, isEnd: boolean): readonly NoticeEvent[] {
    const hold = isEnd ? 0 : WINDOW_MS;
    const isSoon = now.up - this.#messageAt < hold;
    if (isSoon || !this.#isDue(now, hold)) return [];
    this.#messageAt = now.up;
    return [
      ...this.#takeFailed(now, isEnd),
      ...(this.#wants('space') && this.#space && this.#short.take(now)
        ? [{ kind: 'space' as const, ...this.#space }]
        : []),
      ...(this.#wants('offline') ? this.#offline.take(now) : []),
      ...this.#takeFlights(now, hold),
      ...this.#takeIdle(now, hold),
    ];
  }

  /** What is to be kept for the next run of the program. */
  get told(): Told {
    const { failed } = this.#failed;
    return {
      since: this.#since,
      ...(failed !== undefined && { failed }),
      flights: { ...this.#flights },
      ...(this.#idle !== undefined && { idle: this.#idle }),
      offline: this.#offline.state,
      ...(this.#short.state && { space: this.#short.state }),
    };
  }

  #wants(kind: NotifyConfig['on'][number]): boolean {
    return this.#parts.entry.on.includes(kind);
  }

  // ---- records ------------------------------------------------------------------------------------------

  /** A record of an earlier run of the program. */
  #remember(record: FileRecord, now: Moment): void {
    this.#place(record.id, record.device, record);
    const ago = (at: number) => now.up - Math.max(0, now.at - at);
    if (stateOf(record) === FileState.FAILED) this.#failed.addKnown(record, ago);
    const { delivered } = record;
    if (!delivered) return;
    const { at } = delivered;
    if (at > (this.#flights[record.device] ?? this.#since)) this.#flown(record, ago(at));
    if (at > (this.#idle ?? this.#since)) this.#worked(record, ago(at));
  }

  /** Whether it came under way, or is not any more. */
  #place(id: string, device: string, record: FileRecord | undefined): boolean {
    const ids = this.#underWay.get(device) ?? new Set<string>();
    this.#underWay.set(device, ids);
    const isUnderWay = record !== undefined && isUnfinished(record) && stateOf(record) !== FileState.FAILED;
    if (isUnderWay === ids.has(id)) return false;
    if (isUnderWay) ids.add(id);
    else ids.delete(id);
    return true;
  }

  #touch(device: string, up: number): void {
    this.#last = Math.max(this.#last, up);
    const source = this.#sources.get(device);
    if (source) source.last = Math.max(source.last, up);
  }

  #delivered(record: FileRecord | undefined, up: number): void {
    if (!record?.delivered) return;
    this.#flown(record, up);
    this.#worked(record, up);
  }

  #flown({ id, device }: FileRecord, up: number): void {
    if (!this.#wants('flight')) return;
    const source = this.#sources.get(device) ?? { ids: new Set<string>(), last: up };
    source.ids.add(id);
    this.#sources.set(device, source);
    this.#touch(device, up);
  }

  #worked({ size }: FileRecord, up: number): void {
    this.#last = Math.max(this.#last, up);
    this.#work = { files: this.#work.files + 1, bytes: this.#work.bytes + size };
  }

  /** No file that waits to be fetched fits. */
  #lacks(free: number): boolean {
    const waiting = [...this.#underWay.values()].flatMap(ids => [...ids]);
    const sizes = waiting.flatMap(id => {
      const record = this.#parts.get(id);
      return record?.copy.state === 'none' && record.via !== 'stream' ? [record.size] : [];
    });
    return sizes.length > 0 && sizes.every(size => size > free);
  }

  // ---- what is due --------------------------------------------------------------------------------------

  #isDue(now: Moment, hold: number): boolean {
    return (
      (this.#wants('failed') && this.#failed.isDue(now.up, hold)) ||
      (this.#wants('offline') && this.#offline.isDue(now, hold)) ||
      (this.#wants('space') && this.#short.isDue(now, hold)) ||
      (this.#wants('flight') && this.#flightsOver(now, hold).length > 0) ||
      (this.#wants('idle') && this.#isIdle(now, hold))
    );
  }

  #takeFailed(now: Moment, isEnd: boolean): NoticeEvent[] {
    return this.#wants('failed') ? this.#failed.take(now, isEnd, this.#parts.get) : [];
  }

  #takeFlights(now: Moment, hold: number): NoticeEvent[] {
    const over = this.#wants('flight') ? this.#flightsOver(now, hold) : [];
    for (const { device, delivered_at: at } of over) {
      this.#sources.delete(device);
      this.#flights[device] = at;
    }
    return over.map(flight => ({ kind: 'flight', ...flight }));
  }

  #flightsOver(now: Moment, hold: number): Arrival[] {
    return [...this.#sources].flatMap(([device, { ids, last }]) => {
      const underWay = this.#underWay.get(device)?.size ?? 0;
      const quietMs = now.up - last;
      // Most of the time it is not over: its records are not looked up then.
      if (underWay > 0 || quietMs < hold) return [];
      const delivered = [...ids].flatMap(id => this.#parts.get(id) ?? []);
      const failed = this.#failed.countOf(device);
      return arrivalOf(device, delivered, { underWay, failed, quietMs, endsAfterMs: hold }) ?? [];
    });
  }

  #takeIdle(now: Moment, hold: number): NoticeEvent[] {
    if (!this.#wants('idle') || !this.#isIdle(now, hold)) return [];
    const work = this.#work;
    this.#work = { files: 0, bytes: 0 };
    this.#idle = now.at;
    return [{ kind: 'idle', ...work }];
  }

  #isIdle(now: Moment, hold: number): boolean {
    const isOpen = this.#failed.size > 0 || [...this.#underWay.values()].some(({ size }) => size > 0);
    return this.#work.files > 0 && !isOpen && now.up - this.#last >= hold;
  }
}
