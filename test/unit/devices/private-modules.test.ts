import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { Client, FTPError } from 'basic-ftp';
import { parseLine as parseDos } from 'basic-ftp/dist/parseListDOS.js';
import { parseLine as parseFacts } from 'basic-ftp/dist/parseListMLSD.js';
import { parseLine as parseUnix } from 'basic-ftp/dist/parseListUnix.js';
import {
  connectForPassiveTransfer,
  downloadTo,
  parseEpsvResponse,
  uploadFrom,
} from 'basic-ftp/dist/transfer.js';
import {
  createDigestContext,
  generateDigestAuthHeader,
  parseDigestAuth,
} from 'webdav/dist/node/auth/digest.js';
import type { Drivelist } from '../../../src/devices/disk/names.js';

/** What the program uses of packages outside their public API. */
describe('private modules of packages', () => {
  it('are of pinned versions', async () => {
    const file = new URL('../../../package.json', import.meta.url);
    const { dependencies, optionalDependencies } = JSON.parse(await readFile(file, 'utf8')) as Record<
      string,
      Record<string, string>
    >;
    const versions = { ...dependencies, ...optionalDependencies };
    for (const name of ['basic-ftp', 'webdav', 'drivelist'])
      assert.match(versions[name] ?? '', /^\d+\.\d+\.\d+$/, name);
  });

  it('basic-ftp: transfers take a configuration, and log, handle and send belong to the context', () => {
    assert.equal(parseEpsvResponse('229 Entering Extended Passive Mode (|||6446|)'), 6446);
    assert.deepEqual(
      [connectForPassiveTransfer, downloadTo, uploadFrom].map(({ length }) => length),
      [3, 2, 2],
    );
    const lines = ['-rw-r--r-- 1 u g 5 Jan 05 2020 a', '01-05-20  03:05PM 5 a', 'type=file;size=5; a'];
    const parsers = [parseUnix, parseDos, parseFacts];
    for (const [index, parse] of parsers.entries()) assert.equal(parse(lines[index] ?? '')?.size, 5);
    const client = new Client(1000);
    const { ftp } = client;
    for (const method of ['log', 'handle', 'send', 'closeWithError'] as const)
      assert.equal(typeof ftp[method], 'function');
    assert.equal(typeof client.prepareTransfer, 'function');
    assert.ok('_progressTracker' in client);
    assert.equal(new FTPError({ code: 550, message: '550 no' }).code, 550);
    const logged: string[] = [];
    ftp.log = entry => logged.push(entry);
    client.close();
    assert.deepEqual(logged, ['> QUIT']);
  });

  it('webdav: a challenge fills the context, from which a header is made', () => {
    const context = createDigestContext('pilot', 'correct horse', '');
    const challenge = 'Digest realm="logs", nonce="abc", algorithm=MD5, qop="auth"';
    const headers = new Headers({ 'www-authenticate': challenge });
    assert.equal(parseDigestAuth(new Response(null, { headers }), context), true);
    assert.equal(typeof context.nc, 'number');
    const header = generateDigestAuthHeader({ method: 'GET', url: 'http://127.0.0.1/dav/a' }, context);
    assert.match(header, /^Digest username="pilot", realm="logs", nonce="abc", uri="\/dav\/a"/);
  });

  it('drivelist: makes descriptions of the output of lsblk', async function () {
    const module: string = 'drivelist/js/lsblk/json.js';
    const drivelist = (await import(module).catch(() => this.skip())) as Drivelist;
    const disk = { name: '/dev/sda', kname: '/dev/sda', label: null, vendor: 'ACME', model: 'Stick' };
    const [drive] = drivelist.parse(JSON.stringify({ blockdevices: [disk] }));
    assert.equal(drive?.raw, '/dev/sda');
    assert.match(drive?.description ?? '', /ACME Stick/);
  });
});
