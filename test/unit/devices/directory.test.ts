import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  link,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import promises, { chmod, mkdtemp } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { firstValueFrom } from 'rxjs';
import { directory } from '../../../src/devices/directory.js';
import { DirectorySource } from '../../../src/devices/directory/source.js';
import { DirectoryTarget } from '../../../src/devices/directory/target.js';
import { writersOf } from '../../../src/devices/directory/writers.js';
import { unless } from '../../../src/local/disk-error.js';
import { localName } from '../../../src/local/names.js';
import type { Outgoing, SourceFile, WriteEvents } from '../../../src/ports.js';
import { fileSystemUuid } from '../../../src/system/file-system-uuid.js';
import { checksumOf, collect, failsWith, listed, sample } from '../../conformance/support.js';
import { temporaryFolder } from '../../conformance/temp-folder.js';
import { deviceContext } from '../../fakes/device-context.js';
import { whileSyncsFail } from '../../fakes/failing-sync.js';
import { asNobody } from '../../fakes/nobody.js';
import { whileRecordingSyncs } from '../../fakes/recorded-syncs.js';
import { RecordingLogger } from '../../fakes/recording-logger.js';
import { VirtualClock } from '../../fakes/virtual-clock.js';

const never = new AbortController().signal;
const bytes = sample(700_000);
const TOKEN = '0123456789abcdef';

