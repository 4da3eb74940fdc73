import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, realpath, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Folders, type FoldersOptions } from '../../../src/local/folders.js';
import type { FileCalls } from '../../../src/local/held-folder.js';
import { failsWith, openHandles } from '../../conformance/support.js';
import { temporaryFolder } from '../../conformance/temp-folder.js';
import { whileRecordingSyncs } from '../../fakes/recorded-syncs.js';

const LOCAL_CALLS: FileCalls = { local: true, do: work => work() };

for (const [title, calls] of [
  ['with synchronous calls', LOCAL_CALLS],
  ['with asynchronous calls', { ...LOCAL_CALLS, local: false }],
] as const)
  describe(`Folders, ${title}`, () => {
    let path: string;
    let root: string;
    let outside: string;
    let remove: () => Promise<void>;

    beforeEach(async () => {
      ({ path, remove } = await temporaryFolder());
      [root, outside] = [join(path, 'root'), join(path, 'outside')];
      await mkdir(root);
      await mkdir(outside);
    });
    afterEach(() => remove());

    const foldersOf = (options: FoldersOptions = {}) => new Folders(root, { calls, ...options });
    const make = (folders: Folders, folder: string) =>
      folders.in(folder, at => at.do(async (_entry, held) => realpath(held)), { make: true });

    it('makes what is missing, and makes it again when it is gone', async () => {
      const folders = foldersOf();
      assert.equal(await make(folders, 'a/b'), join(root, 'a/b'));
      assert.equal(await make(folders, 'a/b'), join(root, 'a/b'));
      await rm(join(root, 'a'), { recursive: true });
      await assert.rejects(
        folders.in('a/b', async () => undefined),
        { code: 'ENOENT' },
      );
      assert.equal(await make(folders, 'a/b'), join(root, 'a/b'));
    });

    it('refuses a folder that has become a link that leads out since it was made', async () => {
      const folders = foldersOf();
      await make(folders, 'a/b');
      await rename(join(root, 'a/b'), join(outside, 'b'));
      await symlink(join(outside, 'b'), join(root, 'a/b'));
      const error = await failsWith(() => make(folders, 'a/b'), 'denied');
      assert.match(error.message, /leads out of .*remove it/);
      await failsWith(() => make(folders, 'a/b/c'), 'denied');
      assert.deepEqual(await readdir(join(outside, 'b')), []);
    });

    it('follows a link that stays inside, or none at all', async () => {
      await mkdir(join(root, 'real/deep'), { recursive: true });
      await symlink('real', join(root, 'inside'));
      await symlink('inside', join(root, 'chain'));
      assert.equal(await make(foldersOf(), 'chain/deep/new'), join(root, 'real/deep/new'));
      const strict = foldersOf({ links: 'refused' });
      await assert.rejects(make(strict, 'inside/deep'), { code: 'ELOOP' });
    });

    it('a ring of links is an error', async () => {
      await symlink('two', join(root, 'one'));
      await symlink('one', join(root, 'two'));
      await assert.rejects(make(foldersOf(), 'one/x'), { code: 'ELOOP' });
    });

    it('takes a root that moved to another place for a new one', async () => {
      const link = join(path, 'link');
      await symlink(root, link);
      const folders = new Folders(link, { calls });
      await make(folders, 'a');
      await unlink(link);
      await symlink(outside, link);
      assert.equal(await make(folders, 'a'), join(outside, 'a'));
    });

    it('what is done in a folder stays in it, wherever its name leads meanwhile', async () => {
      const folders = foldersOf();
      await make(folders, 'a/b');
      await folders.in('a/b', async at => {
        await rename(join(root, 'a'), join(root, 'moved'));
        await symlink(outside, join(root, 'a'));
        await at.do(entry => writeFile(entry('file'), 'ours'));
        assert.equal(await at.renameIfFree('file', 'other'), true);
        assert.equal(await at.renameIfFree('other', 'other'), false);
        await at.sync();
        assert.equal((await at.find('other'))?.size, 4);
        assert.equal(await at.find('file'), undefined);
      });
      assert.deepEqual(await readdir(outside), []);
      assert.equal(await readFile(join(root, 'moved/b/other'), 'utf8'), 'ours');
    });

    it('stays open while an abandoned call is under way, and no longer', async () => {
      const before = await openHandles();
      let answer = (): void => undefined;
      const late = new Promise<void>(resolve => (answer = resolve));
      let written: Promise<void> | undefined;
      await foldersOf().in('', async at => {
        written = at.do(async entry => {
          await late;
          await writeFile(entry('late'), 'in its folder');
        });
      });
      const others = await Promise.all([1, 2, 3].map(() => make(foldersOf(), 'a')));
      assert.equal(others.length, 3);
      answer();
      await written;
      assert.deepEqual((await readdir(root)).sort(), ['a', 'late']);
      assert.equal(await openHandles(), before);
    });

    it('is opened once for calls at the same time, where asking for it costs nothing', async () => {
      const folders = foldersOf();
      await make(folders, 'a/b');
      const before = await openHandles();
      await folders.in('a/b', async () => {
        await folders.in('a/b', async () =>
          assert.equal((await openHandles()) - before, calls.local ? 1 : 2),
        );
        assert.equal(await make(folders, 'a/b'), join(root, 'a/b'));
      });
      assert.equal(await openHandles(), before);
    });

    it('is opened again when another folder has its name while it is held', async () => {
      const folders = foldersOf();
      await make(folders, 'a/b');
      await folders.in('a/b', async () => {
        await rename(join(root, 'a'), join(root, 'moved'));
        await assert.rejects(
          folders.in('a/b', async () => undefined),
          { code: 'ENOENT' },
        );
        assert.equal(await make(folders, 'a/b'), join(root, 'a/b'));
        await folders.in('a/b', at => at.do(entry => writeFile(entry('file'), 'x')));
      });
      assert.deepEqual(await readdir(join(root, 'moved/b')), []);
      assert.deepEqual(await readdir(join(root, 'a/b')), ['file']);
    });

    for (const linked of ['a', 'a/b'])
      it(`is refused when ${linked} has become a link to where it moved while it is held`, async () => {
        const folders = foldersOf();
        await make(folders, 'a/b');
        await folders.in('a/b', async () => {
          await rename(join(root, linked), join(outside, 'moved'));
          await symlink(join(outside, 'moved'), join(root, linked));
          await failsWith(() => folders.in('a/b', async () => undefined), 'denied');
          await failsWith(() => make(folders, 'a/b'), 'denied');
        });
      });

    it('is opened again when its root has become a link to another one while it is held', async () => {
      const folders = foldersOf();
      await make(folders, '');
      await folders.in('', async () => {
        await rename(root, join(path, 'old'));
        await symlink(outside, root);
        assert.equal(await make(folders, ''), outside);
      });
    });

    it('leaves no folder open after an error', async () => {
      const before = await openHandles();
      await writeFile(join(root, 'file'), 'x');
      await symlink(outside, join(root, 'out'));
      for (const folder of ['file/x', 'out/x', 'a/../b'])
        await make(foldersOf(), folder).catch(() => undefined);
      await foldersOf()
        .in('missing/x', async () => undefined)
        .catch(() => undefined);
      assert.equal(await openHandles(), before);
    });

    it('brings the names of folders to the disk once, also of those that others made', async () => {
      await mkdir(join(root, 'theirs'));
      const folders = foldersOf();
      const durable = () => folders.in('theirs', async () => undefined, { durable: true });
      const synced: string[] = [];
      const seen = (one: string) => void synced.push(one);
      await whileRecordingSyncs(durable, seen);
      assert.ok(synced.includes(path) && synced.includes(root), String(synced));
      synced.length = 0;
      await whileRecordingSyncs(durable, seen);
      assert.deepEqual(synced, []);
      await whileRecordingSyncs(() => make(folders, 'theirs/ours'), seen);
      assert.deepEqual(synced, [join(root, 'theirs')]);
    });

    it('removes what is empty, up to the root, and returns what is left', async () => {
      const folders = foldersOf();
      await make(folders, 'a/b/c');
      await writeFile(join(root, 'a/file'), 'x');
      assert.equal(await folders.removeEmpty('a/b/c'), 'a');
      assert.equal(await folders.removeEmpty('a/b/c'), 'a');
      await unlink(join(root, 'a/file'));
      assert.equal(await folders.removeEmpty('a'), '');
      assert.deepEqual(await readdir(root), []);
      const synced: string[] = [];
      await whileRecordingSyncs(
        () => make(folders, 'a'),
        one => synced.push(one),
      );
      assert.deepEqual(synced, [root]);
    });

    it('takes names that are not UTF-8', async () => {
      const name = Buffer.from([0x66, 0xff]);
      await foldersOf().in(name, at => at.do(entry => writeFile(entry(name), 'x')), { make: true });
      const [folder = Buffer.of()] = await readdir(root, 'buffer');
      assert.deepEqual(folder, name);
    });

    it('makes its root, and what is missing above it only if asked to', async () => {
      const deep = join(path, 'x/y');
      await assert.rejects(make(new Folders(deep, { calls }), 'a'), { code: 'ENOENT' });
      const all = new Folders(deep, { calls, root: 'with-parents' });
      assert.equal(await make(all, 'a'), join(deep, 'a'));
    });
  });
