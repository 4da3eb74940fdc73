import assert from 'node:assert/strict';
import { chmod, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { firstValueFrom } from 'rxjs';
import type { DeviceContext } from '../../src/config/definition.js';
import { partName } from '../../src/devices/part-names.js';
import { rclone } from '../../src/devices/rclone.js';
import { toRcloneError } from '../../src/devices/rclone/errors.js';
import { hashAmong, newRemoteDigest } from '../../src/devices/rclone/hashes.js';
import type { Source, Target } from '../../src/ports.js';
import { startDavServer, type DavServer } from '../servers/dav-servers.js';
import { makeSource, makeTarget } from '../servers/device.js';
import { chunks, Events, never, outgoing } from '../servers/outgoing.js';
import { findProgram, runProgram } from '../servers/program.js';
import {
  davRemote,
  localRemote,
  rcloneConfig,
  rcloneOptions,
  rcloneProcesses,
  rcloneProgram,
  removed,
  type RcloneRemotePlace,
} from '../servers/rclone-bench.js';
import { checksumOf, collect, eventually, failsWith, listed, sample } from './support.js';

const TOKEN = '0123456789abcdef';
const PATH = 'sess001/log001.ulg';

const file = (bytes: Uint8Array) => outgoing(bytes, { token: TOKEN });

type Over = Partial<DeviceContext>;

async function withTarget<Result>(
  options: Record<string, unknown>,
  run: (target: Target) => Promise<Result>,
  over: Over = {},
): Promise<Result> {
  const target = await makeTarget(rclone, options, over);
  try {
    return await run(target);
  } finally {
    await target.close();
  }
}

async function withSource<Result>(
  options: Record<string, unknown>,
  run: (source: Source) => Promise<Result>,
  over: Over = {},
): Promise<Result> {
  const source = await makeSource(rclone, options, over);
  try {
    return await run(source);
  } finally {
    await source.close();
  }
}

async function withLocal(
  run: (place: RcloneRemotePlace, options: Record<string, unknown>) => Promise<void>,
): Promise<void> {
  const place = await localRemote();
  try {
    await run(place, await rcloneOptions(place));
  } finally {
    await place.remove();
  }
}

/** What a person reads of a remote that does not work. */
async function isRefused(options: Record<string, unknown>, words: RegExp): Promise<void> {
  await withTarget(options, async target => {
    const { available, reason } = await firstValueFrom(target.availability);
    assert.equal(available, false, reason);
    assert.match(reason, words);
  });
}

async function isConfigRefused(
  settings: Readonly<Record<string, string>>,
  words: RegExp,
  more: Record<string, unknown> = {},
): Promise<void> {
  const config = await rcloneConfig(settings);
  try {
    await isRefused(
      { config, remote: 'cloud:', program: await rcloneProgram(), timeout: '2s', ...more },
      words,
    );
  } finally {
    await removed(config);
  }
}

describe('rclone, what is wrong in one sentence', () => {
  it('it is not installed, or is no program', () =>
    withLocal(async (place, options) => {
      await isRefused(
        { ...options, program: 'no-rclone' },
        /^no-rclone is not installed: install the package rclone/,
      );
      const program = join(dirname(place.config), 'text');
      await writeFile(program, 'text');
      await isRefused({ ...options, program }, /text may not be run: give this program's user the right/);
    }));

  it('it is too old, or it ends at once', () =>
    withLocal(async (place, options) => {
      const program = join(dirname(place.config), 'old');
      await writeFile(program, OLD_RCLONE);
      await chmod(program, 0o755);
      await isRefused(
        { ...options, program },
        /^rclone 1\.53 is too old: install 1\.60 or newer, or set program$/,
      );
      await isRefused({ ...options, program: '/bin/false' }, /^rclone does not start: exit code 1$/);
    }));

  it('the configuration has no such remote, until it is made', () =>
    withLocal(async (place, options) => {
      await withTarget({ ...options, remote: 'drive:logs' }, async target => {
        const { reason, misconfigured } = await firstValueFrom(target.availability);
        assert.match(reason, /^drive is no remote of the rclone configuration: see 'rclone listremotes'/);
        assert.equal(misconfigured, 'temporarily');
        await writeFile(place.config, `[drive]\ntype = alias\nremote = ${place.folder}\n`);
        assert.equal((await firstValueFrom(target.availability)).available, true);
      });
    }));

  it('a login has expired', () =>
    isConfigRefused(
      { type: 'drive', token: '{"access_token":"x","token_type":"Bearer","expiry":"2020-01-01T00:00:00Z"}' },
      /^cloud has a login that has expired: run 'rclone config reconnect cloud:' as the user that FileSync runs as/,
    ));

  it('nobody answers', () =>
    isConfigRefused(
      { type: 'webdav', vendor: 'other', url: 'http://127.0.0.1:9/dav' },
      /^cloud refuses connections: check that its server runs, and its address/,
    ));

  it('the server refuses the login, and no message has the password', async () => {
    const server = await startDavServer('nginx');
    try {
      const { url, user } = server;
      const pass = await obscured('wrong horse');
      const settings = { type: 'webdav', vendor: 'other', url, user, pass };
      await isConfigRefused(
        settings,
        /^cloud refuses the login: correct it with 'rclone config update cloud'/,
      );
    } finally {
      await server.stop();
    }
  });

  it('a folder of a source is missing, and a remote names a file', () =>
    withLocal(async (place, options) => {
      const remote = `${place.remote}/absent`;
      await withSource({ ...options, remote }, async source => {
        const { reason } = await firstValueFrom(source.availability);
        assert.match(reason, /^cloud has no folder \/\S+\/absent: make it, or correct remote$/);
      });
      await writeFile(join(place.folder, 'file'), '');
      await isRefused(
        { ...options, remote: `${place.remote}/file` },
        /^cloud has a file in place of a folder/,
      );
    }));
});

const obscured = async (password: string): Promise<string> =>
  (await runProgram(await findProgram('rclone', 'usr/bin/rclone'), ['obscure', password])).trim();

/** Answers as rclone 1.53 does. */
const OLD_RCLONE = `#!${process.execPath}
const server = require('node:http').createServer((asked, answer) => answer.end('{"version": "v1.53.3-DEV"}'));
server.listen(0, '127.0.0.1', () => console.error('NOTICE: Serving remote control on http://127.0.0.1:' + server.address().port + '/'));
`;

describe('rclone, what it says', () => {
  const peer = { device: 'drive', name: 'cloud', folder: 'quota 403', secrets: [] };
  const kindOf = (said: string) => toRcloneError(said, peer, { path: 'no space left.ulg' }).kind;

  it('is understood, whichever service said it', () => {
    const kinds: readonly (readonly [string, string])[] = [
      ['failed to make directory: googleapi: Error 403: Rate Limit Exceeded, rateLimitExceeded', 'busy'],
      [
        "googleapi: Error 403: The user's Drive storage quota has been exceeded., storageQuotaExceeded",
        'no-space',
      ],
      ['googleapi: Error 403: insufficientFilePermissions', 'denied'],
      [
        'couldn\'t list files: Post "https://api.dropboxapi.com/2/x": oauth2: cannot fetch token: 400 invalid_grant',
        'denied',
      ],
      ['InvalidAuthenticationToken: IDX14100: JWT is not well formed', 'denied'],
      ['path/insufficient_space/...', 'no-space'],
      ['SlowDown: Please reduce your request rate. status code: 503', 'busy'],
      ['AccessDenied: Access Denied. status code: 403', 'denied'],
      ['response error: STATUS_LOGON_FAILURE: The attempted logon is invalid', 'denied'],
      ['Put "https://x.blob.core.windows.net/a?sig=SECRET": dial tcp: lookup x: no such host', 'unavailable'],
      ['cap_exceeded: Storage cap exceeded (403)', 'no-space'],
      ['corrupted on transfer: md5 hash differ "a" vs "b"', 'corrupt'],
      ['413 Request Entity Too Large', 'too-large'],
      ['open /srv/quota 403/no space left.ulg: input/output error', 'io'],
    ];
    for (const [said, kind] of kinds) assert.equal(kindOf(said), kind, said);
  });

  it('asks the whole device to slow down, where a service limits the rate', () => {
    const pauseOf = (said: string) => toRcloneError(said, peer, {}).retryAfterMs;
    assert.equal(pauseOf('googleapi: Error 403: Rate Limit Exceeded, rateLimitExceeded'), 0);
    assert.equal(pauseOf('Error 500: backendError'), undefined);
  });

  it('shows no address with a signature', () => {
    const said = 'Put "https://x.blob.core.windows.net/a?sig=SECRET": EOF';
    const { message } = toRcloneError(said, peer, {});
    assert.equal(
      message,
      'cloud does not answer, or closed the connection (rclone: "Put "https://x.blob.core.windows.net/…": EOF")',
    );
  });
});

describe('rclone, the process', () => {
  it('serves on the loopback address, with a password that no command line has', () =>
    withLocal(async (place, options) => {
      await withTarget(options, async target => {
        await target.stat(PATH, TOKEN, never);
        const [{ pid, words = [] } = {}] = (await rcloneProcesses(place.config)).filter(one => one.isRclone);
        assert.ok(pid !== undefined && words.includes('127.0.0.1:0'), words.join(' '));
        const environment = (await readFile(`/proc/${pid}/environ`, 'utf8')).split('\0');
        const [, password = ''] =
          environment.find(each => each.startsWith('RCLONE_RC_PASS='))?.split('=') ?? [];
        assert.ok(password.length >= 32);
        for (const each of await rcloneProcesses(place.config))
          assert.ok(!each.words.join(' ').includes(password), each.words.join(' '));
      });
    }));

  it('is one for both ends of a device, and ends with them', () =>
    withLocal(async ({ config }, options) => {
      const rcloneOf = async () => (await rcloneProcesses(config)).filter(one => one.isRclone).length;
      await withTarget(options, async target => {
        await target.stat(PATH, TOKEN, never);
        assert.equal(await rcloneOf(), 1);
      });
      assert.deepEqual(await rcloneProcesses(config), []);
    }));

  it('is started again after it was killed, and the file arrives whole', () =>
    withLocal(async ({ config, folder }, options) =>
      withTarget(options, async target => {
        const bytes = sample(4_000_000);
        let killed: Promise<void> | undefined;
        const events = new Events();
        const striking = {
          progress: (sent: number) => {
            if (sent > 1_000_000) killed ??= killAll(config);
          },
          committing: () => events.committing(),
        };
        await failsWith(() => target.write(slowly(bytes), PATH, 0, never, striking), 'unavailable');
        await killed;
        assert.equal(events.commits, 0);
        assert.deepEqual(await target.stat(PATH, TOKEN, never), { partial: 0 });
        const { verified } = await target.write(file(bytes), PATH, 0, never, events);
        assert.equal(verified, 'hash');
        assert.ok((await readFile(join(folder, PATH))).equals(bytes));
        assert.deepEqual(await readdir(join(folder, dirname(PATH))), ['log001.ulg'], 'a part is left');
      }),
    ));

  it('is killed and started again when it hangs', () =>
    withLocal(async ({ config }, options) =>
      withTarget({ ...options, timeout: '1s' }, async target => {
        await target.stat(PATH, TOKEN, never);
        await killAll(config, 'SIGSTOP');
        await eventually(async () => (await rcloneProcesses(config)).some(one => one.isStopped));
        await failsWith(() => target.stat(PATH, TOKEN, never), 'unavailable');
        await eventually(
          async () => (await target.stat(PATH, TOKEN, never).catch(() => undefined)) !== undefined,
        );
      }),
    ));

  it('ends also when its shell is killed', () =>
    withLocal(async ({ config }, options) =>
      withTarget(options, async target => {
        await target.stat(PATH, TOKEN, never);
        const before = await rcloneProcesses(config);
        const [shell = 0] = before.filter(one => !one.isRclone).map(one => one.pid);
        process.kill(shell, 'SIGKILL');
        await eventually(async () => {
          const left = await rcloneProcesses(config);
          return !left.some(({ pid }) => before.some(one => one.pid === pid));
        });
        assert.deepEqual(await target.stat(PATH, TOKEN, never), { partial: 0 });
      }),
    ));
});

/** Of the daemon, not of its shell. */
async function killAll(config: string, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
  for (const { pid, isRclone } of await rcloneProcesses(config)) if (isRclone) process.kill(pid, signal);
}

/** With pauses in which other things happen. */
const slowly = (bytes: Uint8Array) =>
  outgoing(bytes, {
    token: TOKEN,
    async *open(offset) {
      for await (const chunk of chunks(bytes, offset)) {
        await new Promise(resolve => setTimeout(resolve, 1));
        yield chunk;
      }
    },
  });

describe('rclone, what is kept', () => {
  it('a file that appears at the last moment', () =>
    withLocal(async ({ folder }, options) =>
      withTarget(options, async target => {
        const path = join(folder, 'late.ulg');
        const events = { progress: () => undefined, committing: () => writeFile(path, 'another') };
        await failsWith(() => target.write(file(sample(5000)), 'late.ulg', 0, never, events), 'exists');
        assert.equal(await readFile(path, 'utf8'), 'another');
        assert.deepEqual(await readdir(folder), ['late.ulg'], 'a part is left');
      }),
    ));

  it('a time of a file', () =>
    withLocal(async (_, options) => {
      const modified = 1_700_000_000_000;
      const bytes = sample(5000);
      await withTarget(options, async target => {
        const timed = outgoing(bytes, { token: TOKEN, source: { path: PATH, size: 5000, modified } });
        await target.write(timed, 'timed.ulg', 0, never, new Events());
      });
      await withSource(options, async source =>
        assert.deepEqual(await listed(source), [{ path: 'timed.ulg', size: 5000, modified }]),
      );
    }));

  it('a part of an earlier attempt is replaced, and takes the name', () =>
    withLocal(async ({ folder }, options) =>
      withTarget(options, async target => {
        await writeFile(join(folder, partName('log.ulg', TOKEN)), 'from an attempt that was killed');
        await target.write(file(sample(5000)), 'log.ulg', 0, never, new Events());
        assert.deepEqual(await readdir(folder), ['log.ulg']);
        assert.ok((await readFile(join(folder, 'log.ulg'))).equals(sample(5000)));
      }),
    ));

  it('settings of the environment that would hide files, or write none, do not count', () =>
    withLocal(async ({ folder }, options) => {
      const env = {
        RCLONE_DRY_RUN: 'true',
        RCLONE_EXCLUDE: '*.ulg',
        RCLONE_VERBOSE: '2',
        RCLONE_LOG_FILE: join(folder, 'log'),
        RCLONE_RC_ADDR: '127.0.0.1:1',
      };
      await withTarget(options, target => target.write(file(sample(50)), 'a.ulg', 0, never, new Events()), {
        env,
      });
      await withSource(options, async source => assert.equal((await listed(source)).length, 1), { env });
      assert.deepEqual(await readdir(folder), ['a.ulg']);
    }));

  it('what is in brackets cannot be reached by its address, and is refused in the configuration', () => {
    for (const remote of ['cloud:a]b', 'cloud', ':local:/', 'cloud,skip_links=true:/', '-x:', 'cloud:a\nb'])
      assert.equal(rclone.options.safeParse({ remote }).success, false, remote);
    for (const remote of ['cloud:', 'my drive 2:logs/2024', 'b2:bucket/päth', 'nas:/srv/logs'])
      assert.equal(rclone.options.safeParse({ remote }).success, true, remote);
  });
});

describe('rclone, a remote that can neither rename nor copy', () => {
  const env = { RCLONE_DISABLE: 'move,copy' };

  it('gets files under their own names, and the commit before the last byte', () =>
    withLocal(async ({ folder }, options) =>
      withTarget(
        options,
        async target => {
          const bytes = sample(300_000);
          const events = new Events();
          const { verified } = await target.write(file(bytes), PATH, 0, never, events);
          assert.deepEqual([verified, events.commits], ['hash', 1]);
          assert.ok((await readFile(join(folder, PATH))).equals(bytes));
          await failsWith(() => target.write(file(bytes), PATH, 0, never, new Events()), 'exists');
          const refusing = { progress: () => undefined, committing: () => Promise.reject(new Error('no')) };
          await failsWith(() => target.write(file(bytes), 'b.ulg', 0, never, refusing));
          assert.deepEqual(await readdir(folder), ['sess001']);
        },
        { env },
      ),
    ));
});

describe('rclone, hashes', () => {
  it('are those that rclone computes', () =>
    withLocal(async ({ folder }) => {
      const program = await findProgram('rclone', 'usr/bin/rclone');
      for (const size of [0, 1, 5000, 4 << 20, (9 << 20) + 7])
        await writeFile(join(folder, `${size}`), sample(size, size));
      for (const name of ['sha256', 'dropbox', 'sha1', 'md5', 'quickxor']) {
        const lines = (await runProgram(program, ['hashsum', name, folder])).trim().split('\n');
        assert.equal(lines.length, 5);
        for (const line of lines) {
          const [hash, size = ''] = line.split(/\s+/);
          const digest = newRemoteDigest(name);
          const bytes = sample(Number(size), Number(size));
          for (let at = 0; at < bytes.length; at += 65_537) digest.update(bytes.subarray(at, at + 65_537));
          assert.equal(digest.hex(), hash, `${name} of ${size} bytes`);
        }
      }
    }));

  it('the best one that both know is used', () => {
    assert.equal(hashAmong(['md5', 'whirlpool', 'sha1']), 'sha1');
    assert.equal(hashAmong(['hidrive']), undefined);
  });
});

describe('rclone, a server that changes what it is sent', () => {
  let server: DavServer;
  before(async () => {
    server = await startDavServer('apache');
  });
  after(() => server.stop());

  /** Flips a bit of what is uploaded. */
  async function corrupting(): Promise<{ url: string; close: () => void }> {
    const { port, pathname } = new URL(server.url);
    const proxy = createServer((asked, answer) => {
      const { method, url: path, headers } = asked;
      const sent = request({ host: '127.0.0.1', port, method, path, headers }, reply => {
        answer.writeHead(reply.statusCode ?? 0, reply.headers);
        reply.pipe(answer);
      });
      asked.on('data', (piece: Buffer) => {
        if (method === 'PUT') piece[0] = (piece[0] ?? 0) ^ 1;
        sent.write(piece);
      });
      asked.on('end', () => sent.end());
    }).listen(0, '127.0.0.1');
    await eventually(async () => proxy.listening);
    const close = (): void => {
      proxy.closeAllConnections();
      proxy.close();
    };
    return { url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}${pathname}`, close };
  }

  it('is found out by reading back, where the user wants that', async () => {
    const proxy = await corrupting();
    const place = await davRemote({ ...server, url: proxy.url });
    const options = { ...(await rcloneOptions(place)), read_back: true };
    try {
      await withTarget(options, async target => {
        const events = new Events();
        const error = await failsWith(
          () => target.write(file(sample(5000)), 'log.ulg', 0, never, events),
          'corrupt',
        );
        assert.match(error.message, /^cloud has the sha256 [0-9a-f]{64} of \S+, not those that were sent$/);
        assert.equal(events.commits, 0);
      });
      assert.deepEqual(await readdir(server.folder), []);
      const direct = await davRemote(server);
      await withTarget({ ...(await rcloneOptions(direct)), read_back: true }, async target => {
        const { verified } = await target.write(file(sample(5000)), 'log.ulg', 0, never, new Events());
        assert.equal(verified, 'hash');
      });
      await direct.remove();
    } finally {
      await place.remove();
      proxy.close();
    }
  });
});

describe('rclone as a source', () => {
  it('links are not followed, parts are not listed, and a file is read from any place', () =>
    withLocal(async ({ folder }, options) => {
      await mkdir(join(folder, 'a'));
      await writeFile(join(folder, 'a/log.ulg'), sample(70_000));
      await writeFile(join(folder, partName('log.ulg', TOKEN)), 'part');
      await symlink('/etc/passwd', join(folder, 'link'));
      await withSource(options, async source => {
        const [found, ...more] = await listed(source);
        assert.ok(found && more.length === 0);
        assert.equal(found.path, 'a/log.ulg');
        const rest = await collect(source.read(found, 69_990, never));
        assert.deepEqual(rest, Buffer.from(sample(70_000).subarray(69_990)));
        assert.deepEqual(await source.checksum(found, never), checksumOf('sha256', sample(70_000)));
        const { free, total } = (await source.space?.(never)) ?? { free: NaN, total: NaN };
        assert.ok(free > 0 && free <= total);
        await failsWith(() => collect(source.read({ ...found, path: '../passwd' }, 0, never)), 'bad-name');
        await failsWith(() => source.remove({ ...found, path: '../passwd' }, never), 'bad-name');
      });
    }));
});
