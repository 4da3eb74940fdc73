import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { ftp } from '../../../src/devices/ftp.js';
import { webdav } from '../../../src/devices/webdav.js';
import { directory } from '../../../src/devices/directory.js';
import { probeByWriting, type ProbeActs } from '../../../src/devices/write-probe.js';
import { FileSyncError } from '../../../src/errors.js';
import type { Target } from '../../../src/ports.js';
import { systemClock } from '../../../src/system/clock.js';
import { failsWith } from '../../conformance/support.js';
import { temporaryFolder } from '../../conformance/temp-folder.js';
import { makeTarget } from '../../servers/device.js';
import { ftpOptions } from '../../servers/ftp-bench.js';
import { startServer, type Settings } from '../../servers/ftp-servers.js';

const never = new AbortController().signal;
const place = { device: 'archive', root: '/logs', option: 'root', clock: systemClock };
const denied = () => Promise.reject(new FileSyncError('denied', 'ask for rights'));

/** A folder in memory, some acts of which are refused. */
function memory(refused: Partial<ProbeActs> = {}): { files: Set<string>; acts: ProbeActs } {
  const files = new Set<string>();
  const acts: ProbeActs = {
    write: async name => void files.add(name),
    rename: async (from, to) => {
      if (!files.delete(from)) throw new FileSyncError('not-found', 'no such file');
      files.add(to);
    },
    remove: async name => {
      if (!files.delete(name)) throw new FileSyncError('not-found', 'no such file');
    },
    ...refused,
  };
  return { files, acts };
}

describe('the probe of a target by a write', () => {
  const probe = ({ acts }: { acts: ProbeActs }, signal = never) => probeByWriting(acts, place, signal);

  it('leaves nothing', async () => {
    const there = memory();
    await probe(there);
    assert.deepEqual([...there.files], []);
  });

  it('has a name by which people recognise it, another one each time', async () => {
    const names: string[] = [];
    const there = memory({ write: async name => void names.push(name), rename: denied });
    await failsWith(() => probe(there), 'denied');
    await failsWith(() => probe(there), 'denied');
    for (const name of names) assert.match(name, /^\.filesync-probe-[0-9a-f]{16}$/);
    assert.equal(new Set(names).size, 2);
  });

  it('tells that it cannot write, and what to do', async () => {
    const { kind, message } = await failsWith(() => probe(memory({ write: denied })));
    assert.equal(kind, 'denied');
    assert.equal(message, 'cannot write in /logs: ask for rights, or name another root');
  });

  it('tells that it can write but not rename, and removes what it wrote', async () => {
    const there = memory({ rename: denied });
    const { message } = await failsWith(() => probe(there), 'denied');
    assert.equal(message, 'can write in /logs, but not rename: ask for rights, or name another root');
    assert.deepEqual([...there.files], []);
  });

  it('tells that it can write but not delete, and what it left', async () => {
    const there = memory({ remove: denied });
    const { message } = await failsWith(() => probe(there), 'denied');
    assert.match(
      message,
      /^can write and rename in \/logs, but not delete: .*; \.filesync-probe-\w+ is left there$/,
    );
    assert.equal(there.files.size, 1);
  });

  it('removes what an aborted write may have left', async () => {
    const stopped = new AbortController();
    const there = memory();
    const write = async (name: string): Promise<void> => {
      there.files.add(name);
      stopped.abort();
      throw new FileSyncError('cancelled', 'cancelled');
    };
    await failsWith(() => probe({ acts: { ...there.acts, write } }, stopped.signal), 'cancelled');
    assert.deepEqual([...there.files], []);
  });
});

/** Probes a folder on a real FTP server with these settings; returns its names afterwards. */
async function onFtp(settings: Settings, probe: (target: Target) => Promise<unknown>): Promise<string[]> {
  const server = await startServer('vsftpd', { settings });
  const target = await makeTarget(ftp, ftpOptions(server));
  try {
    await writeFile(join(server.folder, 'flight.ulg'), 'there before');
    await probe(target);
    return await readdir(server.folder);
  } finally {
    await target.close();
    await server.stop();
  }
}

