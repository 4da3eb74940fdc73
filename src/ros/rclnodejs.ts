import { FileSyncError } from '../errors.js';

// The part of rclnodejs 2.2 that the node uses. The program compiles and runs without that library, so its own
// types are not used.

export interface Rclnodejs {
  readonly Context: new () => object;
  readonly Node: new (name: string, namespace: string, context: object, options: object) => RclNode;
  readonly QoS: {
    new (history: number, depth: number, reliability: number, durability: number): object;
    readonly HistoryPolicy: { readonly RMW_QOS_POLICY_HISTORY_KEEP_LAST: number };
    readonly ReliabilityPolicy: {
      readonly RMW_QOS_POLICY_RELIABILITY_RELIABLE: number;
      readonly RMW_QOS_POLICY_RELIABILITY_BEST_EFFORT: number;
    };
    readonly DurabilityPolicy: {
      readonly RMW_QOS_POLICY_DURABILITY_TRANSIENT_LOCAL: number;
      readonly RMW_QOS_POLICY_DURABILITY_VOLATILE: number;
    };
  };
  readonly Parameter: new (name: string, type: number, value: unknown) => RclParameter;
  readonly ParameterDescriptor: new (
    name: string,
    type: number,
    description: string,
    readOnly: boolean,
  ) => object;
  readonly ParameterType: {
    readonly PARAMETER_NOT_SET: number;
    readonly PARAMETER_BOOL: number;
    readonly PARAMETER_DOUBLE: number;
    readonly PARAMETER_STRING: number;
  };
  init(context: object, argv: readonly string[]): Promise<void>;
  shutdown(context: object): void;
  /** Without it, the library ends the context itself on SIGINT. */
  removeSignalHandlers(): void;
}

export interface RclParameter {
  readonly name: string;
  readonly type: number;
  readonly value: unknown;
}

export interface RclResult {
  readonly successful: boolean;
  readonly reason: string;
}

export interface RclResponse {
  /** An empty answer. */
  readonly template: object;
  readonly sent: boolean;
  send(answer: object): void;
}

export type RclHandler = (request: object, response: RclResponse) => unknown;
export type RclListener = (message: object) => void;

export interface RclClient {
  isServiceServerAvailable(): boolean;
  sendRequestAsync(request: object, options: { signal: AbortSignal }): Promise<object>;
}

export interface RclLogger {
  debug(message: string): void;
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
  getChild(name: string): RclLogger;
}

export interface RclPublisher {
  /** A message, or the bytes of a serialized one. */
  publish(message: object): void;
}

export interface RclSubscription {
  readonly handle: object;
}

export interface RclNode {
  name(): string;
  namespace(): string;
  getLogger(): RclLogger;
  /** Listens in a thread; `timeout` in ms is how long that thread sleeps at most. */
  spin(timeout: number): void;
  createPublisher(type: string, topic: string, ...rest: readonly object[]): RclPublisher;
  destroyPublisher(publisher: RclPublisher): void;
  /** `rest`: options, listener. */
  createSubscription(
    type: string,
    topic: string,
    ...rest: readonly (object | RclListener)[]
  ): RclSubscription;
  destroySubscription(subscription: RclSubscription): void;
  /** Called by the library with the handles of whatever is ready. */
  execute(handles: readonly object[]): void;
  /** `rest`: options, handler. */
  createService(type: string, name: string, ...rest: readonly (object | RclHandler)[]): object;
  destroyService(service: object): void;
  createClient(type: string, name: string): RclClient;
  destroyClient(client: object): void;
  declareParameter(parameter: RclParameter, descriptor: object): void;
  setParametersAtomically(parameters: readonly RclParameter[]): RclResult;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Whether this process was started in a shell that has sourced ROS. */
export function isSourced(env: Environment): boolean {
  return Boolean(env['ROS_DISTRO'] && env['AMENT_PREFIX_PATH']);
}

/** Hands over the library. Throws `config` with what is missing. */
export async function loadRclnodejs(env: Environment): Promise<Rclnodejs> {
  // Its import in a process without ROS would start to rebuild it, so the environment is checked first.
  if (!isSourced(env))
    throw new FileSyncError(
      'config',
      `ROS 2 is not sourced: source /opt/ros/<distro>/setup.bash, then ${START_HINT}`,
    );
  try {
    const name: string = 'rclnodejs';
    const { default: library } = (await import(name)) as { default: Rclnodejs };
    library.removeSignalHandlers();
    return library;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new FileSyncError(
      'config',
      `rclnodejs cannot be loaded (${why}): build the ROS package, then ${START_HINT}`,
      {
        cause,
      },
    );
  }
}

const START_HINT =
  'start the node with `ros2 run filesync filesync`; without ROS, `filesync run` does the same work';
