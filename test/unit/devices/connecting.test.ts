import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import dns from 'node:dns';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { firstValueFrom } from 'rxjs';
import { http } from '../../../src/devices/http.js';
import { webdav } from '../../../src/devices/webdav.js';
import { connectTo, patientSocket } from '../../../src/devices/network.js';
import { failsWith, sample } from '../../conformance/support.js';
import { makeTarget } from '../../servers/device.js';
import { Events, never, outgoing } from '../../servers/outgoing.js';
import { scriptedDav } from '../../servers/scripted-dav.js';
import { withUpload } from '../../servers/upload-bench.js';

/** A SOCKS5 proxy (RFC 1928) that connects to this machine for every name. `asked`: names and ports. */
async function socksProxy(reply = 0): Promise<{ server: Server; port: number; asked: string[] }> {
  const asked: string[] = [];
  const server = createServer(socket => {
    socket.on('error', () => undefined);
    socket.once('data', () => {
      socket.write(Buffer.from([5, 0]));
      socket.once('data', (request: Buffer) => {
        const length = request[4] ?? 0;
        const port = request.readUInt16BE(5 + length);
        asked.push(`${request.subarray(5, 5 + length).toString()}:${port}`);
        socket.write(Buffer.from([5, reply, 0, 1, 127, 0, 0, 1, 0, 0]));
        if (reply !== 0) return void socket.end();
        const there = connect(port, '127.0.0.1').on('error', () => socket.destroy());
        there.pipe(socket).pipe(there);
      });
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, port: (server.address() as AddressInfo).port, asked };
}

describe('connections to web servers', () => {
  it('go through a SOCKS proxy, which looks up the name', async () => {
    const proxy = await socksProxy();
    const env = { ALL_PROXY: `socks5h://127.0.0.1:${proxy.port}` };
    await withUpload({ type: http, page: '/plain' }, async ({ receiver }) => {
      const { port } = new URL(receiver.url);
      const target = await makeTarget(http, { url: `http://files.test:${port}/plain` }, { env });
      await target.write(outgoing(sample(100)), 'a.ulg', 0, never, new Events());
      assert.equal(receiver.received.length, 1);
      assert.ok(proxy.asked.every(name => name === `files.test:${port}`));
      await target.close();
    });
    const dav = await scriptedDav();
    const { port } = new URL(dav.url);
    const target = await makeTarget(webdav, { url: `http://files.test:${port}/dav` }, { env });
    await target.write(outgoing(sample(100)), 'a.ulg', 0, never, new Events());
    assert.deepEqual([...dav.files.keys()], ['/dav/a.ulg']);
    await target.close();
    dav.close();
    proxy.server.close();
  });

  it('say why a SOCKS proxy does not connect', async () => {
    const proxy = await socksProxy(5);
    const env = { all_proxy: `socks5://127.0.0.1:${proxy.port}` };
    const target = await makeTarget(http, { url: 'http://files.test/in' }, { env });
    const error = await failsWith(
      () => target.write(outgoing(sample(100)), 'a.ulg', 0, never, new Events()),
      'unavailable',
    );
    await target.close();
    proxy.server.close();
    assert.match(error.message, /files\.test cannot be reached: the proxy .* \(from all_proxy\) answered/);
  });

  for (const type of [http, webdav]) {
    it(`${type.type}: a variable that names no proxy makes the device unavailable, with the reason`, async () => {
      const env = { ALL_PROXY: 'ftp://127.0.0.1:1' };
      const target = await makeTarget(type, { url: 'http://files.test/in' }, { env });
      const { available, reason } = await firstValueFrom(target.availability);
      await target.close();
      assert.equal(available, false);
      assert.match(reason, /files\.test cannot be reached: the environment variable ALL_PROXY/);
    });
  }

  describe('with a slow handshake', () => {
    const lookup = dns.lookup;
    afterEach(() => Object.assign(dns, { lookup }));

    /** The first address answers a second late, the second one has no route. */
    function resolveSlowly(): void {
      const both = [
        { address: '127.0.0.2', family: 4 },
        { address: '100::1', family: 6 },
      ];
      const slow = (_host: string, options: { all?: boolean }, done: (...result: unknown[]) => void): void =>
        options.all ? done(null, both) : done(null, '127.0.0.2', 4);
      Object.assign(dns, { lookup: slow });
    }

    for (const [what, open] of [
      [
        'web',
        (port: number) =>
          connectTo(new URL(`http://slow.test:${port}`), { tls: {}, timeout: 20_000, signal: never }),
      ],
      ['ftp', (port: number) => connected(patientSocket().connect({ host: 'slow.test', port }))],
    ] as const) {
      it(`are waited for (${what})`, async () => {
        const { port, end } = await slowServer();
        resolveSlowly();
        try {
          const socket = await open(port);
          assert.equal(socket.remotePort, port);
          socket.destroy();
        } finally {
          end();
        }
      });
    }
  });
});

async function connected(socket: Socket): Promise<Socket> {
  await once(socket, 'connect');
  return socket;
}

/** A server whose queue of connections is full: the kernel drops the first SYN of the next one, and it accepts a second later. */
async function slowServer(): Promise<{ port: number; end: () => void }> {
  const script = `
    const server = require('node:net').createServer(socket => socket.on('error', () => {}));
    server.listen({ port: 0, host: '127.0.0.2', backlog: 1 }, () => {
      require('node:fs').writeSync(1, server.address().port + '\\n');
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 900);
    });`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [said] = (await once(child.stdout, 'data')) as [Buffer];
  const port = Number(String(said));
  const fillers = Array.from({ length: 4 }, () => connect(port, '127.0.0.2').on('error', () => undefined));
  await Promise.all(fillers.slice(0, 2).map(async filler => once(filler, 'connect')));
  return {
    port,
    end: () => {
      for (const filler of fillers) filler.destroy();
      child.kill();
    },
  };
}
