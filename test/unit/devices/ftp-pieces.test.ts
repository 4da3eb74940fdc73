import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { startFtpServer, type FtpServer } from '../../../src/demo/ftp-server.js';
import { ftp } from '../../../src/devices/ftp.js';
import { collect, listed, sample } from '../../conformance/support.js';
import { temporaryFolder } from '../../conformance/temp-folder.js';
import { makeSource, makeTarget } from '../../servers/device.js';
import { Events, never, outgoing } from '../../servers/outgoing.js';

const LOGIN = { user: 'u', password: 'correct horse' };

/** A control connection whose replies arrive byte by byte, as the network may cut them anywhere. */
async function inPieces(port: number): Promise<Server> {
  const proxy = createServer({ noDelay: true }, client => {
    const server = connect(port, '127.0.0.1');
    for (const socket of [client, server]) socket.on('error', () => undefined);
    client.on('close', () => server.destroy()).pipe(server);
    void forward(server, client);
  }).listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  return proxy;
}

async function forward(from: Socket, to: Socket): Promise<void> {
  for await (const bytes of from)
    for (const byte of bytes as Buffer) {
      to.write(Uint8Array.of(byte));
      await nextTurn();
    }
  to.end();
}

describe('ftp: replies that arrive in pieces', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let server: FtpServer;
  let proxy: Server;
  let place: object;

  beforeEach(async () => {
    folder = await temporaryFolder();
    server = await startFtpServer({ folder: folder.path, ...LOGIN, signals: process });
    proxy = await inPieces(server.port);
    place = { host: '127.0.0.1', port: (proxy.address() as AddressInfo).port, ...LOGIN, timeout: '5s' };
  });
  afterEach(async () => {
    proxy.close();
    await server.close();
    await folder.remove();
  });

  it('a target writes files, and knows their sizes', async () => {
    const target = await makeTarget(ftp, place);
    const bytes = sample(123_456);
    for (const name of ['a.ulg', 'b.ulg']) {
      await target.write(outgoing(bytes), name, 0, never, new Events());
      assert.deepEqual(await readFile(join(folder.path, name)), Buffer.from(bytes));
    }
    assert.equal((await target.stat('a.ulg', 'token', never)).size, bytes.length);
    await target.close();
  });

  it('a source lists and reads files', async () => {
    const bytes = sample(123_456);
    await writeFile(join(folder.path, 'a.ulg'), bytes);
    const source = await makeSource(ftp, place);
    const [file] = await listed(source);
    assert.equal(file?.size, bytes.length);
    assert.deepEqual(await collect(source.read(file, 0, never)), Buffer.from(bytes));
    await source.close();
  });
});
