import assert from 'node:assert/strict';
import type { NoticeKind } from '../../../src/config/notify.js';
import { Collector, WINDOW_MS } from '../../../src/notify/collector.js';
import { nothingTold, type Told } from '../../../src/notify/told.js';
import type { FileRecord, Moment } from '../../../src/ports.js';
import { fileRecord } from '../../fakes/file-record.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const WALL = Date.UTC(2026, 10, 30);

const pending = (number: number, changes: Partial<FileRecord> = {}): FileRecord =>
  fileRecord(number, { targets: { nas: { state: 'pending' } }, ...changes });

/** Records, an entry of `notify`, and a clock that only the test moves. */
class Bench {
  readonly records = new Map<string, FileRecord>();
  collector: Collector;
  up = 1_000_000;
  readonly #on: readonly NoticeKind[];
  readonly #after: number | undefined;

  constructor(on: readonly NoticeKind[], options: { after?: number; records?: FileRecord[] } = {}) {
    [this.#on, this.#after] = [on, options.after];
    for (const record of options.records ?? []) this.records.set(record.id, record);
    this.collector = this.restarted(nothingTold(this.now.at));
  }

  restarted(told: Told = this.collector.told): Collector {
    const entry = { on: [...this.#on], ...(this.#after !== undefined && { after: this.#after }) };
    const parts = { entry, told, get: (id: string) => this.records.get(id) };
    this.collector = new Collector(parts, this.records.values(), this.now);
    return this.collector;
  }

  get now(): Moment {
    return { at: WALL + this.up, boot: 'b', up: this.up, synced: true };
  }

  put(record: FileRecord): void {
    const previous = this.records.get(record.id);
    this.records.set(record.id, record);
    this.collector.changed({ id: record.id, record, ...(previous && { previous }) }, this.now);
  }

  deliver(number: number, changes: Partial<FileRecord> = {}): void {
    const location = `https://nas/${number}`;
    const targets = { nas: { state: 'done' as const, location, at: this.now.at } };
    this.put(pending(number, { targets, delivered: this.now, updatedAt: this.now.at, ...changes }));
  }

  fail(number: number, changes: Partial<FileRecord> = {}): void {
    const targets = { nas: { state: 'failed' as const, reason: 'refused', at: this.now.at } };
    this.put(pending(number, { targets, updatedAt: this.now.at, ...changes }));
  }

  device(available: boolean, name = 'nas', reason = available ? 'ok' : 'connection refused'): void {
    this.collector.devices([{ name, available, reason }], this.now);
  }

  due(isEnd = false) {
    return this.collector.due(this.now, isEnd);
  }

  /** Lets time pass in steps of ten seconds; returns each message as the kinds of its events. */
  pass(ms: number): string[] {
    const messages: string[] = [];
    for (const end = this.up + ms; this.up < end;) {
      this.up += 10_000;
      const events = this.due();
      if (events.length > 0) messages.push(events.map(({ kind }) => kind).join());
    }
    return messages;
  }
}

const ALL: readonly NoticeKind[] = ['flight', 'failed', 'offline', 'space', 'idle'];

describe('Collector', () => {
  it('tells nothing when nothing happens, and nothing of what was delivered before', () => {
    const old = pending(1, {
      targets: { nas: { state: 'done' } },
      delivered: { at: WALL, boot: 'a', up: 1, synced: true },
    });
    const bench = new Bench(ALL, { records: [old] });
    bench.device(true);
    assert.deepEqual(bench.pass(HOUR), []);
    assert.deepEqual(bench.due(true), []);
  });

  describe('failed', () => {
    it('is one event for many files of a source, a minute after the first', () => {
      const bench = new Bench(['failed']);
      for (let number = 0; number < 500; number++) {
        bench.fail(number);
        bench.up += 100;
      }
      assert.deepEqual(bench.due(), []);
      bench.up += WINDOW_MS;
      const [event, ...others] = bench.due();
      assert.deepEqual(others, []);
      assert.ok(event?.kind === 'failed');
      assert.deepEqual([event.device, event.files, event.paths.length], ['autopilot', 500, 20]);
      assert.deepEqual(event.reasons, ['nas: refused']);
      assert.deepEqual(bench.pass(HOUR), []);
    });

    it('waits until a file has been FAILED for that long, and not for one that was retried', () => {
      const bench = new Bench(['failed'], { after: 10 * MINUTE });
      bench.fail(1);
      bench.fail(2);
      assert.deepEqual(bench.pass(9 * MINUTE), []);
      bench.put(pending(1));
      const [event] = ((bench.up += MINUTE), bench.due());
      assert.ok(event?.kind === 'failed');
      assert.equal(event.files, 1);
    });

    it('is told more and more seldom while files go on to fail', () => {
      const bench = new Bench(['failed']);
      let messages = 0;
      for (let number = 0; number < 6 * 60; number++) {
        bench.fail(number);
        messages += bench.pass(MINUTE).length;
      }
      assert.ok(messages >= 3 && messages <= 5, `${messages} messages in 6 hours`);
    });

    it('is not repeated after a restart, and told then if it was not yet', () => {
      const bench = new Bench(['failed'], { after: 10 * MINUTE });
      bench.fail(1);
      assert.deepEqual(bench.pass(10 * MINUTE), ['failed']);
      bench.fail(2);
      bench.up += 5 * MINUTE;
      bench.restarted();
      assert.deepEqual(bench.pass(4 * MINUTE), []);
      bench.up += MINUTE;
      const [event] = bench.due();
      assert.ok(event?.kind === 'failed');
      assert.deepEqual(event.paths, [pending(2).path]);
      bench.restarted();
      assert.deepEqual(bench.pass(HOUR), []);
    });
  });

  describe('flight', () => {
    it('is told when nothing of its source has been under way for a minute, with count, bytes and links', () => {
      const bench = new Bench(['flight']);
      const log = { format: 'ulog', start: WALL - HOUR, duration: 9 * MINUTE, vehicle: '0035' } as const;
      for (const number of [1, 2, 3]) bench.put(pending(number));
      bench.deliver(1, { facts: { ...log, start: WALL, duration: 8000 } });
      bench.deliver(2, { facts: log });
      assert.deepEqual(bench.pass(HOUR), []);
      bench.deliver(3, { path: 'a.jpg', modified: log.start + MINUTE });
      bench.up += WINDOW_MS - 1;
      assert.deepEqual(bench.due(), []);
      bench.up += 1;
      assert.deepEqual(bench.due(), [
        {
          ...{ kind: 'flight', device: 'autopilot', files: 3, bytes: 3006, failed: 0 },
          flights: [
            { started_at: '2026-11-29T23:00:00.000Z', duration_seconds: 540, vehicle: '0035' },
            { started_at: '2026-11-30T00:00:00.000Z', duration_seconds: 8, vehicle: '0035' },
          ],
          links: [1, 2, 3].map(number => `https://nas/${number}`),
          delivered_at: WALL + bench.up - WINDOW_MS,
        },
      ]);
      assert.deepEqual(bench.pass(HOUR), []);
    });

    it('is one for each source, in one message', () => {
      const bench = new Bench(['flight']);
      bench.deliver(1);
      bench.deliver(2, { device: 'camera' });
      assert.deepEqual(bench.pass(5 * MINUTE), ['flight,flight']);
    });

    it('says how many of its source are FAILED; those alone are no flight', () => {
      const bench = new Bench(['flight']);
      bench.fail(1);
      assert.deepEqual(bench.pass(5 * MINUTE), []);
      bench.deliver(2);
      bench.up += WINDOW_MS;
      const [event] = bench.due();
      assert.ok(event?.kind === 'flight');
      assert.deepEqual([event.files, event.failed], [1, 1]);
    });

    it('is not repeated after a restart, and told then if it was not yet', () => {
      const bench = new Bench(['flight']);
      bench.deliver(1);
      assert.deepEqual(bench.pass(2 * MINUTE), ['flight']);
      bench.deliver(2);
      bench.up += 1000;
      bench.restarted();
      bench.up += MINUTE;
      const [event] = bench.due();
      assert.ok(event?.kind === 'flight');
      assert.deepEqual(event.links, ['https://nas/2']);
      bench.restarted();
      assert.deepEqual(bench.pass(HOUR), []);
    });
  });

  describe('offline', () => {
    it('is told once when a device has been offline for that long, and once that it is online again', () => {
      const bench = new Bench(['offline'], { after: 5 * MINUTE });
      bench.device(false, 'nas', 'not probed yet');
      bench.up += HOUR;
      bench.device(false);
      assert.deepEqual(bench.pass(5 * MINUTE - 1), ['offline']);
      assert.deepEqual(bench.pass(HOUR), []);
      bench.restarted();
      bench.device(false);
      assert.deepEqual(bench.pass(HOUR), []);
      bench.device(true);
      assert.deepEqual(bench.pass(HOUR), ['online']);
      bench.restarted();
      bench.device(true);
      assert.deepEqual(bench.pass(HOUR), []);
    });

    it('is not told of a device that comes back in time, nor that it is back for a moment', () => {
      const bench = new Bench(['offline'], { after: 5 * MINUTE });
      bench.device(false);
      bench.pass(4 * MINUTE);
      bench.device(true);
      assert.deepEqual(bench.pass(HOUR), []);
      bench.device(false);
      assert.deepEqual(bench.pass(HOUR), ['offline']);
      bench.device(true);
      bench.pass(30_000);
      bench.device(false);
      assert.deepEqual(bench.pass(HOUR), []);
    });

    it('takes 10 minutes without `after`, whatever restarts meanwhile', () => {
      const bench = new Bench(['offline']);
      bench.device(false);
      bench.up += 8 * MINUTE;
      bench.restarted();
      bench.device(false);
      assert.deepEqual(bench.pass(2 * MINUTE), ['offline']);
    });
  });

  it('tells of space once, when no file fits, and again after there was some', () => {
    const bench = new Bench(['space'], { after: MINUTE });
    const space = (free: number) => bench.collector.space({ free, total: 1e9 }, bench.now);
    space(1500);
    bench.put(pending(1));
    space(1500);
    assert.deepEqual(bench.pass(5 * MINUTE), []);
    bench.put(pending(2, { size: 2000 }));
    bench.put(pending(1, { copy: { state: 'whole' } }));
    space(1500);
    assert.deepEqual(bench.pass(5 * MINUTE), ['space']);
    assert.deepEqual(bench.pass(HOUR), []);
    space(5000);
    space(0);
    assert.deepEqual(bench.pass(HOUR), ['space']);
  });

  it('tells of idle when everything is delivered after there was work, FAILED files not', () => {
    const bench = new Bench(['idle']);
    bench.put(pending(2));
    bench.deliver(1);
    bench.fail(3);
    assert.deepEqual(bench.pass(HOUR), []);
    bench.deliver(2);
    assert.deepEqual(bench.pass(HOUR), []);
    bench.deliver(3);
    bench.up += WINDOW_MS;
    assert.deepEqual(bench.due(), [{ kind: 'idle', files: 3, bytes: 3006 }]);
    bench.restarted();
    assert.deepEqual(bench.pass(HOUR), []);
  });

  it('makes one message of all that happens within a minute, and at most one a minute', () => {
    const bench = new Bench(ALL, { after: MINUTE });
    bench.device(false, 'usb');
    bench.fail(1);
    bench.deliver(2, { device: 'camera' });
    assert.deepEqual(bench.pass(70_000), ['failed,offline,flight']);
    bench.fail(4);
    assert.deepEqual(bench.pass(50_000), []);
  });

  it('tells at the end of a pass what is due, without waiting for more', () => {
    const bench = new Bench(ALL, { after: MINUTE });
    bench.deliver(1);
    bench.fail(2);
    bench.device(false);
    assert.deepEqual(
      bench.due(true).map(({ kind }) => kind),
      ['flight'],
    );
    bench.up += MINUTE;
    assert.deepEqual(
      bench.due(true).map(({ kind }) => kind),
      ['failed', 'offline'],
    );
  });

  it('is told only what its entry names', () => {
    const bench = new Bench(['idle']);
    bench.fail(1);
    bench.device(false);
    bench.deliver(1);
    assert.deepEqual(bench.pass(HOUR), ['idle']);
  });
});
