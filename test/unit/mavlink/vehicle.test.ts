import assert from 'node:assert/strict';
import { firstValueFrom, type Subscription } from 'rxjs';
import { FileSyncError } from '../../../src/errors.js';
import { encodeFrame, FrameDecoder, type Frame } from '../../../src/mavlink/frame.js';
import { FtpChannel } from '../../../src/mavlink/ftp-channel.js';
import { FtpClient } from '../../../src/mavlink/ftp-client.js';
import { decodeFtpPayload, Opcode, type FtpPayload } from '../../../src/mavlink/ftp-payload.js';
import type { Connection, Transport } from '../../../src/mavlink/link.js';
import { FileTransferProtocol, Heartbeat } from '../../../src/mavlink/messages.js';
import { RetransmissionTimer } from '../../../src/congestion/retransmission.js';
import { Vehicle, type VehicleOptions } from '../../../src/mavlink/vehicle.js';
import type { Availability } from '../../../src/ports.js';
import { failsWith } from '../../conformance/support.js';
import { RecordingLogger } from '../../fakes/recording-logger.js';
import { VirtualClock } from '../../fakes/virtual-clock.js';

const never = new AbortController().signal;
const ignore = () => undefined;

interface Said {
  autopilot?: number;
  baseMode?: number;
  type?: number;
  system?: number;
  component?: number;
}

/** A wire without loss whose other end is the test; only the test moves the time. */
class Wire implements Transport {
  readonly name = 'the wire';
  readonly clock = new VirtualClock();
  readonly frames: Frame[] = [];
  refusal: FileSyncError | undefined;
  cut: (reason: FileSyncError) => void = ignore;
  #receive: (bytes: Uint8Array) => void = ignore;

  async connect(receive: (bytes: Uint8Array) => void): Promise<Connection> {
    if (this.refusal) throw this.refusal;
    this.#receive = receive;
    const decoder = new FrameDecoder();
    const ended = new Promise<FileSyncError>(resolve => (this.cut = resolve));
    return {
      send: bytes => void this.frames.push(...decoder.push(bytes)),
      ended,
      close: async () => undefined,
    };
  }

  /** A heartbeat of PX4, or of whom the test says. */
  hear({ autopilot = 12, baseMode = 0, type = 2, system = 1, component = 1 }: Said = {}): void {
    const values = { customMode: 0, type, autopilot, baseMode, systemStatus: 3, mavlinkVersion: 3 };
    const payload = Heartbeat.encode(values);
    this.#receive(encodeFrame({ sequence: 0, system, component, messageId: Heartbeat.id, payload }));
  }

  /** Lets the time pass while the vehicle sends its heartbeats. */
  async alive(seconds: number): Promise<void> {
    for (let second = 0; second < seconds; second++) {
      this.hear();
      await this.clock.advance(1_000);
    }
  }

  get ftpRequests(): FtpPayload[] {
    const messages = this.frames.filter(frame => frame.messageId === FileTransferProtocol.id);
    return messages.map(frame => decodeFtpPayload(FileTransferProtocol.decode(frame.payload).payload));
  }
}

