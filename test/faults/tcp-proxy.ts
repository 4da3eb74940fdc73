import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { Transform, type TransformCallback } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { corrupted, luckOf, type Address, type Fault, type FaultProxy } from './fault.js';

/** Connections that are struck; those after them are left in peace, so that everything ends. */
const STRIKES = 4;
/** A fault comes after so many bytes of a connection at the latest, both ways together. */
const LATEST = 200_000;
/** Bytes between two that are changed. */
const CORRUPT_EVERY = 50_000;
/** Bytes a second in each direction. */
const RATE = 400_000;

/**
 * A TCP server on loopback that passes everything on to another, until its fault strikes a connection:
 * `drop` resets it as soon as it is made, `cut` resets it in the middle, `stall` lets nothing through any more without
 * an end, `corrupt` changes bytes, `throttle` makes it slow.
 */
export class TcpFaultProxy implements FaultProxy {
  readonly #fault: Fault;
  readonly #luck: () => number;
  readonly #rewrite: Rewrite | undefined;
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Socket>();
  #struck = 0;
  #closed = false;

  constructor(fault: Fault, rewrite?: Rewrite) {
    this.#fault = fault;
    this.#luck = luckOf(fault.seed);
    this.#rewrite = rewrite;
  }

  /** Connections that were struck. */
  get struck(): number {
    return this.#struck;
  }

  async open(to: Address): Promise<number> {
    const server = createServer(client => this.#join(client, connect(to)));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    // A reply that is on its way when the proxy closes may open one more port.
    if (this.#closed) server.close();
    else this.#servers.push(server);
    return port;
  }

  async close(): Promise<void> {
    this.#closed = true;
    const servers = this.#servers.map(server => new Promise(closed => server.close(closed)));
    const sockets = [...this.#sockets].map(socket => once(socket.destroy(), 'close'));
    await Promise.all([...servers, ...sockets]);
  }

  #join(client: Socket, server: Socket): void {
    const reset = (): void => [client, server].forEach(resetOrEnd);
    const link = { reset, left: new Promise<void>(left => client.on('close', left)) };
    for (const socket of [client, server]) {
      this.#sockets.add(socket);
      socket.on('error', reset);
      socket.on('close', () => this.#sockets.delete(socket));
    }
    const rewrite = this.#rewrite ?? untouched;
    const blow = this.#blow(link);
    client.pipe(new Relay(blow)).pipe(server);
    server
      .pipe(
        new Relay(async bytes => {
          const passed = await blow(bytes);
          return passed && rewrite(passed, this);
        }),
      )
      .pipe(client);
  }

  /** What befalls the next connection. */
  #blow(link: Link): Blow {
    const { kind } = this.#fault;
    if (this.#struck >= STRIKES) return untouched;
    // Early and late alike: commands are short, files are long.
    let left = kind === 'drop' || kind === 'throttle' ? 0 : LATEST ** this.#luck();
    const deal = blows[kind];
    let hit = false;
    return async bytes => {
      left -= bytes.length;
      if (left > 0) return bytes;
      if (!hit) this.#struck++;
      hit = true;
      const at = Math.max(0, Math.floor(bytes.length + left) - 1);
      if (kind === 'corrupt') left = CORRUPT_EVERY;
      return deal(bytes, at, link);
    };
  }
}

/**
 * A socket whose end is being sent cannot be reset: Node 20 fails with EINVAL, never closes the handle, and a process that has
 * such a handle spins for ever when it is to end.
 */
function resetOrEnd(socket: Socket): void {
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}

/** Changes what a server says, or leaves it. */
export type Rewrite = (bytes: Buffer, proxy: Pick<TcpFaultProxy, 'open'>) => Promise<Buffer>;

/** What becomes of some bytes; `undefined`: they are lost. */
type Blow = (bytes: Buffer) => Promise<Buffer | undefined>;

interface Link {
  /** Both ends at once. */
  readonly reset: () => void;
  /** The client has closed its end. */
  readonly left: Promise<void>;
}

const untouched = async (bytes: Buffer): Promise<Buffer> => bytes;
const cut = async (_bytes: Buffer, _at: number, { reset }: Link): Promise<undefined> => {
  reset();
};

const blows = {
  drop: cut,
  cut,
  /** The server hears no more than that the client has gone, or it would run out of connections. */
  stall: async (_bytes: Buffer, _at: number, { left, reset }: Link): Promise<undefined> => {
    void left.then(reset);
  },
  corrupt: async (bytes: Buffer, at: number) => corrupted(bytes, at),
  throttle: async (bytes: Buffer) => {
    await delay((bytes.length / RATE) * 1000);
    return bytes;
  },
};

/** One direction of a connection. */
class Relay extends Transform {
  readonly #pass: Blow;
  #lost = false;

  constructor(pass: Blow) {
    super();
    this.#pass = pass;
  }

  override _transform(bytes: Buffer, _encoding: string, done: TransformCallback): void {
    void this.#pass(bytes).then(passed => {
      this.#lost ||= passed === undefined;
      done(null, passed);
    }, done);
  }

  /** A stream of which something was lost never ends in good order. */
  override _flush(done: TransformCallback): void {
    if (!this.#lost) done();
  }
}

/**
 * For FTP without TLS: data connections go through the proxy as well (RFC 959 PASV, RFC 2428 EPSV), by the port in the
 * server's reply.
 */
export const ftpDataThroughProxy: Rewrite = async (bytes, proxy) => {
  const reply = bytes.toString('latin1');
  const extended = /^229 .*\(\|\|\|(\d+)\|\)/m.exec(reply);
  const passive = /^227 .*\((\d+,\d+,\d+,\d+),(\d+),(\d+)\)/m.exec(reply);
  if (extended) {
    const port = await proxy.open({ host: '127.0.0.1', port: Number(extended[1]) });
    return Buffer.from(reply.replace(`|||${extended[1]}|`, `|||${port}|`), 'latin1');
  }
  if (!passive) return bytes;
  const [, host = '', high = '', low = ''] = passive;
  const port = await proxy.open({ host: host.replaceAll(',', '.'), port: Number(high) * 256 + Number(low) });
  return Buffer.from(
    reply.replace(`${host},${high},${low}`, `127,0,0,1,${port >> 8},${port & 255}`),
    'latin1',
  );
};
