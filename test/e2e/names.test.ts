import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ftpOptions } from '../servers/ftp-bench.js';
import { startServer } from '../servers/ftp-servers.js';
import { TestDrive, whyNoDrives, type FileSystem } from '../servers/drives.js';
import { scriptedDav } from '../servers/scripted-dav.js';
import { Place } from './program.js';

/** By name. The last two would get the same name if escapes were not escaped themselves. */
const FILES: Readonly<Record<string, string>> = {
  'plain.mcap': 'plain',
  'bag./NUL': 'a folder and a reserved name',
  '2026-08-01T12:30:05.mcap': 'by time',
  '2026-08-01T12%3A30%3A05.mcap': 'by escaped time',
};
const PORTABLE: Readonly<Record<string, string>> = {
  'plain.mcap': 'plain',
  'bag%2E/%4EUL': 'a folder and a reserved name',
  '2026-08-01T12%3A30%3A05.mcap': 'by time',
  '2026-08-01T12%253A30%253A05.mcap': 'by escaped time',
};

async function filesIn(folder: string): Promise<Record<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter(entry => entry.isFile()).map(entry => join(entry.parentPath, entry.name));
  const read = files.map(
    async file => [file.slice(folder.length + 1), await readFile(file, 'utf8')] as const,
  );
  return Object.fromEntries(await Promise.all(read));
}

/** The text of a configuration whose one rule sends the files of `in` to `target`. */
async function configure(
  place: Place,
  target: object,
  { files = FILES, ...rule }: { files?: Readonly<Record<string, string>>; names?: string } = {},
): Promise<string> {
  for (const [name, text] of Object.entries(files)) {
    await mkdir(join(place.path('in', name), '..'), { recursive: true });
    await writeFile(place.path('in', name), text);
  }
  return place.configure({
    local: './data',
    devices: { folder: { type: 'directory', path: './in' }, target },
    rules: [{ from: 'folder', to: ['target'], settle: 0, path: '{file.path}', ...rule }],
  });
}

const isMounted = (drive: TestDrive, folder: string): Promise<boolean> =>
  drive.mountAt(folder).then(
    () => true,
    () => false,
  );

async function syncs(place: Place, config: string, env: Record<string, string> = {}): Promise<string> {
  const { code, stdout, stderr } = await place.run(['sync', '-c', config], env);
  assert.equal(code, 0, stdout + stderr);
  return stdout + stderr;
}

describe('names that a target cannot hold', function () {
  this.timeout(120_000);

  for (const fs of ['vfat', 'exfat'] satisfies FileSystem[]) {
    it(`are portable on ${fs}, as a directory and as a disk`, async function () {
      if ((await whyNoDrives()) !== undefined) this.skip();
      await Place.with(async place => {
        const drive = await TestDrive.make({ fs, size: 32 << 20 });
        place.use({ close: () => drive.dispose() });
        await drive.insert();
        const mount = join(drive.home, 'mount');
        // Not every kernel has FAT.
        if (!(await isMounted(drive, mount))) this.skip();
        const options = { path: join(mount, 'logs') };
        await syncs(place, await configure(place, { type: 'directory', ...options }));
        assert.deepEqual(await filesIn(options.path), PORTABLE);
        const disk = await configure(place, { type: 'disk', uuid: drive.uuid });
        const text = (await readFile(disk, 'utf8')).replace('./data', './other');
        await syncs(place, await place.configure(text, 'other.yaml'));
        const files = await filesIn(mount);
        for (const [name, content] of Object.entries(PORTABLE)) assert.equal(files[name], content, name);
      });
    });
  }

  it('are found again by their portable names: nothing is sent twice', async function () {
    if ((await whyNoDrives()) !== undefined) this.skip();
    await Place.with(async place => {
      const drive = await TestDrive.make({ fs: 'exfat', size: 32 << 20 });
      place.use({ close: () => drive.dispose() });
      await drive.insert();
      const mount = join(drive.home, 'mount');
      await drive.mountAt(mount);
      const config = await configure(place, { type: 'directory', path: mount });
      await syncs(place, config);
      await rm(place.path('data'), { recursive: true });
      const { code, stdout } = await place.run(['adopt', '-c', config]);
      assert.equal(code, 0);
      assert.match(stdout, /^4 adopted, 0 still to be delivered$/m);
      await syncs(place, config);
      assert.deepEqual(await filesIn(mount), PORTABLE);
    });
  });

  it('are as they are on a file system that takes them, and portable there if the rule says so', () =>
    Place.with(async place => {
      await mkdir(place.path('out'));
      await syncs(place, await configure(place, { type: 'directory', path: './out' }));
      assert.deepEqual(await filesIn(place.path('out')), FILES);
      await mkdir(place.path('portable'));
      const config = await configure(place, { type: 'directory', path: './portable' }, { names: 'portable' });
      const text = (await readFile(config, 'utf8')).replace('./data', './other');
      await syncs(place, await place.configure(text, 'other.yaml'));
      assert.deepEqual(await filesIn(place.path('portable')), PORTABLE);
    }));

  it('are portable on an FTP server that refuses them (ProFTPD, PathDenyFilter)', () =>
    Place.with(async place => {
      const server = await startServer('proftpd', { settings: { PathDenyFilter: '":"' } });
      place.use({ close: () => server.stop() });
      const target = { type: 'ftp', ...ftpOptions(server), password: { env: 'P' } };
      const files = { 'a:b.mcap': 'time', 'plain.mcap': 'plain' };
      const said = await syncs(place, await configure(place, target, { files }), { P: server.password });
      assert.deepEqual(await filesIn(server.folder), { 'a%3Ab.mcap': 'time', 'plain.mcap': 'plain' }, said);
    }));

  for (const status of [400, 403, 500]) {
    it(`are portable on a WebDAV server that refuses them with ${status}`, () =>
      Place.with(async place => {
        const server = await scriptedDav({
          refuse: ({ method }, path) => (method === 'PUT' && path.includes(':') ? status : undefined),
        });
        place.use({ close: async () => server.close() });
        const files = { 'a:b.mcap': 'time', 'plain.mcap': 'plain' };
        await syncs(place, await configure(place, { type: 'webdav', url: server.url }, { files }));
        const held = Object.fromEntries([...server.files].map(([path, bytes]) => [path, String(bytes)]));
        assert.deepEqual(held, { '/dav/a%3Ab.mcap': 'time', '/dav/plain.mcap': 'plain' });
      }));
  }

  it('stay as they are where the rule says so, and the file fails with the reason', () =>
    Place.with(async place => {
      const server = await scriptedDav({
        refuse: ({ method }, path) => (method === 'PUT' && path.includes(':') ? 403 : undefined),
      });
      place.use({ close: async () => server.close() });
      const target = { type: 'webdav', url: server.url };
      const files = { 'a:b.mcap': 'time' };
      const config = await configure(place, target, { files, names: 'as-is' });
      const { code, stdout, stderr } = await place.run(['sync', '-c', config]);
      assert.equal(code, 1, stdout + stderr);
      assert.match(stdout, /a:b\.mcap.*403/);
      assert.deepEqual([...server.files.keys()], []);
    }));
});
