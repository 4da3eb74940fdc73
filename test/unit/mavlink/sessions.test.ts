import assert from 'node:assert/strict';
import { FtpChannel } from '../../../src/mavlink/ftp-channel.js';
import { FtpClient } from '../../../src/mavlink/ftp-client.js';
import { FtpErrorCode, Opcode } from '../../../src/mavlink/ftp-payload.js';
import { RemoteFile } from '../../../src/mavlink/remote-file.js';
import { failsWith, sample } from '../../conformance/support.js';
import { RecordingLogger } from '../../fakes/recording-logger.js';
import { VirtualClock } from '../../fakes/virtual-clock.js';
import { inVirtualTime, LOG, MemoryVehicle, type ServerBehaviour } from './memory-vehicle.js';
import { nak } from './scripted-vehicle.js';

const never = new AbortController().signal;
/** ms after which PX4 has closed an unused session: 10 s, from 1.18 on 30 s. */
const IDLE_MS = 30_000;

describe('A vehicle whose only session is taken', () => {
  let clock: VirtualClock;
  let vehicle: MemoryVehicle;
  let client: FtpClient;
  let logger: RecordingLogger;

  const start = (how: Partial<ServerBehaviour> = {}) => {
    clock = new VirtualClock();
    vehicle = new MemoryVehicle(sample(2_000), clock, how);
    vehicle.session = 0;
    logger = new RecordingLogger();
    client = new FtpClient(new FtpChannel(vehicle, clock, 7), logger);
  };
  const opened = (): Promise<RemoteFile> => inVirtualTime(clock, RemoteFile.open(client, LOG, never));
  const resets = () => vehicle.requests.filter(({ opcode }) => opcode === Opcode.RESET_SESSIONS).length;

  for (const idle of [10_000, 30_000])
    it(`is given the ${idle / 1000} s in which it closes an unused session`, async () => {
      start({ idle });
      const file = await opened();
      assert.equal(file.size, 2_000);
      assert.equal(resets(), 0);
      assert.ok(clock.monotonic() > idle);
    });

  it('keeps the transfer of another program that ends within that time', async () => {
    start({ idle: Infinity });
    void clock.sleep(25_000).then(() => (vehicle.session = undefined));
    await opened();
    assert.equal(resets(), 0);
  });

  it('is reset once, after that time, where it never closes a session', async () => {
    start({ idle: Infinity });
    let resetAt = 0;
    vehicle.script = (request, good) => {
      if (request.opcode === Opcode.RESET_SESSIONS) resetAt = clock.monotonic();
      return [good];
    };
    const file = await opened();
    assert.ok(resetAt > IDLE_MS);
    assert.ok(logger.messages('debug').includes('FTP reset all sessions: ok'));
    await inVirtualTime(clock, file.close());
    vehicle.session = 0;
    await failsWith(opened, 'busy');
    assert.equal(resets(), 1);
  });

  it('is never reset while the messages of another transfer are heard', async () => {
    start({ idle: Infinity });
    void clock.sleep(20_000).then(() => (vehicle.othersHeardAt = clock.monotonic()));
    await failsWith(opened, 'busy');
    assert.equal(resets(), 0);
  });

  it('gets the time as well when the answer to our own open was lost', async () => {
    start({ keptUpTo: -1 });
    vehicle.session = undefined;
    let lost = false;
    vehicle.script = (request, good) => {
      const isFirst = request.opcode === Opcode.OPEN_FILE_RO && !lost;
      lost ||= isFirst;
      return isFirst ? [] : [good];
    };
    await opened();
    assert.equal(resets(), 0);
  });

  it('loses no session of another program when ours was lost', async () => {
    start();
    vehicle.session = undefined;
    const file = await opened();
    vehicle.script = (request, good) =>
      request.opcode === Opcode.READ_FILE ? [nak(request, FtpErrorCode.INVALID_SESSION)] : [good];
    const before = vehicle.requests.length;
    // The session is now that of the other one, and PX4 numbers every session 0.
    await failsWith(() => inVirtualTime(clock, file.read(0, 239, never)), 'busy');
    await inVirtualTime(clock, file.close());
    const opcodes = vehicle.requests.slice(before).map(({ opcode }) => opcode);
    assert.deepEqual(opcodes, [Opcode.READ_FILE, Opcode.OPEN_FILE_RO]);
    assert.equal(vehicle.session, 0);
  });

  it('gets our own session back before the file is opened again', async () => {
    start();
    vehicle.session = undefined;
    const file = await opened();
    let failed = false;
    vehicle.script = (request, good) => {
      const fails = request.opcode === Opcode.READ_FILE && !failed;
      failed ||= fails;
      return fails ? [nak(request, FtpErrorCode.FAIL)] : [good];
    };
    assert.equal((await inVirtualTime(clock, file.read(0, 239, never))).length, 239);
    assert.equal(resets(), 0);
  });

  it('is left alone when the wait is cancelled', async () => {
    start({ idle: Infinity });
    const asked = new AbortController();
    void clock.sleep(5_000).then(() => asked.abort());
    await failsWith(() => inVirtualTime(clock, RemoteFile.open(client, LOG, asked.signal)), 'cancelled');
    assert.ok(clock.monotonic() <= 5_000);
  });
});
