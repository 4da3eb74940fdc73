import assert from 'node:assert/strict';
import { webdav } from '../../../src/devices/webdav.js';
import type { Target } from '../../../src/ports.js';
import { collect, failsWith, listed, sample } from '../../conformance/support.js';
import { makeSource, makeTarget } from '../../servers/device.js';
import { Events, never, outgoing } from '../../servers/outgoing.js';
import { scriptedDav, type DavQuirks, type ScriptedDav } from '../../servers/scripted-dav.js';

const TOKEN = '0123456789abcdef';
const BYTES = sample(1000);

describe('webdav servers and their quirks', () => {
  let server: ScriptedDav | undefined;
  let target: Target | undefined;
  afterEach(async () => {
    await target?.close();
    server?.close();
  });

  async function connect(quirks: DavQuirks, options: object = {}): Promise<ScriptedDav> {
    server = await scriptedDav(quirks);
    target = await makeTarget(webdav, { url: server.url, ...options });
    return server;
  }
  const write = (path: string) =>
    (target as Target).write(outgoing(BYTES, { token: TOKEN }), path, 0, never, new Events());

  const partHaters: [what: string, quirks: DavQuirks][] = [
    [
      'refuses (Nextcloud)',
      { refuse: ({ method }, path) => (method === 'PUT' && path.endsWith('.part') ? 400 : undefined) },
    ],
    ['accepts and hides (ownCloud)', { hides: path => path.endsWith('.part') }],
  ];
  for (const [what, quirks] of partHaters) {
    it(`uploads under another name to a server that ${what} names ending in .part, found out once`, async () => {
      const { files, log } = await connect(quirks);
      await write('a.ulg');
      const first = log.length;
      await write('b.ulg');
      assert.deepEqual(
        [...files.keys()].filter(path => !path.endsWith('.part')),
        ['/dav/a.ulg', '/dav/b.ulg'],
      );
      assert.ok(log.length - first < first, log.join('\n'));
      files.set(`/dav/c.ulg.${TOKEN}.filesync`, BYTES.slice(0, 100) as Buffer);
      assert.equal((await (target as Target).stat('c.ulg', TOKEN, never)).partial, 100);
    });
  }

  it('keeps the usual name for partial uploads where the server takes it, and leaves nothing of the trial', async () => {
    const { files, log } = await connect({});
    await write('a.ulg');
    assert.ok(log.includes(`PUT /dav/a.ulg.${TOKEN}.part -> 201`));
    assert.deepEqual([...files.keys()], ['/dav/a.ulg']);
  });

  it('names the missing right where no name at all may be written', async () => {
    await connect({ refuse: ({ method }) => (method === 'PUT' ? 403 : undefined) });
    const error = await failsWith(() => write('a.ulg'), 'denied');
    assert.match(error.message, /give the user the right/);
  });

  it('partial uploads of either name are no files of a source', async () => {
    const { files, url } = await connect({});
    files
      .set(`/dav/a.ulg.${TOKEN}.part`, BYTES as Buffer)
      .set(`/dav/a.ulg.${TOKEN}.filesync`, BYTES as Buffer);
    const source = await makeSource(webdav, { url });
    assert.deepEqual(await listed(source), []);
    await source.close();
  });

  for (const status of [400, 502]) {
    it(`behind a proxy that ends TLS, MOVE takes a path where a URL is answered with ${status}`, async () => {
      const { files, log } = await connect({
        refuse: ({ method, headers }) =>
          method === 'MOVE' && /^https?:/.test(String(headers.destination)) ? status : undefined,
      });
      await write('a.ulg');
      await write('b.ulg');
      assert.deepEqual([...files.keys()], ['/dav/a.ulg', '/dav/b.ulg']);
      const moves = log.filter(line => line.startsWith('MOVE')).map(line => line.replace(/.* -> /, ''));
      assert.deepEqual(moves, [String(status), '201', '201']);
    });
  }

  it('a MOVE that is refused in either form is an error, and the first answer is reported', async () => {
    await connect({ refuse: ({ method }) => (method === 'MOVE' ? 502 : undefined) });
    const error = await failsWith(() => write('a.ulg'), 'busy');
    assert.match(error.message, /502/);
  });

  it('a file that is listed, and that the server does not serve, is not gone', async () => {
    const { files, url } = await connect({ refuse: ({ method }) => (method === 'GET' ? 404 : undefined) });
    files.set('/dav/a.ulg', BYTES as Buffer);
    const source = await makeSource(webdav, { url });
    const [file] = await listed(source);
    assert.ok(file);
    const error = await failsWith(() => collect(source.read(file, 0, never)), 'denied');
    assert.match(error.message, /lists a\.ulg and does not serve it.*404/);
    files.delete('/dav/a.ulg');
    await failsWith(() => collect(source.read(file, 0, never)), 'not-found');
    await source.close();
  });

  for (const status of [403, 409, 423, 500]) {
    it(`two uploads that make one folder: the loser, who gets ${status}, finds it there`, async () => {
      const { files, folders } = await connect({
        refuse: ({ method }, path) => {
          if (method !== 'MKCOL' || path !== '/dav/sess001') return undefined;
          server?.folders.add(path);
          return status;
        },
      });
      await write('sess001/a.ulg');
      assert.deepEqual([...files.keys()], ['/dav/sess001/a.ulg']);
      assert.ok(folders.has('/dav/sess001'));
    });
  }

  it('a folder that is refused, and is not there, is an error', async () => {
    await connect({ refuse: ({ method }) => (method === 'MKCOL' ? 403 : undefined) });
    await failsWith(() => write('sess001/a.ulg'), 'denied');
  });
});
