import assert from 'node:assert/strict';
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { BehaviorSubject } from 'rxjs';
import * as schema from '../../../src/api/schema-live.js';
import { LocalStorage } from '../../../src/local/storage.js';
import type { FileRecord } from '../../../src/ports.js';
import { Buckets } from '../../../src/signals/buckets.js';
import { SignalCollector } from '../../../src/signals/collector.js';
import { signalsOf } from '../../../src/signals/read.js';
import { Signals } from '../../../src/signals/signals.js';
import { systemClock } from '../../../src/system/clock.js';
import { failsWith } from '../../conformance/support.js';
import { temporaryFolder } from '../../conformance/temp-folder.js';
import { fileRecord } from '../../fakes/file-record.js';
import { inMemory } from '../facts/memory-access.js';
import { SAMPLES } from '../facts/samples.js';
import { message, ulogOf } from '../facts/ulog-bytes.js';

const { signal } = new AbortController();
const bytesOf = (name: string) => SAMPLES.find(one => one.name === name)?.bytes ?? assert.fail(name);

function sample(id: number, microseconds: number, ...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(10 + 4 * values.length);
  bytes.writeUInt16LE(id);
  bytes.writeBigUInt64LE(BigInt(microseconds), 2);
  for (const [index, value] of values.entries()) bytes.writeFloatLE(value, 10 + 4 * index);
  return message('D', bytes);
}
const topic = (id: number, name: string, instance = 0) => message('A', Buffer.from([instance, id, 0]), name);
const FORMATS = [
  'vehicle_global_position:uint64_t timestamp;float alt',
  'vehicle_local_position:uint64_t timestamp;float z;float vx;float vy',
  'battery_status:uint64_t timestamp;float remaining',
];

describe('the signals of a flight log', () => {
  it('are the altitude and the speed of a real log of PX4', async () => {
    const { signals, note } = await signalsOf('a.ulg', inMemory(bytesOf('flight-appended.ulg')), signal);
    assert.equal(note, '');
    schema.signals.parse({ signals, note });
    assert.deepEqual(
      signals.map(({ name, unit, points }) => [name, unit, points.length, points[0], points.at(-1)]),
      [
        ['altitude', 'm', 95, [0.163, 0.232], [9.704, 0.39]],
        ['speed', 'm/s', 95, [0.163, 0.011], [9.704, 0.019]],
      ],
    );
  });

  it('are those of a log that is cut off, as far as it goes', async () => {
    const { signals } = await signalsOf('a.ulg', inMemory(bytesOf('flight-cut.ulg')), signal);
    assert.deepEqual(
      signals.map(({ points }) => points.length),
      [37, 37],
    );
  });

  it('are those of a log of ArduPilot', async () => {
    const { signals } = await signalsOf('a.bin', inMemory(bytesOf('flight.bin')), signal);
    assert.deepEqual(
      signals.map(({ name, points }) => [name, points.length, points[0]]),
      [
        ['altitude', 20, [0, 488.1]],
        ['speed', 20, [0, 1.5]],
      ],
    );
  });

  it('are of the best sensor that has any, of its first instance, in units that people read', async () => {
    const log = ulogOf(
      ...FORMATS,
      topic(1, 'vehicle_local_position'),
      topic(2, 'vehicle_global_position'),
      topic(3, 'battery_status'),
      topic(4, 'battery_status', 1),
      ...[1, 2].flatMap(second => [
        sample(1, (second + 1) * 1e6, -5, 3, 4),
        sample(2, (second + 1) * 1e6, 480 + second),
        sample(3, (second + 1) * 1e6, 1 - second / 10),
        sample(4, (second + 1) * 1e6, 0),
      ]),
    );
    const { signals } = await signalsOf('a.ulg', inMemory(log), signal);
    assert.deepEqual(
      signals.map(({ name, points }) => [name, points]),
      [
        [
          'altitude',
          [
            [1, 481],
            [2, 482],
          ],
        ],
        [
          'speed',
          [
            [1, 5],
            [2, 5],
          ],
        ],
        [
          'battery',
          [
            [1, 90],
            [2, 80],
          ],
        ],
      ],
    );
  });

  it('leave out what is no measurement', async () => {
    const values = [NaN, Infinity, -1, 5, 0.5, 0.4];
    const samples = values.map((value, index) => sample(3, (index + 2) * 1e6, value));
    const log = ulogOf(...FORMATS, topic(3, 'battery_status'), ...samples, sample(3, 2 ** 52, 0.3));
    const { signals } = await signalsOf('a.ulg', inMemory(log), signal);
    assert.deepEqual(signals[0]?.points, [
      [5, 50],
      [6, 40],
    ]);
  });

  it('are none in a file of another format, and in a log without them', async () => {
    const noteOf = async (bytes: Buffer) => (await signalsOf('a', inMemory(bytes), signal)).note;
    assert.match(await noteOf(bytesOf('photo.jpg')), /no ULog and no log of ArduPilot/);
    assert.match(await noteOf(ulogOf(...FORMATS)), /neither altitude nor speed nor battery/);
  });
});

