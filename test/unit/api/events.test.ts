import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request, type ClientRequest, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { BehaviorSubject, Subject } from 'rxjs';
import { DatabaseApi, type Daemon, type DatabaseApiParts } from '../../../src/api/database-api.js';
import { EventHub, LINGER_MS, MAX_KEPT_EVENTS, MAX_STREAMS } from '../../../src/api/event-hub.js';
import { MAX_CHANGED_FILES } from '../../../src/api/changed-files.js';
import { problem } from '../../../src/api/problem.js';
import { event, type ApiEvent } from '../../../src/api/schema-events.js';
import type { LinkSample, LogEntry } from '../../../src/api/schema-live.js';
import { serveControl } from '../../../src/api/server.js';
import { Records } from '../../../src/record/records.js';
import type { RunningTransfer } from '../../../src/record/progress.js';
import { systemClock } from '../../../src/system/clock.js';
import { eventually } from '../../conformance/support.js';
import { temporaryFolder } from '../../conformance/temp-folder.js';
import { fileRecord } from '../../fakes/file-record.js';
import { MemoryStore } from '../../fakes/memory-store.js';
import { VirtualClock } from '../../fakes/virtual-clock.js';

/** A daemon whose transfers the test makes. */
class ShownDaemon implements Daemon {
  readonly devices = new BehaviorSubject([]);
  readonly progress = new Subject<void>();
  paused = false;
  moving: RunningTransfer[] = [];
  readonly waits = () => [];
  readonly isTarget = () => false;
  readonly transfers = () => this.moving;
  readonly rescan = () => undefined;
  readonly push = () => 0;
  readonly pause = (on: boolean) => void (this.paused = on);
}

interface Served {
  readonly daemon: ShownDaemon;
  readonly records: Records;
  readonly store: MemoryStore;
  readonly socket: string;
}

async function served(
  test: (parts: Served) => Promise<void>,
  more: Partial<DatabaseApiParts> = {},
): Promise<void> {
  const folder = await temporaryFolder();
  const socket = join(folder.path, 'db.sock');
  const [daemon, store] = [new ShownDaemon(), new MemoryStore()];
  const records = new Records(store, systemClock);
  const api = new DatabaseApi({ records, clock: systemClock, local: folder.path, daemon, ...more });
  const control = await serveControl(socket, api);
  try {
    await test({ daemon, store, socket, records });
  } finally {
    await control[Symbol.asyncDispose]();
    await records.close();
    await folder.remove();
  }
}

interface Stream {
  readonly asked: ClientRequest;
  readonly response: IncomingMessage;
  /** What has come, checked against the schema. */
  events(): { readonly id: string; readonly event: ApiEvent }[];
  types(): string[];
  text(): string;
}

const eventsIn = (text: string) =>
  [...text.matchAll(/^id: (\S+)\nevent: (\w+)\ndata: (.*)\n\n/gm)].map(([, id = '', type, data = '']) => {
    const parsed = event.parse(JSON.parse(data));
    assert.equal(parsed.type, type);
    return { id, event: parsed };
  });

async function open(socketPath: string, last?: string, path = '/events'): Promise<Stream> {
  const headers = last === undefined ? {} : { 'last-event-id': last };
  const asked = request({ socketPath, path, headers, agent: false });
  const [response] = (await once(asked.end(), 'response')) as [IncomingMessage];
  let text = '';
  response.on('data', (data: Buffer) => (text += data.toString())).on('error', () => undefined);
  asked.on('error', () => undefined);
  const events = () => eventsIn(text);
  return { asked, response, events, types: () => events().map(one => one.event.type), text: () => text };
}

/** Changes one more file, and waits until a client hears of it. */
async function sentinel(store: MemoryStore, stream: Stream, round: number) {
  const record = fileRecord(10_000 + round);
  await store.put(record);
  await eventually(async () => filesOf(stream).includes(record.id));
  return record;
}

const filesOf = (stream: Stream): string[] =>
  stream.events().flatMap(one => (one.event.type === 'file' ? [one.event.file.id] : []));

