import { BehaviorSubject, EMPTY, filter, map, merge, mergeMap, Subject, Subscription, takeUntil } from 'rxjs';
import type { Observable } from 'rxjs';
import type { Availability, Clock, Logger, Source, Target } from '../ports.js';
import { UNKNOWN, worstOf } from '../system/availability.js';
import { logDebug } from '../system/logger.js';
import { after, soonAfter } from '../system/rx.js';
import type { EndState } from './steps.js';

/** After disarming, the vehicle closes its log: it is not used meanwhile. */
const QUIET_AFTER_DISARMING_MS = 2_000;

/** A configured device with the ends that the rules use. */
export interface Device {
  readonly name: string;
  readonly type: string;
  readonly source?: Source;
  readonly target?: Target;
  /** A person waits: pauses that no key of the configuration asks for end. */
  readonly hurry?: () => void;
}

export interface DeviceStatus extends Availability {
  readonly name: string;
  readonly type: string;
  /** Monotonic ms since which it has been available or offline, armed or disarmed. */
  readonly since: number;
  /** Of the end that files come from. */
  readonly source?: EndState;
}

type End = EndState & Pick<Availability, 'misconfigured'>;

/** All devices by name, and how each of their ends is now. Probing goes on from `watch` until `close`. */
export class DeviceRegistry {
  /** Emits a device's name whenever something about it has changed that decisions depend on. */
  readonly changes = new Subject<string>();
  /** Emits a source's name when its vehicle has been disarmed and has had the time to close its log. */
  readonly disarmed = new Subject<string>();
  /** Emits a source's name when it has gone offline: when it is back, it may hold another medium. */
  readonly wentOffline = new Subject<string>();
  readonly #added = new Subject<string>();
  readonly #removed = new Subject<string>();
  readonly #devices = new Map<string, Device>();
  readonly #sources = new Map<string, End>();
  readonly #targets = new Map<string, End>();
  readonly #status: BehaviorSubject<DeviceStatus[]>;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #watching = new Subscription();

  constructor(devices: Iterable<Device>, clock: Clock, logger: Logger) {
    this.#clock = clock;
    this.#logger = logger;
    for (const device of devices) this.#put(device);
    this.#status = new BehaviorSubject(this.#statusNow());
  }

  source(name: string): Source | undefined {
    return this.#devices.get(name)?.source;
  }

  target(name: string): Target | undefined {
    return this.#devices.get(name)?.target;
  }

