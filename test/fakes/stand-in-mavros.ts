import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../../src/ports.js';
import { LATCHED, type Closable, type Graph, type Publisher, type ServiceType } from '../../src/ros/graph.js';
import {
  ftpTypes,
  stateType,
  type FileEntryMessage,
  type FilePath,
  type FtpAnswer,
  type ListRequest,
  type StateMessage,
} from '../../src/ros/mavros/interfaces.js';
import { checksumOf } from '../conformance/support.js';

export type FtpService = keyof typeof ftpTypes;

/**
 * What goes wrong with a call. `lost-request`, `lost-reply`: between MAVROS and the vehicle; `late`: the reply comes after MAVROS
 * has given up; `missed`: it came too fast; `slow`: it comes just in time; `mute`: MAVROS' own answer to us is lost.
 */
export type Fault = 'none' | 'lost-request' | 'lost-reply' | 'late' | 'missed' | 'slow' | 'mute';

export interface ServedCall {
  readonly service: FtpService;
  readonly path: string;
  /** Monotonic ms. */
  readonly at: number;
}

export interface StandInOptions {
  readonly graph: Graph;
  readonly clock: Clock;
  /** The vehicle's `/`. */
  readonly folder: string;
  readonly namespace?: string;
  readonly fault?: (service: FtpService) => Fault;
  /** Hears of each call that arrives. */
  readonly called?: (call: ServedCall) => void;
  /** Hears the words with which it died. */
  readonly died?: (why: string) => void;
}

/** Linux' numbers, as MAVROS gives them. */
const [ENOENT, EBADF, EFAULT, EMFILE, ERANGE, EBADE, EBADFD, ETIMEDOUT] = [2, 9, 14, 24, 34, 52, 77, 110];

const SHORT = 200;
const LONG = 5_000;
/** ms after MAVROS' limit when a late reply comes, and for which the reset that it causes goes on. */
const LATE = 300;
/** ms without use after which the vehicle gives up a session, as PX4 does. */
const SESSION_IDLE = 10_000;

/** What the vehicle answers. Without errno, a NAK that MAVROS has no number for. */
type Reply = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly errno?: number };

interface Request {
  readonly service: FtpService;
  /** What the vehicle is asked; two requests of the same key are the same. */
  readonly key: string;
  /** ms that MAVROS gives it. */
  readonly limit: number;
  /** The vehicle's part. */
  readonly execute: () => Reply;
}

interface Outcome extends FtpAnswer {
  readonly value?: unknown;
  /** Never given to the caller. */
  readonly mute?: boolean;
}

const yes = (value: unknown = 0): Reply => ({ ok: true, value });
const no = (errno?: number): Reply => ({ ok: false, ...(errno !== undefined && { errno }) });
const hang = () => new Promise<never>(() => undefined);

/**
 * MAVROS' FTP services and state on a folder in place of a vehicle, as of mavros 2.12, with its weak spots: where the real one
 * throws, and its process aborts, this one dies and never answers again. It dies too where the real one would pass off the vehicle's
 * reply to another request as the answer.
 */
export class StandInMavros {
  /** The words with which it died. */
  death: string | undefined;
  /** Answers reads with nothing, as released versions do with PX4. */
  readsEmpty = false;
  /** Cannot list, as with ArduPilot. */
  listsNothing = false;
  /** Calls that arrived, by service. */
  readonly calls: ServedCall[] = [];
  readonly #options: StandInOptions;
  readonly #namespace: string;
  readonly #state: Publisher<StateMessage>;
  readonly #closing = new AbortController();
  #served: Closable[] = [];
  #running = false;
  #now: { connected: boolean; armed: boolean } = { connected: true, armed: false };
  /** MAVROS' own: what is under way, who is open there, and the last error. */
  #busy: string | undefined;
  readonly #open = new Map<string, number>();
  #errno = 0;
  /** The vehicle's: one session, and the reply to the last number it has seen, which MAVROS may use again. */
  #session: { id: number; path: string; used: number } | undefined;
  #sessions = 0;
  #cached: { key: string; reply: Reply } | undefined;

  constructor(options: StandInOptions) {
    const { graph, namespace = '/mavros' } = options;
    this.#options = options;
    this.#namespace = namespace;
    this.#state = graph.advertise(stateType, `${namespace}/state`, LATCHED);
    this.start();
    void this.#tell();
  }

  arm(armed: boolean): void {
    this.#now = { ...this.#now, armed };
    this.#publish();
  }

  connect(connected: boolean): void {
    this.#now = { ...this.#now, connected };
    this.#publish();
  }

