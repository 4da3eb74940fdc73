import assert from 'node:assert/strict';
import { systemClock } from '../../../src/system/clock.js';
import { eventually, sample } from '../../conformance/support.js';
import { makeBench, onBench, rule, type Bench } from './bench.js';

const AVAILABLE = { available: true, reason: '', armed: false };
const PIECE = 4096;
const SIZE = 5_000_000;
const TO_WEB = rule({ to: ['web'] });

/** A source that sends two pieces, then waits until `hold.on` is false. */
function holding(hold: { on: boolean }) {
  return async (operation: string, _path: string, offset: number) => {
    while (operation === 'read' && offset >= 2 * PIECE && hold.on) await systemClock.sleep(1);
  };
}

const isHalfFetched = async (bench: Bench) => bench.record('a.ulg')?.copy.state === 'fetching';

/** Starts the engine, and waits until its download of `a.ulg` is held after two pieces. */
async function startDownload(bench: Bench): Promise<void> {
  const bytes: number[] = [];
  bench.engine.progress.subscribe(progress => bytes.push(progress.bytes));
  bench.source.put('a.ulg', sample(40_000, 1));
  await bench.engine.start();
  await eventually(async () => (await isHalfFetched(bench)) && bytes.includes(2 * PIECE));
}

describe('Engine, what its log says of waiting', () => {
  it('a download that an armed vehicle interrupts: which file, how much is kept, when it goes on', () => {
    const hold = { on: true };
    return onBench({ source: { before: holding(hold) } }, async bench => {
      await startDownload(bench);
      bench.source.availability.next({ ...AVAILABLE, armed: true });
      hold.on = false;
      const text =
        'cam:a.ulg: download interrupted (the vehicle is armed): kept 8.2 kB of 40.0 kB; it resumes there when that is over';
      await eventually(async () => bench.logger.messages('info').includes(text));
    });
  });

  it('a download that the end of the program stops', async () => {
    const hold = { on: true };
    const bench = await makeBench({ source: { before: holding(hold) } });
    await startDownload(bench);
    const stopped = bench.engine.stop();
    hold.on = false;
    await stopped;
    const text = 'cam:a.ulg: download stopped: kept 8.2 kB of 40.0 kB; the next run resumes there';
    assert.ok(bench.logger.messages('info').includes(text), bench.logger.messages().join('\n'));
    await bench.remove();
  });

  it('an upload to a target that cannot resume', async () => {
    const hold = { on: true };
    const before = async (operation: string, _path: string, offset: number) => {
      while (operation === 'write' && offset > 0 && hold.on) await systemClock.sleep(1);
    };
    const bench = await makeBench({
      targets: { web: { capabilities: { resume: false }, before } },
      rules: [TO_WEB],
    });
    const bytes: number[] = [];
    bench.engine.progress.subscribe(({ target, bytes: sent }) => void (target === 'web' && bytes.push(sent)));
    bench.source.put('a.ulg', sample(SIZE, 1));
    await bench.engine.start();
    await eventually(async () => bytes.some(sent => sent > 0 && sent < SIZE));
    const stopped = bench.engine.stop();
    hold.on = false;
    await stopped;
    assert.match(
      bench.logger.messages('info').join('\n'),
      /cam:a\.ulg -> web: upload stopped at \d+\.\d [kM]B of 5\.0 MB; the next run begins again, since web cannot resume/,
    );
    await bench.remove();
  });

  it('a pass waits for files that may be growing: how many, of which source, how long; once', () =>
    onBench({ rules: [rule({ settle: 40 })] }, async bench => {
      for (const name of ['a.ulg', 'b.ulg', 'c.ulg']) bench.source.put(name, sample(100, 1));
      await bench.engine.pass();
      const lines = bench.logger.messages('info').filter(line => line.includes('growing'));
      assert.deepEqual(lines, [
        'files that may still be growing: 3 of cam; waiting 1 s until they have settled',
      ]);
    }));

  it('a pass that waits for nothing does not say so', () =>
    onBench({}, async bench => {
      bench.source.put('a.ulg', sample(100, 1));
      await bench.engine.pass();
      assert.doesNotMatch(bench.logger.messages('info').join('\n'), /waiting|interrupted|stopped/);
    }));
});
