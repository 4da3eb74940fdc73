import type { RemoteInfo } from 'node:dgram';
import { isIPv6 } from 'node:net';
import type { FileSyncError } from '../errors.js';
import type { Connection, Transport } from './link.js';
import { FixedPeer, LearnedPeer, type Peer, type PeerOptions } from './udp-peer.js';
import { UdpSocket, type SocketUser } from './udp-socket.js';
import type { Endpoint } from './url.js';

export interface UdpOptions extends PeerOptions {
  readonly bind: Endpoint;
  /** Without it, the vehicle is the sender of its heartbeats. */
  readonly remote?: Endpoint | undefined;
}

/** MAVLink in UDP datagrams. Links with the same `bind` share its socket. */
export function udpTransport(options: UdpOptions): Transport {
  const { bind, remote } = options;
  const name = `UDP port ${bind.port}` + (remote ? ` to ${remote.host}:${remote.port}` : '');
  return {
    name,
    async connect(receive, signal) {
      const family = isIPv6(bind.host) ? 6 : 4;
      const peer = remote ? await FixedPeer.at(remote, family, options) : new LearnedPeer(options);
      const selective = remote !== undefined || options.system !== undefined;
      const connection = new UdpConnection(peer, selective, receive);
      await connection.open(bind);
      if (signal.aborted) await connection.close();
      return connection;
    },
  };
}

class UdpConnection implements Connection, SocketUser {
  readonly ended: Promise<FileSyncError>;
  readonly selective: boolean;
  readonly #peer: Peer;
  readonly #receive: (bytes: Uint8Array) => void;
  #socket: UdpSocket | undefined;
  #end: (reason: FileSyncError) => void = () => undefined;

  constructor(peer: Peer, selective: boolean, receive: (bytes: Uint8Array) => void) {
    this.#peer = peer;
    this.selective = selective;
    this.#receive = receive;
    this.ended = new Promise(resolve => (this.#end = resolve));
  }

  async open(bind: Endpoint): Promise<void> {
    this.#socket = await UdpSocket.on(bind, this);
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

  doubt(): boolean {
    return this.#peer.doubt();
  }

  async close(): Promise<void> {
    await this.#socket?.close();
  }
}
