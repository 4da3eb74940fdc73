import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { encodeFrame, FrameDecoder, type Frame } from '../../../src/mavlink/frame.js';
import {
  contentOf,
  decodeFtpPayload,
  encodeFtpPayload,
  Opcode,
  type FtpPayload,
} from '../../../src/mavlink/ftp-payload.js';
import { CommandAck, CommandLong, FileTransferProtocol, Heartbeat } from '../../../src/mavlink/messages.js';
import { startSim, type Sim, type SimOptions } from '../../../src/sim/sim.js';
import { systemClock } from '../../../src/system/clock.js';
import { eventually, failsWith, sample } from '../../conformance/support.js';
import { RecordingLogger } from '../../fakes/recording-logger.js';
import { VirtualClock } from '../../fakes/virtual-clock.js';

const LOG = sample(30_000);
const SHORT = LOG.subarray(0, 6000);
const ARMED = 128;

/** A ground station on a UDP socket. It repeats what is not answered. */
class Station {
  readonly frames: Frame[] = [];
  readonly replies: FtpPayload[] = [];
  readonly #socket: Socket;
  #sequence = 1000;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('message', bytes => new FrameDecoder().push(bytes).forEach(frame => this.#take(frame)));
  }

  static async open(): Promise<Station> {
    const socket = createSocket('udp4');
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    return new Station(socket);
  }

  get port(): number {
    return this.#socket.address().port;
  }

  get heartbeats(): ReturnType<typeof Heartbeat.decode>[] {
    return this.#of(Heartbeat.id).map(frame => Heartbeat.decode(frame.payload));
  }

  get acks(): ReturnType<typeof CommandAck.decode>[] {
    return this.#of(CommandAck.id).map(frame => CommandAck.decode(frame.payload));
  }

  post(sim: Sim, messageId: number, payload: Uint8Array): void {
    const frame = encodeFrame({ sequence: 0, system: 255, component: 190, messageId, payload });
    this.#socket.send(frame, sim.address.port, '127.0.0.1');
  }

  command(sim: Sim, command: number, param1: number, targetSystem = 1): void {
    const rest = { param2: 0, param3: 0, param4: 0, param5: 0, param6: 0, param7: 0, confirmation: 0 };
    const values = { command, param1, targetSystem, targetComponent: 1, ...rest };
    this.post(sim, CommandLong.id, CommandLong.encode(values));
  }

  async ask(sim: Sim, opcode: number, fields: Partial<FtpPayload> = {}): Promise<FtpPayload> {
    const sequence = (this.#sequence += 2);
    const data = fields.data ?? new Uint8Array(0);
    const defaults = { sequence, session: 0, requestOpcode: 0, burstComplete: false, offset: 0 };
    const payload = encodeFtpPayload({ ...defaults, size: data.length, ...fields, opcode, data });
    const message = { targetNetwork: 0, targetSystem: 1, targetComponent: 1, payload };
    for (;;) {
      this.post(sim, FileTransferProtocol.id, FileTransferProtocol.encode(message));
      for (let wait = 0; wait < 20; wait++) {
        const reply = this.replies.findLast(each => each.sequence === sequence + 1);
        if (reply) return reply;
        await delay(2);
      }
    }
  }

  /** The whole file, and how many bytes its open promised. */
  async fetch(sim: Sim, path: string): Promise<{ promised: number; bytes: Buffer }> {
    const opened = await this.ask(sim, Opcode.OPEN_FILE_RO, { data: Buffer.from(path) });
    const promised = Buffer.from(opened.data).readUInt32LE(0);
    const parts: Uint8Array[] = [];
    for (let offset = 0; offset < promised;) {
      const reply = await this.ask(sim, Opcode.READ_FILE, { offset, size: 239, session: opened.session });
      assert.equal(reply.opcode, Opcode.ACK);
      parts.push(contentOf(reply));
      offset += reply.size;
    }
    return { promised, bytes: Buffer.concat(parts) };
  }

  close(): Promise<void> {
    return new Promise(resolve => this.#socket.close(resolve));
  }

  #take(frame: Frame): void {
    this.frames.push(frame);
    if (frame.messageId !== FileTransferProtocol.id) return;
    this.replies.push(decodeFtpPayload(FileTransferProtocol.decode(frame.payload).payload));
  }

  #of(messageId: number): Frame[] {
    return this.frames.filter(frame => frame.messageId === messageId);
  }
}

