import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { link, mkdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Folders } from '../../../src/local/folders.js';
import { LocalStorage } from '../../../src/local/storage.js';
import { PartialFile } from '../../../src/local/partial-file.js';
import type { Checkpoint } from '../../../src/ports.js';
import { checksumOf, eventually, failsWith, openHandles, sample } from '../../conformance/support.js';
import { temporaryFolder } from '../../conformance/temp-folder.js';
import { whileSyncsFail } from '../../fakes/failing-sync.js';

const never = new AbortController().signal;
const LOCAL = 'autopilot/2024/log.ulg';
const bytes = sample(50_000);
const head = bytes.subarray(0, 20_000);
const tail = bytes.subarray(20_000);

describe('PartialFile', () => {
  let root: string;
  let cleanUp: () => Promise<void>;
  let part: string;
  let final: string;

  beforeEach(async () => {
    ({ path: root, remove: cleanUp } = await temporaryFolder());
    final = join(root, LOCAL);
    part = `${final}.part`;
  });
  afterEach(() => cleanUp());

  const begin = (checkpoint?: Checkpoint, boot = 'boot-1') =>
    new LocalStorage(root, { boot }).begin(LOCAL, checkpoint, never, ['crc32-mavlink']);

  /** Leaves a part behind that holds `written`, of which `synced` bytes were recorded as safe in boot-1. */
  async function leftBehind(written: Uint8Array, synced: number): Promise<Checkpoint> {
    await mkdir(dirname(part), { recursive: true });
    await writeFile(part, written);
    return { boot: 'boot-1', synced };
  }

  async function finishesFrom(file: PartialFile, offset: number): Promise<void> {
    assert.equal(file.offset, offset);
    await file.append(bytes.subarray(offset));
    const { sha256, ...digests } = await file.digests();
    assert.equal(sha256, checksumOf('sha256', bytes).value);
    assert.equal(digests['crc32-mavlink'], checksumOf('crc32-mavlink', bytes).value);
    await file.commit();
    await file.close();
    assert.ok((await readFile(final)).equals(bytes));
    await assert.rejects(stat(part), { code: 'ENOENT' });
  }

  it('takes many small chunks, and the file is what was appended', async () => {
    const file = await begin();
    for (let at = 0; at < bytes.length; at += 239) await file.append(bytes.subarray(at, at + 239));
    assert.equal(file.offset, bytes.length);
    await finishesFrom(file, bytes.length);
  });

  for (const step of ['checkpoint', 'fsync'] as const) {
    it(`trusts nothing that came after the last sync when another one fails (${step})`, async () => {
      const file = await begin();
      await file.append(head);
      const checkpoint = await file.checkpoint();
      await file.append(tail);
      await whileSyncsFail(async () => void (await failsWith(() => file[step](), 'io')));
      await failsWith(() => file.commit(), 'io');
      await file.close();
      await finishesFrom(await begin(checkpoint), head.length);
    });
  }

  it('takes more than it gathers, in large and small chunks', async () => {
    const large = sample(5_000_000, 3);
    const file = await begin();
    await file.append(large.subarray(0, 3_000_000));
    for (let at = 3_000_000; at < large.length; at += 10_000)
      await file.append(large.subarray(at, at + 10_000));
    assert.equal((await file.digests()).sha256, checksumOf('sha256', large).value);
    await file.commit();
    await file.close();
    assert.ok((await readFile(final)).equals(large));
  });

  it('does not make a call to the kernel for each small chunk of a fast link', async () => {
    const calls = async () => Number(/syscw: (\d+)/.exec(await readFile('/proc/self/io', 'utf8'))?.[1]);
    const file = await begin();
    const before = await calls();
    const chunks = 20_000;
    for (let count = 0; count < chunks; count++) await file.append(bytes.subarray(0, 239));
    await file.digests();
    // How many chunks come during one write depends on the machine; each write wakes another thread, which is a call as well.
    const made = (await calls()) - before;
    assert.ok(made < chunks / 2, `${made} calls`);
    await file.close();
  });

  it('is empty and whole when nothing is appended', async () => {
    const file = await begin();
    assert.equal((await file.digests()).sha256, checksumOf('sha256', new Uint8Array(0)).value);
    await file.commit();
    await file.close();
    assert.equal((await stat(final)).size, 0);
  });

  it('keeps the time of the last change', async () => {
    const file = await begin();
    await file.fsync(1_700_000_000_123);
    await file.commit();
    await file.close();
    assert.equal(Math.round((await stat(final)).mtimeMs), 1_700_000_000_123);
  });

  it('starts again when no record vouches for the part', async () => {
    await leftBehind(sample(30_000, 9), 0);
    await finishesFrom(await begin(), 0);
  });

  it('goes on behind all its bytes while the machine has not rebooted', async () => {
    await finishesFrom(await begin(await leftBehind(head, 5_000)), head.length);
  });

  it('trusts only what was synced where the boot is not known', async () => {
    const checkpoint = { ...(await leftBehind(head, 5_000)), boot: '' };
    await finishesFrom(await begin(checkpoint, ''), 5_000);
  });

  it('trusts only what was synced after a reboot', async () => {
    const torn = Buffer.concat([head.subarray(0, 5_000), new Uint8Array(15_000)]);
    await finishesFrom(await begin(await leftBehind(torn, 5_000), 'boot-2'), 5_000);
  });

  it('starts again when the part is shorter than what was synced, or gone', async () => {
    await finishesFrom(await begin(await leftBehind(head, head.length + 1)), 0);
    await cleanUp();
    await finishesFrom(await begin({ boot: 'boot-1', synced: 5_000 }), 0);
  });

  it('a checkpoint is made while more is appended, and tells of no more than is on disk', async () => {
    const file = await begin();
    await file.append(head);
    const checkpoint = file.checkpoint();
    await file.append(bytes.subarray(head.length));
    const { synced } = await checkpoint;
    assert.ok(synced >= head.length && synced <= bytes.length, `${synced}`);
    assert.deepEqual(await file.checkpoint(), { boot: 'boot-1', synced: bytes.length });
    await file.commit();
    await file.close();
    assert.ok((await readFile(final)).equals(bytes));
  });

  it('a checkpoint tells the boot and what is on disk', async () => {
    const file = await begin();
    assert.deepEqual(await file.checkpoint(), { boot: 'boot-1', synced: 0 });
    await file.append(head);
    assert.deepEqual(await file.checkpoint(), { boot: 'boot-1', synced: head.length });
    assert.equal((await stat(part)).size, head.length);
    await file.append(tail);
    await file.close();
    const again = await begin(await leftBehind(await readFile(part), head.length), 'boot-2');
    assert.deepEqual(await again.checkpoint(), { boot: 'boot-2', synced: head.length });
    await finishesFrom(again, head.length);
  });

  it('close keeps everything that was appended', async () => {
    const file = await begin();
    for (let at = 0; at < head.length; at += 100) await file.append(head.subarray(at, at + 100));
    await file.close();
    await file.close();
    await finishesFrom(await begin({ boot: 'boot-1', synced: 0 }), head.length);
  });

  it('a killed process loses nothing that the link has given', async () => {
    const script = join(import.meta.dirname, '../../faults/part-writer.ts');
    const child = spawn(process.execPath, ['--import=tsx', script, root, LOCAL, '20000'], {
      stdio: 'inherit',
    });
    await eventually(async () => (await stat(part).catch(() => undefined))?.size === 20_000);
    child.kill('SIGKILL');
    await once(child, 'exit');
    await finishesFrom(await begin({ boot: 'boot-1', synced: 0 }), 20_000);
  });

  it('never replaces what has the final name', async () => {
    const file = await begin();
    await file.append(head);
    await writeFile(final, 'a file of somebody else');
    await failsWith(() => file.commit(), 'exists');
    await file.close();
    assert.equal(await readFile(final, 'utf8'), 'a file of somebody else');
  });

  it('says that the disk is full, at the next call at the latest, and again', async () => {
    const { signal } = new AbortController();
    const place = { folders: new Folders('/dev'), folder: '', place: '/dev' };
    const file = await PartialFile.begin({ ...place, part: 'full', final: 'x', boot: 'boot-1' }, signal);
    const fill = async (): Promise<void> => {
      for (;;) await file.append(bytes);
    };
    const error = await failsWith(fill, 'no-space');
    assert.match(error.message, /free some space/);
    assert.equal(error.temporary, true);
    await failsWith(() => file.append(bytes), 'no-space');
    await failsWith(() => file.digests(), 'no-space');
    await failsWith(() => file.checkpoint(), 'no-space');
    await failsWith(() => file.commit(), 'no-space');
    await file.close();
  });

  it('does not take a vanished folder for a vanished source file', async () => {
    const file = await begin();
    await file.append(head);
    await cleanUp();
    await failsWith(() => file.commit(), 'io');
    await file.close();
  });

  it('does not follow a link at the place of the part', async () => {
    await mkdir(dirname(part), { recursive: true });
    const elsewhere = join(root, 'elsewhere');
    await writeFile(elsewhere, 'precious');
    await symlink(elsewhere, part);
    await failsWith(() => begin(), 'denied');
    assert.equal(await readFile(elsewhere, 'utf8'), 'precious');
  });

  it('leaves a file alone that has the name of the part as a further one', async () => {
    await mkdir(dirname(part), { recursive: true });
    const elsewhere = join(root, 'elsewhere');
    await writeFile(elsewhere, 'precious');
    await link(elsewhere, part);
    await finishesFrom(await begin(), 0);
    assert.equal(await readFile(elsewhere, 'utf8'), 'precious');
  });

  it('is sparse where the file is, and the same', async () => {
    const sparse = Buffer.alloc(5_000_000);
    sparse.set(bytes, 2_000_000);
    const file = await begin();
    for (let at = 0; at < sparse.length; at += 300_000) await file.append(sparse.subarray(at, at + 300_000));
    const { sha256 } = await file.digests();
    assert.equal(sha256, checksumOf('sha256', sparse).value);
    await file.commit();
    await file.close();
    assert.ok((await readFile(final)).equals(sparse));
    assert.ok((await stat(final)).blocks * 512 < 1_000_000);
  });

  it('reading what is trusted can be cancelled, and leaves no handle open', async () => {
    const checkpoint = await leftBehind(head, 0);
    const storage = new LocalStorage(root, { boot: 'boot-1' });
    const before = await openHandles();
    await failsWith(() => storage.begin(LOCAL, checkpoint, AbortSignal.abort()), 'cancelled');
    assert.equal(await openHandles(), before);
    await finishesFrom(await begin(checkpoint), head.length);
  });
});
