import assert from 'node:assert/strict';
import { mkdir, open, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { filter, firstValueFrom } from 'rxjs';
import { Drive } from '../../../src/devices/disk/drive.js';
import { Kernel } from '../../../src/devices/disk/kernel.js';
import { DriveNames } from '../../../src/devices/disk/names.js';
import { runProgram } from '../../../src/devices/disk/programs.js';
import { DiskSource } from '../../../src/devices/disk/source.js';
import { collect, failsWith, listed, sample } from '../../conformance/support.js';
import { temporaryFolder } from '../../conformance/temp-folder.js';
import { deviceContext } from '../../fakes/device-context.js';
import { RecordingLogger } from '../../fakes/recording-logger.js';
import { mountsAt, TestDrive, whyNoDrives } from '../../servers/drives.js';

const PICTURE = sample(100_000, 3);
const ERROR = 'GDBus.Error:org.freedesktop.UDisks2.Error';
const NO_TTY =
  'Error creating textual authentication agent: Error opening current controlling terminal for the process';

/**
 * A stand-in for udisksctl with the messages of udisks 2.9.4, which really mounts, below `media` beside it. The true udisks is
 * used by the tests in test/packaging.
 */
const UDISKSCTL = `echo "$*" >> "\${0%/*}/calls"
place="\${0%/*}/media/FLIR"
while [ $# -gt 0 ]; do
  case $1 in
  mount | unmount) command=$1 ;;
  -b) device=$2; shift ;;
  -o) options=$2; shift ;;
  --force) force=-l ;;
  esac
  shift
done
if [ "$command" = mount ]; then
  mkdir -p "$place"
  PATH=/usr/bin:/bin:/usr/sbin:/sbin mount -o "$options" "$device" "$place" && echo "Mounted $device at $place" && exit
else
  PATH=/usr/bin:/bin:/usr/sbin:/sbin umount $force "$place" && echo "Unmounted $device." && exit
  echo "Error unmounting $device: ${ERROR}.DeviceBusy: Error unmounting $device: target is busy" >&2
fi
exit 1`;

describe('disk: mounting through udisks', function () {
  let folder: string;
  let media: string;
  let drive: TestDrive;
  let logger: RecordingLogger;
  const afterwards: (() => Promise<unknown>)[] = [];

  before(async function () {
    const reason = await whyNoDrives();
    if (reason === undefined) return;
    console.log(`    ${reason}`);
    this.skip();
  });

  beforeEach(async () => {
    const { path, remove } = await temporaryFolder();
    folder = path;
    media = join(folder, 'media/FLIR');
    logger = new RecordingLogger();
    afterwards.push(remove);
    // What util-linux says to other users than root.
    await program('mount', 'echo "mount: $6: must be superuser to use mount." >&2; exit 1');
    await program('umount', 'echo "umount: $1: must be superuser to unmount." >&2; exit 32');
    await program('udisksctl', UDISKSCTL);
    drive = await TestDrive.make();
    afterwards.push(() => drive.dispose());
    await drive.fill(async top => {
      await mkdir(join(top, 'DCIM'));
      await writeFile(join(top, 'DCIM/a.jpg'), PICTURE);
    });
    await drive.insert();
  });
  afterEach(async () => {
    for (const work of afterwards.splice(0).reverse()) await work();
  });

  const program = (name: string, script: string) =>
    writeFile(join(folder, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  const calls = async () => (await readFile(join(folder, 'calls'), 'utf8')).trim().split('\n');
  const refusing = (message: string) => program('udisksctl', `echo '${message}' >&2; exit 1`);

  /** As the device makes it for a user without rights. */
  function source(mountPoint?: string): DiskSource {
    const context = deviceContext({ name: 'camera', logger, env: { PATH: folder } });
    const made = new DiskSource(
      new Drive({ uuid: drive.uuid, mountPoint }, context, {
        run: (name, args, signal) => runProgram(name, args, signal, folder),
        kernel: new Kernel(),
        names: new DriveNames(logger),
        udisks: true,
      }),
      context,
    );
    afterwards.push(() => made.close());
    return made;
  }

  const messageOf = async (made: DiskSource, kind: 'denied' | 'unavailable' | 'io') =>
    (await failsWith(() => listed(made), kind)).message;

  it('mounts the drive read-only and safe where udisks chooses, and unmounts it at the end', async () => {
    const camera = source();
    const state = await firstValueFrom(camera.availability.pipe(filter(({ available }) => available)));
    assert.match(state.reason, new RegExp(`${drive.node}.*mounted at ${media}`));
    const [{ options = '' } = {}] = await mountsAt(media);
    const words = options.split(',');
    assert.deepEqual(
      ['ro', 'nosuid', 'nodev', 'noexec'].filter(word => !words.includes(word)),
      [],
    );
    assert.deepEqual(
      (await listed(camera)).map(({ path }) => path).filter(path => path.startsWith('DCIM')),
      ['DCIM/a.jpg'],
    );
    await camera.close();
    assert.deepEqual(await mountsAt(media), []);
    assert.deepEqual(await calls(), [
      `mount --no-user-interaction -b ${drive.node} -o ro,nosuid,nodev,noexec`,
      `unmount --no-user-interaction -b ${drive.node}`,
    ]);
    assert.match(logger.messages('info').join(), new RegExp(`is mounted at ${media}, read-only`));
  });

  it('asks mount(8) first where there is a mount point', async () => {
    const camera = source(join(folder, 'flir'));
    await listed(camera);
    assert.equal((await mountsAt(media)).length, 1);
    assert.match(logger.messages('debug').join('\n'), /^mount -t ext4 .*flir: exit code 1/m);
  });

  it('mounts the drive again, to write, when a file is to be removed', async () => {
    const camera = source();
    const file = (await listed(camera)).find(({ path }) => path === 'DCIM/a.jpg');
    assert.ok(file);
    assert.ok((await collect(camera.read(file, 0, new AbortController().signal))).equals(PICTURE));
    await camera.remove(file, new AbortController().signal);
    assert.equal(
      (await listed(camera)).some(({ path }) => path === 'DCIM/a.jpg'),
      false,
    );
    const [, unmounted, mounted] = await calls();
    assert.match(unmounted ?? '', /^unmount /);
    assert.match(mounted ?? '', /-o rw,nosuid,nodev,noexec$/);
  });

  it('frees a drive that is in use at the end', async () => {
    const camera = source();
    await listed(camera);
    const handle = await open(join(media, 'DCIM/a.jpg'));
    await camera.close();
    assert.match(logger.messages('warn').join(), /cannot be unmounted: .*target is busy; it will be once/);
    assert.match((await calls()).at(-1) ?? '', /^unmount .* --force$/);
    assert.deepEqual(await mountsAt(media), []);
    await handle.close();
  });

  it('names the polkit rule where udisks may not be used', async () => {
    await program(
      'udisksctl',
      `echo '${NO_TTY}' >&2; echo 'Error mounting /dev/x: ${ERROR}.NotAuthorizedCanObtain: Not authorized' >&2; exit 1`,
    );
    const message = await messageOf(source(), 'denied');
    assert.match(message, /^\/dev\/loop\d+ cannot be mounted: udisks does not allow .*50-filesync\.rules/);
  });

  it('reports what is wrong with the drive as mount(8) does', async () => {
    await refusing(`Error mounting /dev/x at /media/u/x: ${ERROR}.Failed: wrong fs type, bad superblock`);
    assert.match(await messageOf(source(), 'io'), /it is damaged: repair it with fsck$/);
    await refusing('Error looking up object for device /dev/x');
    assert.match(await messageOf(source(), 'unavailable'), /udisks does not know its file system/);
    await refusing(`Error mounting /dev/x: ${ERROR}.DeviceBusy: something is under way`);
    assert.match(
      (await failsWith(() => listed(source()), 'busy')).message,
      /it is in use by another program$/,
    );
  });

  it('uses what another program has mounted in the same moment', async () => {
    await program(
      'udisksctl',
      `PATH=/usr/bin:/bin mkdir -p '${media}'; PATH=/usr/bin:/bin:/sbin mount '${drive.node}' '${media}'
      echo 'Error mounting /dev/x: ${ERROR}.AlreadyMounted: Device is already mounted' >&2; exit 1`,
    );
    assert.ok((await listed(source())).length > 0);
  });

  it('says what to install where there is no udisks, or no D-Bus', async () => {
    for (const message of ['Error connecting to the udisks daemon: x', 'Failed to connect to bus: x']) {
      await refusing(message);
      assert.match(
        await messageOf(source(), 'denied'),
        /no right to mount\. Install the package udisks2 .*fstab/,
      );
    }
  });
});
