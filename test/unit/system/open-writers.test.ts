import assert from 'node:assert/strict';
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { link, mkdir, open, rename, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { deviceNumber } from '../../../src/system/device-number.js';
import { openWriters, type FileIdentity } from '../../../src/system/open-writers.js';
import { failsWith } from '../../conformance/support.js';
import { temporaryFolder } from '../../conformance/temp-folder.js';
import { asNobody } from '../../fakes/nobody.js';
import { HangingMount, whyNoFuse } from '../../servers/hanging-mount.js';

const never = new AbortController().signal;
const run = promisify(execFile);

async function identities(paths: readonly string[]): Promise<Map<string, FileIdentity>> {
  const found = await Promise.all(paths.map(path => stat(path, { bigint: true })));
  return new Map(paths.map((path, index) => [path, found[index] as FileIdentity]));
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

describe('open writers', () => {
  let home: string;
  let cleanUp: () => Promise<void>;
  let children: ChildProcess[];

  beforeEach(async () => {
    ({ path: home, remove: cleanUp } = await temporaryFolder());
    children = [];
  });
  afterEach(async () => {
    await Promise.all(children.map(ended));
    await cleanUp();
  });

  const at = (name: string): string => join(home, name);

  /** The process, once it has said that it is ready. */
  async function started(program: string, script: string): Promise<ChildProcess> {
    const child = spawn(program, ['-c', script], { cwd: home });
    children.push(child);
    await once(child.stdout, 'data');
    return child;
  }

  /** A shell that has done this and stays. */
  const holding = (redirections: string) => started('sh', `${redirections}; echo ready; read line`);

  /** A Python program that has done this and stays. */
  const python = (script: string) =>
    started('python3', `import os\n${script}\nprint("ready", flush=True)\ninput()`);

  async function writtenTo(...paths: string[]): Promise<string[]> {
    return [...(await openWriters(await identities(paths), never)).open].sort();
  }

  it('are those who write, append, or read and write, not those who only read', async () => {
    for (const name of ['read', 'idle']) await writeFile(at(name), 'x');
    await holding('exec 3>write 4>>append 5<>both 6<read');
    const paths = ['write', 'append', 'both', 'read', 'idle'].map(at);
    assert.deepEqual(await writtenTo(...paths), [at('append'), at('both'), at('write')]);
  });

  it('are gone with the close', async () => {
    const child = await holding('exec 3>file');
    assert.deepEqual(await writtenTo(at('file')), [at('file')]);
    child.stdin?.end('\n');
    await once(child, 'exit');
    assert.deepEqual(await writtenTo(at('file')), []);
  });

  it('are recognised when the file was renamed, by each of its names, and not when another took its place', async () => {
    await holding('exec 3>file 4>old');
    await rename(at('file'), at('renamed'));
    await link(at('renamed'), at('linked'));
    await rename(at('old'), at('away'));
    await writeFile(at('old'), 'another');
    const names = [at('linked'), at('renamed')];
    assert.deepEqual(await writtenTo(...names, at('old')), names);
  });

  it('are recognised through a bind mount, and in a chroot', async function () {
    if (process.getuid?.() !== 0) this.skip();
    await mkdir(at('bound'));
    await mkdir(at('folder'));
    await run('mount', ['--bind', at('folder'), at('bound')]);
    try {
      await holding('exec 3>bound/file');
      assert.deepEqual(await writtenTo(at('folder/file')), [at('folder/file')]);
      await Promise.all(children.map(ended));
    } finally {
      await run('umount', ['-l', at('bound')]);
    }
    await python('os.chroot(".")\nos.open("/folder/file", os.O_WRONLY)');
    assert.deepEqual(await writtenTo(at('folder/file')), [at('folder/file')]);
  });

  it('our own process is none', async () => {
    await using handle = await open(at('ours'), 'w');
    assert.ok(handle.fd > 0);
    assert.deepEqual(await writtenTo(at('ours')), []);
  });

  it('many open files of one process are all checked, and the signal ends that', async () => {
    const many = 'keep = [os.open("/dev/null", os.O_WRONLY) for _ in range(900)]';
    await python(`${many}\nlast = os.open("last", os.O_WRONLY | os.O_CREAT)`);
    assert.deepEqual(await writtenTo(at('last')), [at('last')]);
    const cut = new AbortController();
    const searching = openWriters(await identities([at('last')]), cut.signal);
    cut.abort();
    await failsWith(() => searching, 'cancelled');
    await failsWith(async () => openWriters(new Map(), AbortSignal.abort()), 'cancelled');
  });

  it('a share that hangs is not touched, although a program writes there', async function () {
    if (await whyNoFuse()) this.skip();
    const mount = await HangingMount.make();
    try {
      await holding(`exec 3>file 4>${mount.path}/there`);
      mount.hang();
      assert.deepEqual(await writtenTo(at('file')), [at('file')]);
    } finally {
      mount.goOn();
      await Promise.all(children.map(ended));
      await mount.close();
    }
  });

  describe('by what the kernel reports', () => {
    let proc: string;
    let file: string;
    let number: string;

    /** A machine with an idle init, a process that holds the file open, and ourselves. */
    beforeEach(async () => {
      [proc, file] = [at('proc'), at('file')];
      await writeFile(file, 'x');
      number = deviceNumber((await stat(file)).dev);
      for (const folder of ['1/fd', '7/fd', '7/fdinfo', '42/ns', '42/fd'])
        await mkdir(join(proc, folder), { recursive: true });
      await symlink('42', join(proc, 'self'));
      await symlink('pid:[4026531836]', join(proc, '42/ns/pid'));
      await mounts('42', `20 1 ${number} / / rw shared:1 - ext4 /dev/sda rw`);
      await mounts('7', '');
      await holds('3', file, '20');
    });

    const mounts = (pid: string, text: string) => writeFile(join(proc, pid, 'mountinfo'), `${text}\n`);

    async function holds(fd: string, target: string, mount: string): Promise<void> {
      await symlink(target, join(proc, '7/fd', fd));
      await writeFile(join(proc, '7/fdinfo', fd), `pos:\t0\nflags:\t0100001\nmnt_id:\t${mount}\nino:\t9\n`);
    }

    async function searched(): Promise<{ open: boolean; complete: boolean }> {
      const { open: found, complete } = await openWriters(await identities([file]), never, proc);
      return { open: found.has(file), complete };
    }

    it('all processes could be checked', async () => {
      assert.deepEqual(await searched(), { open: true, complete: true });
    });

    it('sockets, pipes, buffers and files without a name are none', async () => {
      for (const [fd, name] of ['socket:[1]', '/memfd:x (deleted)', '/dmabuf:', '/tmp/x (deleted)'].entries())
        await holds(`${fd + 10}`, name, '99');
      assert.deepEqual(await searched(), { open: true, complete: true });
    });

    it('files on other drives are not touched, and those on file systems with many devices are', async () => {
      await mounts('42', '20 1 0:99 / / rw - nfs server:/x rw');
      assert.deepEqual(await searched(), { open: false, complete: true });
      await mounts('42', '20 1 0:99 / / rw shared:1 master:2 - btrfs /dev/sda rw');
      assert.deepEqual(await searched(), { open: true, complete: true });
    });

    it('a process may see mounts that we do not', async () => {
      await mounts('42', '');
      await mounts('7', `20 1 ${number} / / rw - ext4 /dev/sda rw`);
      assert.deepEqual(await searched(), { open: true, complete: true });
    });

    it('a file on an unknown mount is not touched, and may be one of them', async () => {
      await mounts('42', '');
      assert.deepEqual(await searched(), { open: false, complete: false });
    });

    it('not all are seen in a container', async () => {
      await mkdir(join(proc, '43/ns'), { recursive: true });
      await symlink('pid:[4026532700]', join(proc, '43/ns/pid'));
      await run('ln', ['-sfn', '43', join(proc, 'self')]);
      await mounts('43', `20 1 ${number} / / rw - ext4 /dev/sda rw`);
      assert.deepEqual(await searched(), { open: true, complete: false });
    });

    it('not all are seen where those of others are hidden', async () => {
      await rename(join(proc, '1'), join(home, 'hidden'));
      assert.deepEqual(await searched(), { open: true, complete: false });
    });

    it('what the NFS server of the kernel writes is not seen', async () => {
      await mkdir(join(proc, 'fs/nfsd'), { recursive: true });
      for (const [threads, complete] of [
        ['0\n', true],
        ['8\n', false],
      ] as const) {
        await writeFile(join(proc, 'fs/nfsd/threads'), threads);
        assert.deepEqual(await searched(), { open: true, complete });
      }
    });

    it('what ends meanwhile is left out', async () => {
      await rename(join(proc, '7/fdinfo'), join(home, 'gone'));
      await rename(join(proc, '1/fd'), join(home, 'ended'));
      assert.deepEqual(await searched(), { open: false, complete: true });
    });
  });

  it('not all are seen by a user who may not read the processes of others', async () => {
    const files = await identities(['/etc/passwd']);
    await asNobody(async () => assert.equal((await openWriters(files, never)).complete, false));
  });
});

describe('device numbers', () => {
  const table: [number | bigint, string][] = [
    [0, '0:0'],
    [0x801, '8:1'],
    [0xfe00, '254:0'],
    [0x11032c, '259:300'],
  ];
  for (const [packed, number] of table)
    it(`${packed} is ${number}`, () => assert.equal(deviceNumber(packed), number));
});
