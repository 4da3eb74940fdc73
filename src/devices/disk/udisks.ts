import { FileSyncError } from '../../errors.js';
import type { BlockDevice } from './block-devices.js';
import { mountError, PROTECTED } from './mount-errors.js';
import { firstLine, type ProgramResult, type RunProgram } from './programs.js';

/** Names of errors on D-Bus (org.freedesktop.UDisks2.Error), and messages of udisksctl itself. */
const NOT_AUTHORIZED = /Error\.NotAuthorized/;
const ALREADY_MOUNTED = /Error\.AlreadyMounted/;
const NOT_MOUNTED = /Error\.NotMounted/;
const NOT_REACHED = /connecting to the udisks daemon|connect to (the )?(message )?bus|could not connect/i;
const UNKNOWN_DRIVE = /looking up object for device|not a mountable filesystem/i;
/** What stands before the words for a person: `Error mounting /dev/sda1: GDBus.Error:org.freedesktop.UDisks2.Error.Failed: `. */
const PREFIX =
  /^Error (?:un)?mounting \S+: (?:GDBus\.Error:org\.freedesktop\.UDisks2\.Error\.(?:Failed: )?)?/m;

const POLKIT_REMEDY =
  "udisks does not allow that to this program's user: install the polkit rule 50-filesync.rules (packaging/filesync.polkit.rules; " +
  'the Debian package has it, for the user filesync) in /etc/polkit-1/rules.d, or run this program as root';

/** Where udisks mounts drives: in a folder of the user who asked. */
const PLACE = /^\/(run\/)?media\/[^/]+\/[^/]+$/;

/** Whether udisks chooses such a mount point. */
export const isUdisksPlace = (point: string): boolean => PLACE.test(point);

/** Mounts drives through the daemon of udisks, which needs a rule of polkit instead of root, and chooses the mount point. */
export class Udisks {
  readonly #run: RunProgram;

  constructor(run: RunProgram) {
    this.#run = run;
  }

  /**
   * Returns false where udisks is not installed or not reached. What another program has mounted meanwhile is left as it is.
   * Throws `denied` without the right to mount.
   */
  async mount(drive: BlockDevice, access: 'ro' | 'rw', options: string): Promise<boolean> {
    const first = await this.#ask('mount', drive, '-o', `${access},${options}`);
    const again = first && access === 'rw' && PROTECTED.test(first.stderr);
    const outcome = again ? await this.#ask('mount', drive, '-o', `ro,${options}`) : first;
    if (!outcome) return false;
    if (outcome.code === 0 || ALREADY_MOUNTED.test(outcome.stderr)) return true;
    throw udisksError(drive, outcome);
  }

  /** Throws `busy` while a program uses the drive. */
  async unmount(drive: BlockDevice): Promise<void> {
    const outcome = await this.#ask('unmount', drive);
    if (outcome && (outcome.code === 0 || NOT_MOUNTED.test(outcome.stderr))) return;
    const reason = outcome ? wordsOf(outcome) : 'udisks is not reached';
    throw new FileSyncError('busy', `${drive.path} cannot be unmounted: ${reason}`);
  }

  /** Frees the mount point at once. udisks does so itself for a drive that was removed. Returns whether that worked. */
  async detach(drive: BlockDevice): Promise<boolean> {
    return (await this.#ask('unmount', drive, '--force'))?.code === 0;
  }

  /** Undefined where udisks is not installed or not reached. */
  async #ask(command: string, { path }: BlockDevice, ...args: string[]): Promise<ProgramResult | undefined> {
    const all = [command, '--no-user-interaction', '-b', path, ...args];
    const outcome = await this.#run('udisksctl', all).catch((thrown: unknown) => {
      if (thrown instanceof FileSyncError && thrown.kind === 'unavailable') return undefined;
      throw thrown;
    });
    return outcome && outcome.code !== 0 && NOT_REACHED.test(outcome.stderr) ? undefined : outcome;
  }
}

function udisksError(drive: BlockDevice, outcome: ProgramResult): FileSyncError {
  const what = `${drive.path} cannot be mounted`;
  const cause = new Error(outcome.stderr.trim());
  if (NOT_AUTHORIZED.test(outcome.stderr)) {
    return new FileSyncError('denied', `${what}: ${POLKIT_REMEDY}`, { cause });
  }
  if (UNKNOWN_DRIVE.test(outcome.stderr)) {
    const remedy = 'plug it in again, or see what `udisksctl status` and `lsblk -f` show of it';
    return new FileSyncError('unavailable', `${what}: udisks does not know its file system: ${remedy}`, {
      cause,
    });
  }
  return mountError(drive, what, { ...outcome, stderr: wordsOf(outcome) });
}

/** udisksctl may print other lines before the one that counts. */
function wordsOf({ stderr, code }: ProgramResult): string {
  const lines = stderr.trim().split('\n');
  const line = lines.find(text => PREFIX.test(text)) ?? lines.at(-1);
  return firstLine(line?.replace(PREFIX, '') ?? '') || `udisksctl ended with ${code}`;
}
