import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { firstValueFrom } from 'rxjs';
import { ftp } from '../../src/devices/ftp.js';
import type { ByteStream, Outgoing, Target } from '../../src/ports.js';
import { RecordingLogger } from '../fakes/recording-logger.js';
import { makeTarget } from '../servers/device.js';
import { ftpOptions } from '../servers/ftp-bench.js';
import { startServer, type FtpServer, type ServerKind, type ServerOptions } from '../servers/ftp-servers.js';
import { Events, never, outgoing } from '../servers/outgoing.js';
import { eventually, failsWith, sample } from './support.js';

type Options = Record<string, unknown>;

/** A target on a server of its own; both end with the work. */
async function on(
  kind: ServerKind,
  work: (server: FtpServer, connect: (more?: Options) => Promise<Target>) => Promise<void>,
  options: ServerOptions = {},
): Promise<void> {
  const server = await startServer(kind, options);
  const targets: Target[] = [];
  try {
    await work(server, async more => {
      const target = await makeTarget(ftp, { ...ftpOptions(server), ...more });
      targets.push(target);
      return target;
    });
  } finally {
    for (const target of targets) await target.close();
    await server.stop();
  }
}

/** A file that pauses in the middle until the signal aborts, and then ends. */
function stopping(bytes: Uint8Array, after: number, broken: AbortSignal): Outgoing {
  async function* open(offset: number): ByteStream {
    yield bytes.slice(offset, after);
    yield bytes.slice(after, after + 1);
    await new Promise(resolve => broken.addEventListener('abort', resolve));
  }
  return outgoing(bytes, { open });
}

/** Kills the server when it has the first half of the file on disk, and starts it again. */
async function breakInMiddle(server: FtpServer, write: Promise<unknown>, half: number): Promise<void> {
  const held = async (): Promise<number> => {
    const [part] = (await readdir(server.folder)).filter(name => name.endsWith('.part'));
    return part === undefined ? 0 : (await stat(join(server.folder, part))).size;
  };
  const failing = failsWith(() => write, 'unavailable');
  await eventually(async () => (await held()) >= half);
  await server.kill();
  await failing;
  await server.restart();
}

for (const kind of ['vsftpd', 'proftpd'] as const) {
  it(`ftp on ${kind}: resumes by size after the server was killed in mid-file`, () =>
    on(kind, async (server, connect) => {
      const bytes = sample(4_000_000);
      const half = 2_000_000;
      const target = await connect();
      const broken = new AbortController();
      const file = stopping(bytes, half, broken.signal);
      await breakInMiddle(server, target.write(file, 'log.ulg', 0, never, new Events()), half);
      broken.abort();

      const { partial, size } = await target.stat('log.ulg', file.token, never);
      assert.equal(size, undefined);
      assert.ok(partial >= half);
      const offsets: number[] = [];
      const whole = outgoing(bytes);
      const resumed = { ...whole, open: (offset: number) => (offsets.push(offset), whole.open(offset)) };
      const receipt = await target.write(resumed, 'log.ulg', partial, never, new Events());

      assert.deepEqual(offsets, [partial]);
      assert.ok((await readFile(join(server.folder, 'log.ulg'))).equals(bytes));
      assert.equal(receipt.verified, kind === 'proftpd' ? 'hash' : 'size');
      const root = server.root === '/' ? '' : server.root;
      assert.equal(receipt.location, `ftp://127.0.0.1:${server.port}${root}/log.ulg`);
    }));

  it(`ftp on ${kind}: logs commands, replies and data connections, without the password`, async () => {
    const server = await startServer(kind);
    const logger = new RecordingLogger();
    const target = await makeTarget(ftp, ftpOptions(server), { logger });
    try {
      await target.write(outgoing(sample(1000)), 'log.ulg', 0, never, new Events());
    } finally {
      await target.close();
      await server.stop();
    }
    const lines = logger.messages('debug');
    for (const start of [
      '< 220',
      '> PASS ****',
      '< 230',
      'data connection to',
      '> STOR ',
      '< 226',
      '> RNTO ',
    ])
      assert.ok(
        lines.some(line => line.startsWith(start)),
        `${start} is not in ${lines.join('\n')}`,
      );
    const dataConnections = lines.filter(line => line.startsWith('data connection'));
    const states = dataConnections.map(line => line.split(' ').at(-1));
    assert.deepEqual(
      states,
      states.map((_, index) => (index % 2 === 0 ? 'opened' : 'closed')),
    );
    assert.equal(states.at(-1), 'closed');
    assert.ok(!lines.some(line => line.includes(server.password)));
  });

  it(`ftp on ${kind}: a wrong password is denied, in words without it`, () =>
    on(kind, async (_server, connect) => {
      const target = await connect({ password: 'open sesame' });
      const error = await failsWith(() => target.stat('log.ulg', 'token', never), 'denied');
      assert.match(error.message, /check user and password/);
      assert.doesNotMatch(error.message, /open sesame/);
      const { available, reason } = await firstValueFrom(target.availability);
      assert.equal(available, false);
      assert.match(reason, /check user and password/);
    }));
}

