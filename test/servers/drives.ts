import { execFile, execFileSync } from 'node:child_process';
import { copyFile, mkdir, open, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { eventually } from '../conformance/support.js';
import { temporaryFolder } from '../conformance/temp-folder.js';
import { findProgram, runProgram } from './program.js';

export type FileSystem = 'ext4' | 'vfat' | 'exfat';

export interface DrivePlan {
  readonly fs?: FileSystem;
  /** Bytes. */
  readonly size?: number;
  /** As the file system writes it: `66F8-E5D9` for FAT, a whole UUID for ext4. */
  readonly uuid?: string;
  readonly label?: string;
}

const MEGABYTE = 1 << 20;

/** As FAT and exFAT have it, `66F8-E5D9`: another for each drive, for other tests may run on this machine. */
function anySerial(): string {
  const [high = '', low = ''] = crypto.randomUUID().toUpperCase().split('-');
  return `${high.slice(0, 4)}-${low}`;
}

const run = async (program: string, ...args: string[]) =>
  (await promisify(execFile)(program, args)).stdout.trim();

/** Loop devices that are in use, and what is mounted from them: nothing of it may outlive the tests. */
const inserted = new Set<TestDrive>();
process.on('exit', () => {
  for (const drive of inserted) drive.tearOut();
});

/** Why this machine cannot do the drive tests; undefined if it can. */
export async function whyNoDrives(): Promise<string | undefined> {
  try {
    const drive = await TestDrive.make();
    await drive.fill(async () => undefined).finally(() => drive.dispose());
    return undefined;
  } catch (error) {
    return `needs root, loop devices and mount(2): ${String(error)}`;
  }
}

/** A drive made of a file, to be plugged in and pulled out. */
export class TestDrive {
  readonly uuid: string;
  /** For the tests' own mounts and whatever else belongs to this drive; removed with it. */
  readonly home: string;
  readonly #fs: FileSystem;
  readonly #remove: () => Promise<void>;
  #loop: string | undefined;
  #stays = 0;

  static async make(plan: DrivePlan = {}): Promise<TestDrive> {
    const { fs = 'ext4', size = 16 * MEGABYTE, label = '' } = plan;
    const uuid = plan.uuid ?? (fs === 'ext4' ? crypto.randomUUID() : anySerial());
    const { path, remove } = await temporaryFolder();
    const drive = new TestDrive(uuid, fs, path, remove);
    await writeFile(drive.#content, '');
    await truncate(drive.#content, size);
    await format(fs, drive.#content, uuid, label);
    return drive;
  }

  private constructor(uuid: string, fs: FileSystem, home: string, remove: () => Promise<void>) {
    this.uuid = uuid;
    this.#fs = fs;
    this.home = home;
    this.#remove = remove;
  }

  /** Its node while it is plugged in. */
  get node(): string {
    if (this.#loop === undefined) throw new Error('the drive is not plugged in');
    return this.#loop;
  }

  /** What is on the drive, between two stays. */
  get #content(): string {
    return join(this.home, 'content.img');
  }

  /** What the loop device has as its disk, one for each stay. */
  get #image(): string {
    return join(this.home, `stay-${this.#stays}.img`);
  }

  async insert({ protect = false } = {}): Promise<void> {
    this.#stays++;
    await run('cp', '--sparse=always', this.#content, this.#image);
    this.#loop = await run('losetup', ...(protect ? ['-r'] : []), '-f', '--show', this.#image);
    inserted.add(this);
  }

  /** As a hand does it, without a word to the system: from now on the disk has no bytes. What it held is kept for the next stay. */
  async pull(): Promise<void> {
    await run('sync', '-f', this.#image);
    await copyFile(this.#image, this.#content);
    await truncate(this.#image, 0);
    await run('losetup', '-c', this.node);
  }

  /** The FUSE program behind it stops answering, as one does that waits for a broken drive. */
  async hang(): Promise<void> {
    process.kill(await this.#fusePid(), 'SIGSTOP');
  }

  async goOn(): Promise<void> {
    process.kill(await this.#fusePid(), 'SIGCONT');
  }

  /** Ends that program, hanging or not. */
  async kill(): Promise<void> {
    process.kill(await this.#fusePid(), 'SIGKILL');
  }

  async #fusePid(): Promise<number> {
    return Number(await run('pgrep', '-f', `exfat-fuse ${this.node} `));
  }

  /** Plugs in what was pulled, as the next free node. */
  async insertAgain(): Promise<void> {
    await this.eject();
    await this.insert();
  }

  /** Removes the node as soon as nothing is mounted from it. */
  async eject(): Promise<void> {
    if (this.#loop === undefined) return;
    const loop = this.#loop;
    await run('losetup', '-d', loop).catch(() => undefined);
    this.#loop = undefined;
    inserted.delete(this);
  }

  /** Mounts it as another program would. */
  async mountAt(path: string, options = 'rw'): Promise<void> {
    await mkdir(path, { recursive: true });
    if (this.#fs === 'exfat') await mountExfat(this.node, path, options);
    else await run('mount', '-o', options, this.node, path);
  }

  /** Puts files on it before it is plugged in. */
  async fill(work: (folder: string) => Promise<void>): Promise<void> {
    const folder = join(this.home, 'fill');
    await this.insert();
    try {
      await this.mountAt(folder);
      await work(folder);
      await unmount(folder);
      await copyFile(this.#image, this.#content);
    } finally {
      await this.clear();
      await this.eject();
    }
  }

  /** As `fill`, and pulls it out while it is mounted. */
  async fillUncleanly(work: (folder: string) => Promise<void>): Promise<void> {
    const folder = join(this.home, 'fill');
    await this.insert();
    try {
      await this.mountAt(folder);
      await work(folder);
      await run('sync', '-f', folder);
      await copyFile(this.#image, this.#content);
    } finally {
      await this.clear();
      await this.eject();
    }
  }

  /** Lets the work write to it although it is mounted read-only. */
  async whileWritable(path: string, work: () => Promise<void>): Promise<void> {
    await run('mount', '-o', 'remount,rw', path);
    await work().finally(() => run('mount', '-o', 'remount,ro', path));
  }

  /** Unmounts it wherever it is mounted. */
  async clear(): Promise<void> {
    for (const point of await this.mountPoints()) await unmount(point, '-l');
  }

  async mountPoints(): Promise<string[]> {
    const mine = (await mounts()).filter(
      ({ source, point }) => source === this.#loop || point.startsWith(`${this.home}/`),
    );
    return mine.map(({ point }) => point);
  }

  /** Breaks its file system, but for the part by which it is recognised. */
  async damage(): Promise<void> {
    const disk = await open(this.node, 'r+');
    await disk.write(Buffer.alloc(64 * 1024, 0xa5), 0, undefined, 2048);
    await disk.sync();
    await disk.close();
  }

  async dispose(): Promise<void> {
    await this.clear();
    const loop = this.#loop;
    await this.eject();
    if (loop !== undefined) await eventually(async () => !(await run('losetup', '-a')).includes(this.home));
    await rm(this.home, { recursive: true, force: true });
    await this.#remove();
  }

  /** The last resort at the end of the process. */
  tearOut(): void {
    for (const command of [
      ['umount', '-l', '-q', '-A', this.node],
      ['losetup', '-d', this.node],
    ]) {
      try {
        execFileSync(command[0] ?? '', command.slice(1), { stdio: 'ignore' });
      } catch {
        continue;
      }
    }
  }
}

interface SeenMount {
  readonly source: string;
  readonly point: string;
  /** `ro,nosuid` … */
  readonly options: string;
}

async function mounts(): Promise<SeenMount[]> {
  const { stdout } = await promisify(execFile)('findmnt', ['-J', '--list', '-o', 'SOURCE,TARGET,OPTIONS']);
  const seen = JSON.parse(stdout) as { filesystems: { source: string; target: string; options: string }[] };
  return seen.filesystems.map(({ target, ...mount }) => ({ ...mount, point: target }));
}

/** What is mounted there, the last one uppermost, read independently of the code under test. */
export const mountsAt = async (path: string) => (await mounts()).filter(({ point }) => point === path);

const unmount = (path: string, ...flags: string[]) => run('umount', ...flags, path);

async function format(fs: FileSystem, image: string, uuid: string, label: string): Promise<void> {
  const serial = uuid.replace('-', '');
  if (fs === 'ext4') {
    await run('mkfs.ext4', '-q', '-F', '-U', uuid, '-L', label, image);
  } else if (fs === 'vfat') {
    const program = await findProgram('dosfstools', 'sbin/mkfs.fat');
    await runProgram(program, ['-i', serial, '-n', label || 'NO NAME', image]);
  } else {
    await runProgram(await findProgram('exfatprogs', 'usr/sbin/mkfs.exfat'), [
      '-L',
      label || 'NO NAME',
      image,
    ]);
    await runProgram(await findProgram('exfatprogs', 'usr/sbin/tune.exfat'), ['-I', `0x${serial}`, image]);
  }
}

/** The FUSE driver is unpacked, not installed, so mount(8) cannot find it. */
export async function mountExfat(node: string, path: string, options: string): Promise<void> {
  const program = await findProgram('exfat-fuse', 'sbin/mount.exfat-fuse');
  await runProgram(program, [node, path, '-o', options]);
}
