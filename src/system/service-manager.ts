import { pid } from 'node:process';
import { concatMap, distinctUntilChanged, from, skip, throttle, type Observable } from 'rxjs';
import type { Clock, Logger } from '../ports.js';
import { outputOf } from './child.js';

export interface ServiceManagerOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Pick<Clock, 'sleep' | 'monotonic'>;
  readonly logger: Logger;
  /** How the service is, one line each; never fails. */
  readonly verdicts: Observable<string>;
  /** Whether the configuration is being reloaded, at once and whenever that changes; never fails. */
  readonly reloading?: Observable<boolean>;
}

/** Whether a service manager has started the program and waits for its reports (systemd's `Type=notify`). */
export const hasServiceManager = ({ NOTIFY_SOCKET }: ServiceManagerOptions['env']): boolean =>
  Boolean(NOTIFY_SOCKET);

/** Between two reports of a verdict. */
const MIN_STATUS_INTERVAL_MS = 3_000;
const NOTIFY_TIMEOUT_MS = 5_000;
const DEFAULT_PATH = '/usr/bin:/bin';

/**
 * Reports to the service manager that started the program (sd_notify(3)): ready now, each verdict as the status, and the
 * watchdog's keep-alive at half of its interval, until it is disposed of. Does nothing where `NOTIFY_SOCKET` is not set.
 * The messages go through the program systemd-notify, since Node has no unix datagram sockets.
 */
export function reportToServiceManager(options: ServiceManagerOptions): Disposable {
  const over = new AbortController();
  const send = sender(options, over.signal);
  if (!send) return { [Symbol.dispose]: () => undefined };
  void send('--ready');
  const pause = () => from(options.clock.sleep(MIN_STATUS_INTERVAL_MS, over.signal));
  const reports = options.verdicts
    .pipe(
      distinctUntilChanged(),
      throttle(pause, { leading: true, trailing: true }),
      concatMap(verdict => send(`--status=${verdict}`)),
    )
    .subscribe();
  const report = (runs: boolean): void => {
    void (runs ? send('RELOADING=1', `MONOTONIC_USEC=${microseconds(options)}`) : send('--ready'));
  };
  reports.add(options.reloading?.pipe(distinctUntilChanged(), skip(1)).subscribe(report));
  void keepAlive(options, send, over.signal);
  return {
    [Symbol.dispose]: () => {
      reports.unsubscribe();
      over.abort();
    },
  };
}

/** CLOCK_MONOTONIC. */
const microseconds = ({ clock }: ServiceManagerOptions): number => Math.round(clock.monotonic() * 1000);

/** Never rejects. */
type Send = (...messages: string[]) => Promise<unknown>;

/** Undefined without a service manager. One message is sent after the other. The first failure is logged. */
function sender({ env, logger }: ServiceManagerOptions, signal: AbortSignal): Send | undefined {
  const { NOTIFY_SOCKET, PATH = DEFAULT_PATH } = env;
  if (!NOTIFY_SOCKET) return undefined;
  const child = {
    env: { NOTIFY_SOCKET, PATH, LC_ALL: 'C.UTF-8' },
    ms: NOTIFY_TIMEOUT_MS,
    signal,
    remedy: 'install the package systemd',
    background: true as const,
  };
  let failed = false;
  let last: Promise<unknown> = Promise.resolve();
  const fail = ({ message, cause }: Error) => {
    const reason = typeof cause === 'string' && cause !== '' ? `${message}: ${cause}` : message;
    if (!failed && !signal.aborted) logger.log('debug', `the service manager was not reached: ${reason}`);
    failed = true;
  };
  return (...messages) => (last = last.then(() => outputOf('systemd-notify', messages, child)).catch(fail));
}

async function keepAlive(
  { env, clock }: ServiceManagerOptions,
  send: Send,
  signal: AbortSignal,
): Promise<void> {
  const interval = watchdogIntervalMs(env);
  if (!interval) return;
  const slept = () =>
    clock.sleep(interval / 2, signal).then(
      () => true,
      () => false,
    );
  while (await slept()) await send('WATCHDOG=1');
}

/** Undefined without a watchdog, or where it watches another process (sd_watchdog_enabled(3)). */
function watchdogIntervalMs({
  WATCHDOG_USEC,
  WATCHDOG_PID,
}: ServiceManagerOptions['env']): number | undefined {
  const interval = Number(WATCHDOG_USEC) / 1_000;
  return interval > 0 && (!WATCHDOG_PID || WATCHDOG_PID === String(pid)) ? interval : undefined;
}
