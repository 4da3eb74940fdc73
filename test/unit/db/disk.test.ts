import assert from 'node:assert/strict';
import { chmod, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { diskWith, nodeDisk } from '../../../src/db/disk.js';
import { modesOf } from '../../../src/system/file-modes.js';
import { failsWith } from '../../conformance/support.js';
import { temporaryFolder } from '../../conformance/temp-folder.js';
import { whileRecordingSyncs } from '../../fakes/recorded-syncs.js';

describe('database files on a real disk', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  const at = (...names: string[]) => join(folder.path, ...names);

  beforeEach(async () => {
    folder = await temporaryFolder();
  });

  afterEach(() => folder.remove());

  it('writes at a position, cuts off, keeps what is there when it opens again', async () => {
    const file = await nodeDisk.open(at('a'));
    await file.write(Buffer.from('0123456789'), 0);
    await file.write(Buffer.from('xy'), 3);
    await file.truncate(7);
    await file.sync();
    await file.close();
    await (await nodeDisk.open(at('a'))).close();
    assert.equal((await nodeDisk.read(at('a')))?.toString(), '012xy56');
  });

  it('reads parts, fewer bytes only at the end', async () => {
    await writeFile(at('a'), '0123456789');
    const file = await nodeDisk.openToRead(at('a'));
    assert.ok(file);
    const buffer = Buffer.alloc(4);
    const part = async (position: number) => buffer.toString('latin1', 0, await file.read(buffer, position));
    assert.equal(await file.size(), 10);
    assert.deepEqual([await part(3), await part(8), await part(10), await part(99)], ['3456', '89', '', '']);
    await file.close();
  });

  it('what is missing is no error for read, rename and remove', async () => {
    assert.equal(await nodeDisk.read(at('a')), undefined);
    assert.equal(await nodeDisk.openToRead(at('a')), undefined);
    assert.equal(await nodeDisk.rename(at('a'), at('b')), false);
    await nodeDisk.remove(at('a'));
    assert.deepEqual(await readdir(folder.path), []);
  });

  it('a rename replaces', async () => {
    await writeFile(at('a'), 'new');
    await writeFile(at('b'), 'old');
    assert.equal(await nodeDisk.rename(at('a'), at('b')), true);
    await nodeDisk.syncFolder(folder.path);
    assert.equal(await readFile(at('b'), 'utf8'), 'new');
    assert.deepEqual(await readdir(folder.path), ['b']);
  });

  it('follows links, and needs no last part', async () => {
    await nodeDisk.makeFolder(at('x', 'y', 'z'));
    await symlink('x', at('link'));
    await writeFile(at('x', 'there'), '');
    await symlink('there', at('x', 'other'));
    assert.equal(await nodeDisk.resolve(at('link', 'other')), await nodeDisk.resolve(at('x', 'there')));
    assert.equal(await nodeDisk.resolve(at('link', 'y', 'no')), await nodeDisk.resolve(at('x', 'y', 'no')));
  });

  it('a full disk is no-space, with the cure', async () => {
    const file = await nodeDisk.open('/dev/full');
    const error = await failsWith(() => file.write(Buffer.from('x'), 0), 'no-space');
    await file.close();
    assert.match(error.message, /\/dev\/full: the disk is full: free some space/);
    assert.equal(error.temporary, true);
  });

  it('a file where a folder is needed is a wrong configuration', async () => {
    await writeFile(at('file'), '');
    const error = await failsWith(() => nodeDisk.makeFolder(at('file', 'deeper')), 'config');
    assert.match(error.message, /move it away, or name another file as "database"/);
  });

  it('makes files and folders for its user alone, or for those whom the configuration names', async () => {
    const modeOf = async (path: string) => (await stat(path)).mode & 0o777;
    for (const [disk, name, file, made] of [
      [nodeDisk, 'private', 0o600, 0o700],
      [diskWith(modesOf(0o660)), 'shared', 0o660, 0o770],
    ] as const) {
      await disk.makeFolder(at(name));
      await (await disk.open(at(name, 'db'))).close();
      assert.deepEqual([await modeOf(at(name, 'db')), await modeOf(at(name))], [file, made]);
    }
    await chmod(at('shared', 'db'), 0o644);
    await (await nodeDisk.open(at('shared', 'db'))).close();
    assert.equal(await modeOf(at('shared', 'db')), 0o600, 'as an earlier version made it');
    const before = await modeOf('/dev/full');
    await (await nodeDisk.open('/dev/full')).close();
    assert.equal(await modeOf('/dev/full'), before);
  });

  it('writes through no link in the place of a file', async () => {
    await writeFile(at('elsewhere'), 'precious');
    await symlink(at('elsewhere'), at('journal'));
    const error = await failsWith(() => nodeDisk.open(at('journal')), 'config');
    assert.match(error.message, /symbolic link is not followed/);
  });

  it('brings a folder to the disk that another process has made', async () => {
    await mkdir(at('new', 'deep'), { recursive: true });
    const synced: string[] = [];
    await whileRecordingSyncs(
      () => nodeDisk.makeFolder(at('new', 'deep')),
      path => synced.push(path),
    );
    assert.deepEqual(synced.slice(0, 2), [at('new'), folder.path]);
  });
});
