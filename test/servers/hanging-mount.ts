import { execFile } from 'node:child_process';
import { access, constants, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { eventually } from '../conformance/support.js';
import { temporaryFolder } from '../conformance/temp-folder.js';
import { Daemon, findProgram } from './program.js';

/** Why this machine cannot mount by FUSE; undefined if it can. */
export async function whyNoFuse(): Promise<string | undefined> {
  return access('/dev/fuse', constants.R_OK | constants.W_OK).then(
    () => (process.getuid?.() === 0 ? undefined : 'needs root, to mount'),
    () => 'needs /dev/fuse',
  );
}

/** A folder that is mounted as a second one, by a program that can be made to hang as a server of a network drive does. */
export class HangingMount {
  /** Where the files are. */
  readonly behind: string;
  readonly path: string;
  readonly #home: string;
  readonly #remove: () => Promise<void>;
  #server: Daemon | undefined;

  static async make(): Promise<HangingMount> {
    const { path, remove } = await temporaryFolder();
    const mount = new HangingMount(path, remove);
    await mkdir(mount.behind);
    await mkdir(mount.path);
    await mount.mount();
    return mount;
  }

  private constructor(home: string, remove: () => Promise<void>) {
    this.#home = home;
    this.#remove = remove;
    this.behind = join(home, 'behind');
    this.path = join(home, 'mount');
  }

  async mount(): Promise<void> {
    const program = await findProgram('bindfs', 'usr/bin/bindfs');
    // Nothing is remembered by the kernel: each call is one to the program.
    const options = 'attr_timeout=0,entry_timeout=0,direct_io';
    this.#server = new Daemon(program, ['-f', '-o', options, this.behind, this.path]);
    await eventually(async () => (await readFile('/proc/self/mountinfo', 'utf8')).includes(` ${this.path} `));
  }

  /** From now on no call is answered. */
  hang(): void {
    this.#server?.signal('SIGSTOP');
  }

  goOn(): void {
    this.#server?.signal('SIGCONT');
  }

  /** As `umount -l` does it: calls that hang go on hanging, the path is free. */
  async detach(): Promise<void> {
    await promisify(execFile)('umount', ['-l', this.path]);
  }

  /** Calls that still hang end with an error. */
  async kill(): Promise<void> {
    await this.#server?.kill();
  }

  async close(): Promise<void> {
    await this.kill();
    await this.detach().catch(() => undefined);
    await eventually(async () => !(await readFile('/proc/self/mountinfo', 'utf8')).includes(this.#home));
    await this.#remove();
  }
}
