import assert from 'node:assert/strict';
import { FileSyncError } from '../../src/errors.js';
import { stateOf } from '../../src/record/state.js';
import * as schema from '../../src/api/schema.js';
import { FileState } from '../../src/ports.js';
import { fileJson, flightJson, statusJson } from './message-json.js';
import { services, topics, type FileStateMessage, type SetFileRequest } from '../../src/ros/interfaces.js';
import { eventually, failsWith, sample } from '../conformance/support.js';
import { fileRecord } from '../fakes/file-record.js';
import { rule } from '../unit/engine/bench.js';
import { makeNodeBench, onNode, type NodeBench } from './node-bench.js';

const A = sample(10_000, 1);

function stateIn(bench: NodeBench, path: string): FileState | undefined {
  const record = bench.record(path);
  return record && stateOf(record);
}

async function reaches(bench: NodeBench, path: string, state: FileState): Promise<string> {
  await eventually(async () => stateIn(bench, path) === state);
  return bench.record(path)?.id ?? '';
}

/** A file that is UPLOADED; its id. */
async function delivered(bench: NodeBench, path = 'a.ulg'): Promise<string> {
  bench.source.put(path, A);
  await bench.engine.start();
  return reaches(bench, path, FileState.UPLOADED);
}

const EDIT: Omit<SetFileRequest, 'id'> = {
  ...{ set_state: false, state: 0, set_description: false, description: '', set_targets: false, targets: [] },
};

const rejecting = {
  targets: {
    ftp: {
      before: () => {
        throw new FileSyncError('rejected', 'not that one');
      },
    },
  },
};

/** What there is is only listed; newer files go first, one after the other. */
const onRequest = { rules: [rule({ fetch: 'asked' })], source: { capabilities: { connections: 1 } } };

const failed = async (bench: NodeBench): Promise<string> => {
  bench.source.put('a.ulg', A);
  await bench.engine.start();
  return reaches(bench, 'a.ulg', FileState.FAILED);
};

const setArmed = ({ source }: NodeBench, armed: boolean) =>
  source.availability.next({ available: true, reason: '', armed });

describe('Node: topics', () => {
  it('publishes every change of every file, its deletion included', () =>
    onNode({}, async bench => {
      const heard = bench.hear(topics.fileState, '/d1/filesync/file_state');
      const id = await delivered(bench);
      await bench.call(services.forgetFile, 'forget_file', { id });
      await eventually(async () => heard.some(({ deleted }) => deleted));
      const seen = new Set(heard.map(({ state }) => state));
      for (const state of [FileState.FOUND, FileState.DOWNLOADING, FileState.DOWNLOADED, FileState.UPLOADED])
        assert.ok(seen.has(state), `state ${state} was published`);
      const last = heard.findLast(({ state }) => state === FileState.UPLOADED) as FileStateMessage;
      assert.equal(last.size, BigInt(A.length));
      assert.deepEqual(
        last.targets.map(({ target, state, path }) => ({ target, state, path })),
        [{ target: 'ftp', state: 3, path: 'cam/a.ulg' }],
      );
    }));

  it('publishes to late subscribers what is unfinished and how many files there are', () =>
    onNode(rejecting, async bench => {
      await failed(bench);
      const heard = bench.hear(topics.files, '/d1/filesync/files', true);
      await eventually(async () => heard.at(-1)?.files[0]?.state === FileState.FAILED);
      const last = heard.at(-1);
      assert.equal(last?.unfinished, 1);
      assert.deepEqual(last?.counts, [{ state: FileState.FAILED, count: 1 }]);
      assert.match(last?.files[0]?.reason ?? '', /not that one/);
    }));

  it('publishes the devices to late subscribers', () =>
    onNode({}, async bench => {
      bench.source.availability.next({ available: false, reason: 'no heartbeat', armed: false });
      await bench.engine.start();
      const heard = bench.hear(topics.devices, '/d1/filesync/devices', true);
      await eventually(async () => heard.at(-1)?.devices[0]?.reason === 'no heartbeat');
      assert.deepEqual(
        heard.at(-1)?.devices.map(({ name, type, available }) => ({ name, type, available })),
        [
          { name: 'cam', type: 'memory', available: false },
          { name: 'ftp', type: 'memory', available: true },
        ],
      );
    }));

  it('publishes to late subscribers whether all is delivered, in the form of --json', () =>
    onNode({}, async bench => {
      const heard = bench.hear(topics.status, '/d1/filesync/status', true);
      await eventually(async () => heard.length > 0);
      await delivered(bench);
      await eventually(async () => heard.at(-1)?.text === '1 file delivered');
      for (const message of heard) schema.status.parse(statusJson(message));
      assert.deepEqual(heard.at(-1)?.counts, [{ state: FileState.UPLOADED, count: 1 }]);
      bench.source.availability.next({ available: false, reason: 'no heartbeat', armed: false });
      await eventually(async () => /offline: cam \(no heartbeat\)/.test(heard.at(-1)?.text ?? ''));
    }));

  it('publishes the progress of downloads and uploads', () =>
    onNode({}, async bench => {
      const heard = bench.hear(topics.progress, '/d1/filesync/progress');
      await delivered(bench);
      await eventually(async () => heard.some(({ target }) => target === 'ftp'));
      const last = heard.at(-1);
      assert.equal(last?.size, BigInt(A.length));
      assert.ok(last.percent > 0 && last.percent <= 100);
    }));

  it('reports each device and the queue, with levels that mean something', () =>
    onNode(rejecting, async bench => {
      const heard = bench.hear(topics.diagnostics, '/diagnostics');
      await failed(bench);
      await eventually(async () => heard.at(-1)?.status.at(-1)?.level === 2);
      const status = heard.at(-1)?.status ?? [];
      assert.deepEqual(
        status.map(({ level, name, hardware_id }) => ({ level, name, hardware_id })),
        [
          { level: 0, name: 'd1/filesync: cam', hardware_id: 'cam' },
          { level: 0, name: 'd1/filesync: ftp', hardware_id: 'ftp' },
          { level: 2, name: 'd1/filesync: queue', hardware_id: 'pi' },
        ],
      );
      assert.match(status.at(-1)?.message ?? '', /1 FAILED/);
    }));
});

