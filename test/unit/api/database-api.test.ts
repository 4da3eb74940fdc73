import assert from 'node:assert/strict';
import { NEVER, of } from 'rxjs';
import * as schema from '../../../src/api/schema.js';
import type { FilePage } from '../../../src/api/schema.js';
import { Records } from '../../../src/record/records.js';
import { stateOf } from '../../../src/record/state.js';
import { FileState, type FileRecord } from '../../../src/ports.js';
import type { StepWait } from '../../../src/record/wait.js';
import { systemClock } from '../../../src/system/clock.js';
import { databaseApi } from '../../fakes/database-api.js';
import { fileRecord } from '../../fakes/file-record.js';
import { MemoryStore } from '../../fakes/memory-store.js';

const TARGETS = { ftp: { state: 'pending' } } as const;
const DONE = { ftp: { state: 'done' } } as const;

const found = (number: number, changes: Partial<FileRecord> = {}) =>
  fileRecord(number, { targets: TARGETS, ...changes });
const failed = (number: number) => found(number, { givenUp: true, reason: 'the card is broken' });
const skipped = (number: number) => found(number, { skipped: 'exclude: **/*.ulg' });

const NO_SUCH_FILE = 'no such file; `filesync files` lists them';

const idOf = (number: number): string => fileRecord(number).id;
const idsOf = (...numbers: number[]): string[] => numbers.map(idOf);

const CAM = { name: 'cam', type: 'disk', available: false, reason: 'not plugged in', armed: false, since: 0 };

const IDLE = {
  ...{ progress: NEVER, paused: false, transfers: () => [], isTarget: () => false },
  ...{ rescan: () => undefined, pause: () => undefined, push: () => 0 },
};

/** The API of a database that holds these records. */
function apiOf(...made: FileRecord[]) {
  const store = new MemoryStore(made);
  const records = new Records(store, systemClock);
  const api = databaseApi(records);
  const get = (number: number): FileRecord => records.get(idOf(number)) ?? assert.fail(`no record ${number}`);
  return { api, records, store, get };
}

const listedIds = (files: readonly { readonly id: string }[]): string[] => files.map(({ id }) => id);
const idsIn = ({ files }: FilePage): string[] => listedIds(files);

