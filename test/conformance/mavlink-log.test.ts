import assert from 'node:assert/strict';
import { appendFile, readdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { filter, firstValueFrom } from 'rxjs';
import type { SourceFile } from '../../src/ports.js';
import { ARDUPILOT, PX4, type CommandRules, type Personality } from '../../src/sim/personality.js';
import type { SimOptions } from '../../src/sim/sim.js';
import { mavlinkBench, type MavlinkBench } from './mavlink-bench.js';
import { collect, eventually, failsWith, listed, sample } from './support.js';

const never = new AbortController().signal;
const FLOWN = new Date('2026-03-04T05:06:07Z');
const NAME = '2026-03-04T05-06-07.bin';
const LOG = Buffer.from(sample(30_001, 8));

const with_ = (like: Personality, commands: Partial<CommandRules>): Personality => ({
  ...like,
  commands: { ...like.commands, ...commands },
});
/** Old firmware, or logs in a flash chip. */
const WITHOUT_FTP = with_(ARDUPILOT, { withoutFtp: true, logs: true });

describe('mavlink source, log protocol', () => {
  let bench: MavlinkBench;

  const start = async (
    how: Partial<SimOptions> = { like: WITHOUT_FTP },
    options: Record<string, unknown> = { protocol: 'log' },
  ) => {
    bench = await mavlinkBench({ like: WITHOUT_FTP, ...how }, { root: undefined, ...options });
  };
  const put = async (name: string, content: Uint8Array, time = FLOWN) => {
    await writeFile(join(bench.card, 'log', name), content);
    await utimes(join(bench.card, 'log', name), time, time);
  };
  const only = async (): Promise<SourceFile> => {
    const [file, ...others] = await listed(bench.source);
    assert.ok(file && others.length === 0);
    return file;
  };
  const free = () => eventually(async () => !bench.sim.inLogTransfer);

  afterEach(() => bench.close());

  it('lists the logs by their times, and lets the vehicle log again', async () => {
    await start();
    assert.deepEqual(await listed(bench.source), []);
    await put('1.bin', LOG);
    await put('2.bin', LOG.subarray(1));
    await put('3.bin', LOG.subarray(2), new Date('2026-05-05T00:00:00Z'));
    assert.deepEqual(
      (await listed(bench.source)).map(({ path, size }) => [path, size]),
      [
        ['2026-03-04T05-06-07.bin', LOG.length],
        ['2026-03-04T05-06-07_log001.bin', LOG.length - 1],
        ['2026-05-05T00-00-00.bin', LOG.length - 2],
      ],
    );
    assert.equal((await listed(bench.source))[0]?.modified, FLOWN.getTime());
    await free();
  });

  for (const loss of [0, 0.1])
    it(`reads a log whole and from an offset, with ${loss * 100} % loss`, async () => {
      await start({ loss, dup: loss, reorder: loss, seed: 5 });
      await put('1.bin', LOG);
      const file = await only();
      assert.deepEqual(await collect(bench.source.read(file, 0, never)), LOG);
      assert.deepEqual(await collect(bench.source.read(file, 12_345, never)), LOG.subarray(12_345));
      await free();
    });

  it('reports a log that has another size by now, and one that is gone', async () => {
    await start();
    await put('1.bin', LOG);
    const file = await only();
    await appendFile(join(bench.card, 'log', '1.bin'), 'more');
    await utimes(join(bench.card, 'log', '1.bin'), FLOWN, FLOWN);
    await failsWith(() => collect(bench.source.read(file, 0, never)), 'changed');
    await failsWith(() => collect(bench.source.read({ ...file, path: 'x.bin' }, 0, never)), 'not-found');
    await failsWith(() => bench.source.checksum(file, never), 'unsupported');
    assert.equal(bench.source.capabilities.checksum, false);
    await free();
  });

  it('ends promptly at the abort, and lets the vehicle log again', async () => {
    await start({ rate: 20_000 });
    await put('1.bin', LOG);
    const file = await only();
    const stop = new AbortController();
    await failsWith(async () => {
      for await (const _chunk of bench.source.read(file, 0, stop.signal)) stop.abort();
    }, 'cancelled');
    await free();
  });

  it('erases nothing until every log may go, and then all of them', async () => {
    await start();
    await put('1.bin', LOG);
    await put('2.bin', LOG, new Date('2026-05-05T00:00:00Z'));
    const [one, two] = await listed(bench.source);
    assert.ok(one && two);
    const error = await failsWith(() => bench.source.remove(one, never), 'busy');
    assert.match(error.message, /stays until all logs may go/);
    assert.equal((await readdir(join(bench.card, 'log'))).length, 2);
    // The first one is another log by now: it may not go for what was said of the earlier one.
    await put('1.bin', LOG.subarray(9));
    await failsWith(() => bench.source.remove(two, never), 'busy');
    const now = (await listed(bench.source)).find(({ path }) => path === one.path);
    assert.ok(now);
    await bench.source.remove(now, never);
    assert.deepEqual(await readdir(join(bench.card, 'log')), []);
    await bench.source.remove(two, never);
  });

  it('asks for nothing while the vehicle is armed', async () => {
    await start();
    await put('1.bin', LOG);
    const file = await only();
    bench.sim.arm(true);
    await firstValueFrom(bench.source.availability.pipe(filter(({ armed }) => armed)));
    await failsWith(() => listed(bench.source), 'busy');
    await failsWith(() => bench.source.remove(file, never), 'busy');
    assert.equal((await readdir(join(bench.card, 'log'))).length, 1);
  });

  it('is used where MAVLink FTP is not answered', async () => {
    await start({}, {});
    await put('1.bin', LOG);
    const file = await only();
    assert.equal(file.path, NAME);
    assert.deepEqual(await collect(bench.source.read(file, 0, never)), LOG);
    assert.match(bench.logger.messages('info').join(), /the log protocol is used/);
  });

  it('is used where MAVLink FTP has no log folder', async () => {
    await start({ like: with_(ARDUPILOT, { logs: true }) }, {});
    await put('1.bin', LOG);
    assert.equal((await only()).path, NAME);
  });

  it('is not used where the vehicle has MAVLink FTP and the link is bad', async () => {
    const like = with_(PX4, { logs: true });
    await start({ like }, { root: '/log' });
    await put('1.ulg', LOG);
    assert.equal((await only()).path, '1.ulg');
    const mute = with_(PX4, { logs: true, withoutFtp: true });
    Object.assign(like.commands, mute.commands);
    await failsWith(() => listed(bench.source), 'timeout');
    assert.doesNotMatch(bench.logger.messages('info').join(), /the log protocol is used/);
  });
});