describe('Node: services', () => {
  it('returns a file in the form of --json', () =>
    onNode({}, async bench => {
      const id = await delivered(bench);
      const { file, facts } = await bench.call(services.getFile, 'get_file', { id });
      assert.equal(facts, '');
      const json = { ...(fileJson(file) as object), facts: null };
      assert.deepEqual(schema.file.parse(json), json);
    }));

  it('returns what a file says about itself as JSON', () =>
    onNode({}, async bench => {
      const id = await delivered(bench);
      const read = { format: 'ulog', start: 0, duration: 68_993, dropoutMs: 119, endsOnly: true } as const;
      bench.engine.records.apply(id, { type: 'FactsRead', facts: read });
      const { facts } = await bench.call(services.getFile, 'get_file', { id });
      const json = JSON.parse(facts) as unknown;
      assert.deepEqual(json, {
        ...{ format: 'ulog', start: '1970-01-01T00:00:00.000Z', duration: 68.993 },
        ...{ dropout_duration: 0.119, ends_only: true },
      });
      assert.deepEqual(schema.factsView.parse(json), json);
    }));

  it('lists files a page at a time', () =>
    onNode({}, async bench => {
      for (const name of ['a', 'b', 'c']) bench.source.put(name, A);
      await bench.engine.start();
      await eventually(
        async () => bench.records().filter(record => stateOf(record) === FileState.UPLOADED).length === 3,
      );
      const ask = { states: [FileState.UPLOADED], device: 'cam', offset: 0, limit: 2 };
      const first = await bench.call(services.listFiles, 'list_files', ask);
      const second = await bench.call(services.listFiles, 'list_files', { ...ask, offset: 2 });
      assert.deepEqual([first.success, first.total, second.total], [true, 3, 3]);
      const paths = [...first.files, ...second.files].map(({ path }) => path);
      assert.deepEqual(paths.sort(), ['a', 'b', 'c']);
      const none = await bench.call(services.listFiles, 'list_files', { ...ask, states: [FileState.FAILED] });
      assert.deepEqual([none.success, none.total], [true, 0]);
      const elsewhere = await bench.call(services.listFiles, 'list_files', { ...ask, device: 'else' });
      assert.deepEqual([elsewhere.success, elsewhere.total], [true, 0]);
    }));

  it('returns the same for a listed file as for one that is asked for', () =>
    onNode(rejecting, async bench => {
      const id = await failed(bench);
      const ask = { states: [FileState.FAILED], device: '', offset: 0, limit: 0 };
      const { files } = await bench.call(services.listFiles, 'list_files', ask);
      const { file } = await bench.call(services.getFile, 'get_file', { id });
      assert.deepEqual(files, [file]);
      assert.equal(file.reason, 'ftp: not that one');
    }));

  it('returns the flights in the form of --json, newest first, a page at a time', () =>
    onNode(rejecting, async bench => {
      bench.source.put('b.ulg', A, Date.UTC(2026, 7, 1, 12));
      bench.source.put('a.ulg', A, Date.UTC(2026, 7, 1, 10));
      await bench.engine.start();
      for (const path of ['a.ulg', 'b.ulg']) await reaches(bench, path, FileState.FAILED);
      const ask = { since: { sec: 0, nanosec: 0 }, vehicle: '', offset: 0, limit: 0 };
      const { success, total, flights } = await bench.call(services.flights, 'flights', ask);
      assert.deepEqual([success, total], [true, 2]);
      assert.deepEqual(
        flights.map(({ ids }) => ids),
        [[bench.record('b.ulg')?.id], [bench.record('a.ulg')?.id]],
      );
      for (const json of flights.map(flightJson)) assert.deepEqual(schema.flight.parse(json), json);
      const [newest, older] = flights;
      assert.deepEqual([newest?.state, newest?.missing[0]?.text], [2, 'not that one']);
      const page = async (change: Partial<typeof ask>) =>
        (await bench.call(services.flights, 'flights', { ...ask, ...change })).flights;
      assert.deepEqual(await page({ offset: 1, limit: 1 }), [older]);
      assert.deepEqual(await page({ since: { sec: Date.UTC(2026, 7, 1, 11) / 1000, nanosec: 0 } }), [newest]);
      assert.deepEqual(await page({ vehicle: 'cam' }), flights);
      assert.deepEqual(await page({ vehicle: 'nobody' }), []);
    }));

  it('refuses a state that does not exist', () =>
    onNode({}, async bench => {
      const ask = { states: [99], device: '', offset: 0, limit: 0 };
      const answer = await bench.call(services.listFiles, 'list_files', ask);
      assert.deepEqual([answer.success, answer.message], [false, 'there is no state 99']);
    }));

  it('returns one file by the beginning of its id, or the reason', () =>
    onNode({}, async bench => {
      const id = await delivered(bench);
      const found = await bench.call(services.getFile, 'get_file', { id: id.slice(0, 5) });
      assert.deepEqual([found.success, found.file.path], [true, 'a.ulg']);
      const not = await bench.call(services.getFile, 'get_file', { id: 'zz' });
      assert.equal(not.success, false);
      assert.match(not.message, /no such file/);
    }));

  it('edits a description', () =>
    onNode({}, async bench => {
      const id = await delivered(bench);
      const request = { ...EDIT, id, set_description: true, description: 'first flight' };
      const answer = await bench.call(services.setFile, 'set_file', request);
      assert.deepEqual([answer.success, answer.file.description], [true, 'first flight']);
      assert.equal(bench.record('a.ulg')?.description, 'first flight');
    }));

  it('delivers to a target that an edit adds', () =>
    onNode(
      { targets: { ftp: {}, web: {} }, rules: [rule(), rule({ to: ['web'], include: ['none'] })] },
      async bench => {
        const id = await delivered(bench);
        const request = { ...EDIT, id, set_targets: true, targets: ['ftp', 'web'] };
        const answer = await bench.call(services.setFile, 'set_file', request);
        assert.deepEqual([answer.success, answer.file.state], [true, FileState.PARTIAL]);
        await reaches(bench, 'a.ulg', FileState.UPLOADED);
        assert.deepEqual(bench.target('web').files.get('cam/a.ulg'), Buffer.from(A));
      },
    ));

  it('delivers again what is set back to DOWNLOADED', () =>
    onNode({}, async bench => {
      const id = await delivered(bench);
      bench.target().files.clear();
      const again = { ...EDIT, id, set_state: true, state: FileState.DOWNLOADED };
      assert.equal((await bench.call(services.setFile, 'set_file', again)).success, true);
      await reaches(bench, 'a.ulg', FileState.UPLOADED);
      assert.deepEqual(bench.target().files.get('cam/a.ulg'), Buffer.from(A));
    }));

  it('gives a file up, and brings it back by retry', () =>
    onNode({}, async bench => {
      bench.engine.pause(true);
      bench.source.put('a.ulg', A);
      await bench.store.put({
        ...{ ...fileRecord(1), device: 'cam', path: 'a.ulg', size: A.length, local: 'cam/a.ulg' },
        targets: { ftp: { state: 'pending' } },
      });
      const { id } = fileRecord(1);
      const giveUp = { ...EDIT, id, set_state: true, state: FileState.FAILED };
      const answer = await bench.call(services.setFile, 'set_file', giveUp);
      assert.deepEqual([answer.success, answer.file.state], [true, FileState.FAILED]);
      const back = await bench.call(services.retry, 'retry', { id: '' });
      assert.deepEqual([back.success, back.ids], [true, [id]]);
      assert.equal(stateIn(bench, 'a.ulg'), FileState.FOUND);
    }));

  it('cancels what is not delivered, and nothing else', () => {
    const held = { now: false };
    let free = (): void => undefined;
    const freed = new Promise<void>(resolve => (free = resolve));
    const before = async (operation: string, path: string, offset: number): Promise<void> => {
      if (operation !== 'read' || path !== 'b.ulg' || offset === 0 || held.now) return;
      held.now = true;
      await freed;
    };
    return onNode({ source: { before, piece: 1000 } }, async bench => {
      const id = await delivered(bench);
      const refused = await bench.call(services.cancel, 'cancel', { id });
      assert.deepEqual([refused.success, refused.ids], [false, []]);
      assert.match(refused.message, /it is UPLOADED; nothing of it is under way or waits/);
      assert.match((await bench.call(services.cancel, 'cancel', { id: '' })).message, /no such file/);
      bench.source.put('b.ulg', A.slice(0, 5000));
      bench.engine.rescan();
      await eventually(async () => held.now);
      const running = bench.record('b.ulg')?.id ?? '';
      const answer = await bench.call(services.cancel, 'cancel', { id: running.slice(0, 8) });
      assert.deepEqual([answer.success, answer.ids], [true, [running]]);
      free();
      await reaches(bench, 'b.ulg', FileState.FAILED);
      assert.equal((await bench.call(services.retry, 'retry', { id: running })).success, true);
      await reaches(bench, 'b.ulg', FileState.UPLOADED);
    });
  });

  const refusals: Readonly<Record<string, [Partial<SetFileRequest>, RegExp]>> = {
    'a state that only work can reach': [
      { set_state: true, state: FileState.UPLOADED },
      /no file can be made UPLOADED/,
    ],
    'a state that does not exist': [{ set_state: true, state: 77 }, /there is no state 77/],
    'a state that makes no sense now': [{ set_state: true, state: FileState.FAILED }, /it is UPLOADED/],
    'a device that is no target': [{ set_targets: true, targets: ['ftp', 'moon'] }, /moon is not a target/],
    'leaving out a target that has it': [{ set_targets: true, targets: [] }, /ftp has the file/],
    'nothing at all': [{}, /nothing to set/],
    'a file that is not there': [{ id: 'zz', set_description: true }, /no such file/],
  };
  for (const [what, [request, why]] of Object.entries(refusals)) {
    it(`refuses ${what}, returns the reason and changes nothing`, () =>
      onNode({}, async bench => {
        const id = await delivered(bench);
        const before = bench.record('a.ulg');
        const also = Object.keys(request).length > 0 ? { set_description: true, description: 'changed' } : {};
        const answer = await bench.call(services.setFile, 'set_file', { ...EDIT, id, ...also, ...request });
        assert.equal(answer.success, false);
        assert.match(answer.message, why);
        assert.deepEqual(bench.record('a.ulg'), before);
      }));
  }

  it('refuses to forget or retry what is not there or not FAILED', () =>
    onNode({}, async bench => {
      const id = await delivered(bench);
      assert.match(
        (await bench.call(services.forgetFile, 'forget_file', { id: 'zz' })).message,
        /no such file/,
      );
      const retry = await bench.call(services.retry, 'retry', { id });
      assert.equal(retry.success, false);
      assert.match(retry.message, /it is UPLOADED/);
    }));

  it('fetches on request what the rules only list, and nothing else', () =>
    onNode(onRequest, async bench => {
      bench.source.put('a.ulg', A);
      await bench.engine.start();
      const id = await reaches(bench, 'a.ulg', FileState.SKIPPED);
      const fetch = (which: string) => bench.call(services.fetchFile, 'fetch_file', { id: which });
      const { file } = await bench.call(services.getFile, 'get_file', { id });
      assert.deepEqual([file.state, file.kept], [FileState.SKIPPED, false]);
      assert.match(file.reason, /^fetch: asked/);
      assert.deepEqual(bench.source.reads, []);
      assert.deepEqual(await fetch(id.slice(0, 6)), { success: true, message: '' });
      await reaches(bench, 'a.ulg', FileState.UPLOADED);
      assert.deepEqual(bench.target().files.get('cam/a.ulg'), Buffer.from(A));
      assert.deepEqual(await fetch(id), {
        success: false,
        message: `${id}: it is UPLOADED; only SKIPPED files can be fetched on request`,
      });
      assert.match((await fetch('zz')).message, /^zz: no such file/);
    }));

  it('moves files to the front, the first named first, and returns which it could not', () =>
    onNode(onRequest, async bench => {
      for (const path of ['a.ulg', 'b.ulg', 'c.ulg', 'd.ulg']) bench.source.put(path, A);
      await bench.engine.start();
      const [a = '', b = '', c = '', d = ''] = await Promise.all(
        ['a.ulg', 'b.ulg', 'c.ulg', 'd.ulg'].map(path => reaches(bench, path, FileState.SKIPPED)),
      );
      bench.engine.pause(true);
      for (const id of [a, b, c, d]) await bench.call(services.fetchFile, 'fetch_file', { id });
      const first = (...ids: string[]) => bench.call(services.first, 'first', { ids });
      assert.deepEqual(await first(c), { success: true, message: '' });
      const { success, message } = await first(a, 'zz', b);
      assert.equal(success, false);
      assert.match(message, /^zz: no such file/);
      bench.engine.pause(false);
      await reaches(bench, 'd.ulg', FileState.UPLOADED);
      assert.deepEqual(
        bench.source.reads.map(({ path }) => path),
        ['a.ulg', 'b.ulg', 'c.ulg', 'd.ulg'],
      );
      assert.match((await first(d)).message, /it is UPLOADED; nothing of it waits/);
    }));

  it('scans the sources at once when asked', () =>
    onNode({ parameters: { interval: 3600 } }, async bench => {
      await delivered(bench);
      bench.source.put('late.ulg', A);
      assert.equal((await bench.call(services.trigger, 'rescan', {})).success, true);
      await reaches(bench, 'late.ulg', FileState.UPLOADED);
    }));

  it('pauses and resumes all work', () =>
    onNode({}, async bench => {
      await bench.engine.start();
      assert.equal((await bench.call(services.setBool, 'pause', { data: true })).message, 'paused');
      assert.equal(bench.engine.paused, true);
      bench.source.put('a.ulg', A);
      assert.match((await bench.call(services.trigger, 'rescan', {})).message, /paused/);
      assert.equal((await bench.call(services.setBool, 'pause', { data: false })).message, 'resumed');
      await reaches(bench, 'a.ulg', FileState.UPLOADED);
    }));
});

