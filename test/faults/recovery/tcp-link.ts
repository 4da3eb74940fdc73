import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { Address } from '../fault.js';
import type { Rewrite } from '../tcp-proxy.js';
import { SPEED } from './fast-clock.js';
import { UNDER_WAY, type Link, type LinkTrouble } from './link.js';

interface Connection {
  readonly client: Socket;
  readonly server: Socket;
  /** It was in use when connections began to go silent. */
  isSilent: boolean;
  /** In both directions. */
  bytes: number;
}

const PORTAL = '<html>Please log in to this network</html>';
const PORTAL_ANSWER = `HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: ${PORTAL.length}\r\nConnection: close\r\n\r\n${PORTAL}`;
const TENTHS = 9;

/** A TCP server on loopback that passes everything on to another one, and whose trouble begins and ends when a test says. */
export class TcpLink implements Link {
  readonly #rewrite: Rewrite | undefined;
  readonly #servers = new Map<Server, number>();
  readonly #connections = new Set<Connection>();
  #trouble: LinkTrouble | undefined;
  #lifted = gate();
  /** Since the trouble began, in both directions. */
  #bytes = 0;
  #cuts = 0;
  #size = 0;
  struck = 0;

  constructor(rewrite?: Rewrite) {
    this.#rewrite = rewrite;
  }

  async open(to: Address): Promise<number> {
    const server = createServer(client => this.#join(client, connect(to)));
    await listen(server, 0);
    const { port } = server.address() as AddressInfo;
    this.#servers.set(server, port);
    return port;
  }

  async begin(trouble: LinkTrouble, size: number): Promise<void> {
    this.#size = size;
    this.#trouble = trouble;
    this.#bytes = 0;
    this.#cuts = 0;
    this.#lifted = gate();
    if (trouble === 'refused') await this.#refuse();
    // Whoever is connected and logged in stays so.
    if (trouble === 'credentials changed' || trouble === 'wrong answer') this.drop();
  }

  drop(): void {
    for (const connection of this.#connections) cut(connection);
  }

  async lift(): Promise<void> {
    this.#trouble = undefined;
    this.#lifted.open();
    for (const [server, port] of this.#servers) if (!server.listening) await listen(server, port);
  }

  async close(): Promise<void> {
    this.#trouble = undefined;
    this.#lifted.open();
    await this.#refuse();
  }

  async #refuse(): Promise<void> {
    this.struck++;
    const open = [...this.#servers.keys()].filter(server => server.listening);
    const closed = open.map(server => new Promise(done => server.close(done)));
    this.drop();
    await Promise.all(closed);
  }

  #join(client: Socket, server: Socket): void {
    const connection: Connection = { client, server, isSilent: false, bytes: 0 };
    this.#connections.add(connection);
    for (const socket of [client, server]) socket.on('error', () => cut(connection));
    client.on('close', () => {
      server.destroy();
      this.#connections.delete(connection);
    });
    if (this.#trouble === 'wrong answer') return this.#answerWrongly(connection);
    void this.#pump(connection, client, server, bytes => this.#fromClient(bytes));
    const rewritten = async (bytes: Buffer) => this.#rewrite?.(bytes, this) ?? bytes;
    void this.#pump(connection, server, client, rewritten);
  }

  #answerWrongly({ client, server }: Connection): void {
    this.struck++;
    server.destroy();
    client.resume().end(PORTAL_ANSWER);
  }

  async #pump(
    connection: Connection,
    from: Socket,
    to: Socket,
    change: (bytes: Buffer) => Promise<Buffer>,
  ): Promise<void> {
    try {
      for await (const bytes of from) {
        const left = await this.#passed(connection, await change(bytes as Buffer), to);
        if (!left) return;
        if (left.length > 0 && !to.write(left)) await once(to, 'drain');
      }
      to.end();
    } catch {
      cut(connection);
    }
  }

  /** The bytes that are left to send, after as much time as the trouble takes; undefined if they are lost. */
  async #passed(connection: Connection, bytes: Buffer, to: Socket): Promise<Buffer | undefined> {
    this.#bytes += bytes.length;
    connection.bytes += bytes.length;
    if (connection.isSilent) return undefined;
    const isUnderWay = this.#bytes > UNDER_WAY * this.#size;
    switch (this.#trouble) {
      case 'reset':
        return this.#cut(connection);
      case 'stall':
        return this.#stalled(bytes);
      case 'half-open':
        return isUnderWay ? this.#silence() : bytes;
      case 'dripping':
        return this.#dripped(bytes, to);
      case 'cut at each tenth':
        return this.#isAtTenth(connection) ? this.#cut(connection) : bytes;
      case 'restart mid-transfer':
        return isUnderWay ? this.#end() : bytes;
      default:
        return bytes;
    }
  }

  #cut(connection: Connection): undefined {
    this.struck++;
    cut(connection);
    return undefined;
  }

  async #stalled(bytes: Buffer): Promise<Buffer> {
    this.struck++;
    await this.#lifted.opened;
    return bytes;
  }

  #silence(): undefined {
    this.struck++;
    this.#trouble = undefined;
    for (const connection of this.#connections) connection.isSilent = true;
    return undefined;
  }

  async #dripped(bytes: Buffer, to: Socket): Promise<Buffer> {
    this.struck++;
    let sent = 0;
    for (; sent < bytes.length && this.#trouble === 'dripping' && !to.destroyed; sent++) {
      to.write(bytes.subarray(sent, sent + 1));
      await delay(1000 / SPEED);
    }
    return bytes.subarray(sent);
  }

  #isAtTenth({ bytes }: Connection): boolean {
    if (this.#cuts >= TENTHS || bytes < ((this.#cuts + 1) * this.#size) / 10) return false;
    this.#cuts++;
    return true;
  }

  /** It is not back before the trouble is lifted. */
  async #end(): Promise<undefined> {
    this.#trouble = 'refused';
    await this.#refuse();
    return undefined;
  }

  async #fromClient(bytes: Buffer): Promise<Buffer> {
    if (this.#trouble !== 'credentials changed') return bytes;
    const text = bytes.toString('latin1');
    const changed = text.replace(/^(PASS )./m, '$1#').replace(/^(authorization: Basic ).{4}/im, '$1AAAA');
    if (changed !== text) this.struck++;
    return Buffer.from(changed, 'latin1');
  }
}

/** A promise that is resolved from outside. */
function gate(): { readonly opened: Promise<void>; readonly open: () => void } {
  let open = (): void => undefined;
  const opened = new Promise<void>(resolve => (open = resolve));
  return { opened, open };
}

async function listen(server: Server, port: number): Promise<void> {
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
}

/** A socket whose end is being sent cannot be reset; see `TcpFaultProxy`. */
function cut({ client, server }: Connection): void {
  if (client.writableEnded) client.destroy();
  else client.resetAndDestroy();
  server.destroy();
}
