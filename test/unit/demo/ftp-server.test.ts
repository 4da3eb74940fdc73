import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { createInterface, type Interface } from 'node:readline';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { startFtpServer, type FtpServer } from '../../../src/demo/ftp-server.js';
import { temporaryFolder } from '../../conformance/temp-folder.js';

const LOGIN = { user: 'demo', password: 'demo-password' };

describe('The FTP server of the demo', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let server: FtpServer;
  let control: Socket;
  let lines: Interface;

  beforeEach(async () => {
    folder = await temporaryFolder();
    server = await startFtpServer({ folder: folder.path, ...LOGIN, signals: process });
    control = connect(server.port, server.host);
    lines = createInterface(control);
    await once(lines, 'line');
    await command(`USER ${LOGIN.user}`);
    await command(`PASS ${LOGIN.password}`);
  });

  afterEach(async () => {
    control.destroy();
    await server.close();
    await folder.remove();
  });

  async function command(text: string): Promise<string> {
    const answered = once(lines, 'line') as Promise<[string]>;
    control.write(`${text}\r\n`);
    return (await answered)[0];
  }

  async function openData(): Promise<Socket> {
    const [, port] = /\|\|\|(\d+)\|/.exec(await command('EPSV')) ?? [];
    const data = connect(Number(port), server.host);
    await once(data, 'connect');
    return data;
  }

  it('closes a data port that the client leaves unused when it opens the next one', async () => {
    for (let count = 0; count < 5; count++) {
      const data = await openData();
      data.destroy();
      await once(data, 'close');
    }
    const last = await openData();
    await until(() => countOf('TCPServerWrap') <= 2, 'one listener for commands, one for data');
    await until(() => countOf('TCPSocketWrap') <= 4, 'both ends of two connections');
    last.destroy();
  });

  it('uses the data port that was opened last', async () => {
    const first = (await openData()).resume();
    const closed = once(first, 'close');
    const second = await openData();
    await closed;
    const ended = once(second.resume(), 'end');
    assert.match(await command('NLST'), /^150 /);
    await ended;
    second.destroy();
  });
});

const countOf = (kind: string): number =>
  process.getActiveResourcesInfo().filter(resource => resource === kind).length;

/** Waits; mocha's timeout ends it. */
async function until(condition: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + 1500;
  while (!condition()) {
    assert.ok(performance.now() < deadline, `${what}: ${process.getActiveResourcesInfo().join(' ')}`);
    await nextTurn();
  }
}
