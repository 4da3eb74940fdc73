import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { openStore } from '../../../src/db/store.js';
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
      const store = await open();
      const sizes = new Map([...store.all()].map(record => [record.id, record.size]));
      await store.close();
      for (const [id, size] of confirmed) assert.ok((sizes.get(id) ?? -1) >= size, `${id} is at ${size}`);
      assert.deepEqual(logger.messages('error'), []);
    });
  }
});

function startWriter(path: string): ChildProcess {
  const script = join(import.meta.dirname, 'writer.ts');
  return spawn(process.execPath, ['--import=tsx', script, path], { stdio: ['ignore', 'pipe', 'inherit'] });
}

/** Kills the writer when it has confirmed `count` changes; gives the last confirmed size by id. */
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
    const [id, size] = line.split(' ');
    assert.ok(id !== undefined);
    confirmed.set(id, Number(size));
    lines += 1;
    if (lines === 1) await meanwhile();
    if (lines === count) writer.kill('SIGKILL');
  }
  await exit;
  assert.ok(lines >= count);
  return confirmed;
}
