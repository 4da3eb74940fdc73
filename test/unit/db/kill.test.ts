import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { openStore } from '../../../src/db/store.js';
import type { Store } from '../../../src/ports.js';
import { failsWith } from '../../conformance/support.js';
import { temporaryFolder } from '../../conformance/temp-folder.js';
import { RecordingLogger } from '../../fakes/recording-logger.js';
import { VirtualClock } from '../../fakes/virtual-clock.js';

/** Confirmed changes after which the writer is killed: one after another, each time over what is left. */
const KILLED_AFTER = [40, 333];

describe('database: another process', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let writer: ChildProcess | undefined;
  const logger = new RecordingLogger();
  const open = () => openStore(join(folder.path, 'filesync.json'), { clock: new VirtualClock(), logger });

  before(async () => {
    folder = await temporaryFolder();
  });

  afterEach(async () => {
    writer?.kill('SIGKILL');
  });

  after(() => folder.remove());

  for (const count of KILLED_AFTER) {
    it(`is locked out while it lives; killed (-9) after ${count} changes, it has lost none of them`, async () => {
      writer = startWriter(join(folder.path, 'filesync.json'));
      const confirmed = await confirmedBy(writer, count, async () => {
        await failsWith(open, 'config');
      });
      const there = await sizesIn(await open());
      for (const [name, size] of confirmed) assert.ok((there.get(name) ?? -1) >= size, `${name}, ${size}`);
      assert.deepEqual(logger.messages('error'), []);
    });
  }
});

/** What the writer reports, as it is now. A record that was archived may have come back, with a greater size. */
async function sizesIn(store: Store): Promise<Map<string, number>> {
  const sizes = new Map<string, number>();
  for await (const record of store.archived()) sizes.set(`archive ${record.id}`, record.size);
  for (const record of store.all()) {
    sizes.set(`put ${record.id}`, record.size);
    sizes.set(`archive ${record.id}`, record.size);
  }
  sizes.set('source autopilot', store.source('autopilot')?.scannedAt ?? -1);
  await store.close();
  return sizes;
}

function startWriter(path: string): ChildProcess {
  const script = join(import.meta.dirname, 'writer.ts');
  return spawn(process.execPath, ['--import=tsx', script, path], { stdio: ['ignore', 'pipe', 'inherit'] });
}

/** Kills the writer when it has confirmed `count` changes, some of each kind; returns the last confirmed size by act and name. */
async function confirmedBy(
  writer: ChildProcess,
  count: number,
  meanwhile: () => Promise<void>,
): Promise<Map<string, number>> {
  const confirmed = new Map<string, number>();
  const exit = once(writer, 'exit');
  assert.ok(writer.stdout);
  let lines = 0;
  for await (const line of createInterface(writer.stdout)) {
    const [act, name, size] = line.split(' ');
    confirmed.set(`${act} ${name}`, Number(size));
    lines += 1;
    if (lines === 1) await meanwhile();
    const kinds = new Set([...confirmed.keys()].map(key => key.split(' ')[0]));
    if (lines >= count && kinds.size === 3) writer.kill('SIGKILL');
  }
  await exit;
  assert.ok(lines >= count);
  return confirmed;
}
