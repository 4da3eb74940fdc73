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
import type {
  Availability,
  ByteStream,
  Checksum,
  Clock,
  Logger,
  Source,
  SourceFile,
  Space,
} from '../../ports.js';
import { aborted, after } from '../../system/rx.js';

/** ms that an endpoint may need to come up once the vehicle is on MAVROS: its link probes every 5 s. */
const ENDPOINT_TIMEOUT_MS = 6_000;

export interface AutoOptions {
  /** Makes a source through an endpoint, with the capabilities of `services`. */
  readonly endpoint: () => Source;
  readonly services: Source;
  readonly clock: Clock;
  readonly logger: Logger;
  /** ms that an endpoint may need to come up; default 6,000. */
  readonly grace?: number | undefined;
}

type TransportKind = 'endpoint' | 'services';

/** The transport in use, and the reason for it. */
interface ChosenTransport {
  readonly source: Source;
  readonly kind: TransportKind;
  readonly why: string;
  /** File transfer has been answered there, or there is no other transport to fall back to. */
  settled: boolean;
}

/** The availability, and the transport once one is chosen. */
interface TransportState extends Availability {
  readonly transport?: ChosenTransport;
  /** The probing of both transports has not ended, so `available: false` is not final. */
  readonly pending?: boolean;
}

/** Errors that mean that the vehicle has not answered; any other error is an answer. */
const UNANSWERED: readonly ErrorKind[] = ['timeout', 'unavailable', 'cancelled'];
const NO_REPLY = 'file transfer is not answered on an endpoint of its router';

/**
 * Uses an endpoint of the router where there is one and file transfer is answered on it, else the FTP services. An
 * endpoint is kept until `close`, the services as long as MAVROS has its vehicle.
 */
export class AutoSource implements Source {
  readonly capabilities;
  readonly availability: Observable<Availability>;
  readonly #options: AutoOptions;
  readonly #transport = new BehaviorSubject<ChosenTransport | undefined>(undefined);
  readonly #states: Observable<TransportState>;
  readonly #closing = new Subject<void>();
  /** The endpoint's source, in use or probed. */
  #endpoint: Source | undefined;

