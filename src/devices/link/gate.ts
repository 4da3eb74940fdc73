import {
  combineLatest,
  defer,
  distinctUntilChanged,
  from,
  map,
  Observable,
  of,
  repeat,
  ReplaySubject,
  share,
  switchMap,
} from 'rxjs';
import type { DeviceContext, LinkLimits } from '../../config/definition.js';
import type { Availability } from '../../ports.js';
import { bareHost, proxyFor, type Environment } from '../proxy.js';
import { stateOf, type Closed } from './closed.js';
import { openingAt } from './hours.js';
import { Metering } from './metered.js';
import { Route } from './route.js';

/** Conditions are checked that often, so that they have an effect within a second. */
const LOOK_INTERVAL_MS = 500;
/** The wall clock and the monotonic one differ by less between two checks. */
const SAME_TIME_MS = 2_000;

/** Whether a device may be used now, by its `hours`, `over` and `unmetered`. It checks only while it has subscribers. */
export class LinkGate {
  /** Why it may not; undefined while it may. Emits at once, then on each change. */
  readonly closed: Observable<Closed | undefined>;
  readonly #limits: LinkLimits;
  readonly #context: DeviceContext;
  readonly #route: Route | undefined;
  readonly #metering: Metering;
  #users = 0;

  constructor(limits: LinkLimits, context: DeviceContext) {
    const { clock, env, logger } = context;
    this.#limits = limits;
    this.#context = context;
    this.#route = limits.url && new Route(hostOf(limits.url, env), clock);
    this.#metering = new Metering(env, clock, logger);
    const checks = defer(() => from(this.#check()));
    this.closed = checks.pipe(
      repeat({ delay: () => this.#pause() }),
      distinctUntilChanged(isSame),
      share({ connector: () => new ReplaySubject(1), resetOnRefCountZero: true }),
    );
  }

  /** The availability of an end. While the gate is closed the device is not even probed, unless it is to be observed. */
  guard(availability: Observable<Availability>): Observable<Availability> {
    if (this.#limits.watched) return combineLatest([availability, this.closed]).pipe(map(whileClosed));
    return this.closed.pipe(switchMap(closed => (closed ? of(stateOf(closed)) : availability)));
  }

  /** Something is being transferred until the function that is returned is called. */
  use(): () => void {
    this.#users += 1;
    return () => void (this.#users -= 1);
  }

  #pause(): Observable<unknown> {
    return new Observable(subscriber => {
      const over = new AbortController();
      this.#context.clock.sleep(LOOK_INTERVAL_MS, over.signal).then(
        () => subscriber.next(undefined),
        () => undefined,
      );
      return () => over.abort();
    });
  }

  /** Never rejects. */
  async #check(): Promise<Closed | undefined> {
    return this.#byHours() ?? (await this.#byRoute());
  }

  #byHours(): Closed | undefined {
    const { hours } = this.#limits;
    const { clock } = this.#context;
    const now = clock.now();
    const opening = hours ? openingAt(hours.ranges, now) : 'open';
    if (opening === 'open') return undefined;
    const reason = `outside of its hours (${hours?.text ?? ''})`;
    return { code: 'hours', reason, until: clock.monotonic() + opening - now, interrupts: true };
  }

  async #byRoute(): Promise<Closed | undefined> {
    const { over, unmetered, url } = this.#limits;
    if ((!over && !unmetered) || !url || !this.#route) return undefined;
    const names = await this.#route.interfaces();
    if (names.length === 0)
      return { code: 'over', reason: `there is no route to ${bareHost(url)}`, interrupts: true };
    return byNames(names, over) ?? (unmetered ? this.#byMetering(names) : undefined);
  }

  async #byMetering(names: readonly string[]): Promise<Closed | undefined> {
    for (const name of names)
      if (await this.#metering.isMetered(name, this.#users > 0))
        return { code: 'unmetered', reason: `reached through ${name}, which is metered`, interrupts: true };
    return undefined;
  }
}

function byNames(names: readonly string[], over: readonly string[] = names): Closed | undefined {
  const other = names.find(name => !over.includes(name));
  const reason = `reached through ${other}, and \`over\` allows ${over.join(', ')} alone`;
  return other === undefined ? undefined : { code: 'over', reason, interrupts: true };
}

/** The host that connections for the device go to. A proxy that cannot be used is reported by the device. */
function hostOf(url: URL, env: Environment): string {
  try {
    const proxy = /^https?:$/.test(url.protocol) ? proxyFor(url, env) : undefined;
    return bareHost(proxy?.url ?? url);
  } catch {
    return bareHost(url);
  }
}

function isSame(a: Closed | undefined, b: Closed | undefined): boolean {
  if (!a || !b) return a === b;
  return a.reason === b.reason && Math.abs((a.until ?? 0) - (b.until ?? 0)) < SAME_TIME_MS;
}

const whileClosed = ([state, closed]: [Availability, Closed | undefined]): Availability =>
  closed && state.available ? { ...stateOf(closed), armed: state.armed } : state;