describe('the events over the socket', () => {
  it('say first what is, then what changes, until the client has gone', () =>
    served(async ({ store, socket }) => {
      const stream = await open(socket, undefined, '/api/v1/events');
      assert.equal(stream.response.headers['content-type'], 'text/event-stream');
      await eventually(async () => stream.types().includes('devices') && stream.types().includes('counts'));
      await store.put(fileRecord(1));
      await eventually(async () => filesOf(stream).includes(fileRecord(1).id));
      await store.delete(fileRecord(1).id);
      await eventually(async () => stream.types().includes('forgotten'));
      stream.asked.destroy();
    }));

  it('name no file twice for changes at one time', () =>
    served(async ({ store, socket }) => {
      const stream = await open(socket);
      for (let size = 1; size <= 100; size++) void store.put(fileRecord(1, { size }));
      await eventually(async () => filesOf(stream).length > 0);
      await store.put(fileRecord(2));
      await eventually(async () => filesOf(stream).includes(fileRecord(2).id));
      assert.deepEqual(filesOf(stream), [fileRecord(1).id, fileRecord(2).id]);
    }));

  it('go on after the id that a client has had', () =>
    served(async ({ store, socket }) => {
      const first = await open(socket);
      await store.put(fileRecord(1));
      await eventually(async () => filesOf(first).length === 1);
      const { id = '' } = first.events().find(one => one.event.type === 'file') ?? {};
      first.asked.destroy();
      await store.put(fileRecord(2));
      const path = `/events?last_event_id=${id}`;
      for (const again of [await open(socket, id), await open(socket, undefined, path)]) {
        await eventually(async () => filesOf(again).length === 1);
        assert.deepEqual(filesOf(again), [fileRecord(2).id]);
        assert.ok(!again.types().includes('reset'));
      }
    }));

  for (const last of ['', 'x', '00000000-1', `${'f'.repeat(8)}-999999999999999`, '__proto__', '-1'])
    it(`begin with reset after an id that is not kept: ${JSON.stringify(last)}`, () =>
      served(async ({ socket }) => {
        const stream = await open(socket, last);
        await eventually(async () => stream.events().length > 0);
        assert.equal(stream.types()[0], 'reset');
      }));

  it('send what moves, and that nothing moves any more', () =>
    served(async ({ daemon, socket }) => {
      const stream = await open(socket);
      const lists = () =>
        stream.events().flatMap(one => (one.event.type === 'progress' ? [one.event.transfers.length] : []));
      const move = { id: '0'.repeat(12), device: 'cam', path: 'a', bytes: 1, size: 2, bytesPerSecond: 1 };
      await eventually(async () => stream.types().includes('counts'));
      daemon.moving = [move];
      daemon.progress.next();
      await eventually(async () => lists().includes(1));
      daemon.moving = [];
      await eventually(async () => lists().at(-1) === 0);
    }));

  it('carry figures of links and lines of the log', () => {
    const sample: LinkSample = { at: new Date(0).toISOString(), bytes_per_second: 1, loss: 0, rtt_ms: null };
    const samples = new Subject<{ device: string; sample: LinkSample }>();
    const entries = new Subject<LogEntry>();
    const links = {
      samples,
      figures: () => null,
      of: (device: string) => ({ device, samples: [], listings: [] }),
    };
    const log = { entries, query: () => ({ entries: [] }) };
    return served(
      async ({ socket }) => {
        const stream = await open(socket);
        await eventually(async () => stream.types().includes('counts'));
        samples.next({ device: 'cam', sample });
        for (let n = 1; n <= 1000; n++) entries.next({ n, at: sample.at, level: 'info', text: `line ${n}` });
        const lines = () =>
          stream.events().flatMap(one => (one.event.type === 'log' ? [one.event.entry.n] : []));
        await eventually(async () => stream.types().includes('link') && lines().at(-1) === 1000);
        assert.ok(lines().length < 100, 'a flood of lines is no flood of events');
      },
      { live: { links, log } },
    );
  });

  it('of ten thousand files at once are one reset, and leave time for others', () =>
    served(async ({ store, socket }) => {
      const stream = await open(socket);
      await eventually(async () => stream.types().includes('counts'));
      for (let number = 1; number <= 10_000; number++) void store.put(fileRecord(number));
      await eventually(async () => stream.types().includes('reset'));
      const before = filesOf(stream).length;
      assert.ok(before <= MAX_CHANGED_FILES);
      await store.put(fileRecord(10_001));
      await eventually(async () => filesOf(stream).includes(fileRecord(10_001).id));
      assert.ok(filesOf(stream).length <= MAX_CHANGED_FILES + before);
    }));

  it('are for sixteen clients at a time', () =>
    served(async ({ socket }) => {
      const streams = await Promise.all(Array.from({ length: MAX_STREAMS }, () => open(socket)));
      const refused = await open(socket);
      assert.equal(refused.response.statusCode, 503);
      await eventually(async () => refused.text() !== '');
      assert.match(problem.parse(JSON.parse(refused.text())).detail, /^16 clients read the events already/);
      streams[0]?.asked.destroy();
      await eventually(async () => {
        const next = await open(socket);
        if (next.response.statusCode !== 200) next.asked.destroy();
        return next.response.statusCode === 200;
      });
    }));

  it('are not kept for a client that does not read', () =>
    served(async ({ store, socket }) => {
      const stream = await open(socket);
      const closed = new Promise(resolve => stream.response.once('close', resolve));
      stream.response.pause();
      const description = 'x'.repeat(2_000);
      for (let round = 0; round < 5; round++) {
        for (let number = 1; number <= 500; number++)
          await store.put(fileRecord(number, { description: `${description}${round}` }));
        const other = await open(socket);
        const { id } = await sentinel(store, other, round);
        assert.ok(filesOf(other).includes(id), 'others go on');
        other.asked.destroy();
      }
      stream.response.resume();
      await closed;
    }));

  it('answer HEAD with the headers alone', () =>
    served(async ({ socket }) => {
      const asked = request({ socketPath: socket, path: '/events', method: 'HEAD', agent: false });
      const [response] = (await once(asked.end(), 'response')) as [IncomingMessage];
      response.resume();
      await once(response, 'end');
      assert.equal(response.headers['content-type'], 'text/event-stream');
    }));
});

