import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { FileSyncError } from '../../../src/errors.js';
import { Link, type Connection, type Transport } from '../../../src/mavlink/link.js';
import { serialTransport } from '../../../src/mavlink/serial.js';
import { tcpTransport } from '../../../src/mavlink/tcp.js';
import { udpTransport } from '../../../src/mavlink/udp.js';
import { systemClock } from '../../../src/system/clock.js';
import { eventually, failsWith } from '../../conformance/support.js';
import { VirtualClock } from '../../fakes/virtual-clock.js';

const never = new AbortController().signal;
const ignore = () => undefined;
const HELLO = Uint8Array.from(Buffer.from('hello'));

async function udpSocket(host = '127.0.0.1', port = 0): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.bind(port, host);
  await once(socket, 'listening');
  return socket;
}

describe('A UDP link', () => {
  const sockets: Socket[] = [];
  const connections: Connection[] = [];

  afterEach(async () => {
    for (const connection of connections.splice(0)) await connection.close();
    for (const socket of sockets.splice(0)) socket.close();
  });

  const peer = async (host?: string) => {
    const socket = await udpSocket(host);
    const heard: string[] = [];
    socket.on('message', bytes => heard.push(bytes.toString()));
    sockets.push(socket);
    return { socket, heard, port: socket.address().port };
  };

  /** A port that was free a moment ago. */
  const freePort = async () => {
    const socket = await udpSocket();
    const { port } = socket.address();
    socket.close();
    await once(socket, 'close');
    return port;
  };

  const connect = async (transport: Transport, heard: string[] = []) => {
    const connection = await transport.connect(bytes => heard.push(Buffer.from(bytes).toString()), never);
    connections.push(connection);
    return { connection, heard };
  };

  it('answers the first sender, and another one when that is silent', async () => {
    const clock = new VirtualClock();
    const bind = { host: '127.0.0.1', port: await freePort() };
    const { connection, heard } = await connect(udpTransport({ bind, clock }));
    const [first, second] = [await peer(), await peer()];
    connection.send(HELLO);
    await say(first.socket, 'one', bind.port);
    await say(second.socket, 'two', bind.port);
    await say(first.socket, 'three', bind.port);
    await eventually(async () => heard.includes('three'));
    assert.deepEqual(heard, ['one', 'three']);
    connection.send(HELLO);
    await eventually(async () => first.heard.length === 1);
    await clock.advance(5_000);
    await say(second.socket, 'four', bind.port);
    await eventually(async () => heard.includes('four'));
    connection.send(HELLO);
    await eventually(async () => second.heard.length === 1);
    assert.equal(first.heard.length, 1);
  });

  it('sends to the configured host only, and ignores others', async () => {
    const [vehicle, otherHost] = [await peer(), await peer('127.0.0.2')];
    const bind = { host: '127.0.0.1', port: await freePort() };
    const remote = { host: 'localhost', port: vehicle.port };
    const { connection, heard } = await connect(udpTransport({ bind, remote, clock: systemClock }));
    connection.send(HELLO);
    await eventually(async () => vehicle.heard.length === 1);
    await say(otherHost.socket, 'otherHost', bind.port);
    await say(vehicle.socket, 'vehicle', bind.port);
    await eventually(async () => heard.includes('vehicle'));
    assert.deepEqual(heard, ['vehicle']);
  });

  it('says who may have the port where it is taken, as a temporary error', async () => {
    const { port } = await peer();
    const bind = { host: '127.0.0.1', port };
    const error = await failsWith(() => connect(udpTransport({ bind, clock: systemClock })), 'config');
    assert.match(
      error.message,
      new RegExp(`UDP port ${port} of 127.0.0.1 is taken by another program \\(MAVROS`),
    );
    assert.equal(error.temporary, true);
  });

  it('says what is wrong with an address that this machine does not have, or that cannot be resolved', async () => {
    const clock = systemClock;
    const bind = { host: '127.0.0.1', port: 0 };
    const foreign = udpTransport({ bind: { host: '192.0.2.1', port: 14540 }, clock });
    assert.match(
      (await failsWith(() => connect(foreign), 'config')).message,
      /name an address of this machine/,
    );
    const unknown = udpTransport({ bind, remote: { host: 'no-such-host.invalid', port: 1 }, clock });
    assert.match((await failsWith(() => connect(unknown), 'unavailable')).message, /check the host name/);
  });

  it('sends nothing after close', async () => {
    const { port, heard } = await peer();
    const remote = { host: '127.0.0.1', port };
    const transport = udpTransport({ bind: { host: '127.0.0.1', port: 0 }, remote, clock: systemClock });
    const { connection } = await connect(transport);
    await connection.close();
    connection.send(HELLO);
    await connection.close();
    assert.deepEqual(heard, []);
  });
});

