import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { CHUNK_BYTES } from '../../src/devices/webdav/chunks.js';
import { sample } from '../conformance/support.js';
import { FILES, nextcloud, UPLOADS } from '../servers/nextcloud.js';
import { Place } from './program.js';

/** What many hosts have in front of Nextcloud. */
const PROXY_LIMIT_BYTES = 100_000_000;

describe('filesync sync, Nextcloud', function () {
  this.timeout(120_000);

  it('goes on, after a kill, behind the last whole chunk, and passes a proxy that limits a request', () =>
    Place.with(async place => {
      let kill: (() => void) | undefined;
      const server = await nextcloud({
        maxBody: PROXY_LIMIT_BYTES,
        begun: ({ method }, path) => {
          if (method === 'PUT' && path.endsWith('/00003')) kill?.();
        },
      });
      place.use({ close: async () => server.close() });
      const bytes = sample(2 * CHUNK_BYTES + 3_000_000);
      await mkdir(place.path('in'));
      await writeFile(place.path('in/long.ulg'), bytes);
      const config = await place.configure({
        local: './data',
        devices: {
          folder: { type: 'directory', path: './in' },
          cloud: { type: 'webdav', url: `${server.url}/Logs` },
        },
        rules: [{ from: 'folder', to: ['cloud'], settle: 0, path: '{file.path}' }],
      });
      const first = place.start(['sync', '-c', config]);
      kill = () => first.child.kill('SIGKILL');
      assert.equal((await first.ended).signal, 'SIGKILL');
      kill = undefined;
      server.log.length = 0;
      const { code, stdout, stderr } = await place.run(['sync', '-c', config]);
      assert.equal(code, 0, stdout + stderr);
      const sent = server.log.filter(line => line.startsWith(`PUT ${UPLOADS}`));
      assert.deepEqual(
        sent.map(line => line.replace(/^.*\//, '')),
        ['00003 -> 201'],
      );
      assert.deepEqual([...server.files.keys()], [`${FILES}/Logs/long.ulg`]);
      assert.ok(server.files.get(`${FILES}/Logs/long.ulg`)?.equals(bytes));
    }));
});
