import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { ftp } from '../../../src/devices/ftp.js';
import type { ErrorKind } from '../../../src/errors.js';
import type { Target } from '../../../src/ports.js';
import { ProtocolLog } from '../../../src/devices/ftp/protocol-log.js';
import { failsWith, listed, sample } from '../../conformance/support.js';
import { RecordingLogger } from '../../fakes/recording-logger.js';
import { VirtualClock } from '../../fakes/virtual-clock.js';
import { makeSource, makeTarget } from '../../servers/device.js';
import { freePort } from '../../servers/served.js';
import { Events, never, outgoing } from '../../servers/outgoing.js';
import { scriptedFtp, type Script, type Taking } from '../../servers/scripted-ftp.js';

const PASSWORD = 'correct horse';
const LOGGED_IN: Script = {
  USER: '331 password',
  PASS: '230 welcome',
  FEAT: '211 none',
  SIZE: '550 no such file',
};

describe('ftp target', () => {
  let server: Server | undefined;
  let target: Target | undefined;
  afterEach(async () => {
    await target?.close();
    server?.close();
    server = target = undefined;
  });

  async function connect(script: Script, greeting?: string): Promise<Target> {
    const scripted = await scriptedFtp({ ...LOGGED_IN, ...script }, greeting);
    server = scripted.server;
    target = await makeTarget(ftp, { host: '127.0.0.1', port: scripted.port, user: 'u', password: PASSWORD });
    return target;
  }
  const stat = (of: Target) => of.stat('log.ulg', 'token', never);
  const write = (of: Target) => of.write(outgoing(sample(10)), 'log.ulg', 0, never, new Events());

  const replies: [script: Script, kind: ErrorKind, words: RegExp][] = [
    [{ PASS: '421 Too many connections' }, 'busy', /set connections/],
    [{ PASS: '530 Sorry, the maximum number of clients (2) are connected' }, 'busy', /set connections/],
    [{ PASS: '530 Login incorrect' }, 'denied', /check user and password/],
    [{ PASS: '530 Use TLS, please' }, 'denied', /set tls: true/],
    [{ SIZE: '500 Unknown command' }, 'unsupported', /SIZE/],
    [{ SIZE: '450 in use' }, 'busy', /in use/],
    [{ MKD: '552 Quota exceeded', CWD: '550 no' }, 'no-space', /quota/i],
    [{ MKD: '550 Permission denied', CWD: '550 no' }, 'denied', /right to write/],
    [{ MKD: '553 File name too long', CWD: '550 no' }, 'bad-name', /cannot hold that name/],
  ];
  for (const [script, kind, words] of replies) {
    it(`takes ${JSON.stringify(script)} for ${kind}`, async () => {
      const made = await connect(script);
      const path =
        'MKD' in script
          ? () => made.write(outgoing(sample(10)), 'a/b.ulg', 0, never, new Events())
          : () => stat(made);
      const error = await failsWith(path, kind);
      assert.match(error.message, words);
      assert.match(error.message, /127\.0\.0\.1/);
      assert.equal(error.device, 'device');
      assert.equal(error.retryAfterMs, /connections|clients/.test(JSON.stringify(script)) ? 0 : undefined);
    });
  }

  it('takes the greeting 421 for busy', async () => {
    const made = await connect({}, '421 Service not available');
    const error = await failsWith(() => stat(made), 'busy');
    assert.equal(error.retryAfterMs, 0, 'all work with it pauses');
  });

  it('never repeats the password, even if the server does', async () => {
    const made = await connect({ PASS: '500 "{line}" not understood' });
    const error = await failsWith(() => stat(made), 'unsupported');
    assert.match(error.message, /PASS \*\*\*/);
    assert.doesNotMatch(error.message, new RegExp(PASSWORD));
  });

  it('a server without data connections is unavailable for files', async () => {
    const made = await connect({ EPSV: '502 no', PASV: '425 no data connection' });
    const error = await failsWith(() => write(made), 'unavailable');
    assert.match(error.message, /425 no data connection.*firewall/);
  });

  const refusals: [reply: string, kind: ErrorKind, words: RegExp][] = [
    ['552 Quota exceeded', 'no-space', /Quota exceeded.*free space/],
    ['451 Failure writing to local file.', 'io', /Failure writing to local file.*disk or the quota is full/],
    ['426 Failure reading network stream.', 'io', /aborted/],
  ];
  for (const [reply, kind, words] of refusals) {
    it(`names the cause of a data connection that breaks: "${reply}"`, async () => {
      const scripted = await breakingFtp(reply);
      server = scripted;
      const { port } = scripted.address() as AddressInfo;
      target = await makeTarget(ftp, { host: '127.0.0.1', port });
      const events = new Events();
      const error = await failsWith(
        () => (target as Target).write(outgoing(sample(8_000_000)), 'log.ulg', 0, never, events),
        kind,
      );
      assert.match(error.message, words);
      assert.equal(events.commits, 0);
    });
  }

  const passive: [what: string, how: Passive, modes: string[]][] = [
    ['takes EPSV, together with other commands', { epsv: 'ok', pasv: 'ok' }, ['EPSV', 'EPSV+', 'EPSV+', 'EPSV+']],
    ['refuses EPSV, and names a private address for PASV', { epsv: 'refused', pasv: 'private' }, ['EPSV', 'PASV', 'PASV', 'PASV']],
    ['has filtered ports for EPSV', { epsv: 'filtered', pasv: 'ok' }, ['EPSV', 'PASV', 'PASV', 'PASV']],
    ['is behind a firewall that sees EPSV only in a segment of its own', { epsv: 'alone', pasv: 'ok' }, ['EPSV', 'EPSV+', 'EPSV', 'EPSV']],
  ]; // prettier-ignore
  for (const [what, how, modes] of passive) {
    it(`opens data connections to a server that ${what}, and remembers how`, async () => {
      const scripted = await passiveFtp(how);
      server = scripted.server;
      const { port } = server.address() as AddressInfo;
      target = await makeTarget(ftp, { host: '127.0.0.1', port });
      for (const name of ['a', 'b', 'c'])
        await target.write(outgoing(sample(10)), name, 0, never, new Events());
      assert.deepEqual(
        [...scripted.files.entries()],
        [
          ['/a', 10],
          ['/b', 10],
          ['/c', 10],
        ],
      );
      assert.deepEqual(scripted.modes, modes);
    });
  }

  it('an upload whose rename is refused by 553 stays whole under its partial name', async () => {
    const refusal = '553 Rename not allowed';
    const scripted = await passiveFtp({ epsv: 'ok', pasv: 'ok', refusal });
    server = scripted.server;
    const { port } = server.address() as AddressInfo;
    const made = (target = await makeTarget(ftp, { host: '127.0.0.1', port }));
    const error = await failsWith(() => write(made), 'denied');
    assert.match(error.message, /Rename not allowed.*right to rename there/);
    assert.deepEqual([...scripted.files.entries()], [['/log.ulg.token0000001.part', 10]]);
  });

  it('a server that is offline is unavailable, with the reason', async () => {
    target = await makeTarget(ftp, { host: '127.0.0.1', port: await freePort() });
    const refused = await failsWith(() => stat(target as Target), 'unavailable');
    assert.match(refused.message, /127\.0\.0\.1 refuses connections/);
  });

  it('a login page that answers in place of the server is named', async () => {
    server = createServer(socket => socket.resume().end('HTTP/1.1 200 OK\r\n\r\n')).listen(0, '127.0.0.1');
    await once(server, 'listening');
    target = await makeTarget(ftp, { host: '127.0.0.1', port: (server.address() as AddressInfo).port });
    const { message } = await failsWith(() => stat(target as Target), 'unavailable');
    assert.match(message, /closed the connection: check that an FTP server runs there/);
  });

  it('a server that is silent at login times out', async () => {
    const clock = new VirtualClock();
    const scripted = await scriptedFtp({ USER: '' }, '');
    server = scripted.server;
    target = await makeTarget(ftp, { host: '127.0.0.1', port: scripted.port, timeout: '20s' }, { clock });
    const failing = failsWith(() => stat(target as Target), 'unavailable');
    while (clock.sleeping === 0) await new Promise(resolve => setImmediate(resolve));
    await clock.advance(20_000);
    assert.match((await failing).message, /no login within 20 s/);
  });

  it('cancelling does not wait for a silent server', async () => {
    const made = await connect({}, '');
    const cut = new AbortController();
    const failing = failsWith(() => made.stat('log.ulg', 'token', cut.signal), 'cancelled');
    cut.abort();
    await failing;
  });

  it('close cancels operations in progress', async () => {
    const made = await connect({}, '');
    const failing = failsWith(() => stat(made), 'cancelled');
    await made.close();
    await failing;
    await failsWith(() => stat(made), 'cancelled');
  });

  /** @param take called with the commands that were sent together */
  async function connectTo(take: Taking, clock?: VirtualClock): Promise<Target> {
    const script = { ...LOGGED_IN, PWD: '257 "/"', SIZE: '213 7' };
    const scripted = await scriptedFtp(script, '220 ready', {}, take);
    server = scripted.server;
    const options = { host: '127.0.0.1', port: scripted.port, user: 'u', timeout: '30s' };
    target = await makeTarget(ftp, options, clock && { clock });
    return target;
  }
  const wordsOf = (lines: readonly string[]) => lines.map(line => line.split(' ')[0]).join(' ');
  const SETTINGS = 'STRU OPTS TYPE PWD NOOP';

  it('requests the features once, and sends independent commands together', async () => {
    const exchanges: string[] = [];
    const made = await connectTo(lines => (exchanges.push(wordsOf(lines)), lines));
    assert.deepEqual(await stat(made), { size: 7, partial: 0 });
    assert.deepEqual(exchanges, ['OPTS', 'USER', 'PASS', 'FEAT', SETTINGS, 'SIZE SIZE']);
  });

  it('sends one command at a time, on every connection, to a server that closes on several', async () => {
    const exchanges: string[] = [];
    const made = await connectTo(lines => {
      exchanges.push(wordsOf(lines));
      return lines.length > 1 ? undefined : lines;
    });
    assert.deepEqual(await stat(made), { size: 7, partial: 0 });
    assert.equal(exchanges.filter(words => words === SETTINGS).length, 1);
    await Promise.all([stat(made), stat(made)]);
    assert.equal(exchanges.filter(words => words.includes(' ')).length, 1);
  });

  it('sends one command at a time to a server that answers in another order', async () => {
    const made = await connectTo(lines => lines.toReversed());
    assert.deepEqual(await stat(made), { size: 7, partial: 0 });
  });

  it('sends one command at a time to a server that drops all but the first of several', async () => {
    const clock = new VirtualClock();
    let dropped = false;
    const made = await connectTo(lines => ((dropped ||= lines.length > 1), lines.slice(0, 1)), clock);
    const asking = stat(made);
    while (!dropped) await new Promise(resolve => setImmediate(resolve));
    await clock.advance(10_000);
    assert.deepEqual(await asking, { size: 7, partial: 0 });
  });

  it('logs commands, replies and data connections at the level debug, without the password', async () => {
    const script = { ...LOGGED_IN, PASS: '230 welcome, {line}', CWD: `250 "${PASSWORD}"`, MDTM: '500 no' };
    const line = '-rw-r--r--   1 u   g   5 Jan 05 2020 log.ulg\r\n';
    const scripted = await scriptedFtp(script, '220 ready', { LIST: line });
    server = scripted.server;
    const logger = new RecordingLogger();
    const options = { host: '127.0.0.1', port: scripted.port, user: 'u', password: PASSWORD };
    const source = await makeSource(ftp, options, { logger });
    assert.equal((await listed(source)).length, 1);
    await source.close();
    const lines = logger.messages('debug').map(entry => entry.replace(/\b\d{4,5}\b/g, 'N'));
    for (const expected of [
      '< 220 ready',
      '> USER u',
      '> PASS ****',
      '< 230 welcome, PASS ***',
      '> CWD /',
      '< 250 "***"',
      'data connection to 127.0.0.1 port N opened',
      '> LIST -a',
      '< 226 done',
      'data connection closed',
      '> QUIT',
    ]) {
      assert.ok(lines.includes(expected), `${expected} is not in ${lines.join('\n')}`);
    }
    assert.doesNotMatch(JSON.stringify(logger.entries), new RegExp(PASSWORD));
  });

  it('logs whole lines of a reply that comes in pieces', () => {
    const lines: string[] = [];
    const log = new ProtocolLog(text => lines.push(text));
    for (const entry of ['< 230-hello\r\n230 cor', '< rect horse\r', '< \n', '> PASS ###']) log.add(entry);
    assert.deepEqual(lines, ['< 230-hello', '< 230 correct horse', '> PASS ****']);
  });

  it('refuses a host that is a URL', () => {
    const parsed = ftp.options.safeParse({ host: 'ftp://192.168.0.10/logs' });
    assert.match(parsed.error?.issues[0]?.message ?? '', /without ftp:\/\//);
  });
});

/** An FTP server that resets the data connection of each upload, and then replies so. */
async function breakingFtp(reply: string): Promise<Server> {
  const server = createServer({ noDelay: true }, control => {
    control
      .on('error', () => undefined)
      .setEncoding('latin1')
      .write('220 ready\r\n');
    let data: Promise<Socket> | undefined;
    const answers: Readonly<Record<string, () => Promise<string>>> = {
      USER: () => Promise.resolve('331 password'),
      PASS: () => Promise.resolve('230 welcome'),
      SIZE: () => Promise.resolve('550 no'),
      PWD: () => Promise.resolve('257 "/"'),
      EPSV: async () => {
        const passive = createServer().listen(0, '127.0.0.1');
        await once(passive, 'listening');
        data = once(passive, 'connection').then(([socket]: Socket[]) => {
          passive.close();
          assert.ok(socket);
          return socket.on('error', () => undefined);
        });
        return `229 entered (|||${(passive.address() as AddressInfo).port}|)`;
      },
      STOR: async () => {
        control.write('150 go on\r\n');
        const socket = await data;
        assert.ok(socket);
        await once(socket, 'data');
        const closed = once(socket, 'close');
        socket.resetAndDestroy();
        await closed;
        return reply;
      },
    };
    let last = Promise.resolve();
    control.on('data', (text: string) => {
      for (const line of text.split('\r\n').filter(Boolean)) {
        const answer = answers[line.split(' ')[0] ?? ''] ?? (() => Promise.resolve('200 ok'));
        last = last.then(async () => void control.write(`${await answer()}\r\n`));
      }
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

interface Passive {
  /** The answer to RNTO, in place of the rename. */
  readonly refusal?: string;
  /** `filtered`: always a port that cannot be reached; `alone`: one when the command came together with others. */
  readonly epsv: 'ok' | 'refused' | 'filtered' | 'alone';
  readonly pasv: 'ok' | 'private';
}

/** An FTP server for uploads. `modes`: the passive modes that were asked for, with a plus where together with other commands. */
async function passiveFtp(
  how: Passive,
): Promise<{ server: Server; files: Map<string, number>; modes: string[] }> {
  const files = new Map<string, number>();
  const modes: string[] = [];
  const server = createServer({ noDelay: true }, control => {
    control
      .on('error', () => undefined)
      .setEncoding('latin1')
      .write('220 ready\r\n');
    let data: Promise<Socket> | undefined;
    let from = '';
    const listen = async (): Promise<number> => {
      const passive = createServer().listen(0, '127.0.0.1');
      await once(passive, 'listening');
      control.once('close', () => passive.close());
      data = once(passive, 'connection').then(([socket]: Socket[]) => {
        passive.close();
        assert.ok(socket);
        return socket.on('error', () => undefined);
      });
      return (passive.address() as AddressInfo).port;
    };
    const replies: Readonly<Record<string, (path: string, together: boolean) => string | Promise<string>>> = {
      USER: () => '331 password',
      PASS: () => '230 welcome',
      PWD: () => '257 "/"',
      FEAT: () => '211 none',
      SIZE: path => (files.has(path) ? `213 ${files.get(path)}` : '550 no'),
      EPSV: async (_path, together) => {
        modes.push(together ? 'EPSV+' : 'EPSV');
        if (how.epsv === 'refused') return '500 EPSV not understood';
        const isClosed = how.epsv === 'filtered' || (how.epsv === 'alone' && together);
        return `229 entered (|||${isClosed ? await freePort() : await listen()}|)`;
      },
      PASV: async () => {
        modes.push('PASV');
        const port = await listen();
        const host = how.pasv === 'private' ? '192,168,7,20' : '127,0,0,1';
        return `227 Entering Passive Mode (${host},${port >> 8},${port & 255})`;
      },
      STOR: async path => {
        control.write('150 go on\r\n');
        let length = 0;
        for await (const chunk of (await data) ?? []) length += (chunk as Buffer).length;
        files.set(path, length);
        return '226 done';
      },
      CWD: () => '550 no such folder',
      RNFR: path => ((from = path), '350 to what?'),
      RNTO: path => {
        if (how.refusal !== undefined) return how.refusal;
        files.set(path, files.get(from) ?? 0);
        files.delete(from);
        return '250 ok';
      },
    };
    let last = Promise.resolve();
    control.on('data', (text: string) => {
      const lines = text.split('\r\n').filter(Boolean);
      for (const line of lines) {
        const [word = '', ...rest] = line.split(' ');
        const reply = replies[word] ?? (() => '200 ok');
        last = last.then(
          async () => void control.write(`${await reply(rest.join(' '), lines.length > 1)}\r\n`),
        );
      }
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, files, modes };
}