  /** A new process of MAVROS. */
  start(): void {
    this.stop();
    this.death = this.#busy = this.#cached = undefined;
    this.#open.clear();
    this.#errno = 0;
    this.#running = true;
    this.#serveAll();
    this.#publish();
  }

  /** The process is gone. */
  stop(): void {
    this.#running = false;
    this.denyFtp();
  }

  /** A MAVROS whose ftp plugin is denied, as ArduPilot's launch file has it. */
  denyFtp(): void {
    for (const service of this.#served.splice(0)) service.close();
  }

  async close(): Promise<void> {
    this.stop();
    this.#closing.abort();
  }

  #serveAll(): void {
    const { folder } = this.#options;
    const at = (path: string) => join(folder, path);
    this.#serve('list', LONG, path => this.#list(at(path)));
    this.#serve('open', SHORT, path => this.#vehicleOpen(path, at(path)));
    this.#serve('close', SHORT, () => this.#terminate());
    this.#serve('remove', SHORT, path => this.#remove(at(path)));
    this.#serve('checksum', LONG, path => this.#checksum(at(path)));
    this.#serveRead();
    const empty: ServiceType<object, object> = { name: 'std_srvs/srv/Empty', failed: () => ({}) };
    this.#served.push(this.#options.graph.serve(empty, `${this.#namespace}/ftp/reset`, () => this.#reset()));
  }

