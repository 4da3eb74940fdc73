import { FileSyncError, throwIfAborted, toFileSyncError } from '../../src/errors.js';
import type { Clock } from '../../src/ports.js';
import type {
  CallOptions,
  Client,
  Closable,
  Graph,
  Message,
  MessageType,
  ParameterSpec,
  ParameterValue,
  Publisher,
  Qos,
  ServiceType,
} from '../../src/ros/graph.js';
import { ParameterTable } from '../../src/ros/parameters.js';
import { systemClock } from '../../src/system/clock.js';
import { RecordingLogger } from './recording-logger.js';

const SERVER_POLL = 5;

type Handler = (request: object) => Promise<object>;
type Listener = (message: object) => void;

interface Topic {
  /** What the latched publishers have said, each its last few. */
  readonly kept: Map<object, object[]>;
  readonly listeners: Set<Listener>;
}

/** What the nodes of one graph share. */
export class MemoryNetwork {
  readonly services = new Map<string, Handler>();
  readonly #topics = new Map<string, Topic>();

  /** Raw bytes and decoded messages are kept apart: this graph cannot (de)serialize. */
  topic(name: string, type: string): Topic {
    const key = `${name} ${type}`;
    const topic = this.#topics.get(key) ?? { kept: new Map(), listeners: new Set() };
    this.#topics.set(key, topic);
    return topic;
  }
}

export interface MemoryGraphOptions {
  readonly network?: MemoryNetwork;
  readonly name?: string;
  readonly namespace?: string;
  readonly clock?: Clock;
  /** What the user gave for parameters at start. */
  readonly parameters?: Readonly<Record<string, unknown>>;
}

/** A graph within the process. It passes the same conformance suite as the real one. */
export class MemoryGraph implements Graph {
  readonly name: string;
  readonly namespace: string;
  readonly logger = new RecordingLogger();
  readonly #network: MemoryNetwork;
  readonly #clock: Clock;
  readonly #asked: Readonly<Record<string, unknown>>;
  readonly #table = new ParameterTable();
  readonly #values = new Map<string, ParameterValue>();
  readonly #closed = new AbortController();
  readonly #open = new Set<Closable>();

  constructor(options: MemoryGraphOptions = {}) {
    const { name = 'filesync', namespace = '/', clock = systemClock } = options;
    this.namespace = namespace;
    this.name = `${namespace.replace(/\/$/, '')}/${name}`;
    this.#network = options.network ?? new MemoryNetwork();
    this.#clock = clock;
    this.#asked = options.parameters ?? {};
  }

  declare<T extends ParameterValue>(spec: ParameterSpec<T>): T {
    const value = this.#table.declare(spec, this.#asked[spec.name]);
    this.#values.set(spec.name, value);
    return value;
  }

  /** What `ros2 param set` does: why it was refused, or nothing. */
  setParameter(name: string, value: unknown): string | undefined {
    const verdict = this.#table.check(name, value) ?? { refused: `${name} has not been declared` };
    if ('refused' in verdict) return verdict.refused;
    this.#values.set(name, verdict.taken);
    this.#table.changed(name, verdict.taken);
    return undefined;
  }

  getParameter(name: string): ParameterValue | undefined {
    return this.#values.get(name);
  }

  advertise<M extends Message>(type: MessageType<M>, topic: string, qos: Qos): Publisher<M> {
    return this.#advertise(type.name, topic, qos);
  }

  advertiseRaw(type: string, topic: string, qos: Qos): Publisher<Uint8Array> & Closable {
    return this.#advertise(`raw ${type}`, topic, qos);
  }

  subscribe<M extends Message>(
    type: MessageType<M>,
    topic: string,
    qos: Qos,
    callback: (message: M) => void,
  ): Closable {
    return this.#listen(type.name, topic, qos, message => callback(message as M));
  }

  subscribeRaw(type: string, topic: string, qos: Qos, callback: (bytes: Uint8Array) => void): Closable {
    return this.#listen(`raw ${type}`, topic, qos, bytes => callback(bytes as Uint8Array));
  }

