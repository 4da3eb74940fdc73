import {
  combineLatest,
  defaultIfEmpty,
  distinctUntilChanged,
  EMPTY,
  filter,
  map,
  merge,
  of,
  pairwise,
  shareReplay,
  startWith,
  switchMap,
  type BehaviorSubject,
  type Observable,
} from 'rxjs';
import type { Availability, Clock, Source, Target } from '../ports.js';
import type { WhileArmed } from '../rules/rule.js';
import { bothGates, sourceGate, targetGate, untilSettled, type Gate } from './gate.js';
import { soonAfter } from './hints.js';
import type { Lane } from './worker.js';

/** A configured device with the ends that the rules use. */
export interface Device {
  readonly name: string;
  readonly type: string;
  readonly source?: Source;
  readonly target?: Target;
}

export interface DeviceStatus extends Availability {
  readonly name: string;
  readonly type: string;
}

/** Before the first probe has answered. */
export const UNKNOWN: Availability = { available: false, reason: 'not looked at yet', armed: false };

/** Probing is shared: however many lanes ask, a device is probed once, and only while somebody wants to know. */
const shared = (availability: Observable<Availability>) =>
  availability.pipe(shareReplay({ bufferSize: 1, refCount: true }));

/** All devices by name, with their shared availability and the lanes that work on them stands in. */
export class DeviceHub {
  readonly #devices: ReadonlyMap<string, Device>;
  readonly #sources = new Map<string, Observable<Availability>>();
  readonly #targets = new Map<string, Observable<Availability>>();
  readonly #clock: Clock;
  readonly #paused: BehaviorSubject<boolean>;
  readonly #whileArmed: Observable<WhileArmed | undefined>;

  /** `whileArmed` stands above what the rules say, where it is set. */
  constructor(
    devices: Iterable<Device>,
    clock: Clock,
    paused: BehaviorSubject<boolean>,
    whileArmed: Observable<WhileArmed | undefined> = of(undefined),
  ) {
    this.#clock = clock;
    this.#devices = new Map([...devices].map(device => [device.name, device]));
    this.#paused = paused;
    this.#whileArmed = whileArmed;
    for (const { name, source, target } of this.#devices.values()) {
      if (source) this.#sources.set(name, shared(source.availability));
      if (target) this.#targets.set(name, shared(target.availability));
    }
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

  /** Emits the state of all devices that rules use, at once and whenever one changes. */
  status(): Observable<DeviceStatus[]> {
    const used = [...this.#devices.values()].filter(({ source, target }) => source ?? target);
    return combineLatest(used.map(device => this.#statusOf(device))).pipe(defaultIfEmpty([]));
  }

  /** Emits the name of each source whose vehicle has been disarmed and has had its time to settle. */
  landings(): Observable<string> {
    const landed = (name: string) =>
      this.#settled(name).pipe(
        map(({ armed }) => armed),
        distinctUntilChanged(),
        pairwise(),
        filter(([wasArmed]) => wasArmed),
        map(() => name),
      );
    return merge(...this.sourceNames().map(landed));
  }

  /** Emits the name of each source that has just become unavailable. */
  departures(): Observable<string> {
    const left = (name: string) =>
      this.#availability(this.#sources, name).pipe(
        map(({ available }) => available),
        distinctUntilChanged(),
        pairwise(),
        filter(([wasAvailable]) => wasAvailable),
        map(() => name),
      );
    return merge(...this.sourceNames().map(left));
  }

  /** Emits the name of each source that something has changed on, as far as it tells: many hints at a time are one. */
  hints(): Observable<string> {
    const hinted = (name: string) => {
      const changes = this.source(name)?.changes;
      return changes ? soonAfter(changes, this.#clock).pipe(map(() => name)) : EMPTY;
    };
    return merge(...this.sourceNames().map(hinted));
  }

  /** Where work that reads from `source` stands. */
  sourceLane(source: string, whileArmed: WhileArmed): Lane {
    const own = this.#settled(source);
    const gate = sourceGate(own, this.#paused, this.#mode(whileArmed));
    return {
      key: `${source} ${whileArmed}`,
      concurrency: this.source(source)?.capabilities.connections ?? 1,
      gate,
    };
  }

  /** Where work that brings a file of `source` to `target` stands. */
  targetLane(target: string, source: string, whileArmed: WhileArmed): Lane {
    const concurrency = this.target(target)?.capabilities.connections ?? 1;
    const own = this.#availability(this.#targets, target);
    if (whileArmed !== 'pause')
      return { key: target, concurrency, gate: this.#targetGate(own, this.#vehicles(), whileArmed) };
    const vehicle = this.#availability(this.#sources, source);
    return { key: `${target} ${source}`, concurrency, gate: this.#targetGate(own, vehicle, whileArmed) };
  }

  /** Where work that brings a file of `source` straight to `target` stands: it must be allowed at both ends. */
  streamLane(source: string, target: string, whileArmed: WhileArmed): Lane {
    const [from, to] = [this.sourceLane(source, whileArmed), this.targetLane(target, source, whileArmed)];
    return {
      key: `${source} ${target} ${whileArmed}`,
      concurrency: Math.min(from.concurrency, to.concurrency),
      gate: bothGates(from.gate, to.gate),
    };
  }

  async close(): Promise<void> {
    await closeDevices(this.#devices.values());
  }

  #targetGate(
    own: Observable<Availability>,
    vehicle: Observable<Availability>,
    mode: WhileArmed,
  ): Observable<Gate> {
    return targetGate(own, vehicle, this.#paused, this.#mode(mode));
  }

  #mode(ruled: WhileArmed): Observable<WhileArmed> {
    return this.#whileArmed.pipe(map(set => set ?? ruled));
  }

  /** Armed if any source's vehicle is. Nobody is asked while only rules decide: theirs have a vehicle of their own. */
  #vehicles(): Observable<Availability> {
    const all = combineLatest([...this.#sources.values()]);
    const some = all.pipe(map(states => ({ ...UNKNOWN, armed: states.some(state => state.armed) })));
    return this.#whileArmed.pipe(
      switchMap(set => (set === 'pause' ? some.pipe(startWith(UNKNOWN)) : of(UNKNOWN))),
    );
  }

  #settled(source: string): Observable<Availability> {
    return untilSettled(this.#availability(this.#sources, source), this.#clock);
  }

  #availability(ends: ReadonlyMap<string, Observable<Availability>>, name: string): Observable<Availability> {
    return ends.get(name) ?? of({ ...UNKNOWN, reason: `${name} is not in the configuration` });
  }

  #statusOf({ name, type }: Device): Observable<DeviceStatus> {
    const ends = [this.#sources.get(name), this.#targets.get(name)].flatMap(end => (end ? [end] : []));
    const known = ends.map(end => end.pipe(startWith(UNKNOWN)));
    return combineLatest(known).pipe(map(states => ({ name, type, ...worst(states) })));
  }
}

/** Closes both ends of each; what cannot be closed properly is left behind. */
export async function closeDevices(devices: Iterable<Device>): Promise<void> {
  const ends = [...devices].flatMap(({ source, target }) => [source, target]);
  await Promise.allSettled(ends.map(async end => end?.close()));
}

/** A device with two ends is as available as the lesser of them. */
function worst(states: readonly Availability[]): Availability {
  const away = states.find(state => !state.available) ?? states[0] ?? UNKNOWN;
  return { ...away, armed: states.some(state => state.armed) };
}