it('ftp: a connection that died while idle is replaced silently', () =>
  on('vsftpd', async (server, connect) => {
    const target = await connect();
    await target.write(outgoing(sample(1000)), 'a.ulg', 0, never, new Events());
    await server.kill();
    await server.restart();
    await target.write(outgoing(sample(1000)), 'b.ulg', 0, never, new Events());
    assert.deepEqual((await readdir(server.folder)).sort(), ['a.ulg', 'b.ulg']);
  }));

it('ftp: a corrupt part is detected by its digest, and removed', () =>
  on('proftpd', async (server, connect) => {
    const bytes = sample(100_000);
    const half = bytes.slice(0, 50_000).fill(0);
    const target = await connect();
    await writeFile(join(server.folder, 'log.ulg.token0000001.part'), half);
    const file = outgoing(bytes);
    const events = new Events();
    const error = await failsWith(() => target.write(file, 'log.ulg', 50_000, never, events), 'corrupt');
    assert.equal(error.device, 'device');
    assert.equal(events.commits, 0);
    assert.deepEqual(await target.stat('log.ulg', file.token, never), { partial: 0 });
    await target.write(file, 'log.ulg', 0, never, events);
    assert.ok((await readFile(join(server.folder, 'log.ulg'))).equals(bytes));
  }));

it('ftp: a digest is compared even if the hash was not known before', () =>
  on('proftpd', async (_server, connect) => {
    const { sha256: _unknown, ...file } = outgoing(sample(100_000));
    const { verified } = await (await connect()).write(file, 'log.ulg', 0, never, new Events());
    assert.equal(verified, 'hash');
  }));

it('ftp: a folder of that name is an error', () =>
  on('vsftpd', async (server, connect) => {
    await mkdir(join(server.folder, 'log.ulg'));
    const file = outgoing(sample(1000));
    await failsWith(async () => (await connect()).write(file, 'log.ulg', 0, never, new Events()), 'exists');
  }));

it('ftp: a folder that cannot be made is denied, with a remedy', () =>
  on('vsftpd', async (_server, connect) => {
    const target = await connect({ root: '/proc/nowhere' });
    const write = () => target.write(outgoing(sample(1000)), 'log.ulg', 0, never, new Events());
    const error = await failsWith(write, 'denied');
    assert.match(error.message, /right to write/);
  }));

describe('ftp on vsftpd, for a user with few rights', () => {
  const without = (commands: string) => ({ settings: { cmds_denied: commands } });
  const put = (target: Target, bytes = sample(1000), over: Partial<Outgoing> = {}) =>
    target.write(outgoing(bytes, over), 'log.ulg', 0, never, new Events());

  it('a whole upload that cannot be renamed keeps its name, and says which right is missing', () =>
    on(
      'vsftpd',
      async (server, connect) => {
        const target = await connect();
        const error = await failsWith(() => put(target), 'denied');
        assert.match(
          error.message,
          /is whole and cannot be renamed \(.*\): give the user the right to rename/,
        );
        assert.deepEqual(await readdir(server.folder), ['log.ulg.token0000001.part']);
        const sent = await target.stat('log.ulg', 'token0000001', never);
        assert.deepEqual(sent, { partial: 1000 });
        const found = await failsWith(async () => target.probe?.(never), 'denied');
        assert.match(found.message, /can write in .*, but not rename/);
      },
      without('RNFR,RNTO'),
    ));

  it('uploads need no right to list or to remove', () =>
    on(
      'vsftpd',
      async (server, connect) => {
        await put(await connect());
        assert.deepEqual(await readdir(server.folder), ['log.ulg']);
      },
      without('LIST,NLST,MLSD,MLST,DELE,RMD'),
    ));

  it('an upload that is wrong and cannot be removed is emptied', () =>
    on(
      'vsftpd',
      async (server, connect) => {
        const target = await connect();
        const wrong = { readBack: true, sha256: '0'.repeat(64) };
        await failsWith(() => put(target, sample(1000), wrong), 'corrupt');
        const left = await target.stat('log.ulg', 'token0000001', never);
        assert.deepEqual(left, { partial: 0 });
        await put(target);
        assert.ok((await readFile(join(server.folder, 'log.ulg'))).equals(sample(1000)));
      },
      without('DELE'),
    ));

  it('without the right to ask for sizes, the listing shows them and what has the final name', () =>
    on(
      'vsftpd',
      async (server, connect) => {
        const target = await connect();
        await put(target);
        await failsWith(() => put(target, sample(2000)), 'exists');
        assert.deepEqual(await readdir(server.folder), ['log.ulg']);
        assert.ok((await readFile(join(server.folder, 'log.ulg'))).equals(sample(1000)));
      },
      without('SIZE'),
    ));

  it('without the rights to ask for sizes and to list, nothing counts as delivered', () =>
    on(
      'vsftpd',
      async (server, connect) => {
        const error = await failsWith(async () => put(await connect()), 'denied');
        assert.match(error.message, /size of .* is unknown .*\(SIZE\), or to list/);
        assert.deepEqual(await readdir(server.folder), ['log.ulg.token0000001.part']);
      },
      without('SIZE,LIST,NLST'),
    ));
});