  sourceNames(): string[] {
    return [...this.#sources.keys()];
  }

  sourceState(name: string): EndState | undefined {
    return this.#sources.get(name);
  }

  targetState(name: string): EndState | undefined {
    return this.#targets.get(name);
  }

  get vehicleArmed(): boolean {
    return [...this.#sources.values()].some(({ armed }) => armed);
  }

  /** The state of all devices that rules use, at once and whenever one changes. */
  get status(): Observable<DeviceStatus[]> {
    return this.#status;
  }

  readonly hurry = (name: string): void => this.#devices.get(name)?.hurry?.();

  /** Begins to probe every device. */
  watch(): void {
    for (const device of this.#devices.values()) this.#watch(device);
  }

  add(device: Device): void {
    this.#put(device);
    this.#watch(device);
    this.#added.next(device.name);
  }

  /** Its steps are interrupted, and wait for a device of that name. The caller closes it. */
  remove(name: string): void {
    this.#removed.next(name);
    this.#devices.delete(name);
    this.#targets.delete(name);
    if (this.#sources.delete(name)) this.wentOffline.next(name);
    this.#status.next(this.#statusNow());
    this.changes.next(name);
  }

  #put(device: Device): void {
    const { name, source, target } = device;
    const unknown = { ...UNKNOWN, since: this.#clock.monotonic() };
    this.#devices.set(name, device);
    if (source) this.#sources.set(name, unknown);
    if (target) this.#targets.set(name, unknown);
  }

  #watch({ name, source, target }: Device): void {
    const watch = (end: Source | Target | undefined, update: (now: Availability) => void) =>
      this.#watching.add(end?.availability.pipe(takeUntil(this.#removal(name))).subscribe(update));
    watch(source, now => this.#updateSource(name, now));
    watch(target, now => this.#updateTarget(name, now));
  }

  #removal(name: string): Observable<string> {
    return this.#removed.pipe(filter(removed => removed === name));
  }

  /** Emits the name of each source that reports changes of its files; many hints in a short time are one. */
  hints(): Observable<string> {
    const hinted = (name: string) => {
      const changes = this.source(name)?.changes;
      if (!changes) return EMPTY;
      return soonAfter(changes, this.#clock).pipe(
        map(() => name),
        takeUntil(this.#removal(name)),
      );
    };
    return merge(this.sourceNames(), this.#added).pipe(mergeMap(hinted));
  }

  async close(): Promise<void> {
    this.#watching.unsubscribe();
    await closeDevices(this.#devices.values());
  }

  /** Only an available vehicle counts as armed: one that was switched off while armed does not stay armed for ever. */
  #updateSource(name: string, now: Availability): void {
    const before = this.#sources.get(name);
    const end = this.#endAfter(before, { ...now, armed: now.armed && now.available });
    const isDisarmed = before?.armed && !end.armed;
    const quiet = isDisarmed && { quietUntil: this.#clock.monotonic() + QUIET_AFTER_DISARMING_MS };
    this.#sources.set(name, { ...end, ...quiet });
    if (isDisarmed) this.#waitQuiet(name);
    if (before?.available && !now.available) this.wentOffline.next(name);
    this.#changed(name, before, now);
  }

  #waitQuiet(name: string): void {
    this.#logger.log('debug', `${name}: disarmed, quiet: ${QUIET_AFTER_DISARMING_MS} ms`);
    const pause = after(this.#clock, QUIET_AFTER_DISARMING_MS);
    this.#watching.add(
      pause.subscribe(() => {
        const { armed, quietUntil = 0 } = this.#sources.get(name) ?? { armed: true };
        if (armed || quietUntil > this.#clock.monotonic()) return;
        this.#logger.log('debug', `${name}: the quiet time after disarming is over`);
        this.disarmed.next(name);
        this.changes.next(name);
      }),
    );
  }

  #updateTarget(name: string, now: Availability): void {
    const before = this.#targets.get(name);
    this.#targets.set(name, this.#endAfter(before, now));
    this.#changed(name, before, now);
  }

  #endAfter({ quietUntil, ...before }: Partial<End> = {}, now: Availability): End {
    const isSame = before.available === now.available && before.armed === now.armed;
    const since = (isSame ? before.since : undefined) ?? this.#clock.monotonic();
    return { ...now, since, ...(quietUntil !== undefined && { quietUntil }) };
  }

  #changed(name: string, before: Availability = UNKNOWN, now: Availability): void {
    const isNew = before.reason === UNKNOWN.reason || before.available !== now.available;
    const message = () => `${name}: ${now.available ? 'available' : 'offline'}: ${now.reason}`;
    if (!before.armed && now.armed && now.available) this.#logger.log('debug', `${name}: armed`);
    if (isNew) this.#logger.log('info', message());
    else if (before.reason !== now.reason) logDebug(this.#logger, message);
    this.#status.next(this.#statusNow());
    this.changes.next(name);
  }

  #statusNow(): DeviceStatus[] {
    return [...this.#devices.values()].flatMap(({ name, type }) => {
      const source = this.#sources.get(name);
      const ends = [source, this.#targets.get(name)].filter(end => end !== undefined);
      const since = (ends.find(end => !end.available) ?? ends[0])?.since ?? 0;
      return ends.length > 0 ? [{ name, type, since, ...worstOf(ends), ...(source && { source }) }] : [];
    });
  }
}

/** Closes both ends of each device; errors are ignored. */
export async function closeDevices(devices: Iterable<Device>): Promise<void> {
  const ends = [...devices].flatMap(({ source, target }) => [source, target]);
  await Promise.allSettled(ends.map(async end => end?.close()));
}