describe('A TCP link', () => {
  it('says that the connection is refused', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    server.close();
    await once(server, 'close');
    const error = await failsWith(
      () => tcpTransport({ host: '127.0.0.1', port }).connect(ignore, never),
      'unavailable',
    );
    assert.match(error.message, /TCP 127.0.0.1:\d+ refuses connections/);
  });

  it('does not wait for an answer after the abort', async () => {
    const stop = new AbortController();
    const connecting = tcpTransport({ host: '192.0.2.1', port: 5760 }).connect(ignore, stop.signal);
    stop.abort();
    await failsWith(() => connecting, 'unavailable');
  });

  it('carries bytes in both directions and reports when it is cut', async () => {
    const server = createServer(socket => socket.on('data', bytes => socket.end(bytes))).listen(
      0,
      '127.0.0.1',
    );
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const heard: string[] = [];
    const transport = tcpTransport({ host: '127.0.0.1', port });
    const connection = await transport.connect(bytes => heard.push(Buffer.from(bytes).toString()), never);
    connection.send(HELLO);
    assert.match((await connection.ended).message, /closed the connection/);
    assert.deepEqual(heard, ['hello']);
    await connection.close();
    connection.send(HELLO);
    server.close();
    await once(server, 'close');
  });
});

describe('A serial link', () => {
  const connect = (transport: Transport) => transport.connect(ignore, never);

  it('names the remedy where the library is missing', async () => {
    const missing = () => Promise.reject(new Error("Cannot find package 'serialport'"));
    const transport = serialTransport({ path: '/dev/ttyACM0', baudRate: 57600 }, missing);
    assert.match(
      (await failsWith(() => connect(transport), 'unsupported')).message,
      /npm install serialport/,
    );
  });

  it('says that there is no such port, or that it is none', async () => {
    const nothing = serialTransport({ path: '/dev/no-such-port', baudRate: 57600 });
    assert.match((await failsWith(() => connect(nothing), 'unavailable')).message, /does not exist: plug in/);
    await failsWith(() => connect(serialTransport({ path: '/dev/null', baudRate: 57600 })), 'unavailable');
  });
});

describe('A link that stays connected', () => {
  const clock = () => new VirtualClock();

  /** A transport whose every connection the test makes or breaks. */
  class Bench implements Transport {
    readonly name = 'wire';
    readonly silence = 15_000;
    attempts: number[] = [];
    troubles: (string | undefined)[] = [];
    received = 0;
    open = 0;
    mode: 'works' | 'refuses' | 'hangs' = 'works';
    cut: (reason: FileSyncError) => void = ignore;
    receive: (bytes: Uint8Array) => void = ignore;
    readonly clock = clock();
    readonly link = new Link(this, this.clock, {
      receive: () => this.received++,
      changed: trouble => this.troubles.push(trouble?.message),
    });

    async connect(receive: (bytes: Uint8Array) => void): Promise<Connection> {
      this.attempts.push(this.clock.monotonic());
      if (this.mode === 'refuses') throw new FileSyncError('unavailable', 'refused');
      if (this.mode === 'hangs') return new Promise(ignore);
      this.receive = receive;
      this.open++;
      const ended = new Promise<FileSyncError>(resolve => (this.cut = resolve));
      return { send: ignore, ended, close: async () => void this.open-- };
    }
  }

  let bench: Bench;
  beforeEach(() => (bench = new Bench()));
  afterEach(() => bench.link.close());

  it('connects again after growing pauses, which begin again when bytes have come', async () => {
    bench.mode = 'refuses';
    bench.link.open();
    bench.link.open();
    await bench.clock.advance(18_000);
    assert.deepEqual(bench.attempts, [0, 250, 750, 1750, 3750, 7750, 12750, 17750]);
    bench.mode = 'works';
    await bench.clock.advance(5_000);
    bench.receive(HELLO);
    bench.cut(new FileSyncError('unavailable', 'cut'));
    bench.attempts = [];
    const now = bench.clock.monotonic();
    await bench.clock.advance(250);
    assert.deepEqual(bench.attempts, [now + 250]);
    assert.deepEqual(bench.troubles.slice(-3), [undefined, 'cut', undefined]);
  });

  it('closes a hanging attempt, and a silent connection', async () => {
    bench.mode = 'hangs';
    bench.link.open();
    await bench.clock.advance(10_000);
    assert.match(bench.troubles[0] ?? '', /wire does not answer within 10 s/);
    bench.mode = 'works';
    await bench.clock.advance(250);
    assert.equal(bench.open, 1);
    await bench.clock.advance(14_000);
    bench.receive(HELLO);
    await bench.clock.advance(14_000);
    assert.equal(bench.open, 1);
    await bench.clock.advance(1_000);
    assert.equal(bench.open, 0);
    assert.match(bench.troubles.at(-1) ?? '', /silent for 15 s/);
  });

  it('closes in every state', async () => {
    for (const mode of ['works', 'refuses', 'hangs'] as const) {
      const one = new Bench();
      one.mode = mode;
      one.link.open();
      await one.clock.advance(0);
      await one.link.close();
      await one.link.close();
      assert.equal(one.open, 0);
      assert.equal(one.clock.sleeping, 0);
    }
    await new Bench().link.close();
  });
});

/** Resolves when the datagram is on its way. */
function say(socket: Socket, text: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.send(text, port, '127.0.0.1', error => (error ? reject(error) : resolve()));
  });
}
