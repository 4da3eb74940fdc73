import assert from 'node:assert/strict';
import { BehaviorSubject } from 'rxjs';
import type { NotifyConfig } from '../../../src/config/notify.js';
import { FileSyncError } from '../../../src/errors.js';
import type { Message } from '../../../src/notify/message.js';
import { Notifier } from '../../../src/notify/notifier.js';
import type { DeviceFacts } from '../../../src/notify/offline-devices.js';
import { NOTIFICATIONS, parseMemory, problemsIn } from '../../../src/notify/told.js';
import type { Transport } from '../../../src/notify/transport.js';
import { Records } from '../../../src/record/records.js';
import { momentOf } from '../../../src/system/moment.js';
import { eventually } from '../../conformance/support.js';
import { fileRecord } from '../../fakes/file-record.js';
import { MemoryStore } from '../../fakes/memory-store.js';
import { RecordingLogger } from '../../fakes/recording-logger.js';
import { VirtualClock } from '../../fakes/virtual-clock.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DOWN = new FileSyncError('unavailable', 'h refuses connections');

const entry = (changes: Partial<NotifyConfig> = {}): NotifyConfig => ({
  ...{ name: 'notify[0]', on: ['flight', 'failed', 'offline'], url: 'http://h/', method: 'POST' },
  ...{ headers: {}, body: '{json}', ...changes },
});

/** A notifier whose messages go to a list, over a store and a clock of the test. */
class Bench {
  readonly clock = new VirtualClock();
  readonly logger = new RecordingLogger();
  readonly devices = new BehaviorSubject<readonly DeviceFacts[]>([]);
  readonly attempts: Message[] = [];
  readonly arrived: Message[] = [];
  /** What becomes of each attempt. */
  outcome: (signal: AbortSignal) => Promise<string> = async () => 'ok';
  /** What becomes of each attempt of an entry, in place of `outcome`. */
  readonly sendFor: ((name: string) => Transport['send'] | undefined) | undefined;
  store = new MemoryStore();
  notifier: Notifier;

  readonly entries: readonly NotifyConfig[];

  constructor(entries: readonly NotifyConfig[] = [entry()], sendFor?: Bench['sendFor']) {
    this.entries = entries;
    this.sendFor = sendFor;
    this.notifier = this.started();
  }

  started(): Notifier {
    const { clock, logger, devices } = this;
    const send = async (message: Message, signal: AbortSignal) => {
      this.attempts.push(message);
      const answer = await this.outcome(signal);
      this.arrived.push(message);
      return answer;
    };
    const space = async () => ({ free: 1e9, total: 2e9 });
    const observed = { records: new Records(this.store, clock), devices, space };
    const transport = ({ name }: NotifyConfig) => ({ to: `${name} (h)`, send: this.sendFor?.(name) ?? send });
    const parts = { clock, logger, env: {}, hostname: 'pi', transport, observed };
    const notifier = new Notifier(parts, { notify: this.entries, folder: '/' });
    notifier.start();
    return notifier;
  }

  async restart(): Promise<void> {
    await this.notifier.stop();
    this.crash();
  }

  /** Another process begins with what is in the database. */
  crash(): void {
    this.clock.forgetSleepers();
    this.store = this.store.reopened();
    this.notifier = this.started();
  }

  async deliver(number: number): Promise<void> {
    const delivered = momentOf(this.clock);
    const targets = { nas: { state: 'done' as const, location: `/${number}`, at: delivered.at } };
    await this.store.put(fileRecord(number, { targets, delivered, updatedAt: delivered.at }));
  }

  get events(): string[] {
    return this.arrived.map(({ values }) => values.event);
  }

  get problem() {
    return Object.values(parseMemory(this.store.source(NOTIFICATIONS)?.told))[0]?.problem;
  }
}