describe('the probe of an FTP server', function () {
  this.timeout(60_000);
  const probeError = (target: Target) => failsWith(async () => target.probe?.(never), 'denied');

  it('tells that the folder is read-only', async () => {
    const names = await onFtp({ anon_upload_enable: 'NO' }, async target => {
      const { message } = await probeError(target);
      assert.match(message, /^cannot write in \S+: .*550.*right to write.*, or name another root$/);
    });
    assert.deepEqual(names, ['flight.ulg']);
  });

  it('tells that files may be written, but not renamed', async () => {
    const names = await onFtp({ cmds_denied: 'RNFR,RNTO' }, async target => {
      assert.match((await probeError(target)).message, /^can write in \S+, but not rename: .*550/);
    });
    assert.deepEqual(names, ['flight.ulg']);
  });

  it('tells that files may be written and renamed, but not deleted', async () => {
    const names = await onFtp({ cmds_denied: 'DELE' }, async target => {
      assert.match(
        (await probeError(target)).message,
        /^can write and rename in \S+, but not delete: .*left there$/,
      );
    });
    assert.equal(names.length, 2);
  });
});

/** Probes a WebDAV server that answers a method with that status, and any other one with a success. */
async function onDav(
  statuses: Readonly<Record<string, number>>,
): Promise<{ message: string; methods: string[] }> {
  const methods: string[] = [];
  const server = createServer((request, response) => {
    const { method = '' } = request;
    methods.push(method);
    request.resume();
    const folder = `<d:multistatus xmlns:d="DAV:"><d:response><d:href>/logs/</d:href><d:propstat><d:prop>
      <d:resourcetype><d:collection/></d:resourcetype></d:prop><d:status>HTTP/1.1 200 OK</d:status></d:propstat>
      </d:response></d:multistatus>`;
    response
      .writeHead(statuses[method] ?? (method === 'PROPFIND' ? 207 : 201))
      .end(method === 'PROPFIND' ? folder : '');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const target = await makeTarget(webdav, { url: `http://127.0.0.1:${port}/logs` });
  const { message } = await failsWith(async () => target.probe?.(never));
  await target.close();
  server.closeAllConnections();
  server.close();
  return { message, methods };
}

describe('the probe of a WebDAV server', () => {
  it('tells which act is refused, and removes what it wrote', async () => {
    const read = await onDav({ PUT: 403 });
    assert.match(read.message, /^cannot write in \/logs\S*: .*forbids it.*, or name another url$/);
    const { message, methods } = await onDav({ MOVE: 403 });
    assert.match(message, /^can write in \/logs\S*, but not rename: .*forbids it/);
    assert.equal(methods.at(-1), 'DELETE');
    assert.match((await onDav({ DELETE: 403 })).message, /but not delete: .*is left there$/);
  });

  it('never makes a folder, which it could not remove safely', async () => {
    const { message, methods } = await onDav({ PROPFIND: 404 });
    assert.match(message, /made with the first file/);
    assert.deepEqual(methods, ['PROPFIND']);
  });
});

describe('the probe of a folder', () => {
  it('does not leave a root that was missing, and tells that its parent is missing', async () => {
    const home = await temporaryFolder();
    const probe = async (path: string): Promise<void> => {
      const target = await makeTarget(directory, { path: join(home.path, path) });
      await (target.probe?.(never) ?? assert.fail('it has no probe')).finally(() => target.close());
    };
    await probe('archive');
    assert.deepEqual(await readdir(home.path), []);
    await failsWith(() => probe('nowhere/archive'), 'unavailable');
    await mkdir(join(home.path, 'full'));
    await writeFile(join(home.path, 'full', 'flight.ulg'), 'there before');
    await probe('full');
    assert.deepEqual(await readdir(join(home.path, 'full')), ['flight.ulg']);
    await home.remove();
  });
});