describe('The hub of events', () => {
  const forgotten = (id: string): ApiEvent => ({ type: 'forgotten', id });

  function hub() {
    const [clock, feed] = [new VirtualClock(), new Subject<ApiEvent>()];
    const made = new EventHub(feed, clock);
    const listen = (last?: string) => {
      let text = '';
      let isOver = false;
      const subscription = made.stream(last).subscribe({
        next: chunk => (text += chunk.toString()),
        complete: () => (isOver = true),
      });
      const events = () => eventsIn(text);
      const lastId = () =>
        text
          .match(/^id: (.*)$/gm)
          ?.at(-1)
          ?.slice(4);
      return { subscription, events, text: () => text, isOver: () => isOver, lastId };
    };
    return { clock, feed, listen };
  }

  it('reads its feed only while there is a client, and a minute longer', async () => {
    const { clock, feed, listen } = hub();
    assert.equal(feed.observed, false);
    const first = listen();
    assert.equal(feed.observed, true);
    first.subscription.unsubscribe();
    feed.next(forgotten('a'));
    const second = listen(first.lastId());
    assert.deepEqual(
      second.events().map(one => one.event),
      [forgotten('a')],
    );
    second.subscription.unsubscribe();
    await clock.advance(LINGER_MS + 1);
    assert.equal(feed.observed, false);
    listen();
    assert.equal(listen(second.lastId()).events()[0]?.event.type, 'reset');
  });

  it('keeps a thousand events, and their ids only', () => {
    const { feed, listen } = hub();
    const first = listen();
    for (let number = 0; number < MAX_KEPT_EVENTS + 1; number++) feed.next(forgotten(String(number)));
    const ids = first.events().map(one => one.id);
    assert.equal(new Set(ids).size, MAX_KEPT_EVENTS + 1);
    const [oldest = '', next = ''] = ids;
    assert.equal(listen(oldest).events().length, MAX_KEPT_EVENTS);
    assert.equal(listen(next).events().length, MAX_KEPT_EVENTS - 1);
    feed.next(forgotten('x'));
    assert.deepEqual(
      listen(oldest)
        .events()
        .map(one => one.event.type),
      ['reset'],
    );
  });

  it('keeps no more bytes than a small computer has', () => {
    const { feed, listen } = hub();
    const first = listen();
    for (let number = 0; number < 100; number++) feed.next(forgotten('x'.repeat(100_000)));
    const [, second = ''] = first.events().map(one => one.id);
    assert.equal(listen(second).events()[0]?.event.type, 'reset');
  });

  it('sends only the latest of what is', () => {
    const { feed, listen } = hub();
    listen();
    feed.next({ type: 'devices', devices: [] });
    feed.next({ type: 'progress', transfers: [] });
    feed.next({ type: 'devices', devices: [] });
    assert.deepEqual(
      listen()
        .events()
        .map(one => one.event.type),
      ['devices', 'progress'],
    );
  });

  it('sends a comment when nothing happens', async () => {
    const { clock, listen } = hub();
    const { text } = listen();
    await clock.advance(15_000);
    await clock.advance(15_000);
    assert.equal(text().match(/^:$/gm)?.length, 2);
  });

  it('ends with its feed, and begins again after an error', () => {
    const { feed, listen } = hub();
    const client = listen();
    feed.complete();
    assert.equal(client.isOver(), true);
    assert.equal(listen().isOver(), true);
  });
});
