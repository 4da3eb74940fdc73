import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileSyncError } from '../../../src/errors.js';
import { LocalStorage } from '../../../src/local/storage.js';
import type { FileRecord } from '../../../src/ports.js';
import { Records } from '../../../src/record/records.js';
import { Planner } from '../../../src/rules/plan.js';
import { Units } from '../../../src/units/units.js';
import { eventually } from '../../conformance/support.js';
import { metadata } from '../../data/bag-metadata.js';
import { put } from '../../e2e/parts.js';
import { fileRecord } from '../../fakes/file-record.js';
import { MemoryStore } from '../../fakes/memory-store.js';
import { RecordingLogger } from '../../fakes/recording-logger.js';
import { VirtualClock } from '../../fakes/virtual-clock.js';
import { rule } from '../rules/rule.js';

const hashOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const LIST = metadata(['0.mcap', '1.mcap']);
const targets = { archive: { state: 'pending' } } as const;
const part = (number: number): FileRecord =>
  fileRecord(number + 1, { path: `run/${number}.mcap`, copy: { state: 'whole' }, targets });
const marker = fileRecord(9, {
  ...{ path: 'run/metadata.yaml', local: 'autopilot/run/metadata.yaml', size: LIST.length },
  ...{ copy: { state: 'whole' }, sha256: hashOf(LIST), targets },
});

interface Bench {
  readonly local: LocalStorage;
  readonly clock: VirtualClock;
  readonly units: Units;
  readonly records: Records;
  readonly folder: string;
  /** Why the record is not delivered. */
  readonly waitOf: (id: string) => string | undefined;
}

/** Units of records, with the marker's local copy. */
async function onUnits(
  bytes: Uint8Array | undefined,
  all: readonly FileRecord[],
  test: (bench: Bench) => Promise<void>,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'filesync-units-'));
  const [store, logger, stop] = [new MemoryStore(all), new RecordingLogger(), new AbortController()];
  const clock = new VirtualClock();
  try {
    if (bytes) await put(join(folder, marker.local), bytes);
    const records = new Records(store, clock, logger);
    const planner = new Planner([rule({ together: { folder: 'metadata.yaml' } })]);
    const local = new LocalStorage(folder);
    const parts = { records, planner, local, logger, clock, signal: stop.signal };
    const units = new Units(parts);
    const waitOf = (id: string) => units.lookups.together({ kind: 'deliver', id, target: 'archive' })?.reason;
    await test({ units, records, folder, waitOf, local, clock });
  } finally {
    stop.abort();
    await rm(folder, { recursive: true, force: true });
  }
}

