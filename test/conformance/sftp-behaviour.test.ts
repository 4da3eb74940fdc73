import assert from 'node:assert/strict';
import { once } from 'node:events';
import { spawn } from 'node:child_process';
import { chmod, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { firstValueFrom } from 'rxjs';
import { sftp } from '../../src/devices/sftp.js';
import type { DeviceContext } from '../../src/config/definition.js';
import { partName } from '../../src/devices/part-names.js';
import type { Source, Target } from '../../src/ports.js';
import { Events, never, outgoing } from '../servers/outgoing.js';
import { findProgram, runProgram } from '../servers/program.js';
import { makeSource, makeTarget } from '../servers/device.js';
import { sftpOptions } from '../servers/sftp-bench.js';
import {
  isRoot,
  knownHosts,
  makeKey,
  startSftpServer,
  type SftpServer,
  type SftpServerKind,
  type SftpServerOptions,
} from '../servers/sftp-servers.js';
import { eventually, failsWith, listed, listedWithError, sample } from './support.js';

const TOKEN = '0123456789abcdef';

async function withServer(
  kind: SftpServerKind,
  options: SftpServerOptions,
  run: (server: SftpServer) => Promise<void>,
): Promise<void> {
  const server = await startSftpServer(kind, options);
  try {
    await run(server);
  } finally {
    await server.stop();
  }
}

async function withTarget<Result>(
  server: SftpServer,
  more: Record<string, unknown>,
  run: (target: Target) => Promise<Result>,
  over: Partial<DeviceContext> = {},
): Promise<Result> {
  const target = await makeTarget(sftp, { ...sftpOptions(server), ...more }, over);
  try {
    return await run(target);
  } finally {
    await target.close();
  }
}

async function withSource<Result>(
  server: SftpServer,
  more: Record<string, unknown>,
  run: (source: Source) => Promise<Result>,
): Promise<Result> {
  const source = await makeSource(sftp, { ...sftpOptions(server), ...more });
  try {
    return await run(source);
  } finally {
    await source.close();
  }
}

/** What a person reads of the device. */
const stateOf = (server: SftpServer, more: Record<string, unknown>, over: Partial<DeviceContext> = {}) =>
  withTarget(server, more, target => firstValueFrom(target.availability), over);

async function isRefused(server: SftpServer, more: Record<string, unknown>, words: RegExp): Promise<string> {
  const { available, reason } = await stateOf(server, more);
  assert.equal(available, false, reason);
  assert.match(reason, words);
  return reason;
}

async function isAdmitted(
  server: SftpServer,
  more: Record<string, unknown>,
  over: Partial<DeviceContext> = {},
): Promise<void> {
  const { available, reason } = await stateOf(server, more, over);
  assert.equal(available, true, reason);
}

const file = (bytes: Uint8Array) => outgoing(bytes, { token: TOKEN });

describe('sftp, who the server is', () => {
  let server: SftpServer;
  before(async () => {
    server = await startSftpServer('openssh', { hostKeys: ['ed25519', 'rsa', 'ecdsa'] });
  });
  after(() => server.stop());

  const known = async (text: string): Promise<Record<string, unknown>> => {
    const path = join(server.home, 'known');
    await writeFile(path, text);
    return { known_hosts: path };
  };

  it('an unknown server is refused, and the message has the line that trusts it', async () => {
    const missing = { known_hosts: join(server.home, 'none') };
    const reason = await isRefused(server, missing, /127\.0\.0\.1 is not in .*\/none: if SHA256:\S+ is the/);
    const [line = ''] = /\[127\.0\.0\.1\]:\d+ ssh-ed25519 \S+/.exec(reason) ?? [];
    assert.ok((await readFile(server.knownHosts, 'utf8')).includes(line));
    await isAdmitted(server, await known(`${line}\n`));
  });

  it('hashed entries are found', async () => {
    const path = join(server.home, 'hashed');
    await writeFile(path, await readFile(server.knownHosts));
    await runProgram(await findProgram('openssh-server', 'usr/bin/ssh-keygen'), ['-q', '-H', '-f', path]);
    assert.doesNotMatch(await readFile(path, 'utf8'), /127\.0\.0\.1/);
    await isAdmitted(server, { known_hosts: path });
  });

  it('the server is asked for the key that is known', async () => {
    for (const type of ['rsa', 'ecdsa'])
      await isAdmitted(
        server,
        await known(await knownHosts([join(server.home, `host_${type}`)], server.port)),
      );
  });

  it('a changed key is refused, and the message says which line to replace', async () => {
    const other = join(server.home, 'other');
    await makeKey(other, 'ed25519');
    const options = await known(await knownHosts([other], server.port));
    await isRefused(
      server,
      options,
      /another key than .*known has.* put the line \[127\.0\.0\.1\]:\d+ ssh-ed25519 \S+ in/,
    );
  });

  it('a revoked key is refused', async () => {
    const line = await knownHosts([join(server.home, 'host_ed25519')], server.port);
    await isRefused(server, await known(`${line}@revoked ${line}`), /marks as @revoked/);
  });
});

describe('sftp, who we are', () => {
  let server: SftpServer;
  before(async () => {
    server = await startSftpServer('openssh');
  });
  after(() => server.stop());

  it('a key that the server does not have is refused', async () => {
    const key = join(server.home, 'stranger');
    await makeKey(key, 'ed25519');
    await isRefused(server, { key: { file: key } }, /refuses the login of \S+: check user, password and key/);
  });

  it('a key with a passphrase', async () => {
    const key = join(server.home, 'locked');
    await makeKey(key, 'ed25519', 'open sesame');
    await writeFile(
      join(server.home, 'authorized_keys'),
      (await readFile(`${key}.pub`, 'utf8')) + (await readFile(`${server.key}.pub`, 'utf8')),
    );
    const options = { key: { file: key } };
    await isRefused(server, options, /locked is encrypted: set passphrase/);
    await isRefused(server, { ...options, passphrase: 'wrong' }, /not opened by that passphrase/);
    await isAdmitted(server, { ...options, passphrase: 'open sesame' });
  });

  it('RSA keys and ECDSA keys, also in the older form', async () => {
    const keys = [
      ['rsa', []],
      ['rsa', ['-m', 'PEM']],
      ['ecdsa', []],
    ] as const;
    for (const [index, [type, more]] of keys.entries()) {
      const key = join(server.home, `own_${index}`);
      await makeKey(key, type, '', [...more]);
      await writeFile(join(server.home, 'authorized_keys'), await readFile(`${key}.pub`));
      await isAdmitted(server, { key: { file: key } });
    }
    await writeFile(join(server.home, 'authorized_keys'), await readFile(`${server.key}.pub`));
  });

  it('what is no private key is a mistake of the configuration', async () => {
    await isRefused(server, { key: { file: `${server.key}.pub` } }, /is a public key: name the private one/);
    await isRefused(server, { key: { file: server.knownHosts } }, /is not a private key that can be read/);
    await isRefused(server, { key: { file: join(server.home, 'absent') } }, /absent cannot be read/);
    await isRefused(server, { key: undefined }, /nothing to log in with: set key, agent or password/);
  });

  it('keys of an ssh-agent', async () => {
    const socket = join(server.home, 'agent');
    const program = await findProgram('openssh-server', 'usr/bin/ssh-agent');
    const agent = spawn(program.path, ['-D', '-a', socket], { env: program.env, stdio: 'ignore' });
    try {
      await eventually(() =>
        stat(socket).then(
          () => true,
          () => false,
        ),
      );
      const add = await findProgram('openssh-server', 'usr/bin/ssh-add');
      await runProgram(add, ['-q', server.key], { SSH_AUTH_SOCK: socket });
      await isAdmitted(server, { key: undefined, agent: socket });
      await isAdmitted(server, { key: undefined, agent: true }, { env: { SSH_AUTH_SOCK: socket } });
    } finally {
      agent.kill();
      await once(agent, 'close');
    }
    await isRefused(server, { key: undefined, agent: socket }, /ssh-agent failed|refuses the login/);
    await isRefused(server, { key: undefined, agent: true }, /SSH_AUTH_SOCK is not set/);
  });

  it('a password, which no message has', async function () {
    if (!isRoot) this.skip();
    await isAdmitted(server, { key: undefined, password: server.password });
    const reason = await isRefused(
      server,
      { key: undefined, password: 'wrong horse' },
      /refuses the login of/,
    );
    assert.doesNotMatch(reason, /wrong horse/);
  });

  it('a password on ProFTPD', () =>
    withServer('proftpd', {}, async other => {
      await isAdmitted(other, { key: undefined, password: other.password });
      await isRefused(other, { key: undefined, password: 'wrong horse' }, /refuses the login of pilot/);
    }));

  it('what is no SSH server', () =>
    withTarget(server, { port: 9 }, async target => {
      const { available, reason } = await firstValueFrom(target.availability);
      assert.equal(available, false);
      assert.match(reason, /127\.0\.0\.1 refuses connections/);
    }));
});

describe('sftp, what cannot be written', () => {
  let server: SftpServer;
  before(async () => {
    server = await startSftpServer('openssh', { disks: isRoot });
  });
  after(() => server.stop());

  const at = (folder: string) => ({ root: `${server.root}/${folder}` });

  it('a missing folder of a source', () =>
    withSource(server, at('absent'), async source => {
      const { available, reason } = await firstValueFrom(source.availability);
      assert.equal(available, false);
      assert.match(reason, /there is no folder \S+\/absent: make it, or correct root/);
    }));

  it('a folder that the user may not write in', async function () {
    await mkdir(join(server.folder, 'closed'));
    await chmod(join(server.folder, 'closed'), 0o555);
    await withTarget(server, at('closed'), async target => {
      const error = await failsWith(() => target.probe?.(never) ?? Promise.resolve(), 'denied');
      assert.match(error.message, /cannot write in \S+closed: .*give the user the right to write/);
    });
  });

  it('a full disk and a read-only one', async function () {
    if (!isRoot) this.skip();
    await withTarget(server, at('full'), async target => {
      const write = () => target.write(file(sample(1_000_000)), 'log.ulg', 0, never, new Events());
      const error = await failsWith(write, 'no-space');
      assert.match(error.message, /the disk of \S+\/full is full \(\d+ bytes free\): free space there/);
    });
    await withTarget(server, at('locked'), async target => {
      const error = await failsWith(() => target.probe?.(never) ?? Promise.resolve(), 'denied');
      assert.match(error.message, /the disk of \S+\/locked is read-only: remount it/);
    });
  });

  it('a user without SFTP', () =>
    withServer(
      'openssh',
      { settings: { 'Subsystem sftp': '/bin/false', ForceCommand: '/bin/false' } },
      async other => {
        await isRefused(other, { timeout: '5s' }, /closed the connection|offers no SFTP to that user/);
      },
    ));
});

const SERVERS: readonly (readonly [string, SftpServerKind, SftpServerOptions])[] = [
  ['OpenSSH', 'openssh', {}],
  ['OpenSSH without hard links', 'openssh', { settings: { 'Subsystem sftp': 'internal-sftp -P hardlink' } }],
  ['ProFTPD', 'proftpd', {}],
];

for (const [title, kind, options] of SERVERS) {
  describe(`sftp, publishing on ${title}`, () => {
    let server: SftpServer;
    before(async () => {
      server = await startSftpServer(kind, options);
    });
    after(() => server.stop());

    it('replaces no file that appears at the last moment', () =>
      withTarget(server, {}, async target => {
        const path = join(server.folder, 'late.ulg');
        const events = { progress: () => undefined, committing: () => writeFile(path, 'another') };
        await failsWith(() => target.write(file(sample(5000)), 'late.ulg', 0, never, events), 'exists');
        assert.equal(await readFile(path, 'utf8'), 'another');
        assert.ok(!(await readdir(server.folder)).some(name => name.endsWith('.part')));
      }));

    it('replaces no link to nothing', () =>
      withTarget(server, {}, async target => {
        await symlink('nowhere', join(server.folder, 'dangling.ulg'));
        const write = () => target.write(file(sample(5000)), 'dangling.ulg', 0, never, new Events());
        await failsWith(write, 'exists');
        assert.ok(!(await readdir(server.folder)).includes('nowhere'));
      }));

    it('leaves a part without holes when the server is killed, and resumes it', () =>
      withTarget(server, {}, async target => {
        const bytes = sample(6_000_000, 3);
        let dead: Promise<void> | undefined;
        const events = {
          progress: (sent: number) => {
            if (sent > 4_000_000) dead ??= server.kill();
          },
          committing: () => Promise.resolve(),
        };
        await failsWith(() => target.write(file(bytes), 'killed.ulg', 0, never, events), 'unavailable');
        await dead;
        const part = await readFile(partName(join(server.folder, 'killed.ulg'), TOKEN));
        assert.ok(part.length > 0 && part.length < bytes.length, `${part.length} bytes`);
        assert.ok(part.equals(bytes.subarray(0, part.length)), 'the part has a hole');
        await server.restart();
        const { partial } = await target.stat('killed.ulg', TOKEN, never);
        assert.equal(partial, part.length);
        await target.write(file(bytes), 'killed.ulg', partial, never, new Events());
        assert.ok((await readFile(join(server.folder, 'killed.ulg'))).equals(bytes));
      }));

    it('removes a whole part beside its file, which a kill between link and removal leaves', () =>
      withTarget(server, {}, async target => {
        const path = join(server.folder, 'both.ulg');
        await writeFile(path, 'whole');
        await writeFile(partName(path, TOKEN), 'whole');
        assert.deepEqual(await target.stat('both.ulg', TOKEN, never), { size: 5, partial: 0 });
        await assert.rejects(stat(partName(path, TOKEN)));
      }));
  });
}

describe('sftp, checksums', () => {
  it('are those of the shell where there is one', () =>
    withServer('openssh', {}, async server => {
      await withTarget(server, {}, async target => {
        const { verified } = await target.write(file(sample(5000)), 'a b.ulg', 0, never, new Events());
        assert.equal(verified, 'hash');
        const hostile = "x'; touch owned; '.ulg";
        const receipt = await target.write(file(sample(5000)), hostile, 0, never, new Events());
        assert.equal(receipt.verified, 'size');
        assert.equal((await target.checksum(hostile, never)).algorithm, 'sha256');
        assert.deepEqual((await readdir(server.folder)).sort(), ['a b.ulg', hostile].sort());
      });
      await withSource(server, {}, async source => {
        await listed(source);
        assert.equal(source.capabilities.checksum, 'sha256');
      });
    }));

  it('without OpenSSL there it is sha256sum that computes them', () =>
    withServer('openssh', {}, async server => {
      const tools = join(server.home, 'tools');
      await mkdir(tools);
      await symlink('/usr/bin/sha256sum', join(tools, 'sha256sum'));
      await writeFile(join(server.home, 'sshd_config'), `SetEnv PATH=${tools}\n`, { flag: 'a' });
      await server.kill();
      await server.restart();
      await withTarget(server, {}, async target => {
        const { verified } = await target.write(file(sample(5000)), 'a.ulg', 0, never, new Events());
        assert.equal(verified, 'hash');
      });
    }));

  it('without a shell the size counts, and what nobody remembers is read back', () =>
    withServer('proftpd', {}, server =>
      withTarget(server, {}, async target => {
        const { verified } = await target.write(file(sample(5000)), 'a.ulg', 0, never, new Events());
        assert.equal(verified, 'size');
        const again = outgoing(sample(5000), { token: TOKEN, readBack: true });
        assert.equal((await target.write(again, 'b.ulg', 0, never, new Events())).verified, 'hash');
      }),
    ));

  it('a shell that sees other files is not believed', () =>
    withServer('openssh', {}, async server => {
      const tools = join(server.home, 'tools');
      await mkdir(tools);
      const script =
        '#!/bin/sh\nn=$(cat)\nif [ -z "$n" ]; then printf "" | /usr/bin/sha256sum; else echo x | /usr/bin/sha256sum; fi\n';
      for (const tool of ['openssl', 'sha256sum']) {
        await writeFile(join(tools, tool), script);
        await chmod(join(tools, tool), 0o755);
      }
      await writeFile(join(server.home, 'sshd_config'), `SetEnv PATH=${tools}:/usr/bin:/bin\n`, {
        flag: 'a',
      });
      await server.kill();
      await server.restart();
      await withTarget(server, {}, async target => {
        const { verified } = await target.write(file(sample(5000)), 'a.ulg', 0, never, new Events());
        assert.equal(verified, 'hash');
        const second = await target.write(file(sample(6000)), 'b.ulg', 0, never, new Events());
        assert.equal(second.verified, 'size');
      });
    }));
});

describe('sftp, listings', () => {
  it('a name that is not UTF-8 makes the listing incomplete; links are not followed', () =>
    withServer('openssh', {}, async server => {
      await writeFile(join(server.folder, 'good.ulg'), 'good');
      await symlink('good.ulg', join(server.folder, 'link.ulg'));
      await writeFile(Buffer.concat([Buffer.from(`${server.folder}/bad`), Buffer.from([0xe9])]), 'bad');
      await withSource(server, {}, async source => {
        const { files, error } = await listedWithError(source);
        assert.deepEqual(
          files.map(({ path }) => path),
          ['good.ulg'],
        );
        assert.equal(error?.kind, 'denied');
        assert.match(error?.message ?? '', /is not listed, its name is not UTF-8: rename it/);
      });
    }));
});
