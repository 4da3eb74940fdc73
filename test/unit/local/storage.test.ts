import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, readFile, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { LocalStorage } from '../../../src/local/storage.js';
import { modesOf } from '../../../src/system/file-modes.js';
import { checksumOf, collect, failsWith, openHandles, sample } from '../../conformance/support.js';
import { temporaryFolder } from '../../conformance/temp-folder.js';
import { asNobody } from '../../fakes/nobody.js';
import { whileRecordingSyncs } from '../../fakes/recorded-syncs.js';

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

  it('does not wait at a pipe that another program put in the place of a copy', async () => {
    await store(LOCAL, bytes);
    await rm(join(root, LOCAL));
    for (const name of [LOCAL, `${LOCAL}.part`]) execFileSync('mkfifo', [join(root, name)]);
    assert.equal((await collect(storage.open(LOCAL, 0)).catch(() => Buffer.alloc(0))).length, 0);
    const hash = await storage.checksum(LOCAL, 'sha256').catch(() => undefined);
    assert.notDeepEqual(hash, checksumOf('sha256', bytes));
    await rm(join(root, LOCAL));
    await store(LOCAL, bytes);
    assert.ok((await readFile(join(root, LOCAL))).equals(bytes));
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

  it('a removal is on disk when it is done, with the folders that went as well', async () => {
    await store(LOCAL, bytes);
    await store('autopilot/2025/log.ulg', bytes);
    const states: [string, boolean][] = [];
    const seen = (path: string) => states.push([path, existsSync(join(root, dirname(LOCAL)))]);
    await whileRecordingSyncs(() => storage.remove(LOCAL), seen);
    assert.deepEqual(states, [[join(root, 'autopilot'), false]]);
  });

  it('a removal that was interrupted before it was on disk is brought there by the next', async () => {
    await store(LOCAL, bytes);
    await rm(join(root, 'autopilot'), { recursive: true });
    const synced: string[] = [];
    await whileRecordingSyncs(
      () => storage.remove(LOCAL),
      path => synced.push(path),
    );
    assert.deepEqual(synced, [root]);
    await new LocalStorage(join(home, 'nowhere')).remove(LOCAL);
  });

  it('its root is on disk before a copy is, with all that was made above it', async () => {
    const deep = join(home, 'a/b/data');
    const synced: string[] = [];
    const beginning = async () => (await new LocalStorage(deep).begin(LOCAL, undefined, never)).close();
    await whileRecordingSyncs(beginning, path => synced.push(path));
    for (const folder of [home, join(home, 'a'), join(home, 'a/b'), deep, join(deep, 'autopilot')])
      assert.ok(synced.includes(folder), folder);
  });

  it('a root that was there is brought to the disk once: who made it may have crashed before', async () => {
    await mkdir(root);
    const synced: string[] = [];
    await whileRecordingSyncs(
      async () => {
        await store(LOCAL, bytes);
        await store('camera/log.ulg', bytes);
      },
      path => synced.push(path),
    );
    assert.equal(synced.filter(path => path === home).length, 1);
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

  describe('what lies there already', () => {
    const { value: sha256 } = checksumOf('sha256', bytes);

    it('is the same, and on disk then, if size and hash are', async () => {
      await store(LOCAL, bytes);
      const synced: string[] = [];
      const asked = async () => assert.ok(await storage.sameAs(LOCAL, bytes.length, sha256, never));
      await whileRecordingSyncs(asked, path => synced.push(path));
      assert.deepEqual(synced, [join(root, LOCAL), join(root, dirname(LOCAL))]);
    });

    it('is not the same if size or hash is another, or if it is no file, or nothing', async () => {
      await store(LOCAL, sample(bytes.length, 2));
      assert.equal(await storage.sameAs(LOCAL, bytes.length, sha256, never), false);
      await store('short', bytes.subarray(1));
      assert.equal(await storage.sameAs('short', bytes.length, sha256, never), false);
      await symlink(join(root, LOCAL), join(root, 'link'));
      for (const name of ['link', 'autopilot', 'nothing', `${LOCAL}/below`])
        assert.equal(await storage.sameAs(name, bytes.length, sha256, never), false, name);
    });

    it('is read only as long as it is wanted', async () => {
      await store(LOCAL, bytes);
      const before = await openHandles();
      const asked = () => storage.sameAs(LOCAL, bytes.length, sha256, AbortSignal.abort());
      await failsWith(asked, 'cancelled');
      assert.equal(await openHandles(), before);
    });
  });

  describe('a corrupt copy', () => {
    const folder = () => readdir(join(root, dirname(LOCAL)));

    it('is set aside durably, under a name that is free', async () => {
      const synced: string[] = [];
      for (const [index, name] of ['', '2', '3'].entries()) {
        await store(LOCAL, sample(100, index));
        const setAside = async () => assert.equal(await storage.quarantine(LOCAL), `${LOCAL}.corrupt${name}`);
        await whileRecordingSyncs(setAside, path => synced.push(path));
        assert.ok((await readFile(join(root, `${LOCAL}.corrupt${name}`))).equals(sample(100, index)));
      }
      assert.deepEqual(synced, Array(3).fill(join(root, dirname(LOCAL))));
      assert.deepEqual((await folder()).length, 3);
      await failsWith(() => storage.quarantine(LOCAL), 'not-found');
    });

    it('may have a name as long as a name can be', async () => {
      const name = `d/${'é'.repeat(127)}`;
      await store('d/x', bytes);
      await writeFile(join(root, name), bytes);
      const aside = await storage.quarantine(name);
      assert.deepEqual(await storage.stat(aside), { size: bytes.length });
    });
  });

  describe('its list', () => {
    async function listed(): Promise<string[]> {
      const found: string[] = [];
      for await (const { local, size } of storage.list()) found.push(`${local} ${size}`);
      return found.sort();
    }

    it('has every regular file with its size, whatever it is', async () => {
      assert.deepEqual(await listed(), []);
      await store(LOCAL, bytes);
      await (await storage.begin('a/b.ulg', undefined, never)).close();
      for (let index = 0; index < 100; index++) await writeFile(join(root, `${index}`), 'x'.repeat(index));
      await symlink(join(root, LOCAL), join(root, 'link'));
      await symlink(join(root, 'autopilot'), join(root, 'linked-folder'));
      await mkdir(join(root, 'empty'));
      const many = Array.from({ length: 100 }, (_, index) => `${index} ${index}`);
      assert.deepEqual(await listed(), [...many, 'a/b.ulg.part 0', `${LOCAL} ${bytes.length}`].sort());
    });

    it('leaves out folders that may not be read', async () => {
      await store(LOCAL, bytes);
      await mkdir(join(root, 'closed'));
      await writeFile(join(root, 'closed/x'), 'x');
      for (const folder of ['..', '.', 'autopilot', dirname(LOCAL)]) await chmod(join(root, folder), 0o755);
      await chmod(join(root, 'closed'), 0o000);
      await asNobody(async () => assert.deepEqual(await listed(), [`${LOCAL} ${bytes.length}`]));
      await chmod(join(root, 'closed'), 0o755);
    });
  });

  it('measures the free space before its root is made', async () => {
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

describe('LocalStorage, permissions', () => {
  const modeOf = async (path: string) => (await stat(path)).mode & 0o777;

  for (const [title, modes, file, folder] of [
    ['are for its user alone', undefined, 0o600, 0o700],
    ['are those of the configuration, whatever the umask', modesOf(0o660), 0o660, 0o770],
  ] as const)
    it(title, async () => {
      const { path, remove } = await temporaryFolder();
      const storage = new LocalStorage(join(path, 'above/root'), modes && { modes });
      const begun = await storage.begin('autopilot/log/a.ulg', undefined, never);
      const root = join(path, 'above/root');
      assert.equal(await modeOf(join(root, 'autopilot/log/a.ulg.part')), file);
      await begun.commit();
      await begun.close();
      assert.equal(await modeOf(join(root, 'autopilot/log/a.ulg')), file);
      for (const one of [root, join(root, 'autopilot'), join(root, 'autopilot/log')])
        assert.equal(await modeOf(one), folder, one);
      await remove();
    });
});