describe('Units', () => {
  it('read what a marker lists from its local copy, and report that it is complete', () =>
    onUnits(LIST, [part(0), part(1), marker], async ({ units, waitOf }) => {
      const { id } = part(0);
      assert.match(waitOf(id) ?? '', /it is being read/);
      const reported: string[][] = [];
      units.changes.subscribe(ids => reported.push([...ids.keys()]));
      await eventually(async () => waitOf(id) === undefined);
      assert.deepEqual(reported, [[part(0).id, part(1).id, marker.id]]);
    }));

  it('report a unit only when others of its files may go, or have to wait', () =>
    onUnits(LIST, [part(0), marker], async ({ units, records, waitOf }) => {
      await eventually(async () => /waits for 1\.mcap/.test(waitOf(part(0).id) ?? ''));
      let reports = 0;
      units.changes.subscribe(() => (reports += 1));
      records.apply(part(0).id, { type: 'Prioritised', first: 3 });
      assert.equal(reports, 0);
      records.apply(part(1).id, { type: 'Found', record: part(1) });
      await eventually(async () => reports === 1);
      assert.equal(waitOf(part(0).id), undefined);
      const receipt = { location: '', verified: 'hash' } as const;
      records.apply(part(0).id, { type: 'Delivered', target: 'archive', path: 'x', receipt });
      assert.equal(reports, 1);
      assert.match(waitOf(marker.id) ?? '', /goes last/);
      records.apply(part(1).id, { type: 'Delivered', target: 'archive', path: 'y', receipt });
      assert.equal(reports, 2);
      assert.equal(waitOf(marker.id), undefined);
    }));

  for (const [what, bytes, left] of [
    ['is lost', undefined, []],
    ['has changed', metadata(['0.mcap', '2.mcap']), ['metadata.yaml.corrupt']],
  ] as const)
    it(`have a marker fetched again whose local copy ${what}`, () =>
      onUnits(bytes, [part(0), part(1), marker], async ({ records, waitOf, folder }) => {
        assert.match(waitOf(part(0).id) ?? '', /it is being read/);
        await eventually(async () => records.get(marker.id)?.copy.state === 'none');
        assert.match(waitOf(part(0).id) ?? '', /it is not fetched yet/);
        if (left.length > 0) assert.deepEqual(await readdir(join(folder, 'autopilot/run')), left);
        assert.equal(records.get(marker.id)?.lost, 1);
      }));

  it('report a unit that a new file completes, also where that is asked for first', () => {
    const { sha256: _, ...found } = marker;
    const late = { ...found, via: 'stream', copy: { state: 'none' } } as const;
    return onUnits(undefined, [part(0)], async ({ units, records, waitOf }) => {
      await eventually(async () => /waits for metadata\.yaml/.test(waitOf(part(0).id) ?? ''));
      const reported: string[][] = [];
      units.changes.subscribe(ids => reported.push([...ids.keys()]));
      records.apply(late.id, { type: 'Found', record: late });
      assert.equal(waitOf(part(0).id), undefined);
      await eventually(async () => reported.length === 1);
      assert.deepEqual(reported, [[part(0).id, late.id]]);
    });
  });

  it('judge a large unit once for many files that are delivered, and not before it is asked for again', () => {
    const all = Array.from({ length: 500 }, (_, at) => part(at + 20));
    const { sha256: _, ...found } = marker;
    const streamed = { ...found, via: 'stream', copy: { state: 'none' } } as const;
    return onUnits(undefined, [...all, streamed], async ({ units, records, waitOf, clock }) => {
      assert.match(waitOf(marker.id) ?? '', /goes last/);
      await new Promise(setImmediate);
      let reports = 0;
      units.changes.subscribe(() => (reports += 1));
      const receipt = { location: '', verified: 'hash' } as const;
      for (const { id } of all)
        records.apply(id, { type: 'Delivered', target: 'archive', path: id, receipt });
      assert.equal(clock.sleeping, 1);
      assert.match(waitOf(marker.id) ?? '', /goes last/);
      const wait = units.lookups.together({ kind: 'deliver', id: marker.id, target: 'archive' });
      assert.ok((wait?.until ?? 0) > clock.monotonic());
      await clock.advance(1_000);
      assert.equal(reports, 1);
      assert.equal(waitOf(marker.id), undefined);
      records.apply(part(600).id, { type: 'Found', record: part(600) });
      assert.match(waitOf(marker.id) ?? '', /goes last/);
    });
  });

  it('wait before they read a local copy again that the disk does not return', () =>
    onUnits(LIST, [part(0), part(1), marker], async ({ waitOf, local, clock }) => {
      let reads = 0;
      const open = local.open.bind(local);
      local.open = (...args) => {
        if (++reads > 1) return open(...args);
        throw new FileSyncError('io', 'the disk returns an error (EIO)');
      };
      await eventually(async () => /cannot be read: the disk returns/.test(waitOf(part(0).id) ?? ''));
      assert.equal(reads, 1);
      assert.equal(clock.sleeping, 1);
      await clock.advance(10_000);
      await eventually(async () => waitOf(part(0).id) === undefined);
    }));

  it('are those of the rules', () =>
    onUnits(LIST, [part(0), part(1), marker, fileRecord(4)], async ({ units, records }) => {
      const { group } = units.groupOf(marker);
      assert.deepEqual([units.groupOf(part(0)).group, units.groupOf(part(1)).group], [group, group]);
      assert.notEqual(units.groupOf(fileRecord(4)).group, group);
      await records.forget(part(0).id);
      assert.deepEqual([units.groupOf(part(0)).group, units.groupOf(part(1)).group], [part(0).id, group]);
    }));
});
