import assert from 'node:assert/strict';
import { describeFlight, flightsOf, MAX_IDS, MAX_LINKS, type Flight } from '../../../src/flights/flight.js';
import { FileState, type Delivery, type FileRecord } from '../../../src/ports.js';
import type { StepWait } from '../../../src/record/wait.js';
import { fileRecord } from '../../fakes/file-record.js';

const T0 = Date.UTC(2026, 7, 1, 10);
const done = (location?: string): Delivery => ({
  state: 'done',
  ...(location !== undefined && { location }),
});
const pending: Delivery = { state: 'pending' };

/** One flight of all the files. */
function flightOf(
  records: readonly FileRecord[],
  waits: (record: FileRecord) => readonly StepWait[] = () => [],
): Flight {
  const [found, ...others] = flightsOf(records.map(record => ({ ...record, modified: T0 })));
  assert.ok(found && others.length === 0);
  return describeFlight(found, waits);
}

const record = (number: number, targets: FileRecord['targets'], changes: Partial<FileRecord> = {}) =>
  fileRecord(number, { targets, copy: { state: 'whole' }, ...changes });
/** How many files are missing, of which state, what they wait for, and why. */
const missing = (flight: Flight) =>
  flight.missing.map(({ files, state, device, code, reason }) => [files, state, device, code, reason]);

describe('a flight', () => {
  it('is complete when all targets have all files, with the links of its logs first', () => {
    const flight = flightOf([
      record(1, { ftp: done('ftp://a/1'), web: done('https://web/picture') }, { path: 'a.jpg', size: 5 }),
      record(
        2,
        { ftp: done('/logs/2'), web: done('https://web/log') },
        { source: { state: 'removed' }, size: 7 },
      ),
    ]);
    assert.deepEqual(flight.delivered, [
      { target: 'ftp', done: 2, files: 2, links: [] },
      { target: 'web', done: 2, files: 2, links: ['https://web/log', 'https://web/picture'] },
    ]);
    assert.deepEqual([flight.state, flight.missing], ['complete', []]);
    assert.deepEqual([flight.files, flight.bytes, flight.devices], [2, 12, ['autopilot']]);
  });

  it('is under way while anything waits, and says for what', () => {
    const waits = ({ id, size }: FileRecord): StepWait[] =>
      id === fileRecord(3).id
        ? [
            { stage: 'fetch', code: 'armed', reason: 'the vehicle is armed' },
            { stage: 'remove', code: 'kept', reason: 'kept for a while' },
          ]
        : [{ stage: 'deliver', target: 'ftp', code: 'offline', reason: 'refused', since: size }];
    const flight = flightOf(
      [
        record(1, { ftp: pending, web: done() }),
        record(2, { ftp: pending, web: done() }),
        record(3, { ftp: pending, web: pending }, { copy: { state: 'none' } }),
      ],
      waits,
    );
    assert.equal(flight.state, 'under way');
    assert.deepEqual(missing(flight), [
      [2, FileState.PARTIAL, 'ftp', 'offline', 'refused'],
      [1, FileState.FOUND, 'autopilot', 'armed', 'the vehicle is armed'],
    ]);
    assert.deepEqual([flight.missing[0]?.since, flight.missing[0]?.bytes], [1001, 2003]);
    assert.deepEqual(
      flight.delivered.map(({ target, done: has, files }) => [target, has, files]),
      [
        ['ftp', 0, 3],
        ['web', 2, 3],
      ],
    );
  });

  it('says by the records alone what they say', () => {
    const flight = flightOf([
      record(1, { ftp: { ...pending, reason: 'refused' }, web: pending }),
      record(2, { ftp: pending }, { copy: { state: 'none' }, reason: 'no answer' }),
    ]);
    assert.deepEqual(missing(flight), [
      [1, FileState.DOWNLOADED, 'ftp', undefined, 'refused'],
      [1, FileState.DOWNLOADED, 'web', undefined, ''],
      [1, FileState.FOUND, 'autopilot', undefined, 'no answer'],
    ]);
  });

  it('failed if a file did, whatever goes on', () => {
    const flight = flightOf([
      record(1, { ftp: { state: 'failed', reason: 'too large' } }),
      record(2, { ftp: pending }, { givenUp: true, reason: 'another checksum' }),
      record(3, { ftp: { state: 'sending' } }),
    ]);
    assert.equal(flight.state, 'failed');
    assert.deepEqual(missing(flight), [
      [1, FileState.FAILED, 'ftp', undefined, 'too large'],
      [1, FileState.FAILED, 'autopilot', undefined, 'another checksum'],
      [1, FileState.UPLOADING, 'ftp', undefined, ''],
    ]);
  });

  it('is incomplete if files were skipped or have vanished', () => {
    const flight = flightOf([
      record(1, { ftp: done() }),
      record(2, { ftp: pending }, { copy: { state: 'none' }, skipped: 'smaller_than: it has 3 GB' }),
      record(3, { ftp: pending }, { copy: { state: 'none' }, source: { state: 'gone' } }),
    ]);
    assert.equal(flight.state, 'incomplete');
    assert.deepEqual(missing(flight), [
      [1, FileState.SKIPPED, 'autopilot', undefined, 'smaller_than: it has 3 GB'],
      [1, FileState.VANISHED, 'autopilot', undefined, 'gone from the source, and no local copy is left'],
    ]);
  });

  it('is no larger than a message may be, however many files it has', () => {
    const all = Array.from({ length: 3000 }, (_, index) =>
      record(index, {
        web: index % 2 === 0 ? done(`https://web/${index}`) : { state: 'failed', reason: `${index}` },
      }),
    );
    const flight = flightOf(all);
    assert.deepEqual([flight.files, flight.ids.length], [3000, MAX_IDS]);
    assert.equal(flight.delivered[0]?.links.length, MAX_LINKS);
    assert.ok(flight.missing.length <= 20);
  });
});
