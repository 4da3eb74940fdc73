import type { Logger } from '../ports.js';

/** A message as plain data: 64-bit integers are bigint, byte arrays Uint8Array, everything else as in JSON. */
export type Message = object;

/** A kind of message, by its name in ROS: `std_msgs/msg/String`. */
export interface MessageType<M extends Message> {
  readonly name: string;
  /** Ties the message's shape to the name; never there at run time. */
  readonly shape?: M;
}

/** A kind of service, by its name in ROS: `std_srvs/srv/Trigger`. */
export interface ServiceType<Request extends Message, Response extends Message> {
  readonly name: string;
  /** What is answered when the handler fails; fields that it leaves out have their defaults. */
  failed(message: string): Partial<Response>;
  readonly shape?: (request: Request) => Response;
}

export interface Qos {
  /** Messages kept for slow subscribers or, when `transient-local`, late ones. */
  readonly depth: number;
  readonly reliability: 'reliable' | 'best-effort';
  readonly durability: 'volatile' | 'transient-local';
}

/** ROS's own default. */
export const RELIABLE: Qos = { depth: 10, reliability: 'reliable', durability: 'volatile' };
/** A late subscriber receives the last message. */
export const LATCHED: Qos = { depth: 1, reliability: 'reliable', durability: 'transient-local' };

export interface Publisher<M extends Message> {
  /** Never throws: what cannot be sent is logged. After `shutdown` it does nothing. */
  publish(message: M): void;
}

export interface CallOptions {
  /** ms for the whole call, the wait for a server that is not there yet included. */
  readonly timeout: number;
  readonly signal: AbortSignal;
}

export interface Client<Request extends Message, Response extends Message> {
  /**
   * Rejects with `unavailable` when there was no server in time, with `timeout` when there was one and no answer came,
   * and with `cancelled` when the signal aborted.
   */
  call(request: Request, options: CallOptions): Promise<Response>;
  close(): void;
}

export interface Closable {
  close(): void;
}

export type ParameterValue = string | number | boolean;

export interface ParameterSpec<T extends ParameterValue> {
  readonly name: string;
  readonly description: string;
  /** Whole numbers are taken for it where it is a number. */
  readonly initial: T;
  /** Set at start only. */
  readonly readOnly?: boolean;
  /** Why this value cannot be taken, or nothing. */
  refuse?(value: T): string | undefined;
  /** Called with a new value that was accepted; not with the value that `declare` returns. */
  changed?(value: T): void;
}

/**
 * A node in a ROS graph: all that FileSync needs of it. Names may be relative, private (`~/files`) or absolute, and are
 * remapped as the user said. Callbacks may throw: it is logged, a service answers what its type says, and nothing else
 * happens.
 */
export interface Graph {
  /** Fully qualified: `/drone1/filesync`. */
  readonly name: string;
  readonly namespace: string;
  /** Also published on /rosout. */
  readonly logger: Logger;
  /**
   * Declares a parameter; its value, from the command line, a file or `initial`. Throws `config` if that is refused.
   */
  declare<T extends ParameterValue>(spec: ParameterSpec<T>): T;
  advertise<M extends Message>(type: MessageType<M>, topic: string, qos: Qos): Publisher<M>;
  subscribe<M extends Message>(
    type: MessageType<M>,
    topic: string,
    qos: Qos,
    callback: (message: M) => void,
  ): Closable;
  /** As `advertise`, for messages that are serialized already; `type` by its name in ROS. */
  advertiseRaw(type: string, topic: string, qos: Qos): Publisher<Uint8Array> & Closable;
  /** As `subscribe`, without the cost of decoding: the callback receives the serialized message. */
  subscribeRaw(type: string, topic: string, qos: Qos, callback: (bytes: Uint8Array) => void): Closable;
  serve<Request extends Message, Response extends Message>(
    type: ServiceType<Request, Response>,
    name: string,
    handler: (request: Request) => Response | Promise<Response>,
  ): Closable;
  client<Request extends Message, Response extends Message>(
    type: ServiceType<Request, Response>,
    name: string,
  ): Client<Request, Response>;
  /** Leaves the graph; a second call does nothing. */
  shutdown(): Promise<void>;
}
