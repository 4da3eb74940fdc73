import { request, type IncomingMessage } from 'node:http';
import type { DeviceContext } from '../../config/definition.js';
import { FileSyncError, throwIfAborted, type ErrorDetails } from '../../errors.js';
import { withDeadline, withinTime } from '../../system/deadline.js';
import { maskedMessage } from '../server-words.js';
import { RcloneDaemon, type DaemonSettings } from './daemon.js';

/** One request to rclone. */
export interface Scope {
  readonly signal: AbortSignal;
  readonly details: ErrorDetails;
}

/** Bytes of an answer: a folder of a million files. */
const MAX_ANSWER_BYTES = 384 * 1024 * 1024;
/** Within which the end of a process is known. */
const END_NOTICE_MS = 1_000;
const OLDEST = [1, 60] as const;

export interface Answer {
  readonly status: number;
  readonly text: string;
}

interface Asked {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/**
 * The `rclone rcd` of one device, for both of its ends: started with the first request, started again with the next one after it has
 * ended, and ended with the last end. Requests that were running when it ended reject with `unavailable`: nothing is retried here.
 */
export class RcloneService {
  readonly #settings: () => DaemonSettings;
  readonly #context: DeviceContext;
  /** ms. */
  readonly timeout: number;
  readonly #closed = new AbortController();
  readonly #secrets = new Set<string>();
  #daemon: RcloneDaemon | undefined;
  /** All who ask meanwhile wait for the same start. */
  #starting: Promise<unknown> | undefined;
  #users = 0;
  #requests = 0;

  /** @param settings read at each start: a password may be renewed while the program runs */
  constructor(settings: () => DaemonSettings, timeout: number, context: DeviceContext) {
    this.#settings = settings;
    this.#context = context;
    this.timeout = timeout;
  }

  get clock(): DeviceContext['clock'] {
    return this.#context.clock;
  }

  get secrets(): Iterable<string> {
    return this.#secrets;
  }

  get isWorking(): boolean {
    return this.#requests > 0;
  }

  opened(): this {
    this.#users++;
    return this;
  }

  /** Ends rclone when both ends are closed. */
  async close(): Promise<void> {
    if (--this.#users > 0) return;
    this.#closed.abort();
    await this.#starting?.catch(ignore);
    await this.#daemon?.end();
  }

  /** A call of its API (https://rclone.org/rc/); resolves to the answer of success or refusal. */
  async call(method: string, params: object, scope: Scope): Promise<Answer> {
    const body = JSON.stringify(params);
    const headers = { 'Content-Type': 'application/json', 'Content-Length': String(Buffer.byteLength(body)) };
    return this.#watched(scope, async (daemon, over) => {
      const reply = await asked(daemon, { method: 'POST', path: `/${method}`, headers, body }, over);
      return { status: reply.statusCode ?? 0, text: await textOf(reply) };
    });
  }

  /** A file of a remote; the caller reads the body to its end, or destroys it. */
  async get(path: string, headers: Readonly<Record<string, string>>, scope: Scope): Promise<IncomingMessage> {
    // The caller's signal ends the body as well.
    return this.#watched(scope, daemon => asked(daemon, { method: 'GET', path, headers }, scope.signal));
  }