describe('ftp with TLS', () => {
  it('a certificate of an unknown authority is refused, with a remedy', () =>
    on(
      'vsftpd',
      async (_server, connect) => {
        const target = await connect({ tls_ca: undefined });
        const error = await failsWith(() => target.stat('log.ulg', 'token', never), 'unavailable');
        assert.match(error.message, /unknown authority.*tls_ca/);
      },
      { tls: true },
    ));

  it('a certificate for another name is refused, unless that name is expected', () =>
    on(
      'vsftpd',
      async (_server, connect) => {
        const other = await connect({ tls_servername: 'archive.example.org' });
        const error = await failsWith(() => other.stat('log.ulg', 'token', never), 'unavailable');
        assert.match(error.message, /another name/);
        const named = await connect({ tls_servername: 'localhost' });
        assert.deepEqual(await named.stat('log.ulg', 'token', never), { partial: 0 });
      },
      { tls: true },
    ));

  it('a server that requires TLS and one without TLS have different errors', async () => {
    await on(
      'proftpd',
      async (_server, connect) => {
        const plain = await connect({ tls: false, tls_ca: undefined });
        const error = await failsWith(() => plain.stat('log.ulg', 'token', never), 'denied');
        assert.match(error.message, /set tls: true/);
      },
      { tls: true },
    );
    await on('proftpd', async (_server, connect) => {
      const error = await failsWith(
        async () => (await connect({ tls: true })).stat('log.ulg', 'token', never),
        'denied',
      );
      assert.match(error.message, /offers no TLS/);
    });
  });

  it('proftpd, which requires a clean TLS shutdown, accepts files of all sizes', () =>
    on(
      'proftpd',
      async (_server, connect) => {
        const target = await connect();
        for (const [index, size] of [0, 300_000, 0, 1].entries()) {
          const { verified } = await target.write(
            outgoing(sample(size)),
            `${index}.ulg`,
            0,
            never,
            new Events(),
          );
          assert.equal(verified, 'hash');
        }
      },
      { tls: true },
    ));

  it('an unreadable tls_ca is a mistake in the configuration', async () => {
    const target = await makeTarget(ftp, { host: '127.0.0.1', tls: true, tls_ca: '/nowhere/ca.pem' });
    const error = await failsWith(() => target.stat('log.ulg', 'token', never), 'config');
    assert.match(error.message, /nowhere\/ca\.pem/);
    await target.close();
  });
});

/** A file whose chunks are overwritten as soon as they are returned to the pool. */
function overwritten(bytes: Uint8Array): { file: Outgoing; given: () => number } {
  let given = 0;
  const giveBack = (chunk: Uint8Array): void => {
    given += chunk.fill(0).length;
  };
  async function* open(offset: number): ByteStream {
    for (let at = offset; at < bytes.length; at += 300_000) yield bytes.slice(at, at + 300_000);
  }
  return { file: outgoing(bytes, { open, giveBack }), given: () => given };
}

for (const tls of [false, true]) {
  it(`ftp ${tls ? 'with TLS' : 'without TLS'}: returns chunks to the pool only after they were sent`, () =>
    on(
      'vsftpd',
      async (server, connect) => {
        const bytes = sample(12_000_000);
        const { file, given } = overwritten(bytes);
        await (await connect()).write(file, 'log.ulg', 0, never, new Events());
        assert.ok((await readFile(join(server.folder, 'log.ulg'))).equals(bytes));
        assert.equal(given() > bytes.length / 2, !tls);
      },
      { tls },
    ));
}
