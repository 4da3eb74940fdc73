import assert from 'node:assert/strict';
import { listed, listingOf } from '../../../src/cli/check/listing.js';
import { FileSyncError } from '../../../src/errors.js';
import type { Clock, Source } from '../../../src/ports.js';
import { systemClock } from '../../../src/system/clock.js';
import { failsWith } from '../../conformance/support.js';
import { fileRecord } from '../../fakes/file-record.js';
import { MemorySource } from '../../fakes/memory-source.js';

const never = new AbortController().signal;
const options = { clock: systemClock, whileArmed: 'upload-only' } as const;

function sourceWith(...paths: string[]): MemorySource {
  const source = new MemorySource();
  for (const path of paths) source.put(path, new Uint8Array(10));
  return source;
}

/** Lists the files of the source, then does what `end` says. */
function endingWith(source: Source, end: (signal: AbortSignal) => Promise<never>): Source {
  return {
    ...{ capabilities: source.capabilities, availability: source.availability },
    async *list(signal) {
      yield* source.list(signal);
      await end(signal);
    },
    read: source.read.bind(source),
    checksum: source.checksum.bind(source),
    remove: source.remove.bind(source),
    close: source.close.bind(source),
  };
}

describe('the listing of a source before anything is done', () => {
  it('is complete', async () => {
    const { listing, error } = await listed(sourceWith('a', 'b'), never, options);
    assert.equal(listing.files.length, 2);
    assert.equal(listing.incomplete, undefined);
    assert.equal(error, undefined);
  });

  it('is left out while the vehicle is armed, unless the rules say continue', async () => {
    const source = sourceWith('a');
    source.availability.next({ available: true, reason: 'in memory', armed: true });
    const { listing, error } = await listed(source, never, options);
    assert.deepEqual(listing, { files: [], from: 'source', incomplete: 'the vehicle is armed' });
    assert.equal(error, undefined);
    assert.deepEqual(source.looks, []);
    const going = await listed(source, never, { ...options, whileArmed: 'continue' });
    assert.equal(going.listing.files.length, 1);
  });

  it('holds what was listed before an error, and the error', async () => {
    const denied = endingWith(sourceWith('a'), () => Promise.reject(new FileSyncError('denied', 'no right')));
    const { listing, error } = await listed(denied, never, options);
    assert.equal(listing.files.length, 1);
    assert.equal(listing.incomplete, 'no right');
    assert.equal(error?.kind, 'denied');
  });

  it('holds what was listed within its time, which is no error', async () => {
    let reached = (): void => undefined;
    const waiting = new Promise<void>(resolve => (reached = resolve));
    const slow = endingWith(sourceWith('a'), signal => {
      reached();
      return new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('late'))));
    });
    // The time is over once everything has been listed.
    const clock: Pick<Clock, 'sleep'> = { sleep: ms => (ms === 0 ? Promise.resolve() : waiting) };
    const { listing, error } = await listed(slow, never, { ...options, clock, ms: 60_000 });
    assert.equal(listing.files.length, 1);
    assert.equal(listing.incomplete, 'listing it takes longer than 60 s');
    assert.equal(error, undefined);
  });

  it('ends when the program is stopped', async () => {
    await failsWith(() => listed(sourceWith('a'), AbortSignal.abort(), options), 'cancelled');
  });

  it('of a source that a daemon holds is what the records say', () => {
    const records = [
      fileRecord(1),
      fileRecord(2, { source: { state: 'gone' } }),
      fileRecord(3, { device: 'camera' }),
    ];
    const known = { all: () => records, versions: () => [], source: () => undefined };
    const { files, from } = listingOf('autopilot', known);
    assert.deepEqual([files.map(({ path }) => path), from], [['2026-11-22/1.ulg'], 'records']);
  });
});