describe('A vehicle', () => {
  let wire: Wire;
  let vehicle: Vehicle;
  let subscription: Subscription | undefined;
  let states: Availability[];

  const make = (options: Partial<VehicleOptions> = {}) => {
    vehicle = new Vehicle({ transport: wire, clock: wire.clock, componentId: 194, ...options });
  };

  const watch = async () => {
    subscription = vehicle.availability.subscribe(state => states.push(state));
    await wire.clock.advance(0);
  };

  const heartbeats = () => wire.frames.filter(({ messageId }) => messageId === Heartbeat.id).length;

  beforeEach(() => {
    wire = new Wire();
    states = [];
    make();
  });

  afterEach(async () => {
    subscription?.unsubscribe();
    await vehicle.close();
    assert.equal(wire.clock.sleeping, 0);
  });

  it('does nothing before the first subscription', async () => {
    await wire.clock.advance(10_000);
    assert.deepEqual(wire.frames, []);
  });

  it('sends the heartbeat of a computer on board, once a second', async () => {
    await watch();
    await wire.clock.advance(500);
    wire.frames.length = 0;
    await wire.clock.advance(10_000);
    assert.equal(wire.frames.length, 10);
    for (const frame of wire.frames) {
      assert.deepEqual([frame.messageId, frame.system, frame.component], [Heartbeat.id, 1, 194]);
      const { type, autopilot } = Heartbeat.decode(frame.payload);
      assert.deepEqual([type, autopilot], [18, 8]);
    }
  });

  it('follows the heartbeat of the vehicle with its own, so that both need one wake-up', async () => {
    await watch();
    wire.hear();
    await wire.clock.advance(400);
    await wire.alive(3);
    wire.frames.length = 0;
    const beats: number[] = [];
    for (let second = 0; second < 10; second++) {
      wire.hear();
      await wire.clock.advance(1);
      beats.push(heartbeats());
      await wire.clock.advance(999);
    }
    assert.deepEqual(
      beats,
      beats.map((_, second) => second + 1),
    );
    assert.equal(heartbeats(), 10);
    // The next is due although the vehicle has become silent, and further ones every second.
    await wire.clock.advance(2_000);
    assert.equal(heartbeats(), 11);
    await wire.clock.advance(3_000);
    assert.equal(heartbeats(), 14);
  });

  it('sends one heartbeat a second to a vehicle that sends many', async () => {
    await watch();
    wire.frames.length = 0;
    for (let count = 0; count < 100; count++) {
      wire.hear();
      await wire.clock.advance(100);
    }
    const sent = heartbeats();
    assert.ok(sent >= 10 && sent <= 13, `${sent} in ten seconds`);
  });

  it('uses the system id of the vehicle, or the configured one', async () => {
    await watch();
    wire.hear({ system: 42 });
    await wire.clock.advance(1_000);
    assert.equal(wire.frames.at(-1)?.system, 42);
    await vehicle.close();
    make({ systemId: 7, componentId: 191 });
    await watch();
    wire.hear({ system: 42 });
    await wire.clock.advance(1_000);
    assert.deepEqual([wire.frames.at(-1)?.system, wire.frames.at(-1)?.component], [7, 191]);
  });

  it('is online with its heartbeat, and says which vehicle it is and whether it is armed', async () => {
    await watch();
    assert.deepEqual(states, []);
    wire.hear();
    wire.hear();
    wire.hear({ baseMode: 0x80 | 0x1d });
    wire.hear({ baseMode: 0x1d });
    const reason = 'PX4 1 on the wire';
    assert.deepEqual(states, [
      { available: true, reason, armed: false },
      { available: true, reason, armed: true },
      { available: true, reason, armed: false },
    ]);
    assert.deepEqual(await firstValueFrom(vehicle.availability), states.at(-1));
  });

  it('is offline after five seconds of silence, still armed as before, and online with the next heartbeat', async () => {
    await watch();
    wire.hear({ baseMode: 0x80 });
    await wire.clock.advance(4_900);
    assert.equal(states.length, 1);
    await wire.clock.advance(1_200);
    assert.equal(states.length, 2);
    assert.deepEqual([states[1]?.available, states[1]?.armed], [false, true]);
    assert.match(
      states[1]?.reason ?? '',
      /no heartbeat from PX4 1 on the wire: check that it is switched on/,
    );
    await failsWith(() => vehicle.ready(never), 'unavailable');
    wire.hear();
    assert.equal(states.at(-1)?.available, true);
    await vehicle.ready(never);
  });

  it('says since when it has been armed, and what to set, once that is long', async () => {
    await watch();
    for (let second = 0; second < 3_600; second++) {
      wire.hear({ baseMode: 0x80 });
      await wire.clock.advance(1_000);
    }
    wire.hear({ baseMode: 0x80 });
    assert.match(
      states.at(-1)?.reason ?? '',
      /^PX4 1 on the wire, armed since 2026-01-01 00:00 UTC: disarm it, or set while_armed/,
    );
    assert.equal(states.length, 2);
    wire.hear();
    assert.equal(states.at(-1)?.reason, 'PX4 1 on the wire');
  });

  it('says that it counts as armed when it was switched off while armed', async () => {
    await watch();
    wire.hear({ baseMode: 0x80 });
    await wire.clock.advance(6_000);
    assert.match(
      states.at(-1)?.reason ?? '',
      /; it counts as armed since 2026-01-01 00:00 UTC, .*set while_armed of its rules$/,
    );
  });

  it('is offline when no heartbeat comes', async () => {
    await watch();
    await wire.clock.advance(6_000);
    assert.deepEqual(
      states.map(({ available }) => available),
      [false],
    );
    assert.match(states[0]?.reason ?? '', /no heartbeat from a vehicle on the wire/);
  });

  it('is not a ground station, a camera or another computer', async () => {
    await watch();
    wire.hear({ autopilot: 8, type: 18, component: 191 });
    wire.hear({ autopilot: 8, type: 6, system: 255, component: 190 });
    wire.hear({ autopilot: 3, type: 6, system: 255, component: 190 });
    assert.deepEqual(states, []);
  });

  it('is the first one that sends a heartbeat, and its autopilot rather than another part', async () => {
    await watch();
    wire.hear({ component: 51, autopilot: 0 });
    assert.equal(states.at(-1)?.reason, 'vehicle 1 on the wire');
    wire.hear({ autopilot: 3 });
    wire.hear({ component: 51, autopilot: 0, baseMode: 0x80 });
    wire.hear({ system: 2, baseMode: 0x80 });
    assert.equal(states.at(-1)?.reason, 'ArduPilot 1 on the wire');
    assert.equal(states.at(-1)?.armed, false);
  });

  it('is the wanted one, and the reason names another that is online instead', async () => {
    make({ targetSystem: 3 });
    await watch();
    wire.hear({ system: 2 });
    await wire.clock.advance(6_000);
    assert.match(
      states[0]?.reason ?? '',
      /no heartbeat from vehicle 3 on the wire, but one from vehicle 2: set target_system/,
    );
    wire.hear({ system: 3 });
    assert.equal(states.at(-1)?.available, true);
  });

  it('is offline when the link is, for that reason, and online again with a heartbeat', async () => {
    await watch();
    wire.hear();
    wire.cut(new FileSyncError('unavailable', 'the wire is cut'));
    await wire.clock.advance(100);
    assert.deepEqual(states.at(-1), { available: false, reason: 'the wire is cut', armed: false });
    await wire.clock.advance(1_000);
    assert.equal(states.at(-1)?.available, false);
    wire.hear();
    assert.equal(states.at(-1)?.available, true);
  });

  it('passes on the kind of error of the link', async () => {
    wire.refusal = new FileSyncError('config', 'the port is taken', { temporary: true });
    const error = await failsWith(() => vehicle.ready(never), 'config');
    assert.equal(error.message, 'the port is taken');
    assert.equal(error.temporary, true);
  });

  it('stops waiting for it at the abort and at close', async () => {
    const stop = new AbortController();
    const waiting = failsWith(() => vehicle.ready(stop.signal), 'cancelled');
    await wire.clock.advance(100);
    stop.abort();
    await waiting;
    const other = failsWith(() => vehicle.ready(never), 'cancelled');
    await wire.clock.advance(100);
    await vehicle.close();
    await other;
    await failsWith(() => vehicle.ready(never), 'cancelled');
    assert.deepEqual(wire.ftpRequests, []);
  });

  describe('asked for files', () => {
    const client = () => new FtpClient(new FtpChannel(vehicle, wire.clock, 65_534), new RecordingLogger());

    beforeEach(async () => {
      await watch();
      wire.hear();
    });

    it('that does not answer is asked again, less and less often, for ten seconds', async () => {
      const asking = failsWith(() => client().open('/log/a', never), 'timeout');
      await wire.alive(11);
      const error = await asking;
      assert.match(error.message, /the vehicle is there but did not answer OPEN_FILE_RO for 10 s/);
      const sent = wire.ftpRequests.length;
      assert.ok(sent > 5 && sent < 15, `${sent} requests`);
      assert.deepEqual(new Set(wire.ftpRequests.map(({ sequence }) => sequence)), new Set([65_535]));
    });

    it('that goes offline meanwhile is reported as offline', async () => {
      const asking = failsWith(() => client().open('/log/a', never), 'unavailable');
      await wire.clock.advance(11_000);
      assert.match((await asking).message, /no heartbeat from PX4 1/);
    });

    it('gets time for the checksum of a long file', async () => {
      let ended = false;
      const stop = new AbortController();
      const asking = failsWith(() => client().checksum('/log/a', 10_000_000, stop.signal), 'cancelled');
      void asking.finally(() => (ended = true));
      await wire.alive(100);
      assert.equal(ended, false);
      stop.abort();
      await asking;
    });

    it('is not waited for that long when it is offline', async () => {
      const asking = failsWith(() => client().checksum('/log/a', 10_000_000, never), 'unavailable');
      await wire.clock.advance(12_000);
      await asking;
    });

    it('does not keep us from ending for longer than a second', async () => {
      const ending = client().terminate(0);
      await wire.alive(1);
      await ending;
    });

    it('is asked with numbers that begin again after the last', async () => {
      const stop = new AbortController();
      const one = client();
      const asking = [1, 2, 3].map(() => failsWith(() => one.read(0, 0, 10, stop.signal), 'cancelled'));
      await wire.clock.advance(0);
      assert.deepEqual(
        wire.ftpRequests.map(({ sequence, opcode }) => ({ sequence, opcode })),
        [65_535, 0, 1].map(sequence => ({ sequence, opcode: Opcode.READ_FILE })),
      );
      stop.abort();
      await Promise.all(asking);
    });
  });
});

