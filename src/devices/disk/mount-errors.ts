import { FileSyncError, type ErrorKind } from '../../errors.js';
import type { BlockDevice } from './block-devices.js';
import { firstLine, type ProgramResult } from './programs.js';

/** Names of a file system's drivers, best first, and how to install one. Other drivers have the file system's name. */
export const DRIVERS: Readonly<Record<string, { types: readonly string[]; remedy: string }>> = {
  exfat: {
    types: ['exfat', 'exfat-fuse'],
    remedy: 'install the package exfat-fuse, or a kernel from 5.7 on',
  },
  ntfs: { types: ['ntfs', 'ntfs3', 'ntfs-3g'], remedy: 'install the package ntfs-3g' },
};

/** Messages of mount(8), which udisks passes on, their error kind, and the words for it. */
const MOUNT_ERRORS: readonly (readonly [RegExp, ErrorKind, string])[] = [
  [/write-protected|read-only/i, 'denied', 'it is write-protected: move its switch, or repair it'],
  [/already mounted|busy/i, 'busy', 'it is in use by another program'],
  [
    /bad superblock|wrong fs type|structure needs cleaning|i\/o error|can't read/i,
    'io',
    'it is damaged: repair it with fsck',
  ],
];
export const NO_DRIVER = /unknown filesystem type|no such device/i;
export const PROTECTED = /write-protected/i;

/** `what` is the beginning of the message: `/dev/sda1 cannot be mounted at /mnt/flir`. */
export function mountError(drive: BlockDevice, what: string, { code, stderr }: ProgramResult): FileSyncError {
  const cause = new Error(stderr.trim() || `the program ended with ${code}`);
  const error = (kind: ErrorKind, words: string) => new FileSyncError(kind, `${what}: ${words}`, { cause });
  if (NO_DRIVER.test(stderr)) return error('unavailable', driverRemedy(drive));
  const [, kind, words] = MOUNT_ERRORS.find(([pattern]) => pattern.test(stderr)) ?? [];
  return error(kind ?? 'io', words ?? firstLine(cause.message));
}

function driverRemedy({ fstype = '' }: BlockDevice): string {
  const remedy = DRIVERS[fstype]?.remedy ?? `load the kernel module (modprobe ${fstype}) or install it`;
  return `this machine has no driver for the file system ${fstype}: ${remedy}`;
}