describe('Node: parameters', () => {
  it('interval takes effect at once', () =>
    onNode({ parameters: { interval: 3600 } }, async bench => {
      await delivered(bench);
      bench.source.put('late.ulg', A);
      assert.equal(bench.graph.setParameter('interval', 0.05), undefined);
      await reaches(bench, 'late.ulg', FileState.UPLOADED);
    }));

  it('while_armed overrides the rules at once, and empty leaves it to them again', () =>
    onNode({}, async bench => {
      setArmed(bench, true);
      bench.source.put('a.ulg', A);
      await bench.engine.start();
      assert.equal(bench.graph.setParameter('while_armed', 'continue'), undefined);
      await reaches(bench, 'a.ulg', FileState.UPLOADED);
      assert.equal(bench.graph.setParameter('while_armed', ''), undefined);
      bench.source.put('b.ulg', A);
      bench.engine.rescan();
      await bench.call(services.trigger, 'rescan', {});
      assert.equal(bench.record('b.ulg'), undefined);
      setArmed(bench, false);
      await reaches(bench, 'b.ulg', FileState.UPLOADED);
    }));

  it('while_armed: pause stops deliveries too', () =>
    onNode({ parameters: { while_armed: 'pause' } }, async bench => {
      bench.target().availability.next({ available: false, reason: 'offline', armed: false });
      bench.source.put('a.ulg', A);
      await bench.engine.start();
      await reaches(bench, 'a.ulg', FileState.DOWNLOADED);
      setArmed(bench, true);
      bench.target().availability.next({ available: true, reason: '', armed: false });
      await bench.call(services.trigger, 'rescan', {});
      assert.equal(bench.target().files.size, 0);
      bench.graph.setParameter('while_armed', 'upload-only');
      await reaches(bench, 'a.ulg', FileState.UPLOADED);
    }));

  it('refuses values that make no sense', () =>
    onNode({}, async bench => {
      assert.match(bench.graph.setParameter('interval', 0.001) ?? '', /at least 0.05 s/);
      assert.match(bench.graph.setParameter('interval', -1) ?? '', /at least 0.05 s/);
      assert.match(bench.graph.setParameter('while_armed', 'always') ?? '', /upload-only, pause, continue/);
      assert.equal(bench.graph.getParameter('interval'), 0);
    }));

  it('does not start with such values', async () => {
    await failsWith(() => makeNodeBench({ parameters: { interval: 'often' } }), 'config');
  });
});
