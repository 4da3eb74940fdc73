import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { connect as dial, createServer, type AddressInfo } from 'node:net';
import { FileSyncError } from '../../../src/errors.js';
import { Link, type Connection, type Transport } from '../../../src/mavlink/link.js';
import { serialTransport } from '../../../src/mavlink/serial.js';
import { tcpTransport } from '../../../src/mavlink/tcp.js';
import { tcpServerTransport } from '../../../src/mavlink/tcp-server.js';
import { udpTransport } from '../../../src/mavlink/udp.js';
import { systemClock } from '../../../src/system/clock.js';
import { encodeFrame } from '../../../src/mavlink/frame.js';
import { Heartbeat } from '../../../src/mavlink/messages.js';
import { RecordingLogger } from '../../fakes/recording-logger.js';
import { eventually, failsWith } from '../../conformance/support.js';
import { VirtualClock } from '../../fakes/virtual-clock.js';

const never = new AbortController().signal;
const ignore = () => undefined;
const HELLO = Uint8Array.from(Buffer.from('hello'));

function beat({ system = 1, autopilot = 12 } = {}): Uint8Array {
  const values = { customMode: 0, type: 2, autopilot, baseMode: 0, systemStatus: 3, mavlinkVersion: 3 };
  const payload = Heartbeat.encode(values);
  return encodeFrame({ sequence: 0, system, component: 1, messageId: Heartbeat.id, payload });
}

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

  it('answers the first sender of a heartbeat, and another one when that is silent', async () => {
    const clock = new VirtualClock();
    const bind = { host: '127.0.0.1', port: await freePort() };
    const { connection, heard } = await connect(udpTransport({ bind, clock }));
    const [first, second] = [await peer(), await peer()];
    connection.send(HELLO);
    await say(second.socket, 'no heartbeat', bind.port);
    await say(second.socket, beat({ autopilot: 8 }), bind.port);
    await say(first.socket, beat(), bind.port);
    await say(second.socket, beat(), bind.port);
    await say(first.socket, 'three', bind.port);
    await eventually(async () => heard.includes('three'));
    assert.equal(heard.length, 2);
    connection.send(HELLO);
    await eventually(async () => first.heard.length === 1);
    await clock.advance(5_000);
    await say(second.socket, 'no heartbeat', bind.port);
    await say(second.socket, beat(), bind.port);
    await say(second.socket, 'four', bind.port);
    await eventually(async () => heard.includes('four'));
    assert.equal(heard.length, 4);
    connection.send(HELLO);
    await eventually(async () => second.heard.length === 1);
    assert.equal(first.heard.length, 1);
  });

  it('keeps a sender that has answered, and gives one that does not answer up for another', async () => {
    const bind = { host: '127.0.0.1', port: await freePort() };
    const logger = new RecordingLogger();
    const { connection, heard } = await connect(udpTransport({ bind, clock: systemClock, logger }));
    const [forger, vehicle] = [await peer(), await peer()];
    await say(forger.socket, beat(), bind.port);
    await eventually(async () => heard.length === 1);
    assert.equal(connection.tryNextSender?.(), false);
    await say(vehicle.socket, beat(), bind.port);
    await eventually(async () => connection.tryNextSender?.() === true);
    connection.send(HELLO);
    await eventually(async () => vehicle.heard.length === 1);
    connection.confirm?.();
    for (let round = 0; round < 2; round++) await say(forger.socket, beat(), bind.port);
    await eventually(async () => logger.messages('warn').length > 0);
    assert.equal(connection.tryNextSender?.(), false);
    assert.equal(logger.messages('warn').length, 1);
    assert.match(
      logger.messages('warn')[0] ?? '',
      new RegExp(`127.0.0.1:${forger.port} also sends heartbeats of vehicle 1`),
    );
  });

  it('shares the port with others, each of which hears its own vehicle', async () => {
    const bind = { host: '127.0.0.1', port: await freePort() };
    const [one, two] = await Promise.all(
      [1, 2].map(system => connect(udpTransport({ bind, clock: systemClock, system }))),
    );
    assert.ok(one && two);
    const vehicles = [await peer(), await peer()];
    for (const [index, { socket }] of vehicles.entries()) {
      await say(socket, beat({ system: index + 1 }), bind.port);
      await say(socket, `of ${index + 1}`, bind.port);
    }
    await eventually(async () => one.heard.includes('of 1') && two.heard.includes('of 2'));
    assert.deepEqual([one.heard.length, two.heard.length], [2, 2]);
    await one.connection.close();
    two.connection.send(HELLO);
    await eventually(async () => vehicles[1]?.heard.length === 1);
    await two.connection.close();
    sockets.push(await udpSocket('127.0.0.1', bind.port));
  });

  it('sends to all hosts until the vehicle is heard, and then to that', async () => {
    const vehicle = await peer();
    const bind = { host: '127.0.0.1', port: await freePort() };
    const broadcast = { port: vehicle.port, always: false };
    const { connection } = await connect(udpTransport({ bind, broadcast, clock: systemClock }));
    connection.send(HELLO);
    await say(vehicle.socket, beat(), bind.port);
    await eventually(async () => {
      connection.send(HELLO);
      return vehicle.heard.length > 0;
    });
  });

  it('is not shared by devices that do not say which vehicle is theirs', async () => {
    const bind = { host: '127.0.0.1', port: await freePort() };
    await connect(udpTransport({ bind, clock: systemClock, system: 1 }));
    const error = await failsWith(() => connect(udpTransport({ bind, clock: systemClock })), 'config');
    assert.match(error.message, /several devices use UDP port \d+ .*set target_system/);
  });

  it('reports a heartbeat of the vehicle that does not come from the configured host', async () => {
    const [vehicle, other] = [await peer(), await peer('127.0.0.2')];
    const bind = { host: '127.0.0.1', port: await freePort() };
    const remote = { host: '127.0.0.1', port: vehicle.port };
    const logger = new RecordingLogger();
    const { heard } = await connect(udpTransport({ bind, remote, clock: systemClock, logger }));
    await say(other.socket, beat(), bind.port);
    await eventually(async () => logger.messages('warn').length === 1);
    assert.match(logger.messages('warn')[0] ?? '', /127.0.0.2:\d+ also sends heartbeats of vehicle 1/);
    assert.deepEqual(heard, []);
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

  it('is called by the port that the system has chosen', async () => {
    const bind = { host: '127.0.0.1', port: 0 };
    const remote = { host: '127.0.0.1', port: 14540 };
    const transport = udpTransport({ bind, remote, clock: systemClock });
    await connect(transport);
    assert.match(transport.name, /^UDP port [1-9]\d* to 127\.0\.0\.1:14540$/);
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

describe('A TCP link to which the vehicle connects', () => {
  it('carries bytes in both directions, again after the vehicle has connected again', async () => {
    const probe = createServer().listen(0, '127.0.0.1');
    await once(probe, 'listening');
    const { port } = probe.address() as AddressInfo;
    await new Promise(resolve => probe.close(resolve));
    const heard: string[] = [];
    const transport = tcpServerTransport({ host: '127.0.0.1', port });
    const connection = await transport.connect(bytes => heard.push(Buffer.from(bytes).toString()), never);
    for (const word of ['one', 'two']) {
      const vehicle = dial({ host: '127.0.0.1', port });
      await once(vehicle, 'connect');
      vehicle.write(word);
      await eventually(async () => heard.includes(word));
      connection.send(HELLO);
      const [bytes] = (await once(vehicle, 'data')) as [Buffer];
      assert.deepEqual(bytes, Buffer.from(HELLO));
      vehicle.destroy();
    }
    const error = await failsWith(() =>
      tcpServerTransport({ host: '127.0.0.1', port }).connect(ignore, never),
    );
    assert.equal(error.kind, 'config');
    assert.match(error.message, new RegExp(`TCP port ${port} of 127.0.0.1 is taken`));
    await connection.close();
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
    readonly silence: number | undefined = 15_000;
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

  it('waits without a timer for the end of a connection whose silence proves nothing', async () => {
    class Wire extends Bench {
      override readonly silence = undefined;
    }
    const one = new Wire();
    one.link.open();
    await one.clock.advance(0);
    assert.equal(one.open, 1);
    assert.equal(one.clock.sleeping, 0);
    one.cut(new FileSyncError('unavailable', 'cut'));
    await one.clock.advance(250);
    assert.deepEqual(one.troubles, [undefined, 'cut', undefined]);
    await one.link.close();
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
function say(socket: Socket, text: string | Uint8Array, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.send(text, port, '127.0.0.1', error => (error ? reject(error) : resolve()));
  });
}
