import { readFile, stat } from 'node:fs/promises';
import { deviceNumber } from '../../system/device-number.js';
import type { NameStyle } from '../../system/portable-names.js';
import { ofNearest, statfsNearest } from '../../system/statfs.js';
import { parseMountinfo } from '../disk/mountinfo.js';

/** `f_type` (statfs(2); linux/magic.h). */
const WINDOWS_FILE_SYSTEMS: readonly number[] = [
  0x4d44, // FAT
  0x2011bab0, // exFAT
  0x7366746e, // NTFS (ntfs3)
  0x5346544e, // NTFS (ntfs)
];
const FUSE = 0x65735546;

/** File systems on drives that FUSE programs serve: exFAT and NTFS. Other programs on drives (`fuseblk`) serve those, too. */
const WINDOWS_FUSE = /^(?:fuseblk|fuse\.(?:exfat|ntfs))/;

/** Which names the file system of a folder, which may not exist yet, needs. Rejects with the system's own error. */
export async function nameStyleOf(folder: string): Promise<NameStyle> {
  const { type } = await statfsNearest(folder);
  if (type === FUSE && WINDOWS_FUSE.test(await fuseTypeOf(folder))) return 'portable';
  return WINDOWS_FILE_SYSTEMS.includes(type) ? 'portable' : 'as-is';
}

async function fuseTypeOf(folder: string): Promise<string> {
  const number = deviceNumber((await ofNearest(folder, path => stat(path))).dev);
  const mounts = parseMountinfo(await readFile('/proc/self/mountinfo', 'utf8'));
  return mounts.find(mount => mount.number === number)?.fstype ?? '';
}