describe('simulated autopilot on UDP', () => {
  const open: { close(): Promise<void> }[] = [];
  let root: string;

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'filesync-sim-'));
    await mkdir(join(root, 'log'));
    await writeFile(join(root, 'log', 'a.ulg'), LOG);
    await writeFile(join(root, 'log', 'short.ulg'), SHORT);
  });

  afterEach(async () => {
    for (const part of open.splice(0)) await part.close();
    await rm(root, { recursive: true });
  });

  async function start(options: Partial<SimOptions> = {}): Promise<Sim> {
    const listen = { host: '127.0.0.1', port: 0 };
    const logger = new RecordingLogger();
    const sim = await startSim({ folder: root, listen, like: 'px4', clock: systemClock, logger, ...options });
    open.push(sim);
    return sim;
  }

  async function station(): Promise<Station> {
    const made = await Station.open();
    open.push(made);
    return made;
  }

  it('serves a whole file over a good link', async () => {
    const [sim, client] = [await start(), await station()];
    assert.deepEqual(await client.fetch(sim, '/log/a.ulg'), {
      promised: LOG.length,
      bytes: Buffer.from(LOG),
    });
    const { requests, bytesServed, packetsDropped, files } = sim.stats;
    const packets = Math.ceil(LOG.length / 239);
    assert.ok(requests > packets);
    assert.ok(bytesServed >= LOG.length);
    assert.equal(packetsDropped, 0);
    assert.ok((files.get('/log/a.ulg')?.packets ?? 0) >= packets);
    sim.resetStats();
    assert.equal(sim.stats.bytesServed, 0);
  });

  for (const like of ['px4', 'ardupilot'] as const) {
    it(`serves a whole file over a very bad link, like ${like}`, async () => {
      const bad = { loss: 0.1, dup: 0.1, reorder: 0.1, delay: 1, rate: 1_000_000, seed: 3 };
      const [sim, client] = [await start({ like, ...bad }), await station()];
      assert.deepEqual((await client.fetch(sim, '/log/short.ulg')).bytes, Buffer.from(SHORT));
      assert.ok(sim.stats.packetsDropped > 0);
    });
  }

  it('sends a burst to the client that asks', async () => {
    const [sim, client] = [await start({ like: 'ardupilot' }), await station()];
    await client.ask(sim, Opcode.OPEN_FILE_RO, { data: Buffer.from('/log/a.ulg') });
    await client.ask(sim, Opcode.BURST_READ_FILE, { size: 239 });
    await eventually(async () => client.replies.some(reply => reply.opcode === Opcode.NAK));
    const got = Buffer.alloc(LOG.length);
    for (const reply of client.replies) {
      const isData = reply.requestOpcode === Opcode.BURST_READ_FILE && reply.opcode === Opcode.ACK;
      if (isData) got.set(contentOf(reply), reply.offset);
    }
    assert.deepEqual(got, Buffer.from(LOG));
  });

  it('sends heartbeats to its address and to every client that was heard lately', async () => {
    const clock = new VirtualClock();
    const [known, heard] = [await station(), await station()];
    const sim = await start({ clock, to: { host: '127.0.0.1', port: known.port } });
    await eventually(async () => known.heartbeats.length === 1);
    assert.equal(heard.heartbeats.length, 0);
    await heard.ask(sim, Opcode.NONE);
    await clock.advance(3000);
    await eventually(async () => known.heartbeats.length === 4 && heard.heartbeats.length === 3);
    assert.deepEqual(known.heartbeats[0], heard.heartbeats[0]);
    assert.equal(known.heartbeats[0]?.autopilot, 12);
    const { system, component } = known.frames[0] ?? {};
    assert.deepEqual([system, component], [1, 1]);
    await clock.advance(70_000);
    await eventually(async () => known.heartbeats.length >= 70);
    assert.ok(heard.heartbeats.length <= 61, `${heard.heartbeats.length}`);
  });

  it('is armed by the caller and by a command, and tells so at once', async () => {
    const client = await station();
    const to = { host: '127.0.0.1', port: client.port };
    const sim = await start({ to, clock: new VirtualClock(), like: 'ardupilot' });
    const armed = () => ((client.heartbeats.at(-1)?.baseMode ?? 0) & ARMED) !== 0;
    await eventually(async () => client.heartbeats.length > 0 && !armed());
    sim.toggleArmed();
    await eventually(async () => armed());
    client.command(sim, 400, 0);
    await eventually(async () => !armed() && client.acks.length === 1);
    assert.equal(sim.armed, false);
    client.command(sim, 400, 1);
    await eventually(async () => armed());
    client.command(sim, 400, 0, 7);
    client.command(sim, 511, 0);
    await eventually(async () => client.acks.length === 3);
    assert.deepEqual(
      client.acks.map(({ command, result, targetSystem }) => [command, result, targetSystem]),
      [
        [400, 0, 255],
        [400, 0, 255],
        [511, 3, 255],
      ],
    );
    assert.ok(armed(), 'a command to another system counts');
  });

  it('says nothing of a file from where it is held', async () => {
    const [sim, client] = [await start(), await station()];
    const release = sim.hold('/log/a.ulg', 1000);
    await client.ask(sim, Opcode.OPEN_FILE_RO, { data: Buffer.from('/log/a.ulg') });
    assert.equal((await client.ask(sim, Opcode.READ_FILE, { offset: 700, size: 239 })).size, 239);
    const held = client.ask(sim, Opcode.READ_FILE, { offset: 800, size: 239 });
    const { requests } = sim.stats;
    await eventually(async () => sim.stats.requests > requests + 1);
    assert.equal(sim.stats.files.get('/log/a.ulg')?.packets, 1);
    release();
    assert.equal((await held).offset, 800);
  });

  it('frees its port, may be closed twice, and can be started there again', async () => {
    const sim = await start({ delay: 5, rate: 1000 });
    const { port } = sim.address;
    const taken = await failsWith(() => start({ listen: { host: '127.0.0.1', port } }), 'config');
    assert.match(taken.message, new RegExp(`${port}.*taken.*another port`));
    await sim.close();
    await sim.close();
    const again = await start({ listen: { host: '127.0.0.1', port } });
    const client = await station();
    assert.equal((await client.ask(again, Opcode.NONE)).opcode, Opcode.ACK);
  });

  for (const [what, options, message] of [
    ['a folder that is not there', { folder: '/nowhere/at/all' }, /\/nowhere\/at\/all.*create it/],
    ['a share above 1', { loss: 1.5 }, /loss 1.5.*0 to 1/],
    ['a share that is no number', { dup: NaN }, /dup NaN/],
    ['a negative delay', { delay: -1 }, /delay -1.*milliseconds/],
    ['a rate of 0', { rate: 0 }, /rate 0.*bytes per second/],
    ['a broken seed', { seed: 1.5 }, /seed 1.5/],
    [
      'an address of another machine',
      { listen: { host: '192.0.2.1', port: 0 } },
      /192\.0\.2\.1.*address of this machine/,
    ],
  ] as const) {
    it(`refuses ${what} and names the cure`, async () => {
      assert.match((await failsWith(() => start(options), 'config')).message, message);
    });
  }
});
