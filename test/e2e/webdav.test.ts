import assert from 'node:assert/strict';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { startDavServer } from '../servers/dav-servers.js';
import { Place } from './program.js';
import { hashOf } from './world.js';

describe('filesync sync, WebDAV', function () {
  this.timeout(120_000);

  it('brings files from a folder to a server, and from there to another folder', () =>
    Place.with(async place => {
      const server = await startDavServer('apache', { auth: 'digest' });
      place.use({ close: () => server.stop() });
      const { url, user } = server;
      const cloud = { type: 'webdav', url: `${url}/up`, user, password: { env: 'DAV_PASSWORD' } };
      const names = ['a b.bin', 'полёт/лог.bin'];
      await mkdir(place.path('in/полёт'), { recursive: true });
      await mkdir(place.path('out'));
      for (const [index, name] of names.entries()) {
        await writeFile(place.path('in', name), Buffer.alloc(400_000 + index, name));
      }
      const up = await place.configure({
        local: './data',
        devices: { folder: { type: 'directory', path: './in' }, cloud },
        rules: [{ from: 'folder', to: ['cloud'], settle: 0, path: '{file.path}' }],
      });
      const down = await place.configure(
        {
          local: './data2',
          database: './data2/filesync.json',
          devices: { folder: { type: 'directory', path: './out' }, cloud },
          rules: [
            { from: 'cloud', to: ['folder'], settle: 0, path: '{file.path}', after: { source: 'delete' } },
          ],
        },
        'down.yaml',
      );
      for (const config of [up, down]) {
        const env = { DAV_PASSWORD: server.password };
        const { code, stdout, stderr } = await place.run(['sync', '-c', config], env);
        assert.equal(code, 0, stdout + stderr);
        assert.ok(!(stdout + stderr).includes(server.password));
      }
      for (const name of names) {
        assert.equal(await hashOf(place.path('out', name)), await hashOf(place.path('in', name)));
      }
      const left = await readdir(server.folder, { recursive: true, withFileTypes: true });
      assert.deepEqual(
        left.filter(each => each.isFile()),
        [],
      );
    }));
});