describe('whatever a log holds, its signals', () => {
  const series = fc.array(fc.tuple(fc.double(), fc.double()), { maxLength: 3000 });

  it('have at most a thousand points, in the order of their times, with the least and the greatest value', () =>
    fc.assert(
      fc.property(series, fc.double({ min: 0.001, max: 60, noNaN: true }), (noise, step) => {
        const buckets = new Buckets();
        const steady = noise.map(([, value], index): [number, number] => [index * step, value]);
        for (const [seconds, value] of steady) buckets.add(seconds, value);
        for (const [seconds, value] of noise) new SignalCollector().sample('speed', 0, seconds, value);
        const points = buckets.points();
        const times = points.map(([seconds]) => seconds);
        assert.ok(points.length <= schema.MAX_SIGNAL_POINTS, String(points.length));
        assert.deepEqual(
          times,
          [...times].sort((a, b) => a - b),
        );
        const values = steady.map(([, value]) => value).filter(Number.isFinite);
        if (values.length === 0) return assert.deepEqual(points, []);
        const shown = points.map(([, value]) => value);
        assert.equal(Math.max(...shown) + 0, Math.max(...values) + 0);
        assert.equal(Math.min(...shown) + 0, Math.min(...values) + 0);
      }),
      { numRuns: 200 },
    ));
});

describe('Signals', () => {
  const here = (local: string, changes: Partial<FileRecord> = {}) =>
    fileRecord(1, {
      local,
      path: 'a.ulg',
      size: 486_737,
      copy: { state: 'whole' },
      sha256: 'aa',
      ...changes,
    });

  async function onDisk(
    test: (parts: { signals: Signals; armed: BehaviorSubject<boolean>; folder: string }) => Promise<void>,
  ): Promise<void> {
    const { path: folder, remove } = await temporaryFolder();
    try {
      await mkdir(join(folder, 'autopilot'));
      await copyFile('test/data/flight-appended.ulg', join(folder, 'autopilot/a.ulg'));
      const armed = new BehaviorSubject(false);
      const signals = new Signals({ local: new LocalStorage(folder), armed, clock: systemClock });
      await test({ signals, armed, folder });
    } finally {
      await remove();
    }
  }

  it('reads the local copy, once', () =>
    onDisk(async ({ signals, folder }) => {
      const first = await signals.of(here('autopilot/a.ulg'), signal);
      assert.equal(first.signals.length, 2);
      await writeFile(join(folder, 'autopilot/a.ulg'), '');
      assert.equal(await signals.of(here('autopilot/a.ulg'), signal), first);
    }));

  it('reads nothing while a vehicle is armed', () =>
    onDisk(async ({ signals, armed }) => {
      armed.next(true);
      assert.match((await signals.of(here('autopilot/a.ulg'), signal)).note, /a vehicle is armed/);
      armed.next(false);
      assert.equal((await signals.of(here('autopilot/a.ulg'), signal)).note, '');
    }));

  it('ends a reading when a vehicle is armed meanwhile', async () => {
    const armed = new BehaviorSubject(false);
    const local = {
      reading: <Value>(_: string, use: (file: { read(): Promise<never> }) => Promise<Value>) =>
        use({
          read() {
            armed.next(true);
            return new Promise<never>(() => undefined);
          },
        }),
    };
    const signals = new Signals({ local, armed, clock: systemClock });
    assert.match((await signals.of(here('a.ulg'), signal)).note, /a vehicle is armed/);
  });

  it('says that there is no copy, and why one cannot be read', () =>
    onDisk(async ({ signals }) => {
      const evicted = here('autopilot/a.ulg', { copy: { state: 'evicted' } });
      assert.match((await signals.of(evicted, signal)).note, /no copy of the file on this computer/);
      assert.match((await signals.of(here('autopilot/gone.ulg'), signal)).note, /gone\.ulg/);
    }));

  it('rejects when the request is cancelled', () =>
    onDisk(async ({ signals }) => {
      await failsWith(() => signals.of(here('autopilot/a.ulg'), AbortSignal.abort()), 'cancelled');
    }));
});
