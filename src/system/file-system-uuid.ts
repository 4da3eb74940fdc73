import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * The UUID of the file system on a block device, or its equivalent (FAT: its serial number, `66F8-E5D9`). Undefined
 * where udev does not know it, and for file systems without a block device of their own (a share, memory, btrfs).
 * @param device as `dev` of stat(2) has it for each file there
 * @param folder where udev keeps a link to each device, under its UUID
 */
export async function fileSystemUuid(
  device: number,
  folder = '/dev/disk/by-uuid',
): Promise<string | undefined> {
  const uuids = await readdir(folder).catch(() => []);
  const nodes = await Promise.all(uuids.map(uuid => stat(join(folder, uuid)).catch(() => undefined)));
  return uuids.find((_, index) => nodes[index]?.isBlockDevice() && nodes[index].rdev === device);
}
