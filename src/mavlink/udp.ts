import type { RemoteInfo } from 'node:dgram';
import { isIPv6 } from 'node:net';
import type { FileSyncError } from '../errors.js';
import type { Connection, Transport } from './link.js';
import { BroadcastPeer, FixedPeer, LearnedPeer, type Peer, type PeerOptions } from './udp-peer.js';
import { UdpSocket, type SocketUser } from './udp-socket.js';
import type { Broadcast, Endpoint } from './url.js';

export interface UdpOptions extends PeerOptions {
  readonly bind: Endpoint;
  /** Without it, the vehicle is the sender of its heartbeats. */
  readonly remote?: Endpoint | undefined;
  readonly broadcast?: Broadcast | undefined;
}

/** MAVLink in UDP datagrams. Links with the same `bind` share its socket. */
export function udpTransport(options: UdpOptions): Transport {
  const { bind, remote, broadcast } = options;
  let { port } = bind;
  return {
    get name() {
      return `UDP port ${port}` + (remote ? ` to ${remote.host}:${remote.port}` : '');
    },
    async connect(receive, signal) {
      const peer = await peerOf(options);
      const selective = remote !== undefined || options.system !== undefined;
      const connection = new UdpConnection(peer, { selective, broadcast: broadcast !== undefined }, receive);
      port = await connection.open(bind);
      if (signal.aborted) await connection.close();
      return connection;
    },
  };
}

async function peerOf(options: UdpOptions): Promise<Peer> {
  const { bind, remote, broadcast } = options;
  if (broadcast) return new BroadcastPeer(broadcast, options);
  return remote ? FixedPeer.at(remote, isIPv6(bind.host) ? 6 : 4, options) : new LearnedPeer(options);
}

class UdpConnection implements Connection, SocketUser {
  readonly together = 'datagram';
  readonly ended: Promise<FileSyncError>;
  readonly selective: boolean;
  readonly broadcast: boolean;
  readonly #peer: Peer;
  readonly #receive: (bytes: Uint8Array) => void;
  #socket: UdpSocket | undefined;
  #end: (reason: FileSyncError) => void = () => undefined;

  constructor(
    peer: Peer,
    { selective, broadcast }: Pick<SocketUser, 'selective' | 'broadcast'>,
    receive: (bytes: Uint8Array) => void,
  ) {
    this.#peer = peer;
    this.selective = selective;
    this.broadcast = broadcast;
    this.#receive = receive;
    this.ended = new Promise(resolve => (this.#end = resolve));
  }

  /** Resolves to the port. */
  async open(bind: Endpoint): Promise<number> {
    this.#socket = await UdpSocket.on(bind, this);
    return this.#socket.port;
  }

  datagram(bytes: Uint8Array, from: RemoteInfo): void {
    if (this.#peer.accepts(bytes, from)) this.#receive(bytes);
  }

  failed(error: FileSyncError): void {
    this.#end(error);
  }

  send(bytes: Uint8Array): void {
    const { endpoint } = this.#peer;
    if (endpoint) this.#socket?.send(bytes, endpoint);
  }

  confirm(): void {
    this.#peer.confirm();
  }

  tryNextSender(): boolean {
    return this.#peer.tryNextSender();
  }

  async close(): Promise<void> {
    await this.#socket?.close();
  }
}
