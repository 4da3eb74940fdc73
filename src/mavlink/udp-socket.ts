import { createSocket, type RemoteInfo, type Socket, type SocketOptions } from 'node:dgram';
import { lookup } from 'node:dns';
import { once } from 'node:events';
import { isIP, isIPv6 } from 'node:net';
import { FileSyncError } from '../errors.js';
import type { Endpoint } from './url.js';

/** An address, as requests are sent to, does not wait for the next turn of the event loop as a name does. */
const lookupOfNames: NonNullable<SocketOptions['lookup']> = (host, options, found) => {
  const family = isIP(host);
  if (family) found(null, host, family);
  else lookup(host, options, found);
};

/** Bytes: many replies arrive at once. */
const RECEIVE_BUFFER_BYTES = 1 << 20;

/** A user of a socket. Every datagram is offered to each of them. */
export interface SocketUser {
  /** Which vehicle it wants is known by more than the port. */
  readonly selective: boolean;
  /** It sends to all hosts of the network. */
  readonly broadcast: boolean;
  datagram(bytes: Uint8Array, from: RemoteInfo): void;
  failed(error: FileSyncError): void;
}

/** A bound socket, which devices with the same address share. */
interface Shared {
  readonly socket: Promise<Socket>;
  readonly users: Set<SocketUser>;
}

/** By address and port; a socket on a port that the system chooses is not shared. */
const open = new Map<string, Shared>();

/** The socket on the address, for as long as its users need it. */
export class UdpSocket {
  readonly #key: string;
  readonly #shared: Shared;
  readonly #user: SocketUser;
  readonly #socket: Socket;

  private constructor(key: string, shared: Shared, user: SocketUser, socket: Socket) {
    this.#key = key;
    this.#shared = shared;
    this.#user = user;
    this.#socket = socket;
  }

  /** Rejects with `config` if the port cannot be bound, or if its users cannot distinguish their vehicles. */
  static async on(bind: Endpoint, user: SocketUser): Promise<UdpSocket> {
    const key = bind.port === 0 ? `0 ${Math.random()}` : `${bind.host} ${bind.port}`;
    const shared = open.get(key) ?? opened(bind);
    const others = [...shared.users];
    if (others.length > 0 && ![user, ...others].every(({ selective }) => selective)) throw ambiguous(bind);
    open.set(key, shared);
    shared.users.add(user);
    try {
      const socket = await shared.socket;
      if (user.broadcast) socket.setBroadcast(true);
      return new UdpSocket(key, shared, user, socket);
    } catch (error) {
      open.delete(key);
      throw error;
    }
  }

  get port(): number {
    return this.#socket.address().port;
  }

  /** A datagram that cannot be sent (no route) counts as lost. */
  send(bytes: Uint8Array, { host, port }: Endpoint): void {
    if (this.#shared.users.has(this.#user)) this.#socket.send(bytes, port, host, () => undefined);
  }

  /** The last user frees the port; a second call does nothing. */
  async close(): Promise<void> {
    const { users } = this.#shared;
    if (!users.delete(this.#user) || users.size > 0) return;
    open.delete(this.#key);
    await new Promise<void>(resolve => this.#socket.close(resolve));
  }
}

function opened(bind: Endpoint): Shared {
  const users = new Set<SocketUser>();
  const socket = bound(bind).then(ready => {
    ready.on('message', (bytes, from) => {
      for (const user of users) user.datagram(bytes, from);
    });
    ready.on('error', cause => {
      const error = new FileSyncError('unavailable', `UDP failed: ${cause.message}`, { cause });
      for (const user of users) user.failed(error);
    });
    return ready;
  });
  return { socket, users };
}

async function bound({ host, port }: Endpoint): Promise<Socket> {
  const type = isIPv6(host) ? 'udp6' : 'udp4';
  const socket = createSocket({ type, recvBufferSize: RECEIVE_BUFFER_BYTES, lookup: lookupOfNames });
  try {
    const listening = once(socket, 'listening');
    socket.bind(port, host);
    await listening;
    return socket;
  } catch (cause) {
    socket.close();
    throw cannotBind(`UDP port ${port} of ${host}`, cause);
  }
}

/**
 * An error of the configuration, but a temporary one: another program may release the port. `port` such as
 * `UDP port 14540 of 0.0.0.0`.
 */
export function cannotBind(port: string, cause: unknown): FileSyncError {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  const remedy =
    code === 'EADDRINUSE'
      ? 'is taken by another program (MAVROS, QGroundControl, mavlink-router, a second filesync) or another device of this configuration: end that, or set another port in url and in the vehicle'
      : 'cannot be opened: name an address of this machine, or 0.0.0.0, and a port above 1023';
  return new FileSyncError('config', `${port} ${remedy}`, { cause, temporary: true });
}

function ambiguous({ host, port }: Endpoint): FileSyncError {
  const remedy = 'set target_system in each of them, so that every device has its own vehicle';
  return new FileSyncError('config', `several devices use UDP port ${port} of ${host}: ${remedy}`, {
    temporary: true,
  });
}