  #serve(service: Exclude<FtpService, 'read'>, limit: number, execute: (path: string) => Reply): void {
    const type = ftpTypes[service] as ServiceType<Partial<ListRequest & FilePath>, FtpAnswer>;
    const handler = async ({ dir_path, file_path }: Partial<ListRequest & FilePath>) => {
      const path = dir_path ?? file_path ?? '';
      const key = `${service} ${path}`;
      const outcome = await this.#call({ service, key, limit, execute: () => execute(path) }, path);
      return toAnswer(service, outcome);
    };
    this.#served.push(this.#options.graph.serve(type, `${this.#namespace}/ftp/${service}`, handler));
  }

  #serveRead(): void {
    const name = `${this.#namespace}/ftp/read`;
    const served = this.#options.graph.serve(ftpTypes.read, name, async ({ file_path, offset, size }) => {
      const limit = SHORT * (Math.floor(Number(size) / 239) + 1);
      const key = `read ${file_path} ${offset}`;
      const execute = () => this.#read(file_path, Number(offset), Number(size));
      const outcome = await this.#call({ service: 'read', key, limit, execute }, file_path);
      return {
        ...toAnswer('read', outcome),
        data: (outcome.value as Uint8Array | undefined) ?? new Uint8Array(0),
      };
    });
    this.#served.push(served);
  }

  /** As the plugin does it: what would make it throw kills it. */
  async #call(request: Request, path: string): Promise<Outcome> {
    const { service } = request;
    const call = { service, path, at: this.#options.clock.monotonic() };
    this.calls.push(call);
    this.#options.called?.(call);
    if (this.death !== undefined) return hang();
    if (this.#busy !== undefined) return this.#die(`FTP: Busy: ${request.key} during ${this.#busy}`);
    if (service === 'open' && this.#open.has(path)) return this.#die(`FTP: File ${path}: already opened`);
    const needsOpen = service === 'close' || service === 'read';
    if (needsOpen && !this.#open.has(path)) return { success: false, r_errno: (this.#errno = EBADF) };
    this.#busy = request.key;
    const outcome = await this.#transact(request, path);
    if (this.death !== undefined) return hang();
    this.#busy = undefined;
    return outcome.mute ? hang() : outcome;
  }

  async #transact(request: Request, path: string): Promise<Outcome> {
    const { clock, fault: choose } = this.#options;
    const fault = this.#now.connected ? (choose?.(request.service) ?? 'none') : 'lost-request';
    if (request.service === 'close') this.#open.delete(path);
    if (fault === 'lost-request') return this.#timeout(request);
    const reply = this.#cached ? this.#stale(request) : request.execute();
    this.#cached = undefined;
    if (this.death !== undefined) return { success: false, r_errno: 0 };
    if (fault === 'lost-reply') {
      this.#cached = { key: request.key, reply };
      return this.#timeout(request);
    }
    if (fault === 'late') {
      void this.#lateReply(request.limit);
      return this.#timeout(request);
    }
    const outcome = this.#accept(request, path, reply);
    if (fault === 'slow') await clock.sleep(request.limit * 0.8);
    if (fault === 'missed') return { ...(await this.#timeout(request)), value: outcome.value };
    return fault === 'mute' ? { ...outcome, mute: true } : outcome;
  }

  /** The number was used before: the vehicle takes this for the same request and says again what it said then. */
  #stale({ service, key }: Request): Reply {
    const former = this.#cached;
    if (former?.key === key) return former.reply;
    if (service === 'close' || service === 'remove') return yes();
    if (service === 'read') return no(EBADE);
    void this.#die(`a reply to "${former?.key}" was taken for one to "${key}"`);
    return no();
  }

  #accept({ service }: Request, path: string, reply: Reply): Outcome {
    if (!reply.ok) return { success: false, r_errno: (this.#errno = reply.errno ?? this.#errno) };
    if (service === 'open') this.#open.set(path, this.#sessions);
    this.#errno = 0;
    return { success: true, r_errno: 0, value: reply.value };
  }

  async #timeout({ limit }: Request): Promise<Outcome> {
    await this.#options.clock.sleep(limit + 1);
    return { success: false, r_errno: (this.#errno = ETIMEDOUT) };
  }

  /** In IDLE the plugin answers any ACK with a reset of all sessions, and is busy until that is answered. */
  async #lateReply(limit: number): Promise<void> {
    await this.#options.clock.sleep(limit + LATE);
    if (this.#busy === undefined && this.death === undefined) await this.#reset();
  }

  async #reset(): Promise<object> {
    if (this.#busy !== undefined) return this.#die(`FTP: Busy: reset during ${this.#busy}`);
    this.#open.clear();
    this.#session = undefined;
    this.#busy = 'a reset';
    void this.#options.clock.sleep(LATE).then(() => (this.#busy = undefined));
    return {};
  }

  #die(why: string): Promise<never> {
    this.death ??= why;
    this.#options.died?.(this.death);
    return hang();
  }

  // ---- the vehicle

  #list(folder: string): Reply {
    if (this.listsNothing) return no(ERANGE);
    const entries = attempt(() => readdirSync(folder, { withFileTypes: true }));
    if (!entries) return no(ENOENT);
    const listed = entries.map((entry): FileEntryMessage => {
      const size = entry.isDirectory() ? 0 : statSync(join(folder, entry.name)).size;
      return { name: entry.name, type: entry.isDirectory() ? 1 : 0, size: BigInt(size) };
    });
    return yes(listed);
  }

  #vehicleOpen(path: string, file: string): Reply {
    const now = this.#options.clock.monotonic();
    const found = attempt(() => statSync(file));
    if (!found) return no();
    if (this.#session && now - this.#session.used < SESSION_IDLE) return no(EMFILE);
    this.#session = { id: ++this.#sessions, path, used: now };
    return yes(found.size);
  }

  #terminate(): Reply {
    this.#session = undefined;
    return yes();
  }

  #read(path: string, offset: number, size: number): Reply {
    const now = this.#options.clock.monotonic();
    if (this.#session?.id !== this.#open.get(path)) return no(EBADFD);
    if (this.#session) this.#session.used = now;
    if (this.readsEmpty) return yes(new Uint8Array(0));
    const bytes = attempt(() => readFileSync(join(this.#options.folder, path)));
    return bytes ? yes(Uint8Array.from(bytes.subarray(offset, offset + size))) : no(EFAULT);
  }

  #remove(file: string): Reply {
    return attempt(() => (rmSync(file), true)) ? yes() : no();
  }

  #checksum(file: string): Reply {
    const bytes = attempt(() => readFileSync(file));
    return bytes ? yes(parseInt(checksumOf('crc32-mavlink', bytes).value, 16)) : no(EFAULT);
  }

  // ---- state

  async #tell(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      await this.#options.clock.sleep(1_000, signal).catch(() => undefined);
      if (this.#running && this.death === undefined) this.#publish();
    }
  }

  #publish(): void {
    const header = { stamp: { sec: 0, nanosec: 0 }, frame_id: '' };
    const rest = { guided: false, manual_input: false, mode: '', system_status: 3 };
    this.#state.publish({ header, ...this.#now, ...rest } as StateMessage);
  }
}

/** Undefined if it cannot be done. */
function attempt<Value>(act: () => Value): Value | undefined {
  try {
    return act();
  } catch {
    return undefined;
  }
}

const VALUE: Readonly<Partial<Record<FtpService, string>>> = {
  list: 'list',
  open: 'size',
  checksum: 'crc32',
};

function toAnswer(service: FtpService, { success, r_errno, value }: Outcome): FtpAnswer {
  const field = VALUE[service];
  return { success, r_errno, ...(field !== undefined && value !== undefined && { [field]: value }) };
}
