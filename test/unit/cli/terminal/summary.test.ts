import assert from 'node:assert/strict';
import { Subject } from 'rxjs';
import type { File } from '../../../../src/api/schema.js';
import { fileView } from '../../../../src/api/views.js';
import {
  DeliveryCounts,
  stoppedLines,
  summaryLines,
  type PassSummary,
} from '../../../../src/cli/terminal/summary.js';
import type { Change, Delivery, FileRecord } from '../../../../src/ports.js';
import { fileRecord } from '../../../fakes/file-record.js';
import { VirtualClock } from '../../../fakes/virtual-clock.js';

const DONE: Delivery = { state: 'done' };
const PENDING: Delivery = { state: 'pending' };
const REFUSED: Delivery = { state: 'failed', reason: 'refused the file: 400 "no"' };

const record = (name: string, targets: FileRecord['targets']): FileRecord =>
  fileRecord(1, {
    ...{ id: `${name}00000000000`, device: 'cam', path: `${name}.ulg`, size: 1000 },
    ...{ copy: { state: 'whole' }, targets },
  });
const view = (name: string, targets: FileRecord['targets']): File =>
  fileView(record(name, targets), [], new VirtualClock());

/** Counts of deliveries from pending to those. */
function counted(...records: readonly FileRecord[]): DeliveryCounts {
  const changes = new Subject<Change>();
  const counts = new DeliveryCounts({ changes });
  for (const one of records) {
    const targets = Object.fromEntries(Object.keys(one.targets).map(name => [name, PENDING]));
    changes.next({ id: one.id, record: one, previous: { ...one, targets } });
  }
  return counts;
}

const NOTHING: PassSummary = { delivered: [], unfinished: [], growing: [], unreachable: [] };

describe('the summary of a pass', () => {
  it('counts for each target what was delivered, waits and failed, and names the commands that help', () => {
    const unfinished = [
      view('b', { archive: DONE, review: REFUSED }),
      view('c', { archive: PENDING, review: PENDING }),
    ];
    const counts = counted(
      record('a', { archive: DONE, review: DONE }),
      record('b', { archive: DONE, review: REFUSED }),
    );
    assert.deepEqual(summaryLines({ ...NOTHING, delivered: [{}], unfinished }, counts, 'my.yaml'), [
      'cam:b.ulg: FAILED: review: refused the file: 400 "no"',
      'cam:c.ulg: DOWNLOADED: waits for the next pass',
      'archive: 2 delivered (2.0 kB), 1 waiting',
      'review: 1 delivered (1.0 kB), 1 waiting, 1 failed',
      '1 delivered, 2 unfinished, 1 of them delivered in part',
      'Why the first of them failed: filesync show b00000000000 -c my.yaml',
      'To attempt what failed again: filesync retry --failed -c my.yaml',
      'To probe the devices: filesync check -c my.yaml',
      'To go on with what waits: filesync sync -c my.yaml',
    ]);
  });

  it('groups files with the same reason', () => {
    const unfinished = ['a', 'b', 'c', 'd', 'e'].map(name => view(name, { review: REFUSED }));
    const growing = ['x', 'y'].map(path => ({ device: 'cam', path }));
    const lines = summaryLines({ ...NOTHING, unfinished, growing }, counted(), undefined);
    assert.deepEqual(lines.slice(0, 5), [
      '2 files: may still be growing, left for the next pass',
      '  cam:x, cam:y',
      '5 files: FAILED: review: refused the file: 400 "no"',
      '  cam:a.ulg, cam:b.ulg, cam:c.ulg and 2 more',
      'review: 0 delivered, 5 failed',
    ]);
  });

  it('says nothing more where all is done', () => {
    assert.deepEqual(summaryLines(NOTHING, counted(), undefined), ['0 delivered, 0 unfinished']);
  });

  it('after Ctrl-C, counts what waits', () => {
    assert.deepEqual(
      stoppedLines([view('a', { archive: PENDING })], counted(record('b', { archive: DONE }))),
      ['archive: 1 delivered (1.0 kB), 1 waiting', 'stopped: 1 unfinished, the next run goes on with them'],
    );
  });
});
