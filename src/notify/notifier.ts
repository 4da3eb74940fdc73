import { createHash, randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { Subscription, type Observable } from 'rxjs';
import type { NotifyConfig } from '../config/notify.js';
import { toFileSyncError } from '../errors.js';
import type { Change, FileRecord, SourceRecord, Space } from '../ports.js';
import { untilAborted, withinTime } from '../system/deadline.js';
import { momentOf } from '../system/moment.js';
import { Collector } from './collector.js';
import { makeMessage, type Message } from './message.js';
import type { DeviceFacts } from './offline-devices.js';
import { Sender } from './sender.js';
import { NOTIFICATIONS, nothingTold, parseMemory, type Memory, type Problem, type Told } from './told.js';
import { transportOf, type Transport, type TransportServices } from './transport.js';

/** Between two looks at what is due. */
const TICK_MS = 5_000;
/** Between two measurements of the free space. */
const SPACE_INTERVAL_MS = 30_000;

/** What is observed: the engine, and its disk. */
export interface Observed {
  readonly records: {
    readonly changes: Observable<Change>;
    all(): Iterable<FileRecord>;
    get(id: string): FileRecord | undefined;
    source(device: string): SourceRecord | undefined;
    putSource(source: SourceRecord): Promise<void>;
  };
  readonly devices: Observable<readonly DeviceFacts[]>;
  /** What can still be written to the local storage, above `min_free`. */
  space(): Promise<Space>;
}

export interface NotifierParts extends Omit<TransportServices, 'folder'> {
  readonly hostname: string;
  readonly observed: Observed;
  /** Makes the way to a receiver, in place of the usual one. */
  readonly transport?: (entry: NotifyConfig, services: TransportServices) => Transport;
}

/** What of the configuration concerns notifications. */
export interface Notifications {
  readonly notify: readonly NotifyConfig[];
  readonly folder: string;
}

/** One entry at work. */
interface Channel {
  /** Of what is remembered of it; another configuration may change it. */
  key: string;
  readonly entry: NotifyConfig;
  readonly collector: Collector;
  readonly sender: Sender;
  /** By message: what was told with it. */
  readonly told: Map<Message, Told>;
  /** What is known to have been told. */
  saved: Told;
  problem: Problem | undefined;
}

/**
 * Observes an engine, and sends what happens to those whom the configuration names. Nothing waits for it, and nothing that goes
 * wrong in it reaches the engine.
 */
export class Notifier {
  readonly #parts: NotifierParts;
  readonly #stopping = new AbortController();
  readonly #watching = new Subscription();
  #config: Notifications;
  #isStarted = false;
  #channels: Channel[] = [];
  #devices: readonly DeviceFacts[] = [];
  #ticking = Promise.resolve();
  #measuredAt = -Infinity;
  /** Writes are in order. */
  #writing = Promise.resolve();
  #written = '';

  constructor(parts: NotifierParts, config: Notifications) {
    this.#parts = { ...parts, logger: parts.logger.child('notify') };
    this.#config = config;
  }

  /** To be called before the engine begins to work, and once. */
  start(): void {
    const { records, devices } = this.#parts.observed;
    this.#isStarted = true;
    this.#written = records.source(NOTIFICATIONS)?.told ?? '{}';
    this.#watching.add(records.changes.subscribe(change => this.#safely(() => this.#changed(change))));
    this.#watching.add(devices.subscribe(all => this.#safely(() => this.#found(all))));
    this.use(this.#config);
    this.#ticking = this.#tick();
  }

  /** Works by this configuration; entries that have not changed go on, with what they have to send. */
  use(config: Notifications): void {
    const isSameFolder = config.folder === this.#config.folder;
    this.#config = config;
    if (!this.#isStarted) return;
    const memory = parseMemory(this.#written);
    const before = this.#channels;
    const keys = keysOf(config.notify);
    this.#channels = config.notify.map((entry, index) => {
      const key = keys[index] ?? '';
      const known = before.find(channel => isSameFolder && isDeepStrictEqual(channel.entry, entry));
      return known ? Object.assign(known, { key }) : this.#open(entry, key, memory);
    });
    for (const channel of before) if (!this.#channels.includes(channel)) void channel.sender.stop();
    this.#save();
  }

  /** The engine has done all that it does: sends what is due, and waits at most `ms` for it. */
  async finish(ms: number, signal: AbortSignal): Promise<void> {
    await this.#measure();
    for (const channel of this.#channels) this.#safely(() => this.#tell(channel, true));
    const senders = this.#channels.map(({ sender }) => sender.idle());
    const { clock } = this.#parts;
    await withinTime(Promise.all(senders), { ms, signal, clock }).catch(() => undefined);
  }

  /** Ends all work, and remembers what was told. To be called while the database is open. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#watching.unsubscribe();
    await Promise.all(this.#channels.map(({ sender }) => sender.stop()));
    await this.#ticking;
    for (const channel of this.#channels) if (channel.told.size === 0) channel.saved = channel.collector.told;
    this.#save();
    await this.#writing;
  }

  // ---- what happens -------------------------------------------------------------------------------------

  #changed(change: Change): void {
    if (this.#channels.length === 0) return;
    const now = momentOf(this.#parts.clock);
    for (const { collector } of this.#channels) collector.changed(change, now);
  }

  #found(devices: readonly DeviceFacts[]): void {
    this.#devices = devices;
    const now = momentOf(this.#parts.clock);
    for (const { collector } of this.#channels) collector.devices(devices, now);
  }

  async #tick(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      await untilAborted(signal, over => this.#parts.clock.sleep(TICK_MS, over));
      if (signal.aborted) return;
      const { clock } = this.#parts;
      if (clock.monotonic() - this.#measuredAt >= SPACE_INTERVAL_MS) await this.#measure();
      for (const channel of this.#channels) this.#safely(() => this.#tell(channel, false));
    }
  }

  /** What cannot be measured is unknown, and tells nothing. */
  async #measure(): Promise<void> {
    const wanting = this.#channels.filter(({ collector }) => collector.wantsSpace);
    if (wanting.length === 0) return;
    this.#measuredAt = this.#parts.clock.monotonic();
    const space = await this.#parts.observed.space().catch(() => undefined);
    if (!space) return;
    const now = momentOf(this.#parts.clock);
    for (const { collector } of wanting) this.#safely(() => collector.space(space, now));
  }

  #tell({ collector, sender, told }: Channel, isEnd: boolean): void {
    const { clock, hostname } = this.#parts;
    const now = momentOf(clock);
    const events = collector.due(now, isEnd);
    if (events.length === 0) return;
    const dropped = sender.takeDropped();
    const message = makeMessage(events, {
      ...{ id: randomUUID(), hostname, dropped, now: now.at, up: now.up },
    });
    told.set(message, collector.told);
    sender.add(message);
  }

  /** A defect here must not reach the engine. */
  #safely(act: () => void): void {
    try {
      act();
    } catch (thrown) {
      this.#parts.logger.log('error', `notifications: ${toFileSyncError(thrown).message}`);
    }
  }

  // ---- entries ------------------------------------------------------------------------------------------

  #open(entry: NotifyConfig, key: string, memory: Memory): Channel {
    const { records } = this.#parts.observed;
    const services = { ...this.#parts, folder: this.#config.folder };
    const transport = (this.#parts.transport ?? transportOf)(entry, services);
    const now = momentOf(this.#parts.clock);
    const saved = memory[key]?.told ?? nothingTold(now.at);
    const get = (id: string) => records.get(id);
    const collector = new Collector({ entry, told: saved, get }, records.all(), now);
    if (this.#devices.length > 0) collector.devices(this.#devices, now);
    const sender = new Sender({
      ...{ ...this.#parts, transport, random: Math.random },
      settled: message => this.#settled(channel, message),
      failing: error => {
        const since = channel.problem?.since ?? this.#parts.clock.now();
        channel.problem = error && { to: transport.to, reason: error.message, since };
        this.#save();
      },
    });
    const problem = memory[key]?.problem;
    const channel: Channel = { key, entry, collector, sender, told: new Map(), saved, problem };
    return channel;
  }

  /** What was told with earlier messages is known with it; some of them may have been dropped. */
  #settled(channel: Channel, message: Message): void {
    channel.saved = channel.told.get(message) ?? channel.saved;
    for (const one of channel.told.keys()) {
      channel.told.delete(one);
      if (one === message) break;
    }
    this.#save();
  }

  /** Not waited for by those who tell: what cannot be written is told again after a restart. */
  #save(): void {
    const { records } = this.#parts.observed;
    const memory: Memory = Object.fromEntries(
      this.#channels.map(({ key, saved, problem }) => [key, { told: saved, ...(problem && { problem }) }]),
    );
    const told = JSON.stringify(memory);
    if (told === this.#written) return;
    this.#written = told;
    const record = { device: NOTIFICATIONS, scannedAt: 0, told };
    this.#writing = this.#writing
      .then(() => records.putSource(record))
      .catch((thrown: unknown) => {
        const { message } = toFileSyncError(thrown);
        this.#parts.logger.log('debug', `what was told cannot be remembered: ${message}`);
      });
  }
}

/**
 * An entry is known again by what it tells to whom; of an address that is a secret, by where that is. Of several that are the same in
 * this, such as those for two topics of ntfy, by their order.
 */
function keysOf(entries: readonly NotifyConfig[]): string[] {
  const hashes = entries.map(({ url, command, on, after }) => {
    const text = JSON.stringify([url, command, on, after]);
    return createHash('sha256').update(text).digest('hex').slice(0, 16);
  });
  return hashes.map((hash, index) => {
    const before = hashes.slice(0, index).filter(other => other === hash).length;
    return before === 0 ? hash : `${hash}-${before}`;
  });
}