describe('Notifier', () => {
  it('sends one message for all that happens within a minute', async () => {
    const bench = new Bench();
    for (const number of [1, 2, 3]) await bench.deliver(number);
    await bench.clock.advance(2 * MINUTE);
    assert.deepEqual(bench.events, ['flight']);
    assert.equal(bench.arrived[0]?.values.count, '3');
    await bench.clock.advance(HOUR);
    assert.equal(bench.attempts.length, 1);
    await bench.notifier.stop();
  });

  it('sends none when nothing happens, and writes nothing then without entries', async () => {
    const bench = new Bench([]);
    await bench.deliver(1);
    await bench.clock.advance(HOUR);
    await bench.notifier.finish(1000, new AbortController().signal);
    await bench.notifier.stop();
    assert.equal(bench.attempts.length, 0);
    assert.equal(bench.store.source(NOTIFICATIONS), undefined);
  });

  it('does not repeat after a restart or a crash what it has told', async () => {
    const bench = new Bench();
    await bench.deliver(1);
    bench.devices.next([{ name: 'nas', available: false, reason: 'down' }]);
    await bench.clock.advance(12 * MINUTE);
    assert.deepEqual(bench.events, ['flight', 'offline']);
    bench.crash();
    await bench.clock.advance(HOUR);
    await bench.restart();
    await bench.clock.advance(HOUR);
    assert.equal(bench.attempts.length, 2);
    bench.devices.next([{ name: 'nas', available: true, reason: 'ok' }]);
    await bench.clock.advance(HOUR);
    assert.deepEqual(bench.events, ['flight', 'offline', 'online']);
    await bench.notifier.stop();
  });

  it('tells after a crash what had not arrived', async () => {
    const bench = new Bench();
    bench.outcome = async () => Promise.reject(DOWN);
    await bench.clock.advance(MINUTE);
    await bench.deliver(1);
    await bench.clock.advance(5 * MINUTE);
    bench.crash();
    bench.outcome = async () => 'ok';
    await bench.clock.advance(5 * MINUTE);
    assert.deepEqual(bench.events, ['flight']);
    await bench.notifier.stop();
  });

  it('sends the very same message again until it arrives, and remembers meanwhile that it does not', async () => {
    const bench = new Bench();
    bench.outcome = async () => (bench.attempts.length < 4 ? Promise.reject(DOWN) : 'ok');
    await bench.deliver(1);
    await bench.clock.advance(MINUTE + 2_000);
    const before = bench.attempts.length;
    assert.ok(before >= 1 && before < 4);
    assert.equal(bench.problem?.reason, 'h refuses connections');
    assert.equal(bench.problem?.to, 'notify[0] (h)');
    await bench.clock.advance(10 * MINUTE);
    assert.equal(new Set(bench.attempts).size, 1);
    assert.equal(bench.attempts.length, 4);
    assert.equal(bench.problem, undefined);
    assert.deepEqual(bench.logger.messages('warn'), [
      'notify[0] (h): a message was not delivered: h refuses connections (retried for an hour)',
    ]);
    assert.deepEqual(bench.logger.messages('info'), ['notify[0] (h): messages are delivered again']);
    await bench.notifier.stop();
  });

  it('keeps apart what was told by two entries of one address, such as two topics of ntfy', async () => {
    const topics = ['a', 'b'].map((topic, at) =>
      entry({ name: `notify[${at}]`, body: `{"topic":"${topic}"}` }),
    );
    let isDown = true;
    const sent: string[] = [];
    const bench = new Bench(topics, name => async () => {
      if (name === 'notify[0]' && isDown) throw DOWN;
      sent.push(name);
      return 'ok';
    });
    await bench.clock.advance(MINUTE);
    await bench.deliver(1);
    await bench.clock.advance(5 * MINUTE);
    const problems = problemsIn(bench.store.source(NOTIFICATIONS)?.told);
    assert.deepEqual(
      problems.map(({ to }) => to),
      ['notify[0] (h)'],
    );
    isDown = false;
    bench.crash();
    await bench.clock.advance(5 * MINUTE);
    assert.deepEqual(sent, ['notify[1]', 'notify[0]']);
    await bench.notifier.stop();
  });

  it('gives a message up after an hour, says so, and the next one tells of it', async () => {
    const bench = new Bench();
    bench.outcome = async () => Promise.reject(DOWN);
    await bench.deliver(1);
    await bench.clock.advance(2 * HOUR);
    const made = bench.attempts.length;
    assert.ok(made > 10 && made < 40, `${made} attempts`);
    assert.match(bench.logger.messages('error')[0] ?? '', /this message is given up/);
    assert.ok(bench.problem);
    bench.outcome = async () => 'ok';
    await bench.deliver(2);
    await bench.clock.advance(2 * MINUTE);
    assert.match(bench.arrived[0]?.values.text ?? '', /\n1 earlier message could not be delivered$/);
    assert.equal(bench.arrived.length, 1);
    assert.equal(bench.problem, undefined);
    await bench.notifier.stop();
  });

  it('gives up at once what no further attempt can mend', async () => {
    const bench = new Bench();
    bench.outcome = async () => Promise.reject(new FileSyncError('rejected', 'h refused the message'));
    await bench.deliver(1);
    await bench.clock.advance(HOUR);
    assert.equal(bench.attempts.length, 1);
    await bench.notifier.stop();
  });

  it('keeps a few messages for a receiver that hangs, drops older ones, and goes on to observe', async () => {
    const bench = new Bench();
    const open: ((answer: string) => void)[] = [];
    bench.outcome = () => new Promise(resolve => open.push(resolve));
    for (let number = 1; number <= 8; number++) {
      await bench.deliver(number);
      await bench.clock.advance(2 * MINUTE);
    }
    assert.equal(bench.attempts.length, 1);
    assert.match(
      bench.logger.messages('warn')[0] ?? '',
      /more than 5 messages wait: an older one is dropped/,
    );
    bench.outcome = async () => 'ok';
    open[0]?.('ok');
    await eventually(async () => bench.arrived.length === 5);
    assert.match(bench.arrived.at(-1)?.values.text ?? '', /earlier messages? could not be delivered/);
    bench.devices.next([{ name: 'nas', available: false, reason: 'down' }]);
    await bench.notifier.stop();
    const [remembered] = Object.values(parseMemory(bench.store.source(NOTIFICATIONS)?.told));
    assert.deepEqual(Object.keys(remembered?.told.offline ?? {}), ['nas']);
  });

  it('sends at the end of a pass what is due, and waits no longer than it may', async () => {
    const bench = new Bench();
    await bench.deliver(1);
    const { signal } = new AbortController();
    await bench.notifier.finish(10_000, signal);
    assert.deepEqual(bench.events, ['flight']);
    await bench.notifier.finish(10_000, signal);
    assert.equal(bench.attempts.length, 1);
    bench.outcome = over => new Promise((_, reject) => over.addEventListener('abort', () => reject(DOWN)));
    await bench.deliver(2);
    let isOver = false;
    const finished = bench.notifier.finish(10_000, signal).then(() => (isOver = true));
    await bench.clock.advance(9_999);
    assert.ok(!isOver);
    await bench.clock.advance(1);
    await finished;
    await bench.notifier.stop();
    assert.deepEqual(bench.events, ['flight']);
  });

  it('takes another configuration; entries that are the same go on', async () => {
    const bench = new Bench();
    await bench.deliver(1);
    bench.notifier.use({ notify: [entry(), entry({ name: 'notify[1]', on: ['idle'] })], folder: '/' });
    await bench.clock.advance(2 * MINUTE);
    assert.deepEqual(bench.events, ['flight']);
    await bench.deliver(2);
    await bench.clock.advance(2 * MINUTE);
    assert.deepEqual(bench.events.sort(), ['flight', 'flight', 'idle']);
    bench.notifier.use({ notify: [], folder: '/' });
    await bench.deliver(3);
    await bench.clock.advance(HOUR);
    assert.equal(bench.attempts.length, 3);
    await bench.notifier.stop();
    assert.equal(bench.store.source(NOTIFICATIONS)?.told, '{}');
  });

  it('reads whatever the database holds', () => {
    for (const text of ['', '[]', '{"a":{}}', '{"a":{"told":{"since":"x"}}}'])
      assert.deepEqual(parseMemory(text), {});
  });
});
