import assert from 'node:assert/strict';
import { mkdir, readFile, readdir, stat, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { LocalStorage } from '../../../src/local/storage.js';
import { checksumOf, collect, failsWith, openHandles, sample } from '../../conformance/support.js';
import { temporaryFolder } from '../../conformance/temp-folder.js';

const never = new AbortController().signal;
const LOCAL = 'autopilot/2024/log.ulg';
const bytes = sample(1_500_000);

describe('LocalStorage', () => {
  let home: string;
  let root: string;
  let cleanUp: () => Promise<void>;
  let storage: LocalStorage;

  beforeEach(async () => {
    ({ path: home, remove: cleanUp } = await temporaryFolder());
    root = join(home, 'data');
    storage = new LocalStorage(root);
  });
  afterEach(() => cleanUp());

  async function store(local: string, content: Uint8Array): Promise<void> {
    const part = await storage.begin(local, undefined, never);
    await part.append(content);
    await part.commit();
    await part.close();
  }

  it('uses the boot id of this machine', async () => {
    const part = await storage.begin(LOCAL, undefined, never);
    const { boot } = await part.checkpoint();
    await part.close();
    assert.equal(boot, (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim());
  });

  it('puts a copy under its name and gives it back from any offset', async () => {
    await store(LOCAL, bytes);
    assert.ok((await readFile(join(root, LOCAL))).equals(bytes));
    for (const offset of [0, 1, 524_288, 1_499_999, 1_500_000]) {
      assert.ok(
        (await collect(storage.open(LOCAL, offset))).equals(bytes.subarray(offset)),
        `from ${offset}`,
      );
    }
  });

  it('tells size and checksum of a copy', async () => {
    await store(LOCAL, bytes);
    assert.deepEqual(await storage.stat(LOCAL), { size: bytes.length });
    assert.deepEqual(await storage.checksum(LOCAL, 'sha256'), checksumOf('sha256', bytes));
    assert.deepEqual(await storage.checksum(LOCAL, 'crc32-mavlink'), checksumOf('crc32-mavlink', bytes));
  });

  it('a name is free until something lies under it, be it a folder', async () => {
    assert.equal(await storage.stat(LOCAL), undefined);
    await store(LOCAL, bytes);
    assert.notEqual(await storage.stat(dirname(LOCAL)), undefined);
    assert.equal(await storage.stat(`${LOCAL}/below`), undefined);
  });

  it('a reader that leaves, or is cancelled, leaves no handle open', async () => {
    await store(LOCAL, bytes);
    const before = await openHandles();
    for await (const chunk of storage.open(LOCAL, 0)) {
      assert.ok(chunk.length > 0);
      break;
    }
    const cut = new AbortController();
    await failsWith(async () => {
      for await (const _chunk of storage.open(LOCAL, 0, cut.signal)) cut.abort();
    }, 'cancelled');
    assert.equal(await openHandles(), before);
  });

  it('a copy that is gone is not-found', async () => {
    await failsWith(() => collect(storage.open(LOCAL, 0)), 'not-found');
    await failsWith(() => storage.checksum(LOCAL, 'sha256'), 'not-found');
  });

  it('removes a copy and the folders that are empty then, but no others', async () => {
    await store(LOCAL, bytes);
    await store('autopilot/2025/log.ulg', bytes);
    await storage.remove(LOCAL);
    await storage.remove(LOCAL);
    assert.deepEqual(await readdir(join(root, 'autopilot')), ['2025']);
    await storage.remove('autopilot/2025/log.ulg');
    assert.deepEqual(await readdir(root), []);
    await store(LOCAL, bytes);
    assert.deepEqual(await storage.stat(LOCAL), { size: bytes.length });
  });

  it('discards the unfinished copy only', async () => {
    await store(LOCAL, bytes);
    const part = await storage.begin(LOCAL, undefined, never);
    await part.append(bytes);
    await part.close();
    await storage.discard(LOCAL);
    await storage.discard(LOCAL);
    assert.deepEqual(await readdir(join(root, dirname(LOCAL))), ['log.ulg']);
  });

  it('refuses names outside the root', async () => {
    for (const name of ['../x', '/etc/passwd', 'a/../../x', '', '.', 'a\0b']) {
      await failsWith(() => storage.begin(name, undefined, never), 'bad-name');
      await failsWith(() => storage.remove(name), 'bad-name');
      await failsWith(() => collect(storage.open(name, 0)), 'bad-name');
    }
    assert.deepEqual(await readdir(home), []);
  });

  it('makes no folders through a link that leads out, but through one that stays inside', async () => {
    const outside = join(home, 'outside');
    await mkdir(outside);
    await mkdir(join(root, 'real'), { recursive: true });
    await symlink(outside, join(root, 'escape'));
    await symlink('real', join(root, 'inside'));
    const error = await failsWith(() => storage.begin('escape/a/log.ulg', undefined, never), 'denied');
    assert.match(error.message, /remove it/);
    assert.deepEqual(await readdir(outside), []);
    await store('inside/log.ulg', bytes);
    assert.equal((await stat(join(root, 'real/log.ulg'))).size, bytes.length);
  });

  it('does not read through a link at the place of a copy', async () => {
    await store(LOCAL, bytes);
    await symlink(join(root, LOCAL), join(root, 'link.ulg'));
    await failsWith(() => collect(storage.open('link.ulg', 0)), 'denied');
  });

  it('says what to do when a file lies where a folder is needed', async () => {
    await mkdir(root);
    await writeFile(join(root, 'autopilot'), 'not a folder');
    const error = await failsWith(() => storage.begin(LOCAL, undefined, never), 'io');
    assert.match(error.message, /move it away/);
  });

  it('knows the free space before its root is made', async () => {
    assert.ok((await storage.free()) > 0);
    await storage.ensureSpace(0);
    await storage.ensureSpace(1);
  });

  it('says how much space is missing, where, and what helps', async () => {
    await storage.ensureSpace(1000);
    const error = await failsWith(() => storage.ensureSpace(2 ** 60), 'no-space');
    assert.equal(error.temporary, true);
    assert.ok(error.message.includes(root));
    assert.match(error.message, /the disk has .*B free and the file needs .*: free .*PB there/);
  });
});
