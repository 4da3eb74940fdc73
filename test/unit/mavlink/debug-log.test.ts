import assert from 'node:assert/strict';
import { mavlinkBench, type MavlinkBench } from '../../conformance/mavlink-bench.js';
import { collect, failsWith, sample } from '../../conformance/support.js';
import { RecordingLogger } from '../../fakes/recording-logger.js';
import { VirtualClock } from '../../fakes/virtual-clock.js';
import { inVirtualTime, MemoryVehicle } from './memory-vehicle.js';
import { PLAIN, played } from './window-case.js';

const never = new AbortController().signal;
const LOG = sample(30_000, 3);
const FILE = { path: 'a.ulg', size: LOG.length };

describe('The debug log of MAVLink FTP', () => {
  let bench: MavlinkBench;

  beforeEach(async () => {
    bench = await mavlinkBench();
    await bench.put(FILE.path, LOG);
  });

  afterEach(() => bench.close());

  const logged = () => bench.logger.messages('debug');

  it('holds each open and terminate', async () => {
    await collect(bench.source.read(FILE, 0, never));
    assert.ok(logged().includes(`FTP open /log/a.ulg: session 0, ${LOG.length} bytes`));
    assert.ok(logged().includes('FTP terminate session 0: ok'));
  });

  it('holds each NAK with operation, path and error', async () => {
    await failsWith(() => collect(bench.source.read({ path: 'b.ulg', size: 5 }, 0, never)), 'not-found');
    assert.deepEqual(logged(), ['FTP NAK OPEN_FILE_RO /log/b.ulg: FILE_NOT_FOUND']);
  });

  it('holds the wait for the session of a program that has ended without closing it', async () => {
    const other = await mavlinkBench({}, {}, 0, async () => bench.sim.address.port);
    try {
      const reading = bench.source.read(FILE, 0, never)[Symbol.asyncIterator]();
      await reading.next();
      await collect(other.source.read(FILE, 0, never));
      await reading.return?.();
      const [nak, open] = other.logger.messages('debug');
      assert.equal(nak, 'FTP NAK OPEN_FILE_RO /log/a.ulg: NO_SESSIONS_AVAILABLE');
      assert.equal(open, `FTP open /log/a.ulg: session 0, ${LOG.length} bytes`);
      assert.match(other.logger.messages('info').join(), /no file transfer session left: waiting 10\.5 s/);
    } finally {
      await other.close();
    }
  });
});

describe('The debug log of a windowed read', () => {
  it('has one line a second of the clock, with requests in flight, RTT, loss and rate', async () => {
    const clock = new VirtualClock();
    const logger = new RecordingLogger();
    const file = sample(100_000, 5);
    const vehicle = new MemoryVehicle(file, clock, {}, { rate: 20_000, delay: 10, loss: 0.05 });
    const since = clock.monotonic();
    const { error } = await inVirtualTime(clock, played(PLAIN, file, clock, vehicle, logger));
    assert.equal(error, undefined);
    const lines = logger.messages('debug').filter(message => message.startsWith('FTP read /log: '));
    const seconds = Math.floor((clock.monotonic() - since) / 1000);
    assert.ok(seconds > 4 && Math.abs(lines.length - seconds) <= 1, `${lines.length} lines in ${seconds} s`);
    for (const line of lines)
      assert.match(line, /: \d+ in flight, RTT \d+\.\d ms, loss \d+\.\d %, rate \d+\.\d kB\/s$/);
    const rates = lines.map(line => Number(/rate ([\d.]+)/.exec(line)?.[1]));
    assert.ok(Math.max(...rates) > 14 && Math.max(...rates) <= 20, `${rates.join()} kB/s`);
    assert.ok(lines.some(line => !line.includes('loss 0.0 %')));
  });
});