  serve<Request extends Message, Response extends Message>(
    type: ServiceType<Request, Response>,
    name: string,
    handler: (request: Request) => Response | Promise<Response>,
  ): Closable {
    const path = this.#resolve(name);
    const answer: Handler = async request => {
      try {
        return await handler(request as Request);
      } catch (thrown) {
        const { message } = toFileSyncError(thrown);
        this.logger.log('error', `${type.name}: ${message}`);
        return type.failed(message);
      }
    };
    this.#network.services.set(path, answer);
    return this.#closable(() => {
      if (this.#network.services.get(path) === answer) this.#network.services.delete(path);
    });
  }

  client<Request extends Message, Response extends Message>(
    _type: ServiceType<Request, Response>,
    name: string,
  ): Client<Request, Response> {
    const path = this.#resolve(name);
    const call = async (request: Request, options: CallOptions) =>
      (await this.#call(path, request, options)) as Response;
    return { call, ...this.#closable(() => undefined) };
  }

  async shutdown(): Promise<void> {
    this.#closed.abort(new FileSyncError('unavailable', 'the node has left the graph'));
    for (const one of [...this.#open]) one.close();
  }

  #advertise<M extends Message>(type: string, name: string, qos: Qos): Publisher<M> & Closable {
    const topic = this.#network.topic(this.#resolve(name), type);
    const own: object[] = [];
    if (qos.durability === 'transient-local') topic.kept.set(own, own);
    const publish = (message: M) => {
      if (this.#closed.signal.aborted) return;
      own.push(structuredClone(message));
      if (own.length > qos.depth) own.shift();
      for (const listener of topic.listeners) listener(message);
    };
    return { publish, ...this.#closable(() => topic.kept.delete(own)) };
  }

  #listen(type: string, name: string, qos: Qos, callback: Listener): Closable {
    const topic = this.#network.topic(this.#resolve(name), type);
    const listener: Listener = message => {
      const copy = structuredClone(message);
      setImmediate(() => topic.listeners.has(listener) && this.#guarded(callback, copy));
    };
    topic.listeners.add(listener);
    if (qos.durability === 'transient-local') [...topic.kept.values()].flat().forEach(listener);
    return this.#closable(() => topic.listeners.delete(listener));
  }

  #guarded(callback: Listener, message: object): void {
    try {
      callback(message);
    } catch (thrown) {
      this.logger.log('error', toFileSyncError(thrown).message);
    }
  }

  async #call(path: string, request: object, { timeout, signal }: CallOptions): Promise<object> {
    const ended = AbortSignal.any([signal, this.#closed.signal]);
    const deadline = this.#clock.monotonic() + timeout;
    const left = () => Math.max(0, deadline - this.#clock.monotonic());
    let handler = this.#network.services.get(path);
    for (; !handler; handler = this.#network.services.get(path)) {
      if (left() === 0) throw new FileSyncError('unavailable', `service ${path} is not available`);
      await this.#clock.sleep(Math.min(SERVER_POLL, left()), ended);
    }
    throwIfAborted(ended);
    const answered = new AbortController();
    const late = this.#clock.sleep(left(), AbortSignal.any([ended, answered.signal])).then(() => {
      throw new FileSyncError('timeout', `${path} did not answer in time`);
    });
    const answer = handler(structuredClone(request)).then(response => structuredClone(response));
    return Promise.race([answer, late]).finally(() => {
      answered.abort();
      late.catch(() => undefined);
    });
  }

  #closable(end: () => void): Closable {
    const one = {
      close: () => {
        this.#open.delete(one);
        end();
      },
    };
    this.#open.add(one);
    return one;
  }

  #resolve(name: string): string {
    if (name.startsWith('/')) return name;
    if (name.startsWith('~/')) return `${this.name}/${name.slice(2)}`;
    return `${this.namespace.replace(/\/$/, '')}/${name}`;
  }
}