describe('The time to wait for a reply', () => {
  it('follows what is measured, with a margin', () => {
    const timer = new RetransmissionTimer();
    assert.equal(timer.timeout(1), 500);
    for (let count = 0; count < 100; count++) timer.answered(1, 80);
    assert.ok(timer.timeout(1) >= 80 && timer.timeout(1) < 100, `${timer.timeout(1)}`);
    for (let count = 0; count < 100; count++) timer.answered(1, count % 2 ? 40 : 120);
    assert.ok(timer.timeout(1) > 150, `${timer.timeout(1)}`);
  });

  it('is never below the time that a busy machine needs, and never above a second', () => {
    const timer = new RetransmissionTimer();
    for (let count = 0; count < 100; count++) timer.answered(1, 0.1);
    assert.equal(timer.timeout(1), 50);
    assert.equal(timer.timeout(50), 1_000);
  });

  it('doubles with each repetition, and stays there until an unrepeated request is answered', () => {
    const timer = new RetransmissionTimer();
    for (let count = 0; count < 100; count++) timer.answered(1, 1);
    assert.deepEqual(
      [1, 2, 3].map(sent => timer.timeout(sent)),
      [50, 100, 200],
    );
    timer.answered(3, 130);
    assert.equal(timer.timeout(1), 200);
    timer.answered(1, 1);
    assert.equal(timer.timeout(1), 50);
  });
});
