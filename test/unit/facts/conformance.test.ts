import assert from 'node:assert/strict';
import fc from 'fast-check';
import { toFileSyncError } from '../../../src/errors.js';
import { cleanFacts } from '../../../src/facts/clean.js';
import { factsOf, readerOf } from '../../../src/facts/facts.js';
import { FACT_READERS } from '../../../src/facts/registry.js';
import { MAX_FACTS_BYTES, type FileFacts } from '../../../src/file-facts.js';
import { inMemory } from './memory-access.js';
import { SAMPLES, type Sample } from './samples.js';

const { signal } = new AbortController();

/** A sample's beginning, where a mutation changes more than the data of a message. */
const MAX_MUTATED_BYTES = 100_000;
const BAD_BYTES = [0, 1, 0x7f, 0x80, 0xff];

/** By the reader itself, so that what it throws is seen. */
async function read({ name }: Sample, bytes: Buffer, endsOnly = false): Promise<FileFacts | undefined> {
  const file = inMemory(bytes);
  const reader = await readerOf(name, file, signal);
  const facts = await reader?.read(file, { position: true, signal, endsOnly });
  if (reader?.ends !== undefined && endsOnly) assert.ok(file.bytesRead() <= reader.ends + 512);
  return facts && checked(facts);
}

function checked(facts: FileFacts): FileFacts {
  const cleaned = cleanFacts(facts);
  assert.ok(Buffer.byteLength(JSON.stringify(cleaned)) <= MAX_FACTS_BYTES);
  assert.doesNotMatch(JSON.stringify(cleaned), /\p{Cc}|\p{Cf}/u);
  return cleaned;
}

/** Every place in the first bytes, and some of the rest. */
function placesOf(size: number): number[] {
  const first = Array.from({ length: Math.min(size, 600) }, (_, place) => place);
  const rest = Array.from({ length: 60 }, (_, step) => Math.floor(((step + 0.37) * size) / 60));
  return [...new Set([...first, ...rest, size - 3, size - 2, size - 1])].filter(place => place >= 0);
}

describe('readers of facts', () => {
  it('are all tested with a sample', () => {
    const tested = new Set(SAMPLES.map(({ facts }) => facts.format));
    assert.deepEqual(
      FACT_READERS.map(({ format }) => format).filter(format => !tested.has(format)),
      [],
    );
  });

  it('know no empty file, and none of bytes without meaning', async () => {
    for (const name of ['a.ulg', 'b.bin', 'c.mcap', 'metadata.yaml', 'd.jpg', 'e.tif'])
      for (const bytes of [Buffer.alloc(0), Buffer.alloc(5000), Buffer.alloc(5000, 'garbage ')])
        assert.equal(await factsOf(name, inMemory(bytes), { signal }), undefined);
  });

  for (const sample of SAMPLES) describe(sample.name, () => conformance(sample));
});

function conformance(sample: Sample): void {
  const { name, bytes, facts } = sample;

  it('is read', async () => {
    assert.deepEqual(await factsOf(name, inMemory(bytes), { signal, position: true }), facts);
  });

  it('is read without its position, where that is not asked for', async () => {
    const { position: _, ...rest } = facts;
    assert.deepEqual(await factsOf(name, inMemory(bytes), { signal }), rest);
  });

  it('is read from answers of one byte each', async () => {
    const some = bytes.subarray(0, MAX_MUTATED_BYTES);
    const atOnce = await factsOf(name, inMemory(some), { signal });
    assert.deepEqual(await factsOf(name, inMemory(some, 1), { signal }), atOnce);
  });

  it('may be cut anywhere', async () => {
    for (const place of placesOf(bytes.length)) {
      await read(sample, bytes.subarray(0, place));
      await read(sample, bytes.subarray(0, place), true);
    }
  });

  it('may have a bad byte anywhere', async () => {
    for (const place of placesOf(Math.min(bytes.length, MAX_MUTATED_BYTES))) {
      const bad = Buffer.from(bytes.subarray(0, MAX_MUTATED_BYTES));
      bad[place] = BAD_BYTES[place % BAD_BYTES.length] ?? 0;
      await read(sample, bad);
    }
  });

  it('may go on with anything', async () => {
    for (const fill of [0, 0xff, 'garbage ', '\xa3\x95'])
      for (const place of [16, 100, Math.floor(bytes.length / 2)]) {
        const bad = Buffer.concat([bytes.subarray(0, place), Buffer.alloc(100_000, fill)]);
        await read(sample, bad);
        await read(sample, bad, true);
      }
  });

  it('may be changed anywhere', async () => {
    const some = bytes.subarray(0, MAX_MUTATED_BYTES);
    const change = fc.tuple(fc.nat(some.length - 1), fc.uint8Array({ minLength: 1, maxLength: 8 }));
    const changes = fc.array(change, { minLength: 1, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(changes, fc.nat(some.length), fc.boolean(), async (all, size, isCut) => {
        const bad = Buffer.from(some);
        for (const [place, values] of all) bad.set(values.slice(0, bad.length - place), place);
        await read(sample, isCut ? bad.subarray(0, size) : bad);
      }),
      { numRuns: 150, seed: 4711 },
    );
  });

  it('is not read after an abort', async () => {
    const abort = new AbortController();
    const file = inMemory(bytes);
    let reads = 0;
    const aborting = {
      size: bytes.length,
      read: async (...[offset, length, over]: Parameters<typeof file.read>) => {
        if (++reads > 1) abort.abort();
        return file.read(offset, length, over);
      },
    };
    const reading = factsOf(name, aborting, { signal: abort.signal });
    await assert.rejects(reading, thrown => toFileSyncError(thrown).kind === 'cancelled');
  });

  it('fails if its file cannot be read', async () => {
    const error = toFileSyncError(new DOMException('gone', 'AbortError'));
    const failing = { size: bytes.length, read: async () => Promise.reject(error) };
    await assert.rejects(factsOf(name, failing, { signal }), error);
  });
}
