import assert from 'node:assert/strict';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { filter, firstValueFrom, type Subscription } from 'rxjs';
import type { Source } from '../../../src/ports.js';
import { ARDUPILOT, PX4, type Personality } from '../../../src/sim/personality.js';
import { mavlinkBench, type MavlinkBench } from '../../conformance/mavlink-bench.js';
import { collect, eventually, failsWith, listed, sample } from '../../conformance/support.js';

const never = new AbortController().signal;
const LOG = Buffer.from(sample(1_000, 4));
const CMD_REQUEST_MESSAGE = 512;
const CMD_REQUEST_AUTOPILOT_CAPABILITIES = 520;

describe('A vehicle of which nothing is configured but its address', () => {
  let bench: MavlinkBench;
  let subscription: Subscription | undefined;

  const start = async (like: Personality, options: Record<string, unknown> = { root: undefined }) => {
    bench = await mavlinkBench({ like }, options);
    subscription = bench.source.availability.subscribe();
  };
  const put = async (path: string) => {
    await mkdir(join(bench.card, path, '..'), { recursive: true });
    await writeFile(join(bench.card, path), LOG);
  };
  const only = async (source: Source) => {
    const [file, ...others] = await listed(source);
    assert.ok(file && others.length === 0);
    return file;
  };
  const reason = async (pattern: RegExp) =>
    firstValueFrom(bench.source.availability.pipe(filter(state => pattern.test(state.reason))));

  afterEach(async () => {
    subscription?.unsubscribe();
    await bench.close();
  });

  for (const [name, like, path] of [
    ['PX4', PX4, 'fs/microsd/log/sess001/log001.ulg'],
    ['ArduPilot', ARDUPILOT, 'APM/LOGS/sess001/log001.ulg'],
    ['a vehicle that knows @MAV_LOG', PX4, '@MAV_LOG/sess001/log001.ulg'],
  ] as const)
    it(`has its logs found: ${name}`, async () => {
      await start(like);
      await put(path);
      const file = await only(bench.source);
      assert.equal(file.path, 'sess001/log001.ulg');
      assert.deepEqual(await collect(bench.source.read(file, 0, never)), LOG);
      await bench.source.remove(file, never);
      assert.deepEqual(await listed(bench.source), []);
    });

  it('is told apart from one without a card, and found when the first log is written', async () => {
    await start(ARDUPILOT);
    const error = await failsWith(() => listed(bench.source), 'unavailable');
    assert.match(error.message, /^ArduPilot has no log folder \(@MAV_LOG, \/APM\/LOGS\): insert an SD card/);
    await mkdir(join(bench.card, '@MAV_LOG'));
    assert.deepEqual(await listed(bench.source), []);
    await rm(join(bench.card, '@MAV_LOG'), { recursive: true });
    await put('APM/LOGS/1.BIN');
    assert.equal((await only(bench.source)).path, '1.BIN');
  });

  it('has the folder of the other autopilot named where root is wrong', async () => {
    await start(ARDUPILOT, { root: '/fs/microsd/log' });
    const error = await failsWith(() => listed(bench.source), 'unavailable');
    assert.match(
      error.message,
      /no folder \/fs\/microsd\/log: .*\(ArduPilot keeps its logs in \/APM\/LOGS\)$/,
    );
  });

  it('shows its firmware and its board, which are requested once', async () => {
    await start(PX4);
    await reason(/^PX4 1 on UDP port [1-9]\d* to .*, firmware 1\.16\.0, board 26ac:0033$/);
    for (let count = 0; count < 5; count++) bench.sim.arm(false);
    assert.deepEqual(bench.sim.commands, [CMD_REQUEST_MESSAGE]);
  });

  it('shows them where only the old command is known', async () => {
    await start({ ...ARDUPILOT, commands: { ...ARDUPILOT.commands, requestMessage: false } });
    await reason(/^ArduPilot 1 on .*, firmware 4\.6\.1, board 1209:5740$/);
    assert.deepEqual(bench.sim.commands, [CMD_REQUEST_MESSAGE, CMD_REQUEST_AUTOPILOT_CAPABILITIES]);
  });

  it('reports the free space of its card, if it is a PX4', async () => {
    await start(PX4);
    const space = await bench.source.space?.(never);
    assert.ok(space && space.free > 0 && space.free <= space.total);
  });

  it('does not report it if it is an ArduPilot', async () => {
    await start(ARDUPILOT);
    const space = async () => bench.source.space?.(never);
    assert.match((await failsWith(space, 'unsupported')).message, /STORAGE_INFORMATION/);
  });

  it('is asked for nothing while it is armed', async () => {
    await start(PX4);
    await reason(/firmware/);
    bench.sim.arm(true);
    await firstValueFrom(bench.source.availability.pipe(filter(({ armed }) => armed)));
    await failsWith(async () => bench.source.space?.(never), 'unsupported');
    assert.deepEqual(bench.sim.commands, [CMD_REQUEST_MESSAGE]);
    await eventually(async () => bench.sim.armed);
  });
});
