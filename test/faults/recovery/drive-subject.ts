import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TestDrive } from '../../servers/drives.js';
import { filesBelow, SIZE, TIMEOUT, type Subject } from './subject.js';

/** A drive that the device mounts itself. */
export async function drive(end: Subject['end']): Promise<Subject> {
  const made = await TestDrive.make();
  await made.insert();
  const folder = join(made.home, 'mount');
  const put = (path: string, bytes: Uint8Array) =>
    made.whileWritable(folder, () => writeFile(join(folder, path), bytes));
  return {
    ...{ end, folder, size: SIZE, options: { type: 'disk', uuid: made.uuid, mount_point: folder } },
    ...{ put, held: () => filesBelow(folder), drive: made },
    close: () => made.dispose(),
  };
}

/** One that another program has mounted, through FUSE. */
export async function fuseDrive(end: Subject['end']): Promise<Subject> {
  const made = await TestDrive.make({ fs: 'exfat', size: 32 << 20 });
  await made.insert();
  const folder = join(made.home, 'mount');
  await made.mountAt(folder);
  return {
    ...{ end, size: SIZE, options: { type: 'disk', uuid: made.uuid, timeout: TIMEOUT } },
    put: (path, bytes) => writeFile(join(folder, path), bytes),
    ...{ held: () => filesBelow(folder), drive: made },
    close: () => made.dispose(),
  };
}
