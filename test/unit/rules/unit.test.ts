import assert from 'node:assert/strict';
import type { Delivery, FileRecord, Moment } from '../../../src/ports.js';
import { beyondLimits, beyondSpace } from '../../../src/rules/retention.js';
import { unitOf, type Together } from '../../../src/rules/together.js';
import {
  concernsUnit,
  judge,
  onlyReleases,
  signatureOf,
  unitReason,
  type Listing,
} from '../../../src/rules/unit.js';
import { fileRecord } from '../../fakes/file-record.js';

const BAG: Together = { folder: 'metadata.yaml' };
const PAIR: Together = { stem: ['ulgc', 'ulgk'] };
const moment = (at: number): Moment => ({ at, boot: 'one', up: at, synced: true });

let number = 0;
const PENDING: FileRecord['targets'] = { ftp: { state: 'pending' }, dav: { state: 'pending' } };
const part = (path: string, changes: Partial<FileRecord> = {}): FileRecord =>
  fileRecord(++number, { path, copy: { state: 'whole' }, targets: PENDING, ...changes });
const done = (path: string, changes: Partial<FileRecord> = {}): FileRecord =>
  part(path, {
    targets: { ftp: { state: 'done' }, dav: { state: 'done' } },
    delivered: moment(1),
    ...changes,
  });
const withFtp = (path: string, ftp: Delivery, changes: Partial<FileRecord> = {}): FileRecord =>
  part(path, { targets: { ftp, dav: { state: 'pending' } }, ...changes });

interface Case {
  readonly records: readonly FileRecord[];
  readonly together?: Together;
  readonly listing?: Listing;
  readonly early?: boolean;
}

function verdictOn({ records, together = BAG, listing = { kind: 'none' } }: Case) {
  const place = unitOf(records[0]?.path ?? '', together);
  assert.ok(place);
  const members = records.map(record => ({
    record,
    isMarker: unitOf(record.path, together)?.isMarker === true,
  }));
  return { place, members, verdict: judge(place, members, () => listing) };
}

/** Why the step of the record with that path waits. */
function reason(one: Case, kind: string, path: string, target?: string): string | undefined {
  const { place, members, verdict } = verdictOn(one);
  const member = members.findLast(({ record }) => record.path === path);
  assert.ok(member);
  return unitReason(
    { kind, ...(target !== undefined && { target }) },
    member,
    place,
    one.early ?? false,
    verdict,
  );
}

const GONE = { source: { state: 'gone' } } as const;
const REMOVED = { source: { state: 'removed' } } as const;