describe('The API of a database', () => {
  it('says of a file that can be fetched on request that it waits for one', async () => {
    const reason = 'fetch: asked (filesync fetch ID takes it)';
    const { api } = apiOf(found(1, { skipped: reason }), fileRecord(2, { skipped: 'no rule takes it' }));
    const waiting = {
      stage: 'fetch',
      target: '',
      code: 'on_request',
      text: reason,
      since: null,
      until: null,
    };
    assert.deepEqual((await api.file(idOf(1))).waiting, [waiting]);
    assert.deepEqual((await api.file(idOf(2))).waiting, []);
  });

  it('counts the files by state; without a daemon no device is known', async () => {
    const { running, devices, counts, verdict } = await apiOf(
      found(1),
      found(2),
      failed(3),
      skipped(4),
    ).api.status();
    assert.deepEqual([running, devices, counts], [false, [], { FOUND: 2, FAILED: 1, SKIPPED: 1 }]);
    assert.equal(verdict.code, 'ATTENTION');
  });

  it('returns the devices and why files wait, where a daemon knows', async () => {
    const { records } = apiOf(found(1), found(2));
    const wait: StepWait = { stage: 'fetch', code: 'offline', reason: 'not plugged in' };
    const waits = ({ id }: FileRecord) => (id === idOf(1) ? [wait] : []);
    const api = databaseApi(records, { ...IDLE, devices: of([CAM]), waits });
    const { running, devices } = await api.status();
    assert.deepEqual(
      [running, devices.map(({ name, reason }) => [name, reason])],
      [true, [['cam', 'not plugged in']]],
    );
    const { files } = await api.files({});
    assert.deepEqual(
      files.map(file => file.waiting.map(({ stage, code, text }) => [stage, code, text])),
      [[['fetch', 'offline', 'not plugged in']], []],
    );
  });

  describe('files', () => {
    const made = [found(1), found(2, { device: 'cam' }), failed(3)];

    it('returns facts, state and reason of each', async () => {
      const {
        files: [file],
      } = await apiOf(failed(3)).api.files({});
      assert.deepEqual(schema.file.parse(file), file);
      assert.deepEqual(
        [file?.id, file?.state, file?.reason, file?.kept],
        [idOf(3), 'FAILED', 'the card is broken', false],
      );
    });

    it('filters by state and device', async () => {
      const { api } = apiOf(...made);
      assert.deepEqual(idsIn(await api.files({ state: ['FOUND'] })), idsOf(1, 2));
      assert.deepEqual(idsIn(await api.files({ device: 'cam' })), idsOf(2));
      assert.deepEqual(idsIn(await api.files({ state: ['FAILED'], device: 'cam' })), []);
    });

    it('returns archived records only when asked for all, by the same filters', async () => {
      const { api, store } = apiOf(...made);
      await store.archive(idsOf(1, 2));
      assert.deepEqual(idsIn(await api.files({})), idsOf(3));
      assert.deepEqual(idsIn(await api.files({ archive: false })), idsOf(3));
      assert.deepEqual(idsIn(await api.files({ archive: true })).sort(), idsOf(1, 2, 3));
      assert.deepEqual(idsIn(await api.files({ archive: true, device: 'cam' })), idsOf(2));
      assert.deepEqual(idsIn(await api.files({ archive: true, state: ['FAILED'] })), idsOf(3));
    });
  });

  describe('retry', () => {
    it('brings back what FAILED, named by the beginnings of ids, and says why not the others', async () => {
      const { api, get } = apiOf(failed(0xa1), found(0xb2));
      const result = await api.retry({ ids: ['0000000000a', idOf(0xb2), 'zz'] });
      assert.deepEqual(result.changed, idsOf(0xa1));
      assert.deepEqual(
        result.refused.map(({ id }) => id),
        [idOf(0xb2), 'zz'],
      );
      assert.match(
        result.refused[0]?.reason ?? '',
        /it is FOUND; only FAILED files and failed deliveries can be retried/,
      );
      assert.equal(result.refused[1]?.reason, NO_SUCH_FILE);
      assert.equal(stateOf(get(0xa1)), FileState.FOUND);
      assert.equal(get(0xa1).reason, undefined);
      assert.deepEqual(get(0xb2), found(0xb2));
    });

    it('brings back a failed delivery of a file that another target waits for', async () => {
      const half = fileRecord(5, {
        targets: { archive: { state: 'pending' }, review: { state: 'failed', reason: 'no' } },
      });
      const { api, get } = apiOf(half, found(2));
      assert.deepEqual(await api.retry({ all: true }), { changed: idsOf(5), refused: [] });
      assert.deepEqual(get(5).targets, {
        archive: { state: 'pending' },
        review: { state: 'pending', tried: true },
      });
    });

    it('brings back all that FAILED', async () => {
      const { api, get } = apiOf(failed(1), found(2), failed(3), skipped(4));
      assert.deepEqual(await api.retry({ all: true }), { changed: idsOf(1, 3), refused: [] });
      assert.deepEqual([1, 3].map(get).map(stateOf), [FileState.FOUND, FileState.FOUND]);
    });

    it('retries only the targets that do not have it', async () => {
      const targets = { ftp: { state: 'done', path: 'a' }, web: { state: 'failed', reason: 'no' } } as const;
      const { api, get } = apiOf(found(1, { copy: { state: 'whole' }, targets }));
      await api.retry({ ids: idsOf(1) });
      const { ftp, web } = get(1).targets;
      assert.deepEqual([ftp, web?.state, web?.reason], [targets.ftp, 'pending', undefined]);
    });
  });

  describe('first', () => {
    /** In the order in which they go. */
    const order = (records: Records) =>
      [...records.all()]
        .filter(({ first }) => first !== undefined)
        .sort((a, b) => (b.first ?? 0) - (a.first ?? 0))
        .map(({ id }) => id);

    it('puts the first named first, before what was put there earlier', async () => {
      const { api, records } = apiOf(found(1), found(2), found(3), found(4));
      assert.deepEqual(await api.first({ ids: idsOf(4) }), { changed: idsOf(4), refused: [] });
      await api.first({ ids: idsOf(3, 1) });
      assert.deepEqual(order(records), idsOf(3, 1, 4));
      await api.first({ ids: idsOf(4) });
      assert.deepEqual(order(records), idsOf(4, 3, 1));
    });

    it('says why not those that wait for nothing', async () => {
      const { api, get } = apiOf(found(1), found(2, { copy: { state: 'whole' }, targets: DONE }));
      const { changed, refused } = await api.first({ ids: idsOf(2, 1) });
      assert.deepEqual(changed, idsOf(1));
      assert.deepEqual(refused, [{ id: idOf(2), reason: 'it is UPLOADED; nothing of it waits in a queue' }]);
      assert.equal(get(2).first, undefined);
    });
  });

  it('fetch asks for what is SKIPPED, and for nothing else', async () => {
    const { api, get } = apiOf(skipped(1), found(2));
    const { changed, refused } = await api.fetch({ ids: idsOf(1, 2) });
    assert.deepEqual(changed, idsOf(1));
    assert.match(refused[0]?.reason ?? '', /it is FOUND; only SKIPPED files can be fetched/);
    assert.deepEqual([stateOf(get(1)), get(1).asked, get(1).skipped], [FileState.FOUND, true, undefined]);
    assert.deepEqual(get(2), found(2));
  });

  it('forget deletes records, and says which are not there', async () => {
    const { api, records } = apiOf(found(1), failed(2), found(3));
    const { changed, refused } = await api.forget({ ids: [idOf(1), 'zz', idOf(2)] });
    assert.deepEqual([changed, listedIds(refused)], [idsOf(1, 2), ['zz']]);
    assert.deepEqual(listedIds([...records.all()]), idsOf(3));
  });

  describe('ids', () => {
    it('may be cut short where no other begins so', () => {
      const { api } = apiOf(found(0xa1), found(0xb2));
      assert.deepEqual(api.recordOf('0000000000a'), found(0xa1));
      assert.equal(api.recordOf('0000'), '2 ids begin with that; use more digits');
      assert.equal(api.recordOf(''), NO_SUCH_FILE);
    });

    it('that are many let other work go on meanwhile', async () => {
      const { records } = apiOf(found(1));
      let now = 0;
      const clock = { ...systemClock, monotonic: () => (now += 50) };
      const api = databaseApi(records, undefined, clock);
      let isOver = false;
      const edited = api
        .retry({ ids: Array.from({ length: 100 }, () => 'zz') })
        .finally(() => (isOver = true));
      let turns = 0;
      while (!isOver) turns += (await new Promise<void>(resolve => setImmediate(resolve)), 1);
      assert.equal((await edited).refused.length, 100);
      assert.ok(turns >= 50, `${turns} turns`);
    });

    it('that are whole are meant, though others begin so', () => {
      const longer = { ...found(2), id: `${idOf(1)}2` };
      assert.deepEqual(apiOf(longer, found(1)).api.recordOf(idOf(1)), found(1));
    });
  });

  describe('edit', () => {
    const isTarget = (name: string) => ['ftp', 'web'].includes(name);

    it('returns the record after the edit', async () => {
      const { api, get } = apiOf(found(1));
      const edit = { description: 'windy', targets: ['web', 'ftp'], state: FileState.FAILED };
      const edited = await api.edit(idOf(1), edit, isTarget);
      assert.deepEqual(edited, get(1));
      assert.deepEqual([get(1).description, Object.keys(get(1).targets)], ['windy', ['web', 'ftp']]);
      assert.equal(stateOf(get(1)), FileState.FAILED);
    });

    it('refuses all of it when one part cannot be, and changes nothing', async () => {
      const { api, get } = apiOf(found(1));
      const refused = await api.edit(idOf(1), { description: 'windy', targets: ['moon'] }, isTarget);
      assert.equal(refused, 'moon is not a target of any rule in the configuration');
      assert.deepEqual(get(1), found(1));
      assert.equal(await api.edit('zz', { description: 'windy' }, isTarget), NO_SUCH_FILE);
    });

    it('says so when the file is forgotten meanwhile', async () => {
      const { api, store } = apiOf(found(1));
      const forgetting = (name: string) => {
        void store.delete(idOf(1));
        return isTarget(name);
      };
      const refused = await api.edit(idOf(1), { targets: ['ftp', 'web'] }, forgetting);
      assert.equal(refused, 'it has just been forgotten');
    });
  });
});