  error(kind: FileSyncError['kind'], message: string, details: ErrorDetails): FileSyncError {
    const words = maskedMessage(message, this.#secrets);
    return new FileSyncError(kind, words, { ...details, device: this.#context.name });
  }

  /** Translates what Node throws while it talks to rclone. */
  explain(thrown: unknown, { signal, details }: Scope): FileSyncError {
    const all = { ...details, device: this.#context.name };
    if (signal.aborted || this.#closed.signal.aborted)
      return new FileSyncError('cancelled', 'cancelled', { ...all, cause: signal.reason });
    if (thrown instanceof FileSyncError)
      return new FileSyncError(thrown.kind, thrown.message, {
        ...all,
        temporary: thrown.temporary,
        cause: thrown,
      });
    return this.error('unavailable', 'rclone ended meanwhile: it is started again', {
      ...all,
      cause: thrown,
    });
  }

  async #watched<T>(scope: Scope, work: (daemon: RcloneDaemon, over: AbortSignal) => Promise<T>): Promise<T> {
    const details = { ...scope.details, device: this.#context.name };
    throwIfAborted(this.#closed.signal, details);
    throwIfAborted(scope.signal, details);
    const done = new AbortController();
    this.#requests++;
    try {
      const signal = [scope.signal, this.#closed.signal];
      return await withDeadline(
        async over => {
          const daemon = await this.#running(over);
          this.#endIfSilent(daemon, done.signal).catch(ignore);
          return work(daemon, over).catch((error: unknown) => this.#unlessOver(daemon, error, over));
        },
        { signal },
      );
    } catch (error) {
      throw this.explain(error, scope);
    } finally {
      this.#requests--;
      done.abort();
    }
  }

  /** A connection that breaks is most often the end of rclone: the next request must not meet it as well. */
  async #unlessOver(daemon: RcloneDaemon, error: unknown, signal: AbortSignal): Promise<never> {
    if (!(error instanceof FileSyncError))
      await withinTime(daemon.ended, { ms: END_NOTICE_MS, signal, clock: this.clock });
    throw error;
  }

  async #running(signal: AbortSignal): Promise<RcloneDaemon> {
    if (this.#daemon && !this.#daemon.isOver) return this.#daemon;
    this.#starting ??= this.#start().finally(() => (this.#starting = undefined));
    await withDeadline(this.#starting, { signal });
    return this.#running(signal);
  }

  async #start(): Promise<void> {
    const settings = this.#settings();
    for (const secret of settings.secrets) this.#secrets.add(secret);
    const log = (line: string) => settings.log(maskedMessage(line, this.#secrets));
    const daemon = await RcloneDaemon.start({ ...settings, log }, this.#closed.signal);
    for (const secret of daemon.secrets) this.#secrets.add(secret);
    try {
      await this.#checkVersion(daemon);
      this.#daemon = daemon;
    } catch (error) {
      await daemon.end();
      throw error;
    }
  }

  async #checkVersion(daemon: RcloneDaemon): Promise<void> {
    const reply = await asked(daemon, { method: 'POST', path: '/core/version' }, this.#closed.signal);
    const said = await textOf(reply);
    const [, major = '0', minor = '0'] = /"version":\s*"v(\d+)\.(\d+)/.exec(said) ?? [];
    const [oldMajor, oldMinor] = OLDEST;
    if (Number(major) > oldMajor || (Number(major) === oldMajor && Number(minor) >= oldMinor)) return;
    const message = `rclone ${major}.${minor} is too old: install ${OLDEST.join('.')} or newer, or set program`;
    throw new FileSyncError('unsupported', message, { temporary: true });
  }

  /** A remote may take its time; rclone itself always answers. Where it does not, it is killed, and its requests end. */
  async #endIfSilent(daemon: RcloneDaemon, done: AbortSignal): Promise<void> {
    while (!done.aborted && !daemon.isOver) {
      await this.clock.sleep(this.timeout, done);
      const answer = (over: AbortSignal) =>
        asked(daemon, { method: 'POST', path: '/rc/noop' }, over).then(textOf);
      await withDeadline(answer, { signal: done, ms: this.timeout, clock: this.clock }).catch(() => {
        if (!done.aborted) daemon.kill();
      });
    }
  }
}

function asked(
  daemon: RcloneDaemon,
  { method, path, headers, body }: Asked,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const { hostname: host, port } = daemon.url;
  const all = { Authorization: daemon.authorization, Connection: 'close', ...headers };
  return new Promise((resolve, reject) => {
    const sent = request({ host, port, method, path, headers: all, agent: false, signal });
    // Whoever reads the body meets the error; it may come before anybody does.
    sent.on('response', reply => resolve(reply.on('error', ignore)));
    sent.on('error', reject).end(body);
  });
}

async function textOf(reply: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of reply as AsyncIterable<Buffer>) {
    length += piece.length;
    if (length > MAX_ANSWER_BYTES) throw new FileSyncError('protocol', TOO_MANY);
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString('utf8');
}

const TOO_MANY = 'a folder of the remote has too many files to be listed: choose a smaller one';

function ignore(): undefined {}