describe('a unit', () => {
  describe('before it is complete', () => {
    it('sends nothing, and says why', () => {
      const one = { records: [part('run/0.mcap'), part('run/1.mcap')] };
      assert.equal(reason(one, 'deliver', 'run/0.mcap', 'ftp'), 'waits for metadata.yaml of the folder run');
      assert.equal(reason(one, 'stream', 'run/1.mcap', 'dav'), 'waits for metadata.yaml of the folder run');
    });

    it('may be fetched', () => {
      for (const kind of ['fetch', 'recover', 'scan'])
        assert.equal(reason({ records: [part('run/0.mcap')] }, kind, 'run/0.mcap'), undefined);
    });

    it('is neither removed nor evicted, also where parts were sent early', () => {
      for (const kind of ['remove', 'evict'])
        assert.match(
          reason({ records: [done('run/0.mcap')], early: true }, kind, 'run/0.mcap') ?? '',
          /waits for/,
        );
    });

    it('sends its parts early where the rule says so', () => {
      const one = { records: [part('run/0.mcap')], early: true };
      assert.equal(reason(one, 'deliver', 'run/0.mcap', 'ftp'), undefined);
    });

    it('waits for a marker that is gone before it was fetched, or that its rule skips', () => {
      const gone = {
        records: [part('run/0.mcap'), part('run/metadata.yaml', { ...GONE, copy: { state: 'none' } })],
      };
      assert.match(reason(gone, 'deliver', 'run/0.mcap', 'ftp') ?? '', /^waits for metadata\.yaml/);
      const skipped = {
        records: [part('run/0.mcap'), part('run/metadata.yaml', { skipped: 'fetch: asked (…)' })],
      };
      assert.match(reason(skipped, 'deliver', 'run/0.mcap', 'ftp') ?? '', /fetch: asked/);
    });

    it('waits for the other file of a pair', () => {
      const one = { records: [part('x/a.ulgc')], together: PAIR };
      assert.equal(reason(one, 'deliver', 'x/a.ulgc', 'ftp'), 'waits for x/a.ulgk, which belongs to it');
      const other = { records: [part('x/a.ulgk')], together: PAIR };
      assert.equal(reason(other, 'deliver', 'x/a.ulgk', 'ftp'), 'waits for x/a.ulgc, which belongs to it');
    });

    it('waits for the marker of a new recording in a folder whose marker was removed', () => {
      const one = { records: [done('run/metadata.yaml', REMOVED), part('run/0.mcap')] };
      assert.match(reason(one, 'deliver', 'run/0.mcap', 'ftp') ?? '', /^waits for metadata\.yaml/);
    });

    it('waits for what the marker lists', () => {
      const records = [part('run/0.mcap'), part('run/metadata.yaml')];
      const listing: Listing = { kind: 'files', files: ['0.mcap', '1.mcap'] };
      const why =
        /^waits for 1\.mcap, which metadata\.yaml of the folder run lists: there is no such file yet/;
      for (const path of ['run/0.mcap', 'run/metadata.yaml'])
        assert.match(reason({ records, listing }, 'deliver', path, 'ftp') ?? '', why);
      const all = { records: [...records, part('run/1.mcap')], listing };
      assert.equal(reason(all, 'deliver', 'run/0.mcap', 'ftp'), undefined);
    });

    it('says of a listed file that it is gone, or skipped', () => {
      const listing: Listing = { kind: 'files', files: ['0.mcap'] };
      const marker = part('run/metadata.yaml');
      const gone = { records: [part('run/0.mcap', { ...GONE, copy: { state: 'none' } }), marker], listing };
      assert.match(reason(gone, 'deliver', 'run/metadata.yaml', 'ftp') ?? '', /gone from the source/);
      const skipped = { records: [part('run/0.mcap', { skipped: 'larger_than: 1 MB' }), marker], listing };
      assert.match(reason(skipped, 'deliver', 'run/metadata.yaml', 'ftp') ?? '', /larger_than/);
    });

    it('waits until the list is known', () => {
      const listing: Listing = { kind: 'unknown', why: 'it is not fetched yet' };
      const one = { records: [part('run/0.mcap'), part('run/metadata.yaml')], listing };
      assert.match(reason(one, 'deliver', 'run/0.mcap', 'ftp') ?? '', /it is not fetched yet/);
      assert.equal(reason({ ...one, early: true }, 'deliver', 'run/0.mcap', 'ftp'), undefined);
      assert.match(
        reason({ ...one, early: true }, 'deliver', 'run/metadata.yaml', 'ftp') ?? '',
        /not fetched/,
      );
    });
  });

  describe('that is complete', () => {
    it('sends its parts, then its marker, on each target for itself', () => {
      const parts = [withFtp('run/0.mcap', { state: 'done' }), withFtp('run/1.mcap', { state: 'done' })];
      const one = { records: [...parts, part('run/metadata.yaml')] };
      assert.equal(reason(one, 'deliver', 'run/0.mcap', 'dav'), undefined);
      assert.equal(reason(one, 'deliver', 'run/metadata.yaml', 'ftp'), undefined);
      assert.equal(
        reason(one, 'deliver', 'run/metadata.yaml', 'dav'),
        'goes last: other files of the folder run are not there yet',
      );
    });

    for (const state of ['pending', 'sending', 'committing'] as const)
      it(`keeps the marker back while a part is ${state}`, () => {
        const one = { records: [withFtp('run/0.mcap', { state }), part('run/metadata.yaml')] };
        assert.match(reason(one, 'deliver', 'run/metadata.yaml', 'ftp') ?? '', /^goes last/);
      });

    it('keeps the marker back where a part failed, and says why', () => {
      const failed = withFtp('run/0.mcap', { state: 'failed', reason: '550 no' });
      const one = { records: [failed, part('run/1.mcap'), part('run/metadata.yaml')] };
      const why = reason(one, 'deliver', 'run/metadata.yaml', 'ftp') ?? '';
      assert.match(why, /^is not sent: run\/0\.mcap FAILED: 550 no \(`filesync retry [0-9a-f]{12}`/);
      assert.match(reason(one, 'deliver', 'run/metadata.yaml', 'dav') ?? '', /^goes last/);
      const givenUp = part('run/0.mcap', { givenUp: true, reason: 'no memory', copy: { state: 'none' } });
      const other = { records: [givenUp, part('run/metadata.yaml')] };
      assert.match(reason(other, 'deliver', 'run/metadata.yaml', 'dav') ?? '', /FAILED: no memory/);
    });

    it('does not wait for a part that vanished, or that is not wanted', () => {
      const vanished = part('run/tmp', { ...GONE, copy: { state: 'none' } });
      const skipped = part('run/notes', { skipped: 'larger_than: 1 MB' });
      const one = { records: [vanished, skipped, done('run/0.mcap'), part('run/metadata.yaml')] };
      assert.equal(reason(one, 'deliver', 'run/metadata.yaml', 'ftp'), undefined);
    });

    it('does not wait for a part that does not go to that target', () => {
      const one = {
        records: [part('run/0.mcap', { targets: { dav: { state: 'pending' } } }), part('run/metadata.yaml')],
      };
      assert.equal(reason(one, 'deliver', 'run/metadata.yaml', 'ftp'), undefined);
    });

    it('waits for the latest record of a path alone', () => {
      const earlier = part('run/0.mcap', { ...GONE });
      const one = { records: [earlier, done('run/0.mcap'), part('run/metadata.yaml')] };
      assert.equal(reason(one, 'deliver', 'run/metadata.yaml', 'ftp'), undefined);
    });

    it('is delivered from local storage after its source has lost it', () => {
      const one = { records: [part('run/0.mcap', GONE), part('run/metadata.yaml', GONE)] };
      assert.equal(reason(one, 'deliver', 'run/0.mcap', 'ftp'), undefined);
      assert.match(reason(one, 'deliver', 'run/metadata.yaml', 'ftp') ?? '', /^goes last/);
    });

    it('sends a file that appears later', () => {
      const one = { records: [done('run/0.mcap'), done('run/metadata.yaml'), part('run/late.txt')] };
      assert.equal(reason(one, 'deliver', 'run/late.txt', 'ftp'), undefined);
    });

    it('sends the last extension of a pair last', () => {
      const one = { records: [part('x/a.ulgc'), part('x/a.ulgk')], together: PAIR };
      assert.equal(reason(one, 'deliver', 'x/a.ulgc', 'ftp'), undefined);
      assert.match(reason(one, 'deliver', 'x/a.ulgk', 'ftp') ?? '', /^goes last/);
    });
  });

  describe('that is to be removed', () => {
    it('stays until all its files are delivered', () => {
      const one = { records: [done('run/0.mcap'), part('run/1.mcap'), done('run/metadata.yaml')] };
      for (const kind of ['remove', 'evict'])
        for (const path of ['run/0.mcap', 'run/metadata.yaml'])
          assert.equal(
            reason(one, kind, path),
            'goes with all files of the folder run: run/1.mcap is not on every target yet',
          );
    });

    it('goes from the source with its marker first', () => {
      const parts = [done('run/0.mcap'), done('run/1.mcap')];
      const before = { records: [...parts, done('run/metadata.yaml')] };
      assert.equal(reason(before, 'remove', 'run/metadata.yaml'), undefined);
      assert.equal(reason(before, 'remove', 'run/0.mcap'), 'goes after metadata.yaml');
      assert.equal(reason(before, 'evict', 'run/0.mcap'), undefined);
      const after = { records: [...parts, done('run/metadata.yaml', REMOVED)] };
      assert.equal(reason(after, 'remove', 'run/0.mcap'), undefined);
    });

    it('counts from its last delivery', () => {
      const records = [
        done('run/0.mcap', { delivered: moment(7) }),
        done('run/metadata.yaml', { delivered: moment(5) }),
      ];
      assert.equal(verdictOn({ records }).verdict.delivered?.up, 7);
    });
  });

  it('is judged again only for changes that matter', () => {
    const one = withFtp('run/0.mcap', { state: 'pending' });
    assert.equal(concernsUnit({ ...one, first: 3, updatedAt: 9 }, one), false);
    assert.equal(concernsUnit(withFtp('run/0.mcap', { state: 'sending', path: 'x' }), one), false);
    assert.equal(concernsUnit(withFtp('run/0.mcap', { state: 'failed' }), one), true);
    assert.equal(concernsUnit({ ...one, copy: { state: 'none' } }, one), true);
    assert.equal(concernsUnit({ ...one, ...GONE }, one), true);
    assert.equal(concernsUnit({ ...one, givenUp: true }, one), true);
    assert.equal(concernsUnit({ ...one, targets: {} }, one), true);
  });

  it('holds nothing more back after a change that is said to only release', () => {
    const path = 'run/0.mcap';
    const targets = (['pending', 'failed', 'done'] as const).map(state => ({
      ftp: { state },
      dav: { state },
    }));
    const ends = [...targets, { ftp: { state: 'done' }, dav: { state: 'pending' } } as const, {}];
    const copies = (['none', 'partial', 'whole', 'evicted'] as const).map(state => ({ copy: { state } }));
    const sources = [{ source: { state: 'present' } } as const, GONE, REMOVED];
    const others = [{}, { skipped: 'larger_than' }, { givenUp: true }] as const;
    const variants = ends.flatMap(one =>
      copies.flatMap(copy =>
        sources.flatMap(source =>
          others.map(other => part(path, { targets: one, ...copy, ...source, ...other })),
        ),
      ),
    );
    variants.push(done(path), done(path, { ...REMOVED, copy: { state: 'evicted' } }), done(path, GONE));
    const strictness = (record: FileRecord) => {
      const listing = { kind: 'files', files: ['0.mcap'] } as const;
      const { verdict } = verdictOn({ records: [record, part('run/metadata.yaml')], listing });
      const { incomplete, held, marker } = verdict;
      const texts = { present: incomplete.present, gone: incomplete.gone, held };
      const ways = [...Object.entries(texts)].flatMap(([way, text]) => (text === undefined ? [] : [way]));
      return [...ways, ...marker.keys()];
    };
    const all = variants.map(record => ({ record, held: strictness(record) }));
    let released = 0;
    for (const before of all)
      for (const after of all) {
        if (!onlyReleases(after.record, before.record)) continue;
        released += 1;
        const more = after.held.filter(way => !before.held.includes(way));
        assert.deepEqual(more, [], JSON.stringify([before.record, after.record]));
      }
    assert.ok(released > all.length);
  });

  it('has another signature when other steps may go', () => {
    const records = [part('run/0.mcap')];
    const one = signatureOf(verdictOn({ records }).verdict);
    assert.equal(signatureOf(verdictOn({ records: [...records, part('run/1.mcap')] }).verdict), one);
    assert.notEqual(
      signatureOf(verdictOn({ records: [...records, part('run/metadata.yaml')] }).verdict),
      one,
    );
  });
});

describe('limits of space', () => {
  const GROUPS = new Map([
    ['a0', 'a'],
    ['a1', 'a'],
    ['b', 'b'],
    ['c', 'c'],
  ]);
  const file = (path: string, at: number) => done(path, { size: 10, delivered: moment(at), modified: at });
  const groupOf = ({ path }: FileRecord) => ({ group: GROUPS.get(path), isWhole: path !== 'c' });
  const files = [file('a0', 1), file('b', 2), file('a1', 3), file('c', 0)];
  const retention = (bytes: number) => {
    const limit = { kind: 'size', bytes } as const;
    return () => limit;
  };
  const paths = (records: readonly FileRecord[]) => records.map(({ path }) => path);

  it('evict files that go together as one, by the last of them', () => {
    assert.deepEqual(paths(beyondLimits(files, retention(35), groupOf)), ['b']);
    assert.deepEqual(paths(beyondLimits(files, retention(25), groupOf)), ['b', 'a0', 'a1']);
  });

  it('evict nothing of what may not go yet', () => {
    assert.deepEqual(paths(beyondLimits([file('c', 0)], retention(0), groupOf)), []);
  });

  it('remove files that go together as one from a source', () => {
    const kept = files.map(record => ({ record, keepFree: 100 }));
    const ids = (...names: string[]) =>
      new Set(files.filter(({ path }) => names.includes(path)).map(({ id }) => id));
    assert.deepEqual(beyondSpace(kept, 95, groupOf), ids('b'));
    assert.deepEqual(beyondSpace(kept, 85, groupOf), ids('b', 'a0', 'a1'));
    assert.deepEqual(beyondSpace(kept, 100, groupOf), ids());
  });
});