  constructor(options: AutoOptions) {
    this.#options = options;
    this.capabilities = options.services.capabilities;
    this.#states = this.#transport.pipe(
      switchMap(transport => (transport ? this.#statesOf(transport) : this.#choosing())),
      takeUntil(this.#closing),
      share({ connector: () => new ReplaySubject(1) }),
    );
    this.availability = this.#states.pipe(
      skipWhile(({ pending = false }) => pending),
      map(({ available, reason, armed, uid }) => ({
        available,
        reason,
        armed,
        ...(uid !== undefined && { uid }),
      })),
    );
  }

  list(signal: AbortSignal): AsyncIterable<SourceFile> {
    return this.#stream(signal, source => source.list(signal));
  }

  /** The other transport has no list of what the first one has seen. */
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

  space(signal: AbortSignal): Promise<Space> {
    return this.#run(signal, async source => {
      if (source.space) return source.space(signal);
      throw new FileSyncError('unsupported', 'MAVROS does not report the free space of the vehicle');
    });
  }

  /** Reports that the services cannot do the work. Returns whether an endpoint is tried again in their place. */
  servicesUnable(why: string): boolean {
    const transport = this.#transport.value;
    if (transport?.kind !== 'services' || transport.why !== NO_REPLY) return false;
    this.#use('endpoint', why, true);
    return true;
  }

  async close(): Promise<void> {
    this.#closing.next();
    this.#transport.complete();
    await Promise.all([this.#options.services.close(), this.#endpoint?.close()]);
  }

  #choosing(): Observable<TransportState> {
    const { services } = this.#options;
    const both = [this.#endpointSource(), services].map(({ availability }) =>
      availability.pipe(startWith(undefined)),
    );
    return combineLatest(both).pipe(switchMap(([endpoint, service]) => this.#choiceOf(endpoint, service)));
  }

  #choiceOf(endpoint?: Availability, services?: Availability): Observable<TransportState> {
    if (endpoint?.available) return this.#chosen('endpoint', 'its router offers one');
    if (services?.available) {
      const asked = { ...services, available: false, reason: ASKS_ROUTER, pending: true };
      if (!endpoint) return of(asked);
      const { clock, grace = ENDPOINT_TIMEOUT_MS } = this.#options;
      const late = after(clock, grace).pipe(switchMap(() => this.#chosen('services', endpoint.reason)));
      return concat(of(asked), late);
    }
    const offline = services ?? endpoint;
    return offline ? of({ ...offline, pending: !services || !endpoint }) : EMPTY;
  }

  #chosen(kind: TransportKind, why: string): Observable<never> {
    this.#use(kind, why, kind === 'services');
    return EMPTY;
  }

  #use(kind: TransportKind, why: string, settled: boolean): void {
    const { services, logger } = this.#options;
    const isEndpoint = kind === 'endpoint';
    const source = isEndpoint ? this.#endpointSource() : services;
    logger.log(isEndpoint ? 'info' : 'warn', `goes through ${NAMES[kind]} of MAVROS: ${why}`);
    this.#transport.next({ source, kind, why, settled });
    if (!isEndpoint) this.#dropEndpoint();
  }

  #endpointSource(): Source {
    return (this.#endpoint ??= this.#options.endpoint());
  }

  #dropEndpoint(): void {
    void this.#endpoint?.close();
    this.#endpoint = undefined;
  }

  #statesOf(transport: ChosenTransport): Observable<TransportState> {
    const suffix = ` (transport auto, ${NAMES[transport.kind]}: ${transport.why})`;
    return transport.source.availability.pipe(
      map(now => ({ ...now, reason: now.reason + (now.available ? suffix : ''), transport })),
      tap(({ available, reason }) => {
        if (available || transport.kind !== 'services') return;
        this.#options.logger.log('debug', `chooses the transport of MAVROS again: ${reason}`);
        this.#transport.next(undefined);
      }),
    );
  }

  /** Rejects with `unavailable` as soon as both transports are known to be offline. */
  async #ready(signal: AbortSignal): Promise<ChosenTransport> {
    throwIfAborted(signal);
    if (this.#transport.value) return this.#transport.value;
    const known = this.#states.pipe(
      filter(({ transport, pending = false }) => transport !== undefined || !pending),
      takeUntil(aborted(signal)),
    );
    const state = await firstValueFrom(known, { defaultValue: undefined });
    if (!state) throw new FileSyncError('cancelled', 'the device was closed');
    if (!state.transport) throw new FileSyncError('unavailable', state.reason);
    return state.transport;
  }

  async #run<Value>(signal: AbortSignal, work: (source: Source) => Promise<Value>): Promise<Value> {
    const transport = await this.#ready(signal);
    try {
      const value = await work(transport.source);
      transport.settled = true;
      return value;
    } catch (error) {
      return work(await this.#fallback(transport, error, signal));
    }
  }

  /** Begins again through the other transport only if no item was yielded yet. */
  async *#stream<Item>(
    signal: AbortSignal,
    open: (source: Source) => AsyncIterable<Item>,
  ): AsyncGenerator<Item, void> {
    const transport = await this.#ready(signal);
    let hasYielded = false;
    try {
      for await (const item of open(transport.source)) {
        hasYielded = transport.settled = true;
        yield item;
      }
      transport.settled = true;
      return;
    } catch (error) {
      if (hasYielded) throw error;
      yield* open(await this.#fallback(transport, error, signal));
    }
  }

  /**
   * Returns the source in use by now, or the services if only they answer file transfer; else throws `thrown` again.
   */
  async #fallback(transport: ChosenTransport, thrown: unknown, signal: AbortSignal): Promise<Source> {
    const { services } = this.#options;
    const now = this.#transport.value;
    if (now && now !== transport) return now.source;
    const { kind } = toFileSyncError(thrown);
    transport.settled ||= !UNANSWERED.includes(kind);
    if (transport.settled || kind !== 'timeout' || !(await answers(services, signal))) throw thrown;
    this.#use('services', NO_REPLY, true);
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
