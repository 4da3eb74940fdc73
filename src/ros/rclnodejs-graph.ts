import { FileSyncError, toFileSyncError } from '../errors.js';
import type { Clock, Logger, LogLevel } from '../ports.js';
import { withDeadline } from '../system/deadline.js';
import { oneLine } from '../system/logger.js';
import { sortRosArguments } from './arguments.js';
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
} from './graph.js';
import { guardedNodeClass, toParameter, type GuardedNode } from './guarded-node.js';
import { overridesFor, readOverrides } from './overrides.js';
import {
  loadRclnodejs,
  type RclClient,
  type RclListener,
  type RclLogger,
  type Rclnodejs,
  type RclPublisher,
  type RclResponse,
} from './rclnodejs.js';

/**
 * ms that the listening thread sleeps at most. It wakes when something arrives; adding or ending a listener waits for
 * it.
 */
const SPIN_TIMEOUT_MS = 20;
/** ms between two probes whether the service is available. */
const SERVER_POLL_INTERVAL_MS = 50;

export interface NodeOptions {
  readonly name: string;
  /** The arguments after `--ros-args`. */
  readonly rosArguments: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
}

/** A node in a real ROS 2 graph. */
export class RclnodejsGraph implements Graph {
  readonly name: string;
  readonly namespace: string;
  readonly logger: Logger;
  readonly #rcl: Rclnodejs;
  readonly #context: object;
  readonly #node: GuardedNode;
  readonly #overrides: ReadonlyMap<string, unknown>;
  readonly #clock: Clock;
  readonly #closed = new AbortController();

  /** Joins the graph. Throws `config` when ROS is missing or an argument is wrong. */
  static async join({ name, rosArguments, env, clock }: NodeOptions): Promise<RclnodejsGraph> {
    const { parameters, others } = sortRosArguments(rosArguments);
    const overrides = await readOverrides(parameters);
    const rcl = await loadRclnodejs(env);
    const context = new rcl.Context();
    try {
      await rcl.init(context, [name, '--ros-args', ...others]);
    } catch (cause) {
      throw refusal(toFileSyncError(cause).message, cause);
    }
    const node = new (guardedNodeClass(rcl))(name, '', context, {});
    return new RclnodejsGraph(rcl, context, node, overridesFor(overrides, fullName(node)), clock);
  }

  private constructor(
    rcl: Rclnodejs,
    context: object,
    node: GuardedNode,
    overrides: ReadonlyMap<string, unknown>,
    clock: Clock,
  ) {
    this.#rcl = rcl;
    this.#context = context;
    this.#node = node;
    this.#overrides = overrides;
    this.#clock = clock;
    this.name = fullName(node);
    this.namespace = node.namespace();
    this.logger = rosLogger(node.getLogger());
    node.spin(SPIN_TIMEOUT_MS);
  }

  declare<T extends ParameterValue>(spec: ParameterSpec<T>): T {
    const { name, description, readOnly = false } = spec;
    const value = this.#node.table.declare(spec, this.#overrides.get(name));
    const parameter = toParameter(this.#rcl, name, value);
    const { ParameterDescriptor } = this.#rcl;
    this.#node.declareParameter(
      parameter,
      new ParameterDescriptor(name, parameter.type, description, readOnly),
    );
    return value;
  }

