import assert from 'node:assert/strict';
import { BehaviorSubject, Subject } from 'rxjs';
import { LiveLines, type TerminalStream } from '../../../../src/cli/terminal/live-lines.js';
import { ProgressLog } from '../../../../src/cli/terminal/progress-log.js';
import { ProgressView } from '../../../../src/cli/terminal/progress-view.js';
import type { Change, FileRecord } from '../../../../src/ports.js';
import type { Progress, RunningTransfer } from '../../../../src/record/progress.js';
import { fileRecord } from '../../../fakes/file-record.js';
import { RecordingLogger } from '../../../fakes/recording-logger.js';
import { VirtualClock } from '../../../fakes/virtual-clock.js';

const transfer = (changes: Partial<RunningTransfer> = {}): RunningTransfer => ({
  ...{ id: '1', device: 'cam', path: 'a.ulg', bytes: 0, size: 200_000_000, bytesPerSecond: 1_000_000 },
  ...changes,
});

describe('the log of long transfers', () => {
  /** Lines after each of the positions, `step` ms apart. */
  async function linesAt(step: number, positions: readonly number[]): Promise<string[]> {
    const [clock, logger] = [new VirtualClock(), new RecordingLogger()];
    let running: RunningTransfer[] = [];
    const progress = new Subject<Progress>();
    using _log = new ProgressLog({ clock, logger, engine: { progress, transfers: () => running } });
    for (const bytes of positions) {
      running = [transfer({ bytes })];
      progress.next(transfer({ bytes }));
      await clock.advance(step);
    }
    return logger.messages('info');
  }

  it('one line for each tenth, at most one in ten seconds', async () => {
    const lines = await linesAt(5_000, [0, 10e6, 20e6, 30e6, 40e6]);
    assert.deepEqual(lines, [
      'cam:a.ulg: 10%, 20.0 MB of 200.0 MB, 1.0 MB/s, 3:00 left',
      'cam:a.ulg: 20%, 40.0 MB of 200.0 MB, 1.0 MB/s, 2:40 left',
    ]);
  });

  it('one line in a minute where it is slow', async () => {
    const lines = await linesAt(
      5_000,
      Array.from({ length: 26 }, (_, index) => index * 1000),
    );
    assert.equal(lines.length, 2);
  });

  it('none of what has ended', async () => {
    assert.deepEqual(await linesAt(5_000, [0]), []);
  });

  it('has no timer while nothing is transferred', async () => {
    const clock = new VirtualClock();
    const progress = new Subject<Progress>();
    let running: RunningTransfer[] = [];
    const log = new ProgressLog({
      ...{ clock, logger: new RecordingLogger() },
      engine: { progress, transfers: () => running },
    });
    assert.equal(clock.sleeping, 0);
    running = [transfer()];
    progress.next(transfer());
    await clock.advance(0);
    assert.equal(clock.sleeping, 1);
    running = [];
    await clock.advance(5_000);
    assert.equal(clock.sleeping, 0);
    log[Symbol.dispose]();
    assert.equal(progress.observed, false);
  });
});

/** A terminal that keeps what was written to it. */
class Recorder implements TerminalStream {
  readonly columns = 80;
  readonly rows: number;
  written = '';

  constructor(rows: number) {
    this.rows = rows;
  }

  write(text: string): void {
    this.written += text;
  }

  on(): void {}
  off(): void {}
}

describe('the live lines', () => {
  /** The lines that a terminal of that height shows for five transfers. */
  function linesOn(rows: number): string[] {
    const stream = new Recorder(rows);
    const records: FileRecord[] = [fileRecord(1, { targets: { out: { state: 'pending' } } })];
    const engine = {
      records: { all: () => records, changes: new Subject<Change>() },
      devices: new BehaviorSubject([]),
      pending: new BehaviorSubject({ finds: 0, downloads: 5, uploads: 0, total: 5 }),
      progress: new Subject<Progress>(),
      transfers: () => [1, 2, 3, 4, 5].map(id => transfer({ id: `${id}`, path: `${id}.ulg` })),
    };
    const live = new LiveLines(stream);
    using _view = new ProgressView({ live, clock: new VirtualClock(), engine, always: true });
    return stream.written
      .split('\x1b[?7l')
      .slice(1)
      .map(text => text.slice(0, 12).trim());
  }

  it('are as many as there are rows, less one; the other transfers are counted', () => {
    assert.deepEqual(linesOn(10).length, 6);
    assert.deepEqual(linesOn(5), ['cam:1.ulg', 'cam:2.ulg', '… and 3 more', '0 of 1 files']);
    assert.deepEqual(linesOn(2), ['0 of 1 files']);
  });
});
