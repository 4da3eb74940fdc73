import assert from 'node:assert/strict';
import { appendFile, mkdir, readFile, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import type { Server } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { firstValueFrom } from 'rxjs';
import { ftp } from '../../src/devices/ftp.js';
import type { Source } from '../../src/ports.js';
import { deviceContext } from '../fakes/device-context.js';
import { RecordingLogger } from '../fakes/recording-logger.js';
import { makeSource, makeTarget } from '../servers/device.js';
import { ftpOptions } from '../servers/ftp-bench.js';
import { startServer, type FtpServer, type ServerKind, type Settings } from '../servers/ftp-servers.js';
import { Events, never, outgoing } from '../servers/outgoing.js';
import { scriptedFtp, type Script } from '../servers/scripted-ftp.js';
import { collect, failsWith, listed, listedWithError, sample } from './support.js';

type Connect = (more?: Record<string, unknown>) => Promise<Source>;

/** A source on a server of its own; both end with the work. */
async function on(
  kind: ServerKind,
  work: (server: FtpServer, connect: Connect) => Promise<void>,
  options: { tls?: boolean; settings?: Settings } = {},
): Promise<void> {
  const server = await startServer(kind, options);
  const sources: Source[] = [];
  try {
    await work(server, async more => {
      const source = await makeSource(ftp, { ...ftpOptions(server), ...more });
      sources.push(source);
      return source;
    });
  } finally {
    for (const source of sources) await source.close();
    await server.stop();
  }
}

const KINDS: readonly ServerKind[] =
  userInfo().uid === 0 ? ['vsftpd', 'proftpd', 'pure-ftpd'] : ['vsftpd', 'proftpd'];
const OLD = new Date('2024-03-05T06:07:08Z');

const first = async (source: Source) => {
  const [file] = await listed(source);
  assert.ok(file, 'nothing is listed');
  return file;
};

for (const kind of KINDS) {
  it(`ftp source on ${kind}: links are not followed, partial uploads are not listed`, () =>
    on(kind, async ({ folder }, connect) => {
      await mkdir(join(folder, 'sess001'));
      await writeFile(join(folder, 'sess001/log.ulg'), sample(10));
      await writeFile(join(folder, 'log.ulg.0123456789abcdef.part'), sample(10));
      await symlink('sess001', join(folder, 'again'));
      await symlink('.', join(folder, 'loop'));
      await symlink('sess001/log.ulg', join(folder, 'link.ulg'));
      assert.deepEqual(
        (await listed(await connect())).map(({ path }) => path),
        ['sess001/log.ulg'],
      );
    }));

  it(`ftp source on ${kind}: reports the time of the last change, in UTC, and a change of the same size`, () =>
    on(kind, async ({ folder }, connect) => {
      const path = join(folder, 'log.ulg');
      await writeFile(path, sample(10));
      await utimes(path, OLD, OLD);
      const source = await connect();
      const before = await first(source);
      assert.equal(before.modified, OLD.getTime());
      assert.deepEqual(await first(source), before);
      const later = new Date(OLD.getTime() + 1000);
      await writeFile(path, sample(10, 2));
      await utimes(path, later, later);
      await failsWith(() => collect(source.read(before, 0, never)), 'changed');
      await failsWith(() => source.remove(before, never), 'changed');
      assert.equal((await first(source)).modified, later.getTime());
    }));

  it(`ftp source on ${kind}: a name that is not UTF-8 is listed, read and removed by its bytes`, () =>
    on(kind, async ({ folder }, connect) => {
      const name = Buffer.concat([Buffer.from(`${folder}/Fl`), Buffer.from([0xfc]), Buffer.from('ge.ulg')]);
      await writeFile(name, sample(300));
      const source = await connect();
      const file = await first(source);
      assert.equal(file.path, 'Fl\udcfcge.ulg');
      assert.deepEqual(await collect(source.read(file, 100, never)), Buffer.from(sample(300).slice(100)));
      await source.remove(file, never);
      assert.deepEqual(await listed(source), []);
    }));

  it(`ftp source on ${kind}: resumes after the server was killed in mid-file`, () =>
    on(kind, async (server, connect) => {
      const bytes = sample(16 << 20);
      await writeFile(join(server.folder, 'log.ulg'), bytes);
      const source = await connect();
      const file = await first(source);
      const head: Uint8Array[] = [];
      const reading = async (): Promise<void> => {
        for await (const chunk of source.read(file, 0, never))
          if (head.push(chunk) === 1) await server.kill();
      };
      await failsWith(reading, 'unavailable');
      await server.restart();
      const { length } = Buffer.concat(head);
      assert.ok(length > 0 && length < bytes.length);
      const rest = await collect(source.read(file, length, never));
      assert.ok(Buffer.concat([...head, rest]).equals(bytes));
    }));
}

it('ftp target: sets the time of the source file, if the server has MFMT', () =>
  on('proftpd', async server => {
    const target = await makeTarget(ftp, ftpOptions(server));
    const file = outgoing(sample(10), { source: { path: 'a.ulg', size: 10, modified: OLD.getTime() } });
    await target.write(file, 'a.ulg', 0, never, new Events());
    await target.close();
    assert.equal((await stat(join(server.folder, 'a.ulg'))).mtimeMs, OLD.getTime());
  }));

it('ftp source: an idle connection that the server closes is opened again silently', () =>
  on(
    'vsftpd',
    async ({ folder }, connect) => {
      await writeFile(join(folder, 'log.ulg'), sample(10));
      const source = await connect();
      const file = await first(source);
      await delay(2500);
      assert.equal((await collect(source.read(file, 0, never))).length, 10);
    },
    { settings: { idle_session_timeout: 1 } },
  ));

it('ftp: both ends of a device, and devices of one lock, get by with the one connection that a server accepts', () =>
  on(
    'vsftpd',
    async server => {
      await writeFile(join(server.folder, 'log.ulg'), sample(10));
      const ends = await Promise.all(
        [deviceContext(), deviceContext()].map(async context => ({
          source: await ftp.source?.(ftp.options.parse(ftpOptions(server)), context),
          target: await ftp.target?.(ftp.options.parse(ftpOptions(server)), context),
        })),
      );
      for (const [index, { source, target }] of [...ends, ...ends].entries()) {
        assert.ok(source && target);
        const { available, reason } = await firstValueFrom(source.availability);
        assert.ok(available, reason);
        assert.ok((await listed(source)).length > 0);
        await target.write(outgoing(sample(10)), `up/${index}.ulg`, 0, never, new Events());
        assert.ok((await firstValueFrom(target.availability)).available);
      }
      for (const { source, target } of ends) await Promise.all([source?.close(), target?.close()]);
    },
    { settings: { max_per_ip: 1 } },
  ));

it('ftp: operations that run at the same time wait for the one connection that a server accepts', () =>
  on(
    'vsftpd',
    async server => {
      const bytes = sample(400_000);
      await writeFile(join(server.folder, 'log.ulg'), bytes);
      const context = deviceContext();
      const source = await ftp.source?.(ftp.options.parse(ftpOptions(server)), context);
      const target = await ftp.target?.(ftp.options.parse(ftpOptions(server)), context);
      const other = await makeTarget(ftp, ftpOptions(server));
      assert.ok(source && target);
      const [file] = await listed(source);
      assert.ok(file);
      const writes = [0, 1, 2].map(index =>
        (index < 2 ? target : other).write(outgoing(bytes), `up/${index}.ulg`, 0, never, new Events()),
      );
      const reads = [0, 1, 2].map(() => collect(source.read(file, 0, never)));
      await Promise.all(writes);
      for (const read of await Promise.all(reads)) assert.ok(read.equals(bytes));
      const { available, reason } = await firstValueFrom(other.availability);
      assert.ok(available, reason);
      for (const index of [0, 1, 2])
        assert.ok((await readFile(join(server.folder, `up/${index}.ulg`))).equals(bytes));
      for (const end of [source, target, other]) await end.close();
    },
    { settings: { max_per_ip: 1 } },
  ));

for (const denied of ['SIZE', 'MDTM', 'REST', 'SIZE,MDTM,REST']) {
  it(`ftp source: works without ${denied}`, () =>
    on(
      'vsftpd',
      async ({ folder }, connect) => {
        await writeFile(join(folder, 'log.ulg'), sample(200_000));
        const source = await connect();
        const file = await first(source);
        assert.equal('modified' in file, !denied.includes('MDTM'));
        const rest = await collect(source.read(file, 150_000, never));
        assert.ok(rest.equals(sample(200_000).slice(150_000)));
        await appendFile(join(folder, 'log.ulg'), 'more');
        await failsWith(() => collect(source.read(file, 0, never)), 'changed');
        await rm(join(folder, 'log.ulg'));
        await failsWith(() => collect(source.read(file, 0, never)), 'not-found');
      },
      { settings: { cmds_denied: denied } },
    ));
}

it('ftp source: an existing file without the right to read is denied, not removed', () =>
  on(
    'vsftpd',
    async ({ folder }, connect) => {
      await writeFile(join(folder, 'log.ulg'), sample(10));
      const source = await connect();
      const file = await first(source);
      const error = await failsWith(() => collect(source.read(file, 0, never)), 'denied');
      assert.match(error.message, /right to list, read/);
      await failsWith(() => source.remove(file, never), 'denied');
    },
    { settings: { cmds_denied: 'RETR,DELE' } },
  ));

it('ftp target: an upload that cannot be resumed (no APPE) is sent again', () =>
  on(
    'vsftpd',
    async server => {
      const target = await makeTarget(ftp, ftpOptions(server));
      await writeFile(join(server.folder, 'log.ulg.token0000001.part'), sample(500));
      const file = outgoing(sample(1000));
      assert.equal((await target.stat('log.ulg', file.token, never)).partial, 500);
      await failsWith(() => target.write(file, 'log.ulg', 500, never, new Events()), 'io');
      assert.equal((await target.stat('log.ulg', file.token, never)).partial, 0);
      await target.write(file, 'log.ulg', 0, never, new Events());
      await target.close();
    },
    { settings: { cmds_denied: 'APPE' } },
  ));

if (userInfo().uid === 0) {
  it('ftp source: a listing that pure-ftpd cuts short is an error with a remedy', () =>
    on(
      'pure-ftpd',
      async ({ folder }, connect) => {
        for (let index = 0; index < 30; index++) await writeFile(join(folder, `${index}.ulg`), '');
        const error = await failsWith(async () => listed(await connect()), 'protocol');
        assert.match(error.message, /LimitRecursion/);
      },
      { settings: { limitrecursion: '20:5' } },
    ));
}

it('ftp source with TLS: a certificate of an unknown authority is refused, with a remedy', () =>
  on(
    'vsftpd',
    async (_server, connect) => {
      const source = await connect({ tls_ca: undefined });
      const error = await failsWith(() => listed(source), 'unavailable');
      assert.match(error.message, /unknown authority.*tls_ca/);
      const { available } = await firstValueFrom(source.availability);
      assert.equal(available, false);
    },
    { tls: true },
  ));

describe('ftp source on a scripted server', () => {
  let server: Server | undefined;
  let source: Source | undefined;
  let logger: RecordingLogger;
  afterEach(async () => {
    await source?.close();
    server?.close();
  });

  async function connect(data: Script, script: Script = {}): Promise<Source> {
    const base = { USER: '331 password', PASS: '230 welcome', FEAT: '211 none', MDTM: '500 no' };
    const scripted = await scriptedFtp({ ...base, ...script }, '220 ready', data);
    server = scripted.server;
    logger = new RecordingLogger();
    source = await makeSource(ftp, { host: '127.0.0.1', port: scripted.port, user: 'u' }, { logger });
    return source;
  }
  const paths = async (of: Source) => (await listed(of)).map(({ path, size }) => ({ path, size }));
  const line = (name: string, size = 5) => `-rw-r--r--   1 u   g   ${size} Jan 05 2020 ${name}\r\n`;
  const MLST = '211-Features:\r\n MLST type*;size*;modify*;\r\n211 End';

  it('reads listings of unix and of DOS', async () => {
    const unix = await connect({ LIST: `total 12\r\n${line('.')}${line('..')}${line('a b.ulg')}` });
    assert.deepEqual(await paths(unix), [{ path: 'a b.ulg', size: 5 }]);
    await unix.close();
    server?.close();
    const dos = '01-05-20  03:05PM                 1234 log 1.ulg\r\n';
    assert.deepEqual(await paths(await connect({ LIST: dos })), [{ path: 'log 1.ulg', size: 1234 }]);
  });

  it('sends LIST without -a to a server that takes it for a name', async () => {
    const made = await connect({ 'LIST -a': '', LIST: line('log.ulg') });
    assert.equal((await paths(made)).length, 1);
    await made.close();
    server?.close();
    const other = await connect({ LIST: line('log.ulg') }, { 'LIST -a': '550 -a: no such file' });
    assert.equal((await paths(other)).length, 1);
  });

  const hostile = ['../up.ulg', '/etc/passwd', 'a/../../b.ulg', 'a/b.ulg', 'nul\0.ulg'];
  for (const name of hostile) {
    it(`leaves ${JSON.stringify(name)} out, with a warning`, async () => {
      const made = await connect({ LIST: line(name) + line('log.ulg') });
      assert.deepEqual(await paths(made), [{ path: 'log.ulg', size: 5 }]);
      assert.match(logger.messages('warn').join(), /left out/);
    });
  }

  for (const path of ['../up.ulg', '/etc/passwd', 'a/../../b.ulg', 'nul\0.ulg', '', '..', 'line\r\nDELE x']) {
    it(`never requests ${JSON.stringify(path)}`, async () => {
      const made = await connect({ RETR: 'secret' });
      const file = { path, size: 6 };
      await failsWith(() => collect(made.read(file, 0, never)), 'bad-name');
      await failsWith(() => made.remove(file, never), 'bad-name');
    });
  }

  const short: [what: string, data: Script, script: Script][] = [
    [
      'vsftpd without the right to read',
      { LIST: '' },
      { LIST: '226 Transfer done (but failed to open directory).' },
    ],
  ];
  for (const [what, data, script] of short) {
    it(`a listing with ${what} is an error`, async () => {
      await failsWith(async () => listed(await connect(data, script)), 'protocol');
    });
  }

  const facts = (of: string, name: string) => `${of} ${name}\r\n`;
  const good = facts('type=file;size=5;modify=20200105000000;', 'log.ulg');
  const gaps: [what: string, data: Script, script: Script, gap: RegExp][] = [
    ['a line that cannot be parsed', { LIST: `${line('log.ulg')}what is this\r\n` }, {}, /"what is this"/],
    ['a line that is far too long', { LIST: `${line('log.ulg')}${line('x'.repeat(20_000))}` }, {}, /xxxx/],
    ['a file without a size', { MLSD: good + facts('type=file;', 'b.ulg') }, { FEAT: MLST }, /b\.ulg/],
    ['a file of size -2', { MLSD: good + facts('type=file;size=-2;', 'b.ulg') }, { FEAT: MLST }, /b\.ulg/],
    ['an entry without a type', { MLSD: good + facts('size=5;', 'b.ulg') }, { FEAT: MLST }, /b\.ulg/],
    [
      'a time that is none',
      { MLSD: good + facts('type=file;size=5;modify=yesterday;', 'b.ulg') },
      { FEAT: MLST },
      /b\.ulg/,
    ],
  ];
  for (const [what, data, script, gap] of gaps) {
    it(`${what} costs that entry only, is reported once, and the listing is incomplete`, async () => {
      const made = await connect(data, script);
      for (let round = 0; round < 2; round++) {
        const { files, error } = await listedWithError(made);
        assert.deepEqual(
          files.map(({ path }) => path),
          ['log.ulg'],
        );
        assert.equal(error?.kind, 'denied');
        assert.match(error?.message ?? '', gap);
      }
      assert.equal(logger.messages('warn').filter(text => gap.test(text)).length, 1);
    });
  }

  it('reads lists of SELinux, of macOS, without a count of links, and in EPLF', async () => {
    const list = [
      '-rw-r--r--. 1 u g 5 Jan 05 2020 selinux.ulg',
      'drwxr-xr-x. 2 u g 4096 Jan 05 2020 .',
      '-rw-r--r--@ 1 u g 5 Jan 05 2020 mac.ulg',
      '-rw-r--r-- u g 5 Jan 05 2020 unlinked.ulg',
      '+i8388621.29609,m824255902,r,s5,\teplf.ulg',
    ].map(text => `${text}\r\n`);
    const found = await paths(await connect({ LIST: list.join('') }));
    assert.deepEqual(
      found.map(({ path, size }) => `${path} ${size}`),
      ['eplf.ulg 5', 'mac.ulg 5', 'selinux.ulg 5', 'unlinked.ulg 5'],
    );
  });

  it('ends a listing of more files than max_files with an error that names it', async () => {
    const made = await connect({ LIST: Array.from({ length: 5 }, (_, index) => line(`${index}`)).join('') });
    await made.close();
    server?.close();
    const scripted = await scriptedFtp(
      { USER: '331 password', PASS: '230 welcome', FEAT: '211 none', MDTM: '500 no' },
      '220 ready',
      { LIST: line('a') + line('b') + line('c') },
    );
    server = scripted.server;
    source = await makeSource(ftp, { host: '127.0.0.1', port: scripted.port, user: 'u', max_files: 2 });
    const error = await failsWith(() => listed(source as Source), 'protocol');
    assert.match(error.message, /more than 2 files: raise max_files/);
  });

  it('asks for the times of many files together, and only once', async () => {
    const list = Array.from({ length: 200 }, (_, index) => line(`${index}.ulg`)).join('');
    const asked: string[][] = [];
    const base = { USER: '331 password', PASS: '230 welcome', FEAT: '211 none', PWD: '257 "/"' };
    const scripted = await scriptedFtp(
      { ...base, MDTM: '213 20200105000000' },
      '220 ready',
      { LIST: list },
      lines => (asked.push(lines.filter(text => text.startsWith('MDTM'))), lines),
    );
    server = scripted.server;
    source = await makeSource(ftp, { host: '127.0.0.1', port: scripted.port, user: 'u' });
    const found = await listed(source);
    assert.ok(found.every(({ modified }) => modified === Date.UTC(2020, 0, 5)));
    await listed(source);
    assert.equal(asked.flat().length, 200);
    assert.ok(asked.filter(({ length }) => length > 0).length < 50);
  });

  it('a local time in LIST that shifts by an hour changes no file', async () => {
    const at = (hour: string) => `-rw-r--r--   1 u   g   5 Jan 05 ${hour}:30 log.ulg\r\n`;
    const data = { LIST: at('01') };
    const made = await connect(data, { MDTM: '213 20200105003000' });
    const winter = await listed(made);
    data.LIST = at('02');
    assert.deepEqual(winter, [{ path: 'log.ulg', size: 5, modified: Date.UTC(2020, 0, 5, 0, 30) }]);
    assert.deepEqual(await listed(made), winter);
  });

  it('a folder that cannot be entered, or not be listed, does not hide the others', async () => {
    const folders = ['closed', 'open'].map(name => `drwxr-xr-x   2 u   g   4096 Jan 05 2020 ${name}\r\n`);
    const list = { 'LIST -a': folders.join('') + line('log.ulg') };
    const closed = await connect(list, {
      'CWD /closed': '550 no',
      'CWD /open/closed': '550 no',
      'CWD /open/open': '550 no',
    });
    const { files, error } = await listedWithError(closed);
    assert.deepEqual(files.map(({ path }) => path).sort(), ['log.ulg', 'open/log.ulg']);
    assert.match(error?.message ?? '', /cannot be entered: give the user the right to \(and 2 more\)/);
  });

  it('a folder that is listed and cannot be entered is an error', async () => {
    const folder = 'drwxr-xr-x   2 u   g   4096 Jan 05 2020 sess001\r\n';
    const denied = await connect({ LIST: folder }, { 'CWD /sess001': '550 no' });
    await failsWith(() => listed(denied), 'denied');
  });

  it('a loop of folders is an error', async () => {
    const folder = 'drwxr-xr-x   2 u   g   4096 Jan 05 2020 again\r\n';
    const error = await failsWith(async () => listed(await connect({ LIST: folder })), 'protocol');
    assert.match(error.message, /loop/);
  });

  it('without SIZE and MLST, the folder is listed', async () => {
    const made = await connect({ LIST: line('log.ulg'), RETR: 'bytes' }, { SIZE: '502 no' });
    const file = await first(made);
    assert.equal((await collect(made.read(file, 0, never))).toString(), 'bytes');
    await failsWith(() => collect(made.read({ ...file, size: 4 }, 0, never)), 'changed');
    await failsWith(() => collect(made.read({ ...file, path: 'b.ulg' }, 0, never)), 'not-found');
  });

  it('too few bytes of a file that is as it was are a data connection that was cut', async () => {
    const made = await connect({ LIST: line('log.ulg'), RETR: 'byte' }, { SIZE: '213 5' });
    const file = await first(made);
    const error = await failsWith(() => collect(made.read(file, 0, never)), 'io');
    assert.match(error.message, /ended after 4 of the 5 bytes/);
  });

  for (const [reply, kind] of [
    ['421 closing', 'busy'],
    ['425 no data connection', 'unavailable'],
    ['426 broken', 'io'],
    ['450 in use', 'busy'],
    ['451 local error', 'io'],
    ['452 no space', 'no-space'],
    ['530 not logged in', 'denied'],
    ['550 no', 'denied'],
    ['552 quota', 'no-space'],
    ['553 no', 'denied'],
  ] as const) {
    it(`takes "${reply}" to RETR for ${kind}`, async () => {
      const made = await connect({ LIST: line('log.ulg') }, { SIZE: '213 5', RETR: reply });
      const file = await first(made);
      await failsWith(() => collect(made.read(file, 0, never)), kind);
    });
  }
});