  advertise<M extends Message>(type: MessageType<M>, topic: string, qos: Qos): Publisher<M> {
    const publisher = this.#node.createPublisher(type.name, topic, { qos: this.#qos(qos) });
    return { publish: message => this.#publish(publisher, topic, message) };
  }

  advertiseRaw(type: string, topic: string, qos: Qos): Publisher<Uint8Array> & Closable {
    const publisher = this.#node.createPublisher(type, topic, { qos: this.#qos(qos) });
    return {
      publish: ({ buffer, byteOffset, length }) =>
        this.#publish(publisher, topic, Buffer.from(buffer, byteOffset, length)),
      close: () => this.#unlessClosed(() => this.#node.destroyPublisher(publisher)),
    };
  }

  subscribe<M extends Message>(
    type: MessageType<M>,
    topic: string,
    qos: Qos,
    callback: (message: M) => void,
  ): Closable {
    return this.#listen(type.name, topic, { qos: this.#qos(qos) }, message => callback(message as M));
  }

  subscribeRaw(type: string, topic: string, qos: Qos, callback: (bytes: Uint8Array) => void): Closable {
    const options = { qos: this.#qos(qos), isRaw: true };
    return this.#listen(type, topic, options, bytes => callback(bytes as Uint8Array));
  }

  serve<Request extends Message, Response extends Message>(
    type: ServiceType<Request, Response>,
    name: string,
    handler: (request: Request) => Response | Promise<Response>,
  ): Closable {
    const service = this.#node.createService(
      type.name,
      name,
      {},
      async (request: object, response: RclResponse) => {
        this.logger.log('debug', `${name} is called`);
        const answer = await this.#answer(type, handler, request as Request);
        if (!this.#closed.signal.aborted) response.send({ ...response.template, ...answer });
      },
    );
    return { close: () => this.#unlessClosed(() => this.#node.destroyService(service)) };
  }

  client<Request extends Message, Response extends Message>(
    type: ServiceType<Request, Response>,
    name: string,
  ): Client<Request, Response> {
    const client = this.#node.createClient(type.name, name);
    return {
      call: async (request, options) => (await this.#call(client, name, request, options)) as Response,
      close: () => this.#unlessClosed(() => this.#node.destroyClient(client)),
    };
  }

  async shutdown(): Promise<void> {
    if (this.#closed.signal.aborted) return;
    this.#closed.abort(new FileSyncError('cancelled', 'the node has left the graph'));
    this.#rcl.shutdown(this.#context);
  }

  #publish(publisher: RclPublisher, topic: string, message: object): void {
    try {
      this.#unlessClosed(() => publisher.publish(message));
    } catch (thrown) {
      this.logger.log('error', `${topic}: ${toFileSyncError(thrown).message}`);
    }
  }

  #listen(type: string, topic: string, options: object, listener: RclListener): Closable {
    const subscription = this.#node.createSubscription(type, topic, options, listener);
    return { close: () => this.#unlessClosed(() => this.#node.destroySubscription(subscription)) };
  }

  async #answer<Request extends Message, Response extends Message>(
    type: ServiceType<Request, Response>,
    handler: (request: Request) => Response | Promise<Response>,
    request: Request,
  ): Promise<Partial<Response>> {
    try {
      return await handler(request);
    } catch (thrown) {
      const { message } = toFileSyncError(thrown);
      this.logger.log('error', `${type.name}: ${message}`);
      return type.failed(message);
    }
  }

  async #call(client: RclClient, name: string, request: object, options: CallOptions): Promise<object> {
    let served = false;
    const call = async (over: AbortSignal) => {
      await this.#server(client, over);
      served = true;
      // Without its own timeout: the library would keep the answer until that has passed.
      return client.sendRequestAsync(request, { signal: over });
    };
    try {
      return await withDeadline(call, {
        signal: [options.signal, this.#closed.signal],
        clock: this.#clock,
        ms: options.timeout,
        late: () => timeoutError(name, served),
      });
    } catch (thrown) {
      throw toFileSyncError(thrown, { operation: 'call' });
    }
  }

  async #server(client: RclClient, signal: AbortSignal): Promise<void> {
    while (!client.isServiceServerAvailable()) await this.#clock.sleep(SERVER_POLL_INTERVAL_MS, signal);
  }

  #unlessClosed(act: () => void): void {
    if (!this.#closed.signal.aborted) act();
  }

  #qos({ depth, reliability, durability }: Qos): object {
    const { QoS } = this.#rcl;
    const { ReliabilityPolicy, DurabilityPolicy, HistoryPolicy } = QoS;
    return new QoS(
      HistoryPolicy.RMW_QOS_POLICY_HISTORY_KEEP_LAST,
      depth,
      reliability === 'reliable'
        ? ReliabilityPolicy.RMW_QOS_POLICY_RELIABILITY_RELIABLE
        : ReliabilityPolicy.RMW_QOS_POLICY_RELIABILITY_BEST_EFFORT,
      durability === 'volatile'
        ? DurabilityPolicy.RMW_QOS_POLICY_DURABILITY_VOLATILE
        : DurabilityPolicy.RMW_QOS_POLICY_DURABILITY_TRANSIENT_LOCAL,
    );
  }
}

function fullName(node: GuardedNode): string {
  return `${node.namespace().replace(/\/$/, '')}/${node.name()}`;
}

function refusal(why: string, cause: unknown): FileSyncError {
  const remedy = /log directory/.test(why) ? '; set ROS_LOG_DIR to a folder that can be written to' : '';
  return new FileSyncError('config', `ROS refuses to start: ${why}${remedy}`, { cause });
}

function timeoutError(service: string, served: boolean): FileSyncError {
  const details = { operation: 'call' };
  return served
    ? new FileSyncError('timeout', `${service} did not answer in time`, details)
    : new FileSyncError('unavailable', `service ${service} is not available`, details);
}

function rosLogger(logger: RclLogger): Logger {
  const write: Readonly<Record<LogLevel, (message: string) => void>> = {
    debug: message => logger.debug(message),
    info: message => logger.info(message),
    warn: message => logger.warn(message),
    error: message => logger.error(message),
  };
  return {
    log: (level, message) => write[level](oneLine(message)),
    child: name => rosLogger(logger.getChild(name)),
  };
}
