import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { firstValueFrom } from 'rxjs';
import { disk } from '../../src/devices/disk.js';
import { makeSource, makeTarget } from '../servers/device.js';
import { TestDrive, whyNoDrives, type FileSystem } from '../servers/drives.js';
import { sourceConformance, type SourceBench } from './source.js';
import { targetConformance, type TargetBench } from './target.js';

type Editing = (work: () => Promise<void>) => Promise<void>;

/** Changes what lies on the drive by its `folder`; `editing` is how it can be written to. */
async function benchOf(
  drive: TestDrive,
  folder: string,
  editing: Editing,
): Promise<Omit<SourceBench, 'holds'>> {
  const source = await makeSource(disk, { uuid: drive.uuid, mount_point: folder });
  return {
    source,
    put: (path, bytes) =>
      editing(async () => {
        await mkdir(dirname(join(folder, path)), { recursive: true });
        await writeFile(join(folder, path), bytes);
      }),
    remove: path => editing(() => rm(join(folder, path))),
    loseRoot: () => drive.pull(),
    close: async () => {
      await source.close();
      await drive.dispose();
    },
  };
}

/** Read-only, but for the moments in which the test writes. */
async function mountedByUs(): Promise<SourceBench> {
  const drive = await TestDrive.make();
  await drive.insert();
  const folder = join(drive.home, 'ours');
  const bench = await benchOf(drive, folder, work => drive.whileWritable(folder, work));
  await firstValueFrom(bench.source.availability);
  return bench;
}

/** Names as Windows takes them. */
const isExfatName = (path: string): boolean => !/["*:<>?\\|]|\p{Cc}|[. ]$/u.test(path);

async function mountedByOthers(): Promise<SourceBench> {
  const drive = await TestDrive.make({ fs: 'exfat' });
  await drive.insert();
  const folder = join(drive.home, 'theirs');
  await drive.mountAt(folder);
  return { ...(await benchOf(drive, folder, work => work())), holds: isExfatName };
}

async function targetBench(fs: FileSystem): Promise<TargetBench> {
  const drive = await TestDrive.make({ fs });
  await drive.insert();
  const folder = join(drive.home, 'mount', 'point');
  if (fs === 'exfat') await drive.mountAt(folder);
  const target = await makeTarget(disk, { uuid: drive.uuid, mount_point: folder });
  await firstValueFrom(target.availability);
  return {
    target,
    read: path => readFile(join(folder, path)).catch(() => undefined),
    listAll: async () => {
      const entries = await readdir(join(drive.home, 'mount'), { recursive: true, withFileTypes: true });
      return entries.map(entry => relative(drive.home, join(entry.parentPath, entry.name)));
    },
    close: async () => {
      await target.close();
      await drive.dispose();
    },
  };
}

describe('disk', () => {
  before(async function () {
    const reason = await whyNoDrives();
    if (reason === undefined) return;
    console.log(`    ${reason}`);
    this.skip();
  });

  sourceConformance('disk, ext4 mounted by the device', mountedByUs);
  sourceConformance('disk, exFAT mounted by others', mountedByOthers);
  targetConformance('disk, ext4 mounted by the device', () => targetBench('ext4'));
  targetConformance('disk, exFAT mounted by others', () => targetBench('exfat'));
});