describe('directory', () => {
  let home: string;
  let root: string;
  let cleanUp: () => Promise<void>;

  beforeEach(async () => {
    ({ path: home, remove: cleanUp } = await temporaryFolder());
    root = join(home, 'folder');
  });
  afterEach(() => cleanUp());

  describe('source', () => {
    let source: DirectorySource;

    beforeEach(async () => {
      await mkdir(root);
      source = new DirectorySource(root, deviceContext({ name: 'inbox' }));
    });
    afterEach(() => source.close());

    const paths = async () => (await listed(source)).map(({ path }) => path);

    async function only(): Promise<SourceFile> {
      const [file, ...more] = await listed(source);
      assert.ok(file && more.length === 0);
      return file;
    }

    it('lists files only: no links, no pipes, no folder of the file system, no unfinished upload of ours', async () => {
      await writeFile(join(root, 'log.ulg'), bytes);
      await writeFile(join(root, `next.ulg.${TOKEN}.part`), bytes);
      await writeFile(join(root, 'theirs.part'), bytes);
      await symlink('log.ulg', join(root, 'link.ulg'));
      await symlink('/etc', join(root, 'linked-folder'));
      await mkdir(join(root, 'lost+found'));
      await writeFile(join(root, 'lost+found', '#1'), bytes);
      await promisify(execFile)('mkfifo', [join(root, 'pipe')]);
      assert.deepEqual(await paths(), ['log.ulg', 'theirs.part']);
    });

    it('lists all others where a folder is denied, and throws at the end', async () => {
      await mkdir(join(root, 'closed'));
      await writeFile(join(root, 'closed/hidden.ulg'), bytes);
      await writeFile(join(root, 'open.ulg'), bytes);
      await chmod(home, 0o755);
      await chmod(join(root, 'closed'), 0o000);
      const seen: string[] = [];
      await asNobody(async () => {
        const all = async () => {
          for await (const { path } of source.list(never)) seen.push(path);
        };
        assert.match((await failsWith(all, 'denied')).message, /closed.*no permission/);
      });
      await chmod(join(root, 'closed'), 0o755);
      assert.deepEqual(seen, ['open.ulg']);
    });

    it('returns the time of the last change in whole milliseconds', async () => {
      await writeFile(join(root, 'log.ulg'), bytes);
      await utimes(join(root, 'log.ulg'), 1_700_000_000.9876, 1_700_000_000.9876);
      assert.deepEqual(await only(), { path: 'log.ulg', size: bytes.length, modified: 1_700_000_000_987 });
    });

    it('notices a write in place that changes neither size nor millisecond while it reads', async () => {
      const path = join(root, 'log.ulg');
      await writeFile(path, bytes);
      await utimes(path, 1_700_000_000.1231, 1_700_000_000.1231);
      const file = await only();
      await failsWith(async () => {
        for await (const chunk of source.read(file, 0, never)) {
          assert.ok(chunk.length > 0);
          await writeFile(path, sample(bytes.length, 9), { flag: 'r+' });
          await utimes(path, 1_700_000_000.1239, 1_700_000_000.1239);
        }
      }, 'changed');
      assert.deepEqual(await only(), file);
    });

    it('notices that a file of the same size and time came in its place while it read', async () => {
      const path = join(root, 'log.ulg');
      const stamp = (name: string) => utimes(name, 1_700_000_000.123, 1_700_000_000.123);
      await writeFile(path, bytes);
      await stamp(path);
      const file = await only();
      await writeFile(join(home, 'other'), sample(bytes.length, 9));
      await stamp(join(home, 'other'));
      await failsWith(async () => {
        for await (const chunk of source.read(file, 0, never)) {
          assert.ok(chunk.length > 0);
          await unless(['ENOENT'], rename(join(home, 'other'), path));
        }
      }, 'changed');
      assert.deepEqual(await only(), file);
    });

    it('returns which files some process writes, under the names by which they were listed', async () => {
      await mkdir(join(root, 'day'));
      const names = ['idle', 'day/busy', 'caf\udce9', 'gone'];
      await writeFile(join(root, 'idle'), bytes);
      const script = `exec 3>>day/busy 4>>"caf$(printf '\\351')"; echo ready; read line`;
      const writer = spawn('sh', ['-c', script], { cwd: root });
      try {
        await once(writer.stdout, 'data');
        assert.deepEqual([...(await source.writers(names, never)).open].sort(), ['caf\udce9', 'day/busy']);
      } finally {
        writer.kill('SIGKILL');
        await once(writer, 'close');
      }
      assert.deepEqual([...(await source.writers(names, never)).open], []);
    });

    it('has an incomplete answer for files that cannot be read; missing files have no writers', async () => {
      await writeFile(join(root, 'file'), bytes);
      const absolute = (path: string) => Buffer.from(join(root, path));
      const nobody = async () => ({ open: new Set<string>(), complete: true });
      const known = async (path: string) =>
        (await writersOf(['file', path], absolute, never, nobody)).complete;
      assert.equal(await known('gone'), true);
      assert.equal(await known('file/below'), true);
      assert.equal(await known('x'.repeat(256)), false);
    });

    it('returns the space of its file system, as df does, and the medium, where udev names it', async () => {
      const { stdout } = await promisify(execFile)('df', ['-B1', '--output=size,avail', root]);
      const [size, available] = (stdout.split('\n')[1] ?? '').trim().split(/\s+/).map(Number);
      const { free, total } = await source.space(never);
      assert.equal(total, size);
      // Others write meanwhile.
      assert.ok(Math.abs(free - Number(available)) < 1e9, `${free} ${available}`);
      assert.equal(await source.volume(never), await fileSystemUuid((await stat(root)).dev));
    });

    it('returns none of this while its folder is missing, or under an aborted signal', async () => {
      const questions = [
        (signal: AbortSignal) => source.writers([], signal),
        (signal: AbortSignal) => source.space(signal),
        (signal: AbortSignal) => source.volume(signal),
      ];
      for (const ask of questions) await failsWith(() => ask(AbortSignal.abort()), 'cancelled');
      await rm(root, { recursive: true });
      for (const ask of questions) {
        const { device, message } = await failsWith(() => ask(never), 'unavailable');
        assert.equal(device, 'inbox');
        assert.match(message, /plug in or mount/);
      }
    });

    it('has read a file that is gone by the end', async () => {
      const path = join(root, 'log.ulg');
      await writeFile(path, bytes);
      let size = 0;
      for await (const chunk of source.read(await only(), 0, never)) {
        size += chunk.length;
        await rm(path, { force: true });
      }
      assert.equal(size, bytes.length);
    });

    it('lists, reads and removes files whose names are not UTF-8, each under a name of its own', async () => {
      const nameOf = (code: number) => Buffer.concat([Buffer.from(`${root}/caf`), Buffer.from([code])]);
      await writeFile(nameOf(0xe8), 'grave');
      await writeFile(nameOf(0xe9), 'acute');
      const files = await listed(source);
      const contents = await Promise.all(files.map(file => collect(source.read(file, 0, never))));
      assert.deepEqual(contents.map(String), ['grave', 'acute']);
      const names = files.map(({ path }) =>
        localName('inbox', JSON.parse(JSON.stringify(path)) as string, () => false, ''),
      );
      assert.deepEqual(names, ['inbox/caf%ED%B3%A8', 'inbox/caf%ED%B3%A9']);
      for (const file of files) await source.remove(file, never);
      assert.deepEqual(await readdir(root), []);
    });

    it('does not read or remove a file that was replaced by another of the same size', async () => {
      await writeFile(join(root, 'log.ulg'), bytes);
      const file = await only();
      await utimes(join(root, 'log.ulg'), 1, 1);
      await failsWith(() => collect(source.read(file, 0, never)), 'changed');
      await failsWith(() => source.remove(file, never), 'changed');
      assert.equal((await stat(join(root, 'log.ulg'))).size, bytes.length);
    });

    it('a folder that became a link since it was listed leads to no other files', async () => {
      const outside = join(home, 'outside');
      for (const folder of [join(root, 'a/b'), join(outside, 'b')]) {
        await mkdir(folder, { recursive: true });
        await writeFile(join(folder, 'log.ulg'), bytes);
        await utimes(join(folder, 'log.ulg'), 1_700_000_000, 1_700_000_000);
      }
      const [file] = await listed(source);
      assert.ok(file);
      await rename(join(root, 'a'), join(home, 'moved'));
      await symlink(outside, join(root, 'a'));
      await failsWith(() => collect(source.read(file, 0, never)), 'denied');
      await failsWith(() => source.checksum(file, never), 'denied');
      await failsWith(() => source.remove(file, never), 'denied');
      assert.ok((await readFile(join(outside, 'b/log.ulg'))).equals(bytes));
      assert.deepEqual(await listed(source), []);
    });

    it('a folder that becomes a link while it is listed shows no other files', async () => {
      const outside = join(home, 'outside');
      await mkdir(outside);
      for (const folder of ['a', 'b']) {
        await mkdir(join(root, folder));
        for (let index = 0; index < 3; index++) await writeFile(join(root, folder, `${index}.ulg`), 'x');
      }
      await writeFile(join(outside, 'secret.ulg'), 'secret');
      const found: string[] = [];
      const listing = async () => {
        for await (const { path } of source.list(never)) {
          found.push(path);
          const other = path.startsWith('a') ? 'b' : 'a';
          if (found.length > 1) continue;
          await rename(join(root, other), join(home, 'moved'));
          await symlink(outside, join(root, other));
        }
      };
      await failsWith(listing, 'denied');
      assert.equal(found.length, 3);
      assert.ok(!found.some(path => path.includes('secret')));
    });

    it('a size that cannot be right leaves out that file alone', async function () {
      const memory = await mkdtemp('/dev/shm/filesync-test-').catch(() => undefined);
      if (memory === undefined) return this.skip();
      try {
        await writeFile(join(memory, 'a.ulg'), bytes);
        await promisify(execFile)('truncate', ['-s', '7E', join(memory, 'huge.ulg')]);
        const logger = new RecordingLogger();
        const other = new DirectorySource(memory, deviceContext({ logger }));
        assert.deepEqual(
          (await listed(other)).map(({ path }) => path),
          ['a.ulg'],
        );
        assert.match(logger.messages('warn').join(), /huge.ulg: its size, .* cannot be right/);
        await other.close();
      } finally {
        await rm(memory, { recursive: true });
      }
    });

    it('does not follow a link, wait for a pipe or read a folder in the place of a file', async () => {
      const file = { path: 'log.ulg', size: 4 };
      await writeFile(join(home, 'secret'), 'abcd');
      await symlink(join(home, 'secret'), join(root, 'log.ulg'));
      await failsWith(() => collect(source.read(file, 0, never)), 'denied');
      await rm(join(root, 'log.ulg'));
      await promisify(execFile)('mkfifo', [join(root, 'log.ulg')]);
      await failsWith(() => collect(source.read({ ...file, size: 0 }, 0, never)), 'changed');
      await failsWith(() => source.remove({ ...file, size: 0 }, never), 'changed');
      await rm(join(root, 'log.ulg'));
      await mkdir(join(root, 'log.ulg'));
      await failsWith(() => collect(source.read(file, 0, never)), 'changed');
    });

    it('never leaves its folder', async () => {
      await writeFile(join(home, 'secret'), 'abcd');
      const file = { path: '../secret', size: 4 };
      await failsWith(() => collect(source.read(file, 0, never)), 'bad-name');
      await failsWith(() => source.checksum(file, never), 'bad-name');
      await failsWith(() => source.remove(file, never), 'bad-name');
      assert.equal(await readFile(join(home, 'secret'), 'utf8'), 'abcd');
    });

    it('a file that is missing with the whole folder is not gone, but out of reach', async () => {
      await writeFile(join(root, 'log.ulg'), bytes);
      const file = await only();
      await rm(root, { recursive: true });
      for (const work of [
        () => listed(source),
        () => collect(source.read(file, 0, never)),
        () => source.checksum(file, never),
        () => source.remove(file, never),
      ]) {
        const error = await failsWith(work, 'unavailable');
        assert.equal(error.device, 'inbox');
        assert.match(error.message, /plug in or mount/);
      }
    });

    it('a folder that is replaced while it is listed is not a short listing', async () => {
      await mkdir(join(root, 'a'));
      await writeFile(join(root, 'a/1'), 'x');
      await writeFile(join(root, 'top'), 'x');
      const replacing = async () => {
        for await (const _file of source.list(never)) {
          await rename(root, join(home, 'old'));
          await mkdir(root);
        }
      };
      await failsWith(replacing, 'unavailable');
    });

    it('is offline while its drive is not mounted: an empty mount point shows no file as gone', async function () {
      const drive = await mkdtemp('/dev/shm/filesync-test-').catch(() => undefined);
      if (drive === undefined) return this.skip();
      const place = join(home, 'drive');
      const mount = async (on: string) => {
        await rm(place, { force: true });
        await symlink(on, place);
      };
      await writeFile(join(drive, 'log.ulg'), bytes);
      await mount(drive);
      const inbox = new DirectorySource(place, deviceContext({ name: 'inbox' }));
      const found = async () => (await listed(inbox)).map(({ path }) => path);
      try {
        assert.deepEqual(await found(), ['log.ulg']);
        await mount(root);
        const error = await failsWith(() => listed(inbox), 'unavailable');
        assert.match(
          error.message,
          /drive is empty, and on another file system than before: mount its drive/,
        );
        assert.equal((await firstValueFrom(inbox.availability)).available, false);
        await mount(drive);
        assert.deepEqual(await found(), ['log.ulg']);
        await rm(join(drive, 'log.ulg'));
        assert.deepEqual(await found(), []);
        await mount(root);
        await failsWith(() => listed(inbox), 'unavailable');
        await writeFile(join(root, 'new.ulg'), bytes);
        assert.deepEqual(await found(), ['new.ulg']);
        await rm(join(root, 'new.ulg'));
        assert.deepEqual(await found(), []);
      } finally {
        await inbox.close();
        await rm(drive, { recursive: true });
      }
    });

    it('reports when its folder comes and goes', async () => {
      const clock = new VirtualClock();
      const { availability } = new DirectorySource(root, deviceContext({ clock }));
      assert.deepEqual(await firstValueFrom(availability), {
        available: true,
        reason: `the folder ${root}`,
        armed: false,
      });
      await rm(root, { recursive: true });
      const { available, reason } = await firstValueFrom(availability);
      assert.equal(available, false);
      assert.match(reason, /is not there: plug in or mount/);
      await writeFile(root, 'a file');
      assert.equal((await firstValueFrom(availability)).available, false);
    });
  });

  describe('target', () => {
    let target: DirectoryTarget;
    const committing = async (): Promise<void> => undefined;
    const quiet: WriteEvents = { progress: () => undefined, committing };

    beforeEach(() => {
      target = new DirectoryTarget(root, deviceContext({ name: 'archive' }));
    });
    afterEach(() => target.close());

    function parcel(over: Partial<Outgoing> & { content?: Uint8Array } = {}): Outgoing {
      const { content = bytes, ...rest } = over;
      async function* open(offset: number) {
        yield content.subarray(offset);
      }
      const source = { path: 'log.ulg', size: bytes.length, modified: 1_700_000_000_123 };
      return {
        source,
        device: 'd',
        token: TOKEN,
        description: '',
        open,
        render: template => template,
        ...rest,
      };
    }

    const write = (file: Outgoing, path = 'log.ulg', offset = 0, events = quiet) =>
      target.write(file, path, offset, never, events);

    it('makes its folder, but not the parent of it: a drive that is not mounted is not filled', async () => {
      await write(parcel());
      assert.deepEqual(await readdir(root), ['log.ulg']);
      const unmounted = new DirectoryTarget(join(home, 'media/drive/logs'), deviceContext({ name: 'drive' }));
      const error = await failsWith(
        () => unmounted.write(parcel(), 'log.ulg', 0, never, quiet),
        'unavailable',
      );
      assert.equal(error.device, 'drive');
      assert.match(error.message, /plug in or mount/);
      assert.deepEqual(await readdir(home), ['folder']);
      await unmounted.close();
    });

    it('is offline while its drive is not mounted', async function () {
      const drive = await mkdtemp('/dev/shm/filesync-test-').catch(() => undefined);
      if (drive === undefined) return this.skip();
      await symlink(drive, root);
      const state = () => firstValueFrom(target.availability);
      try {
        assert.equal((await state()).available, true);
        await rm(root);
        await mkdir(root);
        assert.match((await state()).reason, /mount its drive/);
      } finally {
        await rm(drive, { recursive: true });
      }
    });

    it('its folder is on disk with the first file in it, also one that another program made', async () => {
      for (const making of [async () => undefined, () => mkdir(root)]) {
        await making();
        const fresh = new DirectoryTarget(root, deviceContext());
        const synced: string[] = [];
        const writing = () => fresh.write(parcel(), 'log.ulg', 0, never, quiet);
        await whileRecordingSyncs(writing, path => synced.push(path));
        assert.ok(synced.indexOf(home) >= 0 && synced.indexOf(home) < synced.indexOf(root));
        await rm(root, { recursive: true });
        await fresh.close();
      }
    });

    it('sends again what could not be written to the disk', async () => {
      await whileSyncsFail(async () => void (await failsWith(() => write(parcel()), 'io')));
      assert.deepEqual(await target.stat('log.ulg', TOKEN, never), { partial: 0 });
      await write(parcel());
      assert.ok((await readFile(join(root, 'log.ulg'))).equals(bytes));
    });

    it('verifies the bytes by their hash, returns their location, and keeps the time of the last change', async () => {
      const receipt = await write(parcel({ sha256: checksumOf('sha256', bytes).value }), 'a/log.ulg');
      assert.deepEqual(receipt, { location: join(root, 'a/log.ulg'), verified: 'hash' });
      assert.equal(Math.round((await stat(join(root, 'a/log.ulg'))).mtimeMs), 1_700_000_000_123);
    });

    it('what it proves to be there is on disk: it may be left from a crash before the sync', async () => {
      await mkdir(join(root, 'a'), { recursive: true });
      await writeFile(join(root, 'a/log.ulg'), bytes);
      const synced: string[] = [];
      const asked = async () =>
        assert.deepEqual(await target.checksum('a/log.ulg', never), checksumOf('sha256', bytes));
      await whileRecordingSyncs(asked, path => synced.push(path));
      assert.deepEqual(synced.slice(-2), [join(root, 'a/log.ulg'), join(root, 'a')]);
      assert.ok(
        synced.includes(home) && synced.includes(root),
        'the names of its folders are on disk as well',
      );
    });

    it('what it reports to be there is on disk, too', async () => {
      await mkdir(join(root, 'a'), { recursive: true });
      await writeFile(join(root, 'a/log.ulg'), bytes);
      const synced: string[] = [];
      const asked = async () =>
        assert.deepEqual(await target.stat('a/log.ulg', TOKEN, never), { size: bytes.length, partial: 0 });
      await whileRecordingSyncs(asked, path => synced.push(path));
      assert.deepEqual(synced.slice(-2), [join(root, 'a/log.ulg'), join(root, 'a')]);
      assert.ok(synced.includes(home) && synced.includes(root));
    });

    it('a folder that becomes a link that leads out, at any time, leads nothing out', async () => {
      const outside = join(home, 'outside');
      await write(parcel(), 'a/b/log.ulg');
      await mkdir(join(outside, 'b'), { recursive: true });
      await writeFile(join(outside, 'b/log.ulg'), bytes);
      const part = join(outside, `b/next.ulg.${TOKEN}.part`);
      const swap = async (): Promise<void> => {
        await rename(join(root, 'a'), join(home, 'moved'));
        await symlink(outside, join(root, 'a'));
      };
      await writeFile(part, 'theirs');
      await failsWith(() => write(parcel(), 'a/b/next.ulg', 0, { ...quiet, committing: swap }), 'denied');
      assert.deepEqual((await readdir(join(outside, 'b'))).sort(), ['log.ulg', `next.ulg.${TOKEN}.part`]);
      await failsWith(() => target.stat('a/b/log.ulg', TOKEN, never), 'denied');
      await failsWith(() => target.checksum('a/b/log.ulg', never), 'denied');
      const { sha256 } = { sha256: checksumOf('sha256', sample(bytes.length, 2)).value };
      await failsWith(() => write(parcel({ sha256 }), 'a/b/next.ulg'), 'denied');
      assert.equal(await readFile(part, 'utf8'), 'theirs');
    });

    it('bytes that are not those that were announced are thrown away', async () => {
      const { value: sha256 } = checksumOf('sha256', sample(bytes.length, 2));
      const error = await failsWith(() => write(parcel({ sha256 })), 'corrupt');
      assert.equal(error.device, 'archive');
      assert.deepEqual(await readdir(root), []);
    });

    it('a part that rotted is found out, and not tried again', async () => {
      await mkdir(root);
      await writeFile(join(root, `log.ulg.${TOKEN}.part`), new Uint8Array(1000));
      const file = parcel({ sha256: checksumOf('sha256', bytes).value });
      await failsWith(() => write(file, 'log.ulg', 1000), 'corrupt');
      assert.deepEqual(await target.stat('log.ulg', TOKEN, never), { partial: 0 });
      await write(file);
      assert.ok((await readFile(join(root, 'log.ulg'))).equals(bytes));
    });

    it('leaves a file alone that has the name of the part as a further one', async () => {
      await mkdir(root);
      await writeFile(join(home, 'elsewhere'), 'precious');
      await link(join(home, 'elsewhere'), join(root, `log.ulg.${TOKEN}.part`));
      await write(parcel());
      assert.equal(await readFile(join(home, 'elsewhere'), 'utf8'), 'precious');
      assert.ok((await readFile(join(root, 'log.ulg'))).equals(bytes));
    });

    it('is sparse where the file is', async () => {
      const content = Buffer.alloc(5_000_000);
      content.set(bytes, 2_000_000);
      const source = { path: 'log.ulg', size: content.length };
      await write(parcel({ content, source }));
      assert.ok((await readFile(join(root, 'log.ulg'))).equals(content));
      assert.ok((await stat(join(root, 'log.ulg'))).blocks * 512 < 2_000_000);
    });

    it('goes on with a part without knowing the hash', async () => {
      await mkdir(root);
      await writeFile(join(root, `log.ulg.${TOKEN}.part`), bytes.subarray(0, 3000));
      await write(parcel(), 'log.ulg', 2000);
      assert.ok((await readFile(join(root, 'log.ulg'))).equals(bytes));
    });

    it('a file that appears in the last moment is not replaced', async () => {
      const intrusion = { ...quiet, committing: () => writeFile(join(root, 'log.ulg'), 'theirs') };
      await failsWith(() => write(parcel(), 'log.ulg', 0, intrusion), 'exists');
      assert.equal(await readFile(join(root, 'log.ulg'), 'utf8'), 'theirs');
    });

    it('a folder or a dangling link of that name is not replaced', async () => {
      await mkdir(join(root, 'log.ulg'), { recursive: true });
      await symlink('nowhere', join(root, 'link.ulg'));
      await failsWith(() => write(parcel()), 'exists');
      await failsWith(() => write(parcel(), 'link.ulg'), 'exists');
    });

    it('does the same on a drive without hard links, as FAT is', async () => {
      const { link: realLink } = promises;
      promises.link = () => Promise.reject(Object.assign(new Error('EPERM'), { code: 'EPERM' }));
      syncBuiltinESMExports();
      try {
        await write(parcel());
        assert.ok((await readFile(join(root, 'log.ulg'))).equals(bytes));
        assert.deepEqual(await readdir(root), ['log.ulg']);
        const intrusion = { ...quiet, committing: () => writeFile(join(root, 'other.ulg'), 'theirs') };
        await failsWith(() => write(parcel(), 'other.ulg', 0, intrusion), 'exists');
        assert.equal(await readFile(join(root, 'other.ulg'), 'utf8'), 'theirs');
      } finally {
        promises.link = realLink;
        syncBuiltinESMExports();
      }
    });

    it('tidies up after a crash between the two names', async () => {
      await write(parcel());
      await link(join(root, 'log.ulg'), join(root, `log.ulg.${TOKEN}.part`));
      assert.deepEqual(await target.stat('log.ulg', TOKEN, never), { size: bytes.length, partial: 0 });
      assert.deepEqual(await readdir(root), ['log.ulg']);
    });

    it('makes no folders through a link that leads out', async () => {
      await mkdir(root);
      await mkdir(join(home, 'outside'));
      await symlink(join(home, 'outside'), join(root, 'escape'));
      await failsWith(() => write(parcel(), 'escape/a/log.ulg'), 'denied');
      assert.deepEqual(await readdir(join(home, 'outside')), []);
    });

    it('takes names as long as the file system does', async () => {
      const path = `${'é'.repeat(125)}x.ulg`;
      assert.equal(Buffer.byteLength(path), 255);
      await write(parcel(), path);
      assert.deepEqual(await readdir(root), [path]);
      await failsWith(() => write(parcel(), `x${path}`), 'bad-name');
    });

    it('a folder that is removed in the middle is a temporary error', async () => {
      const sabotage = { ...quiet, committing: () => rm(join(root, 'a'), { recursive: true }) };
      const error = await failsWith(() => write(parcel(), 'a/log.ulg', 0, sabotage), 'io');
      assert.deepEqual([error.temporary, error.device], [true, 'archive']);
      const unplugged = { ...quiet, committing: () => rm(root, { recursive: true }) };
      await failsWith(() => write(parcel(), 'log.ulg', 0, unplugged), 'unavailable');
    });

    it('is available where its folder is, or can be made', async () => {
      const before = await firstValueFrom(target.availability);
      assert.deepEqual(before, { available: true, reason: `the folder ${root} will be made`, armed: false });
      await mkdir(root);
      assert.equal((await firstValueFrom(target.availability)).reason, `the folder ${root}`);
      const far = new DirectoryTarget(join(home, 'no/such/folder'), deviceContext());
      assert.equal((await firstValueFrom(far.availability)).available, false);
      await far.close();
    });
  });

  describe('device', () => {
    it('takes a path relative to the configuration', async () => {
      await mkdir(root);
      await writeFile(join(root, 'log.ulg'), bytes);
      const context = deviceContext({ resolvePath: path => join(home, path) });
      const options = directory.options.parse({ path: './folder' });
      const source = await directory.source?.(options, context);
      assert.ok(source);
      assert.deepEqual(
        (await listed(source)).map(({ path }) => path),
        ['log.ulg'],
      );
      await source.close();
    });

    it('needs a path', () => {
      assert.equal(directory.options.safeParse({}).success, false);
      assert.equal(directory.options.safeParse({ path: '' }).success, false);
    });
  });
});
