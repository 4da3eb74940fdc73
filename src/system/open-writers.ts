import { lstatSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { throwIfAborted } from '../errors.js';
import type { Writers } from '../ports.js';
import { deviceNumber } from './device-number.js';

/** A file as the kernel knows it, whatever names lead there. */
export interface FileIdentity {
  readonly dev: bigint;
  readonly ino: bigint;
}

/** The pid namespace of all processes of the machine (Linux: PROC_PID_INIT_INO). */
const FIRST_NAMESPACE = 'pid:[4026531836]';
/** Open files that are checked between two turns of the event loop: less than 1 ms. */
const BATCH_SIZE = 256;
/** File systems whose files have other device numbers than their mounts. */
const MANY_DEVICES: ReadonlySet<string> = new Set(['btrfs', 'overlay', 'bcachefs']);
/** Kernel buffers (`/dmabuf:`, `/memfd:x (deleted)`) and files without a name. */
const NO_FILE = /^\/[^/]*:| \(deleted\)$/;

/** A line of mountinfo (proc(5)): id and number come early, the type after the dash. */
const MOUNT = /^(\d+) \d+ (\d+:\d+) .*? - (\S+)/gm;

interface Mount {
  /** Major and minor number, `8:1`. */
  readonly number: string;
  readonly fstype: string;
}

/**
 * Which of the files are open for writing now in any process but our own. Files are identified by device and inode, so that
 * renamed files and bind mounts are recognised. A file that is written only through a memory map, after it was closed, is not
 * seen.
 *
 * Only file systems of the files themselves are called, which must not hang. The calls are synchronous: the kernel answers
 * each from memory in 3 µs, while passing it to another thread takes 15 µs.
 * @param proc where procfs is mounted
 */
export async function openWriters(
  files: ReadonlyMap<string, FileIdentity>,
  signal: AbortSignal,
  proc = '/proc',
): Promise<Writers> {
  const search = new Search(files, proc);
  let checked = 0;
  for (const pid of search.processes()) {
    throwIfAborted(signal);
    for (const fd of search.openFiles(pid)) {
      search.check(pid, fd);
      if (++checked % BATCH_SIZE === 0) await turn().then(() => throwIfAborted(signal));
    }
  }
  return { open: search.open, complete: search.complete };
}

class Search {
  readonly open = new Set<string>();
  /** Every process could be checked. */
  complete = true;
  readonly #proc: string;
  readonly #names = new Map<string, string[]>();
  readonly #devices: ReadonlySet<string>;
  /** By mount id, which is unique on this machine across namespaces. */
  readonly #mounts = new Map<string, Mount>();

  constructor(files: ReadonlyMap<string, FileIdentity>, proc: string) {
    this.#proc = proc;
    for (const [name, file] of files) {
      const key = keyOf(file);
      this.#names.set(key, [...(this.#names.get(key) ?? []), name]);
    }
    this.#devices = new Set([...files.values()].map(({ dev }) => deviceNumber(dev)));
  }

  /**
   * The processes but our own. The result is not complete in a container, where other users' processes are hidden (`hidepid`),
   * and where the kernel's NFS server runs.
   */
  processes(): string[] {
    const namespace = this.#try(() => readlinkSync(`${this.#proc}/self/ns/pid`)) ?? FIRST_NAMESPACE;
    const served = this.#try(() => readFileSync(`${this.#proc}/fs/nfsd/threads`, 'utf8')) ?? '0';
    const pids = readdirSync(this.#proc).filter(name => /^\d+$/.test(name));
    this.complete &&= namespace === FIRST_NAMESPACE && pids.includes('1') && Number(served) === 0;
    const own = readlinkSync(`${this.#proc}/self`);
    return pids.filter(pid => pid !== own);
  }

  openFiles(pid: string): string[] {
    return this.#try(() => readdirSync(`${this.#proc}/${pid}/fd`)) ?? [];
  }

  check(pid: string, fd: string): void {
    const link = `${this.#proc}/${pid}/fd/${fd}`;
    this.#try(() => {
      // The link's own mode shows whether the file was opened for writing.
      if ((lstatSync(link).mode & 0o200) === 0) return;
      const name = readlinkSync(link);
      if (!name.startsWith('/') || !this.#mayBeWanted(pid, fd, name)) return;
      for (const found of this.#names.get(keyOf(statSync(link, { bigint: true }))) ?? [])
        this.open.add(found);
    });
  }

  #mayBeWanted(pid: string, fd: string, name: string): boolean {
    const mount = this.#mountOf(pid, fd);
    if (mount) return this.#devices.has(mount.number) || MANY_DEVICES.has(mount.fstype);
    this.complete &&= NO_FILE.test(name);
    return false;
  }

  /** The file's mount, without a call to its file system. A process in a chroot does not see all mounts, but this one may. */
  #mountOf(pid: string, fd: string): Mount | undefined {
    const info = readFileSync(`${this.#proc}/${pid}/fdinfo/${fd}`, 'utf8');
    const id = /^mnt_id:\s*(\d+)$/m.exec(info)?.[1] ?? '';
    for (const whose of ['self', pid]) if (!this.#mounts.has(id)) this.#readMounts(whose);
    return this.#mounts.get(id);
  }

  #readMounts(pid: string): void {
    const text = readFileSync(`${this.#proc}/${pid}/mountinfo`, 'utf8');
    for (const [, id = '', number = '', fstype = ''] of text.matchAll(MOUNT))
      this.#mounts.set(id, { number, fstype });
  }

  /** Processes and files that are gone meanwhile are ignored; if access is denied, the search is not complete. */
  #try<Value>(read: () => Value): Value | undefined {
    try {
      return read();
    } catch (error) {
      if (!isGone(error)) this.complete = false;
      return undefined;
    }
  }
}

const keyOf = ({ dev, ino }: FileIdentity): string => `${dev}:${ino}`;

const isGone = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && ['ENOENT', 'ESRCH', 'ENOTDIR'].includes(String(error.code));
