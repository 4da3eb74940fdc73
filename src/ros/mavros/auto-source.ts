import {
  BehaviorSubject,
  combineLatest,
  concat,
  EMPTY,
  filter,
  firstValueFrom,
  map,
  of,
  ReplaySubject,
  share,
  skipWhile,
  startWith,
  Subject,
  switchMap,
  takeUntil,
  tap,
  type Observable,
} from 'rxjs';
import { FileSyncError, throwIfAborted, toFileSyncError, type ErrorKind } from '../../errors.js';
import type { Availability, ByteStream, Checksum, Clock, Logger, Source, SourceFile } from '../../ports.js';
import { aborted, after } from '../../system/rx.js';

/** ms that an endpoint may need to come up once the vehicle is on MAVROS: its link looks every 5 s. */
const ENDPOINT_TIMEOUT_MS = 6_000;

export interface AutoOptions {
  /** A new source through an endpoint. Must be able to do the same as `services`. */
  readonly endpoint: () => Source;
  readonly services: Source;
  readonly clock: Clock;
  readonly logger: Logger;
  /** ms, in place of 6 s. */
  readonly grace?: number | undefined;
}

/** One of the two transports, and the reason for it. */
interface Transport {
  readonly source: Source;
  readonly transport: 'endpoint' | 'services';
  readonly why: string;
  /** File transfer has been answered there, or nothing else is left to try. */
  settled: boolean;
}

/** How things stand: on a way, or not yet. */
interface TransportState extends Availability {
  readonly way?: Transport;
  /** It is too early to say that there is none. */
  readonly pending?: boolean;
}

/** What went wrong if nobody has answered; any other error is an answer. */
const SILENCE: readonly ErrorKind[] = ['timeout', 'unavailable', 'cancelled'];
const NO_REPLY = 'file transfer is not answered on an endpoint of its router';

/**
 * Through an endpoint of the router where there is one and file transfer is answered on it, else by the FTP services. An endpoint is
 * kept for good, the services as long as MAVROS has its vehicle.
 */
export class AutoSource implements Source {
  readonly capabilities;
  readonly availability: Observable<Availability>;
  readonly #options: AutoOptions;
  readonly #way = new BehaviorSubject<Transport | undefined>(undefined);
  readonly #transportState: Observable<TransportState>;
  readonly #closing = new Subject<void>();
  /** The one that is in use or might be. */
  #endpoint: Source | undefined;

