import assert from 'node:assert/strict';
import { mkdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { disk } from '../../../src/devices/disk.js';
import { blockDevices } from '../../../src/devices/disk/block-devices.js';
import { Drive, type DriveOptions } from '../../../src/devices/disk/drive.js';
import { Kernel } from '../../../src/devices/disk/kernel.js';
import { parseMountinfo, topmost } from '../../../src/devices/disk/mountinfo.js';
import { DriveNames, type Drivelist } from '../../../src/devices/disk/names.js';
import { runProgram, type ProgramResult, type RunProgram } from '../../../src/devices/disk/programs.js';
import { DiskSource } from '../../../src/devices/disk/source.js';
import { choose, type WantedDrive } from '../../../src/devices/disk/wanted.js';
import { FileSyncError } from '../../../src/errors.js';
import type { Availability } from '../../../src/ports.js';
import { failsWith, listed } from '../../conformance/support.js';
import { temporaryFolder } from '../../conformance/temp-folder.js';
import { deviceContext } from '../../fakes/device-context.js';
import { RecordingLogger } from '../../fakes/recording-logger.js';
import { VirtualClock } from '../../fakes/virtual-clock.js';

interface Node {
  readonly name: string;
  readonly [column: string]: unknown;
}

const BLANK = { uuid: null, label: null, fstype: null, serial: null, model: null, size: 1e9, ro: false };
const node = (name: string, number: string, columns: object = {}): Node => ({
  name: `/dev/${name}`,
  'maj:min': number,
  ...BLANK,
  ...columns,
});

/** A Raspberry Pi with udev and the camera on USB. */
const PI = [
  node('sda', '8:0', {
    serial: 'FLIR0001',
    model: 'Duo Pro R',
    children: [node('sda1', '8:1', { uuid: '66F8-E5D9', label: 'FLIR', fstype: 'exfat' })],
  }),
  node('mmcblk0', '179:0', {
    serial: '0xb483c578',
    children: [
      node('mmcblk0p1', '179:1', { uuid: '5DE4-665C', label: 'bootfs', fstype: 'vfat' }),
      node('mmcblk0p2', '179:2', {
        uuid: '7295bbc3-bbc2-4267-9fa0-099e10ef5bf0',
        label: 'rootfs',
        fstype: 'ext4',
      }),
    ],
  }),
  node('zram0', '254:0', { fstype: 'swap', uuid: 'b2d6', size: 0 }),
];

/** A Jetson with Ubuntu 18.04, whose lsblk 2.31 gives texts for all. */
const JETSON = JSON.parse(JSON.stringify(PI), (key, value: unknown) => {
  if (key === 'ro') return value === true ? '1' : '0';
  return typeof value === 'number' ? String(value) : value;
}) as Node[];

/** A container: no udev's data, but the nodes of the disks. */
const CONTAINER = [
  node('zram0', '253:0', { size: 0 }),
  node('sda', '8:0', { children: [node('sda1', '8:1')] }),
  node('sdb', '8:16'),
];

const output = (stdout: string, code = 0, stderr = ''): ProgramResult => ({ code, stdout, stderr });
const lsblk = (nodes: readonly Node[]) => output(JSON.stringify({ blockdevices: nodes }));

/** Plays programs, and remembers what was asked of them. */
class Stage {
  readonly calls: string[] = [];
  drives: readonly Node[] = [];
  /** By the node. */
  readonly blkid: Record<string, ProgramResult> = {};
  mount: (args: readonly string[]) => Promise<ProgramResult> = async () =>
    output('', 32, 'mount: nothing is played');
  /** Calls that begin so never end, even when they are killed. */
  readonly hanging: string[] = [];

  readonly run: RunProgram = async (program, args) => {
    const call = [program, ...args].join(' ');
    this.calls.push(call);
    if (this.hanging.some(begin => call.startsWith(begin))) return new Promise(() => undefined);
    if (program === 'lsblk') return lsblk(this.drives);
    if (program === 'blkid') return this.blkid[args.at(-1) ?? ''] ?? output('', 2);
    if (program === 'udisksctl') return output('', 1, 'Error connecting to the udisks daemon: no such name');
    return program === 'mount' ? this.mount(args) : output('');
  };

  count(program: string): number {
    return this.calls.filter(call => call.startsWith(`${program} `)).length;
  }
}

describe('disk', () => {
  let stage: Stage;

  beforeEach(() => {
    stage = new Stage();
  });

  describe('finding', () => {
    const find = async (wanted: WantedDrive, drives: readonly Node[]) => {
      stage.drives = drives;
      return choose(wanted, await blockDevices(stage.run));
    };
    const refused = async (wanted: WantedDrive, drives: readonly Node[]) =>
      (await failsWith(() => find(wanted, drives), 'unavailable')).message;

    for (const [name, drives] of Object.entries({ 'a Raspberry Pi': PI, 'a Jetson': JETSON })) {
      it(`finds the camera on ${name} by any of its marks, without asking the disks`, async () => {
        for (const wanted of [{ uuid: '66f8-e5d9' }, { label: 'FLIR' }, { serial: 'FLIR0001' }]) {
          const { path, number, disk, fstype, model, readOnly } = await find(wanted, drives);
          assert.deepEqual([path, number, disk, fstype], ['/dev/sda1', '8:1', '/dev/sda', 'exfat']);
          assert.deepEqual([model, readOnly], ['Duo Pro R', false]);
        }
        assert.equal(stage.count('blkid'), 0);
      });
    }

    it('wants all of the marks that are given', async () => {
      assert.match(
        await refused({ uuid: '66F8-E5D9', label: 'OTHER' }, PI),
        /^the drive with UUID 66F8-E5D9 and label OTHER is not/,
      );
      assert.equal((await find({ uuid: '66F8-E5D9', serial: 'FLIR0001' }, PI)).path, '/dev/sda1');
    });

    it('distinguishes copies of a drive by the serial number, and says so', async () => {
      const card = (name: string, number: string, serial: string | null) => ({
        ...node(name, number, { uuid: '66F8-E5D9', fstype: 'vfat' }),
        serial,
      });
      const twins = [card('sda', '8:0', 'ONE'), card('sdb', '8:16', 'TWO')];
      const message = await refused({ uuid: '66F8-E5D9' }, twins);
      assert.match(
        message,
        /sda \(UUID 66F8-E5D9, serial number ONE\), .*copies of each other: add `serial`/,
      );
      assert.equal((await find({ uuid: '66F8-E5D9', serial: 'TWO' }, twins)).path, '/dev/sdb');
      const unnamed = [card('sda', '8:0', null), card('sdb', '8:16', null)];
      assert.match(await refused({ uuid: '66F8-E5D9' }, unnamed), /unplug one, or give it another UUID/);
    });

    it('does not choose among the file systems of one disk', async () => {
      const message = await refused({ serial: '0xb483c578' }, PI);
      assert.match(message, /mmcblk0p1 \(UUID 5DE4-665C\), .*mmcblk0p2 .*name the one by its uuid/);
    });

    it('reads the marks from the disks where udev does not know them', async () => {
      stage.blkid['/dev/sda1'] = output(
        'ID_FS_LABEL=MY_DISK\nID_FS_LABEL_ENC=MY\\x20DISK=é\nID_FS_UUID_ENC=66F8-E5D9\nID_FS_TYPE=exfat\n',
      );
      const { path, fstype, uuid } = await find({ label: 'MY DISK=é' }, CONTAINER);
      assert.deepEqual([path, fstype, uuid], ['/dev/sda1', 'exfat', '66F8-E5D9']);
      assert.deepEqual(stage.calls.slice(1), ['blkid -p -o udev /dev/sda1', 'blkid -p -o udev /dev/sdb']);
    });

    it('says which disks it may not read', async () => {
      stage.blkid['/dev/sdb'] = output('', 2, 'blkid: error: /dev/sdb: Permission denied');
      assert.match(
        await refused({ uuid: '66F8-E5D9' }, CONTAINER),
        /may not be read \(\/dev\/sdb\): run as root, .*group disk/,
      );
    });

    it('is not kept from the others by a disk that hangs', async () => {
      stage.blkid['/dev/sda1'] = output('ID_FS_UUID_ENC=66F8-E5D9\nID_FS_TYPE=exfat\n');
      const { run } = stage;
      const hangs = new FileSyncError('timeout', 'blkid did not end within 10 s');
      const hanging: RunProgram = (program, args) =>
        args.includes('/dev/sdb') ? Promise.reject(hangs) : run(program, args);
      stage.drives = CONTAINER;
      assert.equal(choose({ uuid: '66F8-E5D9' }, await blockDevices(hanging)).path, '/dev/sda1');
    });

    it('takes no swap for a drive', async () => {
      assert.match(await refused({ uuid: 'b2d6' }, PI), /is not plugged in/);
    });

    it('reports output of lsblk that cannot be parsed', async () => {
      await failsWith(() => blockDevices(async () => output('', 1, 'lsblk: unknown column')), 'unavailable');
      const error = await failsWith(
        () => blockDevices(async () => output('{"blockdevices": [{}]}')),
        'unavailable',
      );
      assert.match(error.message, /lsblk cannot list the drives/);
    });

    it('asks the programs of this machine', async () => {
      const devices = await blockDevices(runProgram);
      assert.ok(devices.length > 0 && devices.every(({ path }) => path.startsWith('/dev/')));
    });
  });

  describe('mounts', () => {
    const MOUNTINFO = [
      '22 1 179:2 / / rw,relatime shared:1 - ext4 /dev/mmcblk0p2 rw',
      '40 22 8:1 / /mnt/my\\040card rw,nosuid shared:9 master:2 - vfat /dev/sda1 ro,fmask=0022',
      '41 40 0:50 / /mnt/my\\040card rw - fuseblk /dev/sdb1 rw',
      '',
    ].join('\n');

    it('are read with their blanks, and their being read-only in either place', () => {
      const [, card] = parseMountinfo(MOUNTINFO);
      assert.deepEqual(card, {
        ...{ id: '40', parent: '22', number: '8:1', root: '/', point: '/mnt/my card' },
        ...{ fstype: 'vfat', source: '/dev/sda1', readOnly: true },
      });
    });

    it('may cover each other', () => {
      assert.equal(topmost(parseMountinfo(MOUNTINFO), '/mnt/my card')?.source, '/dev/sdb1');
      assert.equal(topmost(parseMountinfo(MOUNTINFO), '/')?.source, '/dev/mmcblk0p2');
      assert.equal(topmost(parseMountinfo(MOUNTINFO), '/mnt'), undefined);
    });
  });

  describe('plugging', () => {
    let home: string;
    let place: string;
    let cleanUp: () => Promise<void>;
    let clock: VirtualClock;
    let logger: RecordingLogger;
    let kernel: Kernel;
    /** Major and minor number of the file system that the test itself is on: it plays the drive's. */
    let number: string;
    const noNames = (): Promise<Drivelist> =>
      Promise.reject(new Error('Cannot find package\nwith a long story'));

    beforeEach(async () => {
      ({ path: home, remove: cleanUp } = await temporaryFolder());
      place = join(home, 'flir');
      clock = new VirtualClock();
      logger = new RecordingLogger();
      kernel = new Kernel(join(home, 'root'));
      const { dev } = await stat(home);
      number = `${(dev >>> 8) & 0xfff}:${(dev & 0xff) | ((dev >>> 12) & 0xfff00)}`;
      await mkdir(join(home, 'root/proc/self'), { recursive: true });
      await mkdir(join(home, 'root/sys/dev/block'), { recursive: true });
      await write('proc/partitions', '');
      await write('proc/self/mountinfo', '');
    });
    afterEach(() => cleanUp());

    const write = (path: string, text: string) => writeFile(join(home, 'root', path), text);

    async function plugIn(sequence = 1, columns: object = {}): Promise<void> {
      const device = `host${sequence}/block/sda`;
      await mkdir(join(home, 'root/sys/dev', device, 'sda1'), { recursive: true });
      await write(`sys/dev/${device}/sda1/size`, '2048\n');
      await write(`sys/dev/${device}/diskseq`, `${sequence}\n`);
      await symlink(`../${device}/sda1`, join(home, 'root/sys/dev/block', number));
      await write('proc/partitions', `8 1 1024 sda1 ${sequence}`);
      const partition = node('sda1', number, { uuid: '66F8-E5D9', fstype: 'vfat', ...columns });
      stage.drives = [node('sda', '8:0', { children: [partition] })];
    }

    async function pullOut(): Promise<void> {
      await rm(join(home, 'root/sys/dev/block', number));
      await write('proc/partitions', '');
      stage.drives = [];
    }

    const mountLine = (access = 'ro') => `40 22 ${number} / ${place} ${access} - vfat /dev/sda1 ${access}\n`;

    /** A mount(8) that works. */
    const mounting = async (args: readonly string[]): Promise<ProgramResult> => {
      const access = args.some(arg => /(^|,)rw/.test(arg)) ? 'rw' : 'ro';
      await write('proc/self/mountinfo', mountLine(access));
      return output('');
    };

    function sourceOn(options: Partial<DriveOptions> = {}, load = noNames, run = stage.run): DiskSource {
      const context = deviceContext({ name: 'camera', clock, logger });
      const tools = { run, kernel, names: new DriveNames(logger, load) };
      const drive = new Drive({ uuid: '66F8-E5D9', mountPoint: place, ...options }, context, tools);
      return new DiskSource(drive, context);
    }

    /** Between two probes, of which the next is soon. The timeout of a call in flight is later. */
    const pauses = (): boolean => (clock.nextWake ?? Infinity) <= 2_000;

    /** The availability as it changes, while virtual time passes. */
    function watch(source: DiskSource) {
      const seen: Availability[] = [];
      const watching = source.availability.subscribe(state => void seen.push(state));
      const pass = async (ms: number): Promise<void> => {
        for (let passed = 0; passed < ms; passed += 100) {
          await until(pauses);
          await clock.advance(100);
        }
        await until(pauses);
      };
      return { seen, pass, stop: () => watching.unsubscribe() };
    }

    /** Real files are read meanwhile, so a turn of the loop is not enough. */
    async function until(condition: () => boolean): Promise<void> {
      while (!condition()) await new Promise(resolve => setImmediate(resolve));
    }

    const reasonOf = async (source: DiskSource) => (await failsWith(() => listed(source))).message;

    it('reports the drive within 2 s of its insertion and of its removal, and probes only after a change', async () => {
      stage.mount = mounting;
      const source = sourceOn();
      const { seen, pass, stop } = watch(source);
      await pass(9_000);
      assert.deepEqual(
        seen.map(({ available }) => available),
        [false],
      );
      assert.equal(stage.count('lsblk'), 2, 'nothing changed, so it is asked once more, and then no more');
      await plugIn();
      await pass(1_900);
      assert.deepEqual(
        seen.map(({ available }) => available),
        [false, true],
      );
      await pass(5_000);
      assert.equal(stage.count('mount'), 1);
      await pullOut();
      await pass(1_900);
      assert.deepEqual(
        seen.map(({ available }) => available),
        [false, true, false],
      );
      assert.equal(stage.calls.at(-1)?.startsWith('lsblk'), true);
      assert.ok(stage.calls.includes(`umount -l ${place}`), 'the dead mount is cleaned up');
      stop();
      await source.close();
    });

    it('another drive under the same number is another stay: what was mounted is let go of', async () => {
      stage.mount = mounting;
      const source = sourceOn();
      await listed(source).catch(() => undefined);
      await plugIn(1);
      await mkdir(place);
      await clock.advance(10_000);
      assert.deepEqual(await listed(source), []);
      await pullOut();
      await plugIn(2, { uuid: '0000-0001' });
      assert.match(await reasonOf(source), /not plugged in/);
      assert.ok(stage.calls.includes(`umount -l ${place}`));
      await source.close();
    });

    it('a mount that failed is not retried again and again', async () => {
      stage.mount = async () =>
        output('', 32, 'mount: wrong fs type, bad option, bad superblock on /dev/sda1');
      await plugIn();
      const source = sourceOn();
      const { seen, pass, stop } = watch(source);
      await pass(9_500);
      assert.equal(stage.count('mount'), 2);
      assert.deepEqual(
        seen.map(({ reason }) => reason),
        [`/dev/sda1 cannot be mounted at ${place}: it is damaged: repair it with fsck`],
      );
      await pass(4_000);
      assert.equal(stage.count('mount'), 3);
      stop();
      await source.close();
    });

    it('mounts with the options that keep this machine safe, FAT with UTF-8 names', async () => {
      stage.mount = mounting;
      await plugIn();
      await mkdir(place);
      const source = sourceOn();
      await listed(source);
      assert.ok(
        stage.calls.includes(`mount -t vfat -o ro,nosuid,nodev,noexec,utf8,tz=UTC /dev/sda1 ${place}`),
        stage.calls.join('\n'),
      );
      await source.close();
    });

    it('is mounted again before each scan only where that is asked for, and not while it is read', async () => {
      await mkdir(place);
      await writeFile(join(place, 'a.jpg'), 'picture');
      const run: RunProgram = async (program, args, signal) => {
        if (program === 'umount') await write('proc/self/mountinfo', '');
        return stage.run(program, args, signal);
      };
      stage.mount = mounting;
      await plugIn();
      const never = new AbortController().signal;
      for (const remount of ['never', 'each-scan'] as const) {
        stage.calls.length = 0;
        const source = sourceOn({ remount }, noNames, run);
        const files = await listed(source);
        assert.deepEqual(
          files.map(({ path }) => path),
          ['a.jpg'],
        );
        await listed(source);
        assert.equal(stage.count('umount'), remount === 'never' ? 0 : 1);
        const [file] = files;
        assert.ok(file);
        const reading = source.read(file, 0, never)[Symbol.asyncIterator]();
        await reading.next();
        await listed(source);
        assert.equal(stage.count('umount'), remount === 'never' ? 0 : 1, 'while a file is read');
        await reading.return?.();
        await listed(source);
        assert.equal(stage.count('umount'), remount === 'never' ? 0 : 2);
        await source.close();
        await write('proc/self/mountinfo', '');
      }
    });

    it('without the rights it reports the remedy, and uses what fstab allows', async () => {
      await plugIn();
      const refusal = output('', 1, 'mount: only root can do that: must be superuser to use mount.');
      stage.mount = async args =>
        args.length > 1 ? refusal : output('', 1, "mount: can't find in /etc/fstab.");
      const source = sourceOn();
      const error = await failsWith(() => listed(source), 'denied');
      assert.match(error.message, /udisksctl mount -b \/dev\/sda1/);
      assert.ok(error.message.includes(`UUID=66F8-E5D9 ${place} auto ro,user,noauto 0 0`), error.message);
      assert.match(error.message, /SYS_ADMIN/);
      assert.deepEqual([error.device, error.operation, error.temporary], ['camera', 'list', true]);
      stage.mount = async args => (args.length > 1 ? refusal : mounting(args));
      await clock.advance(10_000);
      assert.deepEqual(await listed(source), []);
      await source.close();
    });

    it('names the package of a driver that is missing, after trying all that there are', async () => {
      stage.mount = async () => output('', 32, "mount: unknown filesystem type 'x'.");
      for (const [fstype, types, remedy] of [
        ['exfat', ['exfat', 'exfat-fuse'], /install the package exfat-fuse/],
        ['ntfs', ['ntfs', 'ntfs3', 'ntfs-3g'], /install the package ntfs-3g/],
        ['f2fs', ['f2fs'], /load the kernel module \(modprobe f2fs\)/],
      ] as const) {
        await plugIn(1, { fstype });
        const source = sourceOn();
        assert.match(await reasonOf(source), remedy);
        const tried = stage.calls.splice(0).filter(call => call.startsWith('mount'));
        assert.deepEqual(
          tried.map(call => call.split(' ')[2]),
          types,
        );
        await source.close();
        await pullOut();
      }
    });

    it('works without drivelist, and logs that once', async () => {
      stage.mount = mounting;
      const source = sourceOn();
      await reasonOf(source);
      await plugIn();
      await mkdir(place);
      await clock.advance(10_000);
      await listed(source);
      assert.deepEqual(
        logger.messages('debug').filter(message => message.includes('drivelist')),
        ['drivelist cannot be loaded, names come from lsblk alone: Cannot find package'],
      );
      await source.close();
    });

    it('logs at debug that no drive is found, that one is, how it is mounted and unmounted', async () => {
      stage.mount = mounting;
      const source = sourceOn({}, async () => ({ parse: () => [] }));
      await reasonOf(source);
      await plugIn();
      await mkdir(place);
      await clock.advance(10_000);
      await listed(source);
      await source.close();
      assert.deepEqual(logger.messages('debug'), [
        'no mounted drive: the drive with UUID 66F8-E5D9 is not plugged in',
        `mount -t vfat -o ro,nosuid,nodev,noexec,utf8,tz=UTC /dev/sda1 ${place}: exit code 0 after 0 ms`,
        `found the drive /dev/sda1, mounted at ${place} by this program`,
        `umount ${place}: exit code 0 after 0 ms`,
      ]);
    });

    it("calls the drive by drivelist's words", async () => {
      stage.mount = mounting;
      await plugIn();
      await mkdir(place);
      const described = { raw: '/dev/sda', description: 'FLIR Duo Pro R' };
      const parse = (text: string) => (text.includes('66F8-E5D9') ? [described] : []);
      const source = sourceOn({}, async () => ({ parse }));
      await listed(source);
      assert.deepEqual(logger.messages('info'), [
        `FLIR Duo Pro R (/dev/sda1) is mounted at ${place}, read-only`,
      ]);
      await source.close();
    });

    it('passes the output of lsblk to drivelist', async () => {
      stage.drives = [node('sda', '8:0', { vendor: 'FLIR ', model: 'Duo Pro R' })];
      const names = await new DriveNames(logger).all(stage.run);
      assert.deepEqual([...names], [['/dev/sda', 'FLIR Duo Pro R']]);
    });

    it('after its end it mounts nothing any more', async () => {
      stage.mount = mounting;
      await plugIn();
      const source = sourceOn();
      await source.close();
      await failsWith(() => listed(source), 'unavailable');
      assert.equal(stage.count('mount'), 0);
    });

    describe('where a program never ends', () => {
      let source: DiskSource;

      /** A listing that waits for that program, and the abort that ends the waiting. */
      async function listing(): Promise<{ outcome: Promise<FileSyncError>; stop: AbortController }> {
        const stop = new AbortController();
        const outcome = failsWith(() => listed(source, stop.signal), 'cancelled');
        await until(() => stage.calls.some(call => stage.hanging.some(begin => call.startsWith(begin))));
        return { outcome, stop };
      }

      beforeEach(async () => {
        stage.mount = mounting;
        await plugIn();
        await mkdir(place);
        source = sourceOn();
      });

      for (const program of ['lsblk', 'mount']) {
        it(`${program} holds up neither the abort nor the end`, async () => {
          stage.hanging.push(program);
          const { outcome, stop } = await listing();
          stop.abort();
          await outcome;
          await source.close();
        });

        it(`${program} does not hold up the end without an abort either`, async () => {
          stage.hanging.push(program);
          const { outcome } = await listing();
          await source.close();
          await outcome;
        });

        it(`${program} that was given up leaves the turn to the next`, async () => {
          stage.hanging.push(program);
          const { outcome, stop } = await listing();
          stop.abort();
          await outcome;
          stage.hanging.pop();
          assert.deepEqual(await listed(source), []);
          await source.close();
        });
      }

      it('nor does a kernel that does not answer', async () => {
        let asked = false;
        kernel.mounts = () => {
          asked = true;
          return new Promise(() => undefined);
        };
        const outcome = failsWith(() => listed(source), 'cancelled');
        await until(() => asked);
        await source.close();
        await outcome;
      });

      it('the program receives the abort', async () => {
        const seen: (AbortSignal | undefined)[] = [];
        const { run } = stage;
        const watched: RunProgram = (program, args, signal) => {
          seen.push(signal);
          return run(program, args);
        };
        stage.hanging.push('lsblk');
        source = sourceOn({}, noNames, watched);
        const { outcome } = await listing();
        assert.deepEqual(
          seen.map(signal => signal?.aborted),
          [false],
        );
        await source.close();
        await outcome;
        assert.equal(seen[0]?.aborted, true);
      });

      for (const [what, flags] of Object.entries({ umount: '', 'not even umount -l': '-l ' })) {
        it(`${what} ends, but the source does`, async () => {
          assert.deepEqual(await listed(source), []);
          stage.hanging.push(`umount ${place}`, `umount ${flags}${place}`);
          const closing = source.close();
          for (const call of [`umount ${place}`, `umount -l ${place}`]) {
            await until(() => stage.calls.at(-1) === call);
            await clock.advance(2_000);
          }
          await closing;
          assert.match(logger.messages('warn').join(), /is not unmounted after 1\.5 s; it will be once/);
        });
      }

      /** Mounts, and is not heard of any more. */
      const cutOff = async (args: readonly string[]): Promise<ProgramResult> => {
        await mounting(args);
        stage.calls.push('mounted');
        return new Promise(() => undefined);
      };

      it('a mount that succeeded unseen is detached at the end', async () => {
        stage.mount = cutOff;
        const cancelled = failsWith(() => listed(source), 'cancelled');
        await until(() => stage.calls.includes('mounted'));
        await source.close();
        await cancelled;
        assert.equal(stage.calls.at(-1), `umount -l ${place}`);
      });

      it('a mount that succeeded unseen is used, and unmounted at the end', async () => {
        stage.mount = cutOff;
        const stop = new AbortController();
        const cancelled = failsWith(() => listed(source, stop.signal), 'cancelled');
        await until(() => stage.calls.includes('mounted'));
        stop.abort();
        await cancelled;
        assert.deepEqual(await listed(source), []);
        assert.equal(stage.count('mount'), 1);
        await source.close();
        assert.equal(stage.calls.at(-1), `umount ${place}`);
      });

      it('a mount of others at our place, after one of ours that failed, is not ours', async () => {
        stage.mount = async () => output('', 32, 'mount: bad superblock');
        await failsWith(() => listed(source), 'io');
        await write('proc/self/mountinfo', mountLine('rw'));
        assert.deepEqual(await listed(source), []);
        await source.close();
        assert.equal(stage.count('umount'), 0);
      });
    });
  });

  describe('options', () => {
    const problem = (options: object) => disk.options.safeParse(options).error?.issues[0]?.message;

    it('name the drive', () => {
      assert.equal(problem({ uuid: '66F8-E5D9', mount_point: '/mnt/flir' }), undefined);
      assert.equal(problem({ label: 'FLIR' }), undefined);
      assert.equal(problem({ mount_point: '/mnt/flir' }), 'name the drive by uuid, label or serial');
    });
  });
});
