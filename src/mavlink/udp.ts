import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';
import { FileSyncError } from '../errors.js';
import type { Clock } from '../ports.js';
import type { Connection, Transport } from './link.js';
import type { Endpoint } from './url.js';

/** ms of silence after which another sender may replace the first one. */
const SENDER_TIMEOUT_MS = 5_000;
/** Bytes: many replies arrive at once. */
const RECEIVE_BUFFER_BYTES = 1 << 20;

export interface UdpOptions {
  readonly bind: Endpoint;
  /** Without it, the first sender is the vehicle. */
  readonly remote?: Endpoint;
  readonly clock: Clock;
}

/** MAVLink in UDP datagrams. */
export function udpTransport(options: UdpOptions): Transport {
  const { bind, remote } = options;
  const name = `UDP port ${bind.port}` + (remote ? ` to ${remote.host}:${remote.port}` : '');
  return {
    name,
    async connect(receive, signal) {
      const peer = remote ? await fixedPeer(remote, bind) : new LearnedPeer(options.clock);
      const socket = await bound(bind);
      const connection = new UdpConnection(socket, peer, receive);
      if (signal.aborted) await connection.close();
      return connection;
    },
  };
}

/** The other end of the link. */
interface Peer {
  /** Undefined until it is known. */
  readonly endpoint: Endpoint | undefined;
  /** Whether a datagram from this address is the vehicle's. */
  accepts(from: RemoteInfo): boolean;
}

/** A configured host. Its replies may come from another port, as behind a router. */
async function fixedPeer({ host, port }: Endpoint, bind: Endpoint): Promise<Peer> {
  try {
    const { address } = await lookup(host, { family: isIPv6(bind.host) ? 6 : 4 });
    return { endpoint: { host: address, port }, accepts: from => from.address === address };
  } catch (cause) {
    throw new FileSyncError('unavailable', `${host} has no known address: check the host name in url`, {
      cause,
    });
  }
}

/** The first sender, until it has been silent for SENDER_TIMEOUT_MS: two vehicles on one port must not be mixed. */
class LearnedPeer implements Peer {
  readonly #clock: Clock;
  #endpoint: Endpoint | undefined;
  #heard = -Infinity;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get endpoint(): Endpoint | undefined {
    return this.#endpoint;
  }

  accepts({ address, port }: RemoteInfo): boolean {
    const now = this.#clock.monotonic();
    const same = this.#endpoint?.host === address && this.#endpoint.port === port;
    if (!same && now - this.#heard < SENDER_TIMEOUT_MS) return false;
    this.#endpoint = { host: address, port };
    this.#heard = now;
    return true;
  }
}

class UdpConnection implements Connection {
  readonly ended: Promise<FileSyncError>;
  readonly #socket: Socket;
  readonly #peer: Peer;
  #closed = false;

  constructor(socket: Socket, peer: Peer, receive: (bytes: Uint8Array) => void) {
    this.#socket = socket;
    this.#peer = peer;
    socket.on('message', (bytes, from) => {
      if (peer.accepts(from)) receive(bytes);
    });
    this.ended = new Promise(resolve => {
      socket.on('error', cause =>
        resolve(new FileSyncError('unavailable', `UDP failed: ${cause.message}`, { cause })),
      );
    });
  }

  send(bytes: Uint8Array): void {
    const { endpoint } = this.#peer;
    if (endpoint && !this.#closed) this.#socket.send(bytes, endpoint.port, endpoint.host, ignoreLoss);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await new Promise<void>(resolve => this.#socket.close(resolve));
  }
}

/** A datagram that cannot be sent (no route) counts as lost. */
function ignoreLoss(): void {}

async function bound({ host, port }: Endpoint): Promise<Socket> {
  const socket = createSocket({ type: isIPv6(host) ? 'udp6' : 'udp4', recvBufferSize: RECEIVE_BUFFER_BYTES });
  try {
    socket.bind(port, host);
    await once(socket, 'listening');
    return socket;
  } catch (cause) {
    socket.close();
    throw cannotBind(host, port, cause);
  }
}

/** An error of the configuration, but a temporary one: another program may release the port. */
function cannotBind(host: string, port: number, cause: unknown): FileSyncError {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  const remedy =
    code === 'EADDRINUSE'
      ? 'is taken by another program (MAVROS, QGroundControl, mavlink-router, a second filesync) or another device of this configuration: end that, or set another port in url and in the vehicle'
      : 'cannot be opened: name an address of this machine, or 0.0.0.0, and a port above 1023';
  return new FileSyncError('config', `UDP port ${port} of ${host} ${remedy}`, { cause, temporary: true });
}
