import assert from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { cleanFacts } from '../../../src/facts/clean.js';
import { factsOf } from '../../../src/facts/facts.js';
import { MAX_FACTS_BYTES, type FileFacts } from '../../../src/file-facts.js';
import { dataflashFormats, dataflashMessage, flightBin } from '../../data/make-dataflash.js';
import { inMemory, type MemoryAccess } from './memory-access.js';
import { SAMPLES } from './samples.js';
import { data, logged, subscribe, ulogOf } from './ulog-bytes.js';

const { signal } = new AbortController();
const [FLIGHT] = SAMPLES;
const SYNC = Buffer.from('0800532f731320250cbb12', 'hex');

describe('facts of a file', () => {
  it('are those of its ends where the whole takes too long', async () => {
    const { bytes, facts } = FLIGHT ?? assert.fail();
    const file = inMemory(bytes);
    let reads = 0;
    const slow = {
      size: bytes.length,
      // The head comes at once, the first piece of the whole never.
      read: (...args: Parameters<typeof file.read>) =>
        ++reads === 2 ? new Promise<never>(() => undefined) : file.read(...args),
    };
    const found = await factsOf('a.ulg', slow, { signal, maxMs: 50 });
    assert.equal(found?.vehicle, facts.vehicle);
    assert.equal(found?.duration, facts.duration);
    assert.equal(found?.errors, undefined);
    assert.equal(found?.note, 'could not be read whole within 0.05 s');
  });

  it('are read with turns for everything else', async () => {
    const { bytes } = FLIGHT ?? assert.fail();
    const many = Buffer.concat([
      bytes.subarray(0, 430_000),
      ...Array<Buffer>(60).fill(bytes.subarray(51_460, 430_000)),
    ]);
    let done = false;
    const reading = factsOf('a.ulg', inMemory(many), { signal }).finally(() => (done = true));
    let turns = 0;
    for (; !done; turns++) await nextTurn();
    await reading;
    assert.ok(turns >= many.length / 1024 / 1024, `${turns} turns`);
  });

  it('have no text that a terminal would obey, and no number out of its range', () => {
    const facts: FileFacts = {
      format: 'ulog',
      start: Date.UTC(1970, 0, 2),
      duration: -5,
      vehicle: '\x1b[2J\u202e a\n\ud800b',
      firmware: '\0\0',
      errors: NaN,
      position: { latitude: 91, longitude: 0 },
    };
    assert.deepEqual(cleanFacts(facts), { format: 'ulog', vehicle: '[2J a b' });
  });

  it('are small, whatever the file says', () => {
    for (const unit of ['"', '\u20ac', '\ud83d\ude00', 'a'])
      for (const length of [10, 1_000_000]) {
        const long = unit.repeat(length);
        const texts = {
          vehicle: long,
          firmware: long,
          hardware: long,
          airframe: long,
          camera: long,
          note: long,
        };
        const cleaned = cleanFacts({ format: 'jpeg', ...texts, messages: 1e15, topics: 1e15, errors: 1e15 });
        assert.ok(Buffer.byteLength(JSON.stringify(cleaned)) <= MAX_FACTS_BYTES);
        assert.ok(cleaned.vehicle?.startsWith(unit.repeat(10)));
      }
  });
});

describe('facts of a ULog', () => {
  it('go on behind damage, and say where it is', async () => {
    const start = [subscribe(1, 't'), data(1, 2_000_000), logged('3', 'one')];
    const bytes = ulogOf(
      't:uint64_t timestamp;',
      ...start,
      Buffer.alloc(100),
      SYNC,
      logged('4', 'two'),
      data(1, 3_000_000),
    );
    const facts = await factsOf('a.ulg', inMemory(bytes), { signal });
    const at = ulogOf('t:uint64_t timestamp;', ...start).length;
    const found = { errors: 1, warnings: 1, dropouts: 0, dropoutMs: 0 };
    assert.deepEqual(facts, { format: 'ulog', duration: 2000, ...found, note: `damaged at byte ${at}` });
  });

  it('end where formats contain themselves', async () => {
    const formats = ['a:b x;uint64_t timestamp;', 'b:a y;', 'c:c[99999] z;'];
    const bytes = ulogOf(
      ...formats,
      subscribe(1, 'a'),
      subscribe(2, 'c'),
      data(1, 5_000_000),
      data(2, 5_000_000),
    );
    assert.equal((await factsOf('a.ulg', inMemory(bytes), { signal }))?.duration, undefined);
  });

  it('take no timestamp that is weeks away', async () => {
    const bytes = ulogOf('t:uint64_t timestamp;', subscribe(1, 't'), data(1, 4_000_000), data(1, 2 ** 52));
    assert.equal((await factsOf('a.ulg', inMemory(bytes), { signal }))?.duration, 3000);
  });
});

describe('facts of an ArduPilot log', () => {
  it('are found in 64 KB of a large one, behind its parameters', async () => {
    const small = flightBin();
    const formats = dataflashFormats();
    const parameters = Array.from({ length: 1500 }, (_, n) =>
      dataflashMessage('PARM', 61_000_000, `P${n}`, n, n),
    );
    const flight = small.subarray(small.length - 2500);
    const many = [formats, ...parameters, small.subarray(formats.length), ...Array<Buffer>(100).fill(flight)];
    const file = inMemory(Buffer.concat(many));
    const { errors: _, dropouts: _1, position: _2, ...expected } = await factsFor(inMemory(small));
    assert.deepEqual(await factsFor(file, true), expected);
    assert.ok(file.bytesRead() <= 65 * 1024, `${file.bytesRead()} bytes`);
  });

  it('are known to be incomplete where the end of the file holds no messages, as after a power cut', async () => {
    const small = flightBin();
    const flight = Array<Buffer>(50).fill(small.subarray(dataflashFormats().length));
    const file = inMemory(Buffer.concat([small, ...flight, Buffer.alloc(200_000)]));
    assert.match((await factsFor(file, true)).note ?? '', /last block holds no messages/);
  });
});

async function factsFor(file: MemoryAccess, endsOnly = false): Promise<FileFacts> {
  return (await factsOf('a.bin', file, { signal, endsOnly })) ?? assert.fail();
}
