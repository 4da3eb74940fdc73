import { readFile } from 'node:fs/promises';
import { blockDevices, type BlockDevice } from '../../devices/disk/block-devices.js';
import { parseMountinfo } from '../../devices/disk/mountinfo.js';
import { runProgram } from '../../devices/disk/programs.js';

/** A drive that may be a camera's card or a stick. */
export interface FoundDrive {
  readonly uuid: string;
  /** For a person: `FLIR (vfat, /dev/sda1)`. */
  readonly title: string;
  /** Where it is mounted. */
  readonly mountPoint?: string;
}

/** File systems that hold no files for people. */
const NO_FILES = /^(swap|crypto_LUKS|LVM2_member|linux_raid_member|zfs_member|squashfs)$/;
/** Where drives are mounted that come and go. */
const REMOVABLE = /^\/(media|mnt|run\/media)(\/|$)/;

/** Drives with a UUID that the machine itself does not run from; none if they cannot be listed. Nothing is mounted. */
export async function findDrives(path: string | undefined): Promise<readonly FoundDrive[]> {
  try {
    const devices = await blockDevices((program, args, signal) => runProgram(program, args, signal, path));
    return candidates(devices, await readFile('/proc/self/mountinfo', 'utf8'));
  } catch {
    return [];
  }
}

/** A whole disk counts as the machine's if any of it is mounted elsewhere than drives are that come and go. */
export function candidates(devices: readonly BlockDevice[], mountinfo: string): readonly FoundDrive[] {
  const points = new Map<string, string[]>();
  for (const { number, point } of parseMountinfo(mountinfo))
    points.set(number, [...(points.get(number) ?? []), point]);
  const pointsOf = ({ number }: BlockDevice) => points.get(number) ?? [];
  const own = new Set(
    devices.filter(device => pointsOf(device).some(point => !REMOVABLE.test(point))).map(({ disk }) => disk),
  );
  return devices.flatMap(device => {
    const { uuid, fstype, label, model, path, disk } = device;
    if (uuid === undefined || fstype === undefined || NO_FILES.test(fstype) || own.has(disk)) return [];
    const [mountPoint] = pointsOf(device);
    const title = `${label ?? model ?? 'drive'} (${fstype}, ${path})`;
    return [{ uuid, title, ...(mountPoint !== undefined && { mountPoint }) }];
  });
}
