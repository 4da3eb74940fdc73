import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { openStore } from '../../../src/db/store.js';
import { FileSyncError } from '../../../src/errors.js';
import type { FileRecord, SourceRecord, Store } from '../../../src/ports.js';
import { fileRecord } from '../../fakes/file-record.js';
import { RecordingLogger } from '../../fakes/recording-logger.js';
import { VirtualClock } from '../../fakes/virtual-clock.js';
import { CrashDisk } from './crash-disk.js';

type Act =
  | { readonly act: 'put' | 'note' | 'soon' | 'delete' | 'archive' | 'source'; readonly number: number }
  | { readonly act: 'fail' | 'heal' | 'settle' | 'second' };

const act: fc.Arbitrary<Act> = fc.oneof(
  fc.record({
    act: fc.constantFrom('put', 'note', 'soon', 'delete', 'archive', 'source'),
    number: fc.nat(3),
  }),
  fc.record({ act: fc.constantFrom('fail', 'heal', 'settle', 'second') }),
);

describe('database: any changes, delayed writes and failures', () => {
  it('what memory holds is what is on disk after close', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(act, { maxLength: 40 }),
        fc.constantFrom(3, 1000),
        async (acts, compactAfter) => {
          const run = new Run(compactAfter);
          await run.open();
          for (const [index, one] of acts.entries()) await run.perform(one, index);
          const inMemory = await run.close();
          await run.open();
          assert.deepEqual(await run.close(), inMemory);
        },
      ),
      { numRuns: 500 },
    );
  });
});

/** A store on a disk that can fail, and what is under way in it. */
class Run {
  readonly #path = `/nowhere/${randomUUID()}.json`;
  readonly #disk = new CrashDisk();
  readonly #clock = new VirtualClock();
  readonly #options: Parameters<typeof openStore>[1];
  #store: Store | undefined;
  #pending: Promise<unknown>[] = [];

  constructor(compactAfter: number) {
    const logger = new RecordingLogger();
    this.#options = { clock: this.#clock, logger, disk: this.#disk, compactAfter };
  }

  async open(): Promise<void> {
    this.#store = await openStore(this.#path, this.#options);
  }

  async perform(one: Act, index: number): Promise<void> {
    if ('number' in one) this.#change(one.act, fileRecord(one.number, { size: index }));
    else if (one.act === 'fail') this.#disk.hook = failing;
    else if (one.act === 'heal') this.#disk.hook = () => undefined;
    else if (one.act === 'settle') await Promise.all(this.#pending.splice(0));
    else await this.#clock.advance(1000);
  }

  /** The records by their ids, the archive and the sources, as they are in memory at last. */
  async close(): Promise<unknown> {
    const store = this.#open;
    this.#disk.hook = () => undefined;
    await Promise.all(this.#pending.splice(0));
    await store.close();
    const byId = (a: FileRecord, b: FileRecord) => (a.id < b.id ? -1 : 1);
    const archived: FileRecord[] = [];
    for await (const record of store.archived()) archived.push(record);
    const sources = [0, 1, 2, 3].map(number => store.source(String(number)));
    return { records: [...store.all()].sort(byId), archived, sources };
  }

  get #open(): Store {
    assert.ok(this.#store);
    return this.#store;
  }

  #change(act: Extract<Act, { number: number }>['act'], record: FileRecord): void {
    const source: SourceRecord = { device: String(Number(record.id)), scannedAt: record.size };
    const store = this.#open;
    if (act === 'note') return store.note(record);
    if (act === 'soon') return store.note(record, 'soon');
    const changes = {
      put: () => store.put(record),
      delete: () => store.delete(record.id),
      archive: () => store.archive([record.id]),
      source: () => store.putSource(source),
    };
    this.#pending.push(changes[act]().catch(isNoSpace));
  }
}

function failing({ name, path }: { name: string; path: string }): void {
  if (name === 'write' && !path.endsWith('.tmp')) throw new FileSyncError('no-space', 'the disk is full');
}

function isNoSpace(error: unknown): void {
  assert.ok(error instanceof FileSyncError && error.kind === 'no-space', String(error));
}
