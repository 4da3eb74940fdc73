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
    for (const name of ['basic-ftp', 'drivelist', 'ssh2'])
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
    assert.ok('_onControlSocketData' in ftp);
    assert.equal(typeof client.prepareTransfer, 'function');
    assert.ok('_progressTracker' in client);
    assert.equal(new FTPError({ code: 550, message: '550 no' }).code, 550);
    const logged: string[] = [];
    ftp.log = entry => logged.push(entry);
    client.close();
    assert.deepEqual(logged, ['> QUIT']);
  });

  it('ssh2: a channel knows how many bytes a request may have', async () => {
    const { default: ssh2 } = await import('ssh2');
    const chanInfo = { type: 'sftp', incoming: {}, outgoing: {} };
    const module: string = 'ssh2/lib/protocol/SFTP.js';
    const { SFTP: Channel } = (await import(module)) as { SFTP: new (...args: unknown[]) => object };
    const channel = new Channel({ _protocol: { _remoteIdentRaw: 'SSH-2.0-OpenSSH_9.2' } }, chanInfo, {});
    for (const name of ['_maxReadLen', '_maxWriteLen'])
      assert.ok(Number(Reflect.get(channel, name)) > 31 * 1024, name);
    assert.equal(typeof ssh2.utils.parseKey, 'function');
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