  constructor(options: AutoOptions) {
    this.#options = options;
    this.capabilities = options.services.capabilities;
    this.#transportState = this.#way.pipe(
      switchMap(way => (way ? this.#on(way) : this.#undecided())),
      takeUntil(this.#closing),
      share({ connector: () => new ReplaySubject(1) }),
    );
    this.availability = this.#transportState.pipe(
      skipWhile(({ pending = false }) => pending),
      map(({ available, reason, armed }) => ({ available, reason, armed })),
    );
  }

  list(signal: AbortSignal): AsyncIterable<SourceFile> {
    return this.#stream(signal, source => source.list(signal));
  }

  /** The second way knows nothing of what the first has seen. */
  async listChanges(
    unsettled: readonly string[],
    signal: AbortSignal,
  ): Promise<readonly SourceFile[] | undefined> {
    return this.#run(signal, async source => source.listChanges?.(unsettled, signal));
  }

  read(file: SourceFile, offset: number, signal: AbortSignal): ByteStream {
    return this.#stream(signal, source => source.read(file, offset, signal));
  }

  checksum(file: SourceFile, signal: AbortSignal): Promise<Checksum> {
    return this.#run(signal, source => source.checksum(file, signal));
  }

  remove(file: SourceFile, signal: AbortSignal): Promise<void> {
    return this.#run(signal, source => source.remove(file, signal));
  }

  /** The services cannot do the work. True if an endpoint is tried again in their place. */
  servicesUnable(why: string): boolean {
    const way = this.#way.value;
    if (way?.transport !== 'services' || way.why !== NO_REPLY) return false;
    this.#take('endpoint', why, true);
    return true;
  }

  async close(): Promise<void> {
    this.#closing.next();
    this.#way.complete();
    await Promise.all([this.#options.services.close(), this.#endpoint?.close()]);
  }

  #undecided(): Observable<TransportState> {
    const { services } = this.#options;
    const ways = [this.#endpointSource(), services].map(({ availability }) =>
      availability.pipe(startWith(undefined)),
    );
    return combineLatest(ways).pipe(switchMap(([endpoint, service]) => this.#judged(endpoint, service)));
  }

  #judged(endpoint?: Availability, services?: Availability): Observable<TransportState> {
    if (endpoint?.available) return this.#chosen('endpoint', 'its router offers one');
    if (services?.available) {
      const asked = { ...services, available: false, reason: ASKS_ROUTER, pending: true };
      if (!endpoint) return of(asked);
      const { clock, grace = ENDPOINT_TIMEOUT_MS } = this.#options;
      const late = after(clock, grace).pipe(switchMap(() => this.#chosen('services', endpoint.reason)));
      return concat(of(asked), late);
    }
    const away = services ?? endpoint;
    return away ? of({ ...away, pending: !services || !endpoint }) : EMPTY;
  }

  #chosen(transport: Transport['transport'], why: string): Observable<never> {
    this.#take(transport, why, transport === 'services');
    return EMPTY;
  }

  #take(transport: Transport['transport'], why: string, settled: boolean): void {
    const { services, logger } = this.#options;
    const isEndpoint = transport === 'endpoint';
    const source = isEndpoint ? this.#endpointSource() : services;
    logger.log(isEndpoint ? 'info' : 'warn', `goes through ${NAMES[transport]} of MAVROS: ${why}`);
    this.#way.next({ source, transport, why, settled });
    if (!isEndpoint) this.#dropEndpoint();
  }

  #endpointSource(): Source {
    return (this.#endpoint ??= this.#options.endpoint());
  }

  #dropEndpoint(): void {
    void this.#endpoint?.close();
    this.#endpoint = undefined;
  }

  #on(way: Transport): Observable<TransportState> {
    const told = ` (transport auto, ${NAMES[way.transport]}: ${way.why})`;
    return way.source.availability.pipe(
      map(now => ({ ...now, reason: now.reason + (now.available ? told : ''), way })),
      tap(({ available }) => {
        if (!available && way.transport === 'services') this.#way.next(undefined);
      }),
    );
  }

  /** Rejects as soon as it is known that there is none. */
  async #ready(signal: AbortSignal): Promise<Transport> {
    throwIfAborted(signal);
    if (this.#way.value) return this.#way.value;
    const known = this.#transportState.pipe(
      filter(({ way, pending = false }) => way !== undefined || !pending),
      takeUntil(aborted(signal)),
    );
    const standing = await firstValueFrom(known, { defaultValue: undefined });
    if (!standing) throw new FileSyncError('cancelled', 'the device was closed');
    if (!standing.way) throw new FileSyncError('unavailable', standing.reason);
    return standing.way;
  }

  async #run<Value>(signal: AbortSignal, work: (source: Source) => Promise<Value>): Promise<Value> {
    const way = await this.#ready(signal);
    try {
      const value = await work(way.source);
      way.settled = true;
      return value;
    } catch (error) {
      return work(await this.#instead(way, error, signal));
    }
  }

  /** Begins anew the other way only if nothing was given yet. */
  async *#stream<Item>(
    signal: AbortSignal,
    open: (source: Source) => AsyncIterable<Item>,
  ): AsyncGenerator<Item, void> {
    const way = await this.#ready(signal);
    let given = false;
    try {
      for await (const item of open(way.source)) {
        given = way.settled = true;
        yield item;
      }
      way.settled = true;
      return;
    } catch (error) {
      if (given) throw error;
      yield* open(await this.#instead(way, error, signal));
    }
  }

  /** What is used by now; or the services, if the endpoint has never answered and they do; else throws what went wrong. */
  async #instead(way: Transport, thrown: unknown, signal: AbortSignal): Promise<Source> {
    const { services } = this.#options;
    const now = this.#way.value;
    if (now && now !== way) return now.source;
    const { kind } = toFileSyncError(thrown);
    way.settled ||= !SILENCE.includes(kind);
    if (way.settled || kind !== 'timeout' || !(await answers(services, signal))) throw thrown;
    this.#take('services', NO_REPLY, true);
    return services;
  }
}

const NAMES = { endpoint: 'an endpoint of the router', services: 'the FTP services' } as const;
const ASKS_ROUTER = 'the router of MAVROS is asked for an endpoint';

/** Whether the folder can be listed. */
async function answers(source: Source, signal: AbortSignal): Promise<boolean> {
  try {
    for await (const _file of source.list(signal)) break;
    return true;
  } catch {
    return false;
  }
}
