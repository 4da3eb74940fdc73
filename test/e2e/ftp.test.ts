import assert from 'node:assert/strict';
import { mkdir, readdir, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sample } from '../conformance/support.js';
import { ftpOptions } from '../servers/ftp-bench.js';
import { startServer, type ServerKind } from '../servers/ftp-servers.js';
import { Place } from './program.js';
import { hashOf, sha256 } from './world.js';

const BYTES = sample(2_000_000);
const OLD = new Date('2024-03-05T06:07:08Z');
const NAMES = ['полёт 1.ulg', 'empty.ulg', 'log.ulg'];
const bytesOf = (name: string) => (name === 'empty.ulg' ? new Uint8Array(0) : BYTES);

/** Fills an FTP server, syncs and compares what has arrived in the folder that `target` gives. */
async function moves(
  from: ServerKind,
  target: (place: Place) => Promise<{ device: object; folder: string; keepsTime: boolean }>,
): Promise<void> {
  await Place.with(async place => {
    const source = await startServer(from);
    place.use({ close: () => source.stop() });
    const inbox = join(source.folder, 'logs');
    await mkdir(inbox, { mode: 0o777 });
    for (const name of NAMES) {
      await writeFile(join(inbox, name), bytesOf(name));
      await utimes(join(inbox, name), OLD, OLD);
    }
    const { device, folder, keepsTime } = await target(place);
    const drone = { type: 'ftp', ...ftpOptions(source), password: { env: 'P' } };
    const config = await place.configure({
      devices: { drone, archive: device },
      rules: [
        { from: 'drone', to: ['archive'], settle: 0, path: '{file.path}', after: { source: 'delete' } },
      ],
    });
    const { code, stdout, stderr } = await place.run(['sync', '-c', config], { P: source.password });
    assert.equal(code, 0, stdout + stderr);
    assert.doesNotMatch(stdout + stderr, new RegExp(source.password));
    for (const name of NAMES) {
      const arrived = join(folder, 'logs', name);
      assert.equal(await hashOf(arrived), sha256(bytesOf(name)));
      if (keepsTime) assert.equal((await stat(arrived)).mtimeMs, OLD.getTime());
    }
    assert.deepEqual(await readdir(inbox), []);
  });
}

describe('filesync sync from an FTP server', function () {
  this.timeout(120_000);

  it('to another FTP server, with the time of the files, and removes them when they are there', () =>
    moves('vsftpd', async place => {
      const server = await startServer('proftpd');
      place.use({ close: () => server.stop() });
      const device = { type: 'ftp', ...ftpOptions(server), password: { env: 'P' } };
      return { device, folder: server.folder, keepsTime: true };
    }));

  it('to a directory', () =>
    moves('proftpd', async place => {
      const folder = place.path('out');
      return { device: { type: 'directory', path: folder }, folder, keepsTime: false };
    }));
});
