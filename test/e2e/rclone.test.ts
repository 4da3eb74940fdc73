import assert from 'node:assert/strict';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { eventually, sample } from '../conformance/support.js';
import { startDavServer } from '../servers/dav-servers.js';
import { davRemote, localRemote, rcloneOptions, rcloneProcesses } from '../servers/rclone-bench.js';
import { filesBelow, folders, put, smallDisk, states, sync, whyNoMount } from './parts.js';
import { Place } from './program.js';

const toDrive = (drive: object): object =>
  folders({ rule: { to: ['drive'] }, top: { interval: '100ms' }, devices: { drive } });

async function drive(
  place: Place,
  folder?: string,
): Promise<{ options: object; config: string; folder: string }> {
  const remote = await localRemote();
  place.use({ close: () => remote.remove() });
  const used = { ...remote, ...(folder !== undefined && { folder, remote: `cloud:${folder}` }) };
  return { ...used, options: { type: 'rclone', ...(await rcloneOptions(used)) } };
}

describe('rclone and the program', () => {
  it('no rclone outlives the program, however that ends', () =>
    Place.with(async place => {
      const { options, config: remotes } = await drive(place);
      const config = await place.configure(toDrive(options));
      await mkdir(place.path('inbox'));
      for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
        const program = place.start(['run', '-c', config]);
        await eventually(async () => (await rcloneProcesses(remotes)).some(one => one.isRclone));
        await program.kill(signal);
        await eventually(async () => (await rcloneProcesses(remotes)).length === 0);
      }
    }));

  it('a file arrives after rclone was killed in the middle of it, once and without a part', () =>
    Place.with(async place => {
      const { options, config: remotes, folder } = await drive(place);
      const config = await place.configure(toDrive({ ...options, max_rate: '500KB/s' }));
      const bytes = sample(2_000_000);
      await put(place.path('inbox', 'log.ulg'), bytes);
      const program = place.start(['run', '-c', config]);
      await eventually(async () => (await filesBelow(folder)).some(name => name.endsWith('.part')));
      for (const { pid, isRclone } of await rcloneProcesses(remotes))
        if (isRclone) process.kill(pid, 'SIGKILL');
      await eventually(async () => (await filesBelow(folder)).join() === 'log.ulg');
      assert.ok((await readFile(`${folder}/log.ulg`)).equals(bytes));
      await program.kill('SIGTERM');
      assert.deepEqual(await states(place, config), ['log.ulg UPLOADED']);
    }));

  it('goes on when the server of the remote is back', () =>
    Place.with(async place => {
      const server = await startDavServer('apache');
      place.use({ close: () => server.stop() });
      const remote = await davRemote(server);
      place.use({ close: () => remote.remove() });
      const options = { type: 'rclone', ...(await rcloneOptions(remote)), timeout: '2s' };
      const config = await place.configure(toDrive(options));
      await put(place.path('inbox', 'a.ulg'), sample(5000));
      const program = place.start(['run', '-c', config]);
      await eventually(async () => (await filesBelow(server.folder)).join() === 'a.ulg');
      await server.kill();
      await put(place.path('inbox', 'b.ulg'), sample(5001));
      await program.says(/cloud refuses connections/);
      await server.restart();
      await eventually(async () => (await filesBelow(server.folder)).join() === 'a.ulg,b.ulg');
      await program.kill('SIGTERM');
    })).timeout(60_000);

  it('says that the disk is full, leaves nothing half, and goes on when it has space', function () {
    if (whyNoMount() !== undefined) this.skip();
    return Place.with(async place => {
      const disk = await smallDisk(place, 'disk', '1m');
      const { options } = await drive(place, disk);
      const config = await place.configure(toDrive(options));
      await writeFile(`${disk}/other`, sample(600_000));
      await put(place.path('inbox', 'log.ulg'), sample(700_000));
      const said = await sync(place, config, { code: 1 });
      assert.match(said, /cloud is full: free space there, or raise the quota \(rclone: ".*space.*"\)/);
      assert.ok(!(await filesBelow(disk)).includes('log.ulg'));
      await rm(`${disk}/other`);
      await sync(place, config);
      assert.deepEqual(await filesBelow(disk), ['log.ulg']);
    });
  });

  it('a stream goes to it without a local copy', () =>
    Place.with(async place => {
      const { options, folder } = await drive(place);
      const rule = { to: ['drive'], via: 'stream' };
      const config = await place.configure(folders({ rule, devices: { drive: options } }));
      const bytes = sample(1_000_000);
      await put(place.path('inbox', 'log.ulg'), bytes);
      await sync(place, config);
      assert.ok((await readFile(`${folder}/log.ulg`)).equals(bytes));
      assert.deepEqual(await filesBelow(place.path('data', 'inbox')), []);
    }));

  it('files come from it, and are removed there once they are delivered', () =>
    Place.with(async place => {
      const { options, folder } = await drive(place);
      await put(`${folder}/2024/log.ulg`, sample(70_000));
      const rule = { from: 'drive', after: { source: 'delete' } };
      const config = await place.configure(folders({ rule, devices: { drive: options } }));
      await sync(place, config);
      await sync(place, config);
      assert.ok((await readFile(place.path('outbox', '2024', 'log.ulg'))).equals(sample(70_000)));
      assert.deepEqual(await filesBelow(folder), []);
    }));

  it('check says what is wrong', () =>
    Place.with(async place => {
      const { options } = await drive(place);
      for (const folder of ['inbox', 'outbox']) await mkdir(place.path(folder));
      const works = await place.run(['check', '-c', await place.configure(toDrive(options))]);
      assert.match(works.stdout, /drive/);
      assert.equal(works.code, 0, works.stdout + works.stderr);
      for (const [more, words] of [
        [{ program: 'no-rclone' }, /no-rclone is not installed: install the package rclone, or set program/],
        [{ remote: 'gone:' }, /gone is no remote of the rclone configuration: see 'rclone listremotes'/],
      ] as const) {
        const config = await place.configure(toDrive({ ...options, ...more }));
        const { code, stdout, stderr } = await place.run(['check', '-c', config]);
        assert.notEqual(code, 0);
        assert.match(stdout + stderr, words);
      }
    }));
});
