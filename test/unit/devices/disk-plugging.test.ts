import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, stat, statfs, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { filter, firstValueFrom } from 'rxjs';
import { compose } from '../../../src/compose.js';
import { loadConfig } from '../../../src/config/load.js';
import { deviceTypes } from '../../../src/devices/registry.js';
import type { Engine } from '../../../src/engine/engine.js';
import { hasLocalCopy } from '../../../src/record/state.js';
import { daemonPolicy } from '../../../src/system/back-off.js';
import { systemClock } from '../../../src/system/clock.js';
import { disk } from '../../../src/devices/disk.js';
import { DriveNames } from '../../../src/devices/disk/names.js';
import { Drive } from '../../../src/devices/disk/drive.js';
import { Kernel } from '../../../src/devices/disk/kernel.js';
import { runProgram, type RunProgram } from '../../../src/devices/disk/programs.js';
import { DiskSource } from '../../../src/devices/disk/source.js';
import type { Availability, Source, SourceFile, Target } from '../../../src/ports.js';
import { checksumOf, collect, eventually, failsWith, listed, sample } from '../../conformance/support.js';
import { temporaryFolder } from '../../conformance/temp-folder.js';
import { deviceContext } from '../../fakes/device-context.js';
import { RecordingLogger } from '../../fakes/recording-logger.js';
import { makeSource } from '../../servers/device.js';
import { mountExfat, mountsAt, TestDrive, whyNoDrives, type DrivePlan } from '../../servers/drives.js';
import { Events, never, outgoing } from '../../servers/outgoing.js';

const MEGABYTE = 1 << 20;
/** Of this run alone: others may have drives on this machine, too. */
const LABEL = `TWO WORDS ${process.pid % 1_000_000}`;
const FILM = sample(10 * MEGABYTE, 5);

describe('disk: a drive that is plugged in and out', function () {
  let home: string;
  let place: string;
  let logger: RecordingLogger;
  const toDo: (() => Promise<unknown>)[] = [];
  const afterwards = (work: () => Promise<unknown>): number => toDo.push(work);

  before(async function () {
    const reason = await whyNoDrives();
    if (reason === undefined) return;
    console.log(`    ${reason}`);
    this.skip();
  });

  beforeEach(async () => {
    const folder = await temporaryFolder();
    home = folder.path;
    place = join(home, 'flir');
    logger = new RecordingLogger();
    afterwards(folder.remove);
  });
  afterEach(async () => {
    const outcomes: PromiseSettledResult<unknown>[] = [];
    for (const work of toDo.splice(0).reverse()) outcomes.push(...(await Promise.allSettled([work()])));
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  });

  /** A drive with one film on it. */
  async function camera(plan: DrivePlan = {}): Promise<TestDrive> {
    const drive = await TestDrive.make({ size: 24 * MEGABYTE, ...plan });
    afterwards(() => drive.dispose());
    await drive.fill(async folder => {
      await mkdir(join(folder, 'DCIM'));
      await writeFile(join(folder, 'DCIM/film.mov'), FILM);
    });
    return drive;
  }

  async function sourceOf(marks: object, over = {}): Promise<Source> {
    const source = await makeSource(
      disk,
      { mount_point: place, ...marks },
      { name: 'camera', logger, ...over },
    );
    afterwards(() => source.close());
    return source;
  }

  /** One that others have mounted, by a program that may hang. */
  async function cameraOnFuse(): Promise<{ drive: TestDrive; source: Source }> {
    const drive = await camera({ fs: 'exfat' });
    await drive.insert();
    await drive.mountAt(place);
    const source = await sourceOf({ uuid: drive.uuid, mount_point: undefined, timeout: '300ms' });
    await becomes(source, true);
    return { drive, source };
  }

  /** Both ends of one device, as the engine makes them. */
  async function endsOf(drive: TestDrive): Promise<{ source: Source; target: Target }> {
    const context = deviceContext({ name: 'camera', logger });
    const options = disk.options.parse({ uuid: drive.uuid, mount_point: place });
    const source = await disk.source?.(options, context);
    const target = await disk.target?.(options, context);
    assert.ok(source && target);
    afterwards(() => target.close());
    afterwards(() => source.close());
    return { source, target };
  }

  const becomes = (source: Source | Target, available: boolean): Promise<Availability> =>
    firstValueFrom(source.availability.pipe(filter(state => state.available === available)));

  async function onlyFile(source: Source): Promise<SourceFile> {
    const [file, ...more] = await listed(source);
    assert.ok(file && more.length === 0);
    return file;
  }

  const mountHere = async () => (await mountsAt(place)).at(-1);

  it('is found and mounted read-only and safe within moments of its insertion, and unmounted at the end', async () => {
    const drive = await camera();
    const source = await sourceOf({ uuid: drive.uuid.toUpperCase() });
    const before = await becomes(source, false);
    assert.equal(before.reason, `the drive with UUID ${drive.uuid.toUpperCase()} is not plugged in`);
    const inserted = becomes(source, true);
    await drive.insert();
    assert.match((await inserted).reason, new RegExp(`${drive.node}.*mounted at ${place}`));
    const { options = '' } = (await mountHere()) ?? {};
    assert.deepEqual(
      ['ro', 'nosuid', 'nodev', 'noexec'].filter(word => !options.split(',').includes(word)),
      [],
    );
    assert.equal((await onlyFile(source)).path, 'DCIM/film.mov');
    await source.close();
    assert.deepEqual(await mountsAt(place), []);
  });

  it('is found by its label', async () => {
    const drive = await camera({ label: LABEL });
    const source = await sourceOf({ label: LABEL });
    await drive.insert();
    await becomes(source, true);
    await onlyFile(source);
  });

  it('a copy that the removal cut ends as unavailable and goes on after the next insertion', async () => {
    const drive = await camera();
    const source = await sourceOf({ uuid: drive.uuid });
    await drive.insert();
    const file = await onlyFile(source);
    const received: Uint8Array[] = [];
    const error = await failsWith(async () => {
      for await (const chunk of source.read(file, 0, never)) {
        if (received.push(chunk) === 1) await drive.pull();
      }
    }, 'unavailable');
    assert.deepEqual([error.temporary, error.device, error.operation], [true, 'camera', 'read']);
    assert.match(error.message, /was removed: plug it in again/);
    const head = Buffer.concat(received);
    assert.ok(head.length > 0 && head.length < FILM.length);

    const { reason } = await becomes(source, false);
    assert.match(reason, /is not plugged in/);
    assert.deepEqual(await mountsAt(place), [], 'the dead mount is cleaned up');
    for (const work of [() => listed(source), () => collect(source.read(file, head.length, never))]) {
      await failsWith(work, 'unavailable');
    }

    await drive.insertAgain();
    await becomes(source, true);
    assert.deepEqual(await onlyFile(source), file);
    const tail = await collect(source.read(file, head.length, never));
    assert.ok(Buffer.concat([head, tail]).equals(FILM));
  });

  it('a removal in the middle of a listing, or before its end is looked at, is not a short listing', async () => {
    const drive = await camera();
    const source = await sourceOf({ uuid: drive.uuid });
    await drive.insert();
    await failsWith(async () => {
      for await (const _file of source.list(never)) await drive.pull();
    }, 'unavailable');
  });

  it('a drive that was unmounted behind our back is mounted again; its empty folder is never taken for it', async () => {
    const drive = await camera();
    const source = await sourceOf({ uuid: drive.uuid });
    await drive.insert();
    const file = await onlyFile(source);
    await failsWith(async () => {
      for await (const _file of source.list(never)) await drive.clear();
    }, 'unavailable');
    assert.deepEqual(await onlyFile(source), file);
    await drive.clear();
    assert.ok((await collect(source.read(file, 0, never))).equals(FILM));
  });

  it('another drive in the same slot is not taken for it', async () => {
    const drive = await camera();
    const other = await camera();
    const source = await sourceOf({ uuid: drive.uuid });
    await drive.insert();
    await onlyFile(source);
    await drive.pull();
    await becomes(source, false);
    await drive.eject();
    await other.insert();
    await failsWith(() => listed(source), 'unavailable');
    assert.deepEqual(await mountsAt(place), []);
    await drive.insert();
    await becomes(source, true);
    assert.equal((await mountHere())?.source, drive.node);
  });

  it('of two drives with the same mark none is chosen', async () => {
    const drive = await camera({ label: LABEL });
    const other = await camera({ label: LABEL });
    const source = await sourceOf({ label: LABEL });
    await drive.insert();
    await other.insert();
    const { reason } = await becomes(source, false);
    assert.match(reason, /several drives are the drive with label TWO WORDS .*: .*unplug the other/);
    await other.eject();
    await becomes(source, true);
  });

  it('uses the mount of another program unchanged, and leaves it', async () => {
    const drive = await camera();
    await drive.insert();
    const theirs = join(home, 'theirs');
    await drive.mountAt(theirs);
    const source = await sourceOf({ uuid: drive.uuid });
    assert.match((await becomes(source, true)).reason, new RegExp(`mounted at ${theirs}$`));
    await onlyFile(source);
    await source.close();
    assert.equal((await mountsAt(theirs)).length, 1);
    await assert.rejects(stat(place));
  });

  it('without a mount point it waits until another program mounts the drive', async () => {
    const drive = await camera();
    await drive.insert();
    const source = await sourceOf({ uuid: drive.uuid, mount_point: undefined });
    assert.match((await becomes(source, false)).reason, /not mounted: mount it, or set `mount_point`/);
    await drive.mountAt(join(home, 'theirs'));
    await becomes(source, true);
    await onlyFile(source);
  });

  it('frees its place of a dead mount, but not of a living one', async () => {
    const dead = await camera();
    const drive = await camera();
    await dead.insert();
    await dead.mountAt(place);
    await drive.insert();
    const source = await sourceOf({ uuid: drive.uuid });
    const node = dead.node;
    assert.match(
      (await becomes(source, false)).reason,
      new RegExp(`^${node} is mounted at ${place} already: unmount`),
    );
    await dead.pull();
    await becomes(source, true);
    assert.deepEqual(
      (await mountsAt(place)).map(mount => mount.source),
      [drive.node],
    );
  });

  it('a target on a drive that cannot be written to is denied; the source of the same drive works', async () => {
    const drive = await camera();
    await drive.insert({ protect: true });
    const { source, target } = await endsOf(drive);
    assert.match((await becomes(target, false)).reason, /is read-only: move its write protection switch/);
    const error = await failsWith(
      () => target.write(outgoing(sample(10)), 'a.ulg', 0, never, new Events()),
      'denied',
    );
    assert.match(error.message, /read-only/);
    await onlyFile(source);
  });

  it('a target does not make a read-only mount of another program writable', async () => {
    const drive = await camera();
    await drive.insert();
    await drive.mountAt(place, 'ro');
    const { target } = await endsOf(drive);
    assert.match((await becomes(target, false)).reason, /is read-only: run "mount -o remount,rw/);
  });

  it('a full drive is no-space', async () => {
    const drive = await camera();
    await drive.insert();
    const { target } = await endsOf(drive);
    const write = (size: number, path: string) =>
      target.write(outgoing(sample(size)), path, 0, never, new Events());
    const error = await failsWith(() => write(20 * MEGABYTE, 'big.ulg'), 'no-space');
    assert.match(error.message, /full/);
    assert.equal(error.temporary, true);
    await assert.rejects(stat(join(place, 'big.ulg')));
  });

  it('a delivery that the removal cut goes on after the next insertion', async () => {
    const drive = await TestDrive.make({ size: 24 * MEGABYTE });
    afterwards(() => drive.dispose());
    await drive.insert();
    const { target } = await endsOf(drive);
    const file = outgoing(FILM);
    async function* interrupted() {
      yield FILM.subarray(0, MEGABYTE);
      await drive.pull();
      yield FILM.subarray(MEGABYTE);
    }
    const cut = { ...file, open: interrupted };
    await failsWith(() => target.write(cut, 'DCIM/film.mov', 0, never, new Events()), 'unavailable');
    await becomes(target, false);
    await drive.insertAgain();
    await becomes(target, true);
    const { partial, size } = await target.stat('DCIM/film.mov', file.token, never);
    assert.equal(size, undefined);
    const { verified } = await target.write(file, 'DCIM/film.mov', partial, never, new Events());
    assert.equal(verified, 'hash');
    assert.ok((await readFile(join(place, 'DCIM/film.mov'))).equals(FILM));
  });

  it('never follows a link out of the drive', async () => {
    const drive = await camera();
    const secret = join(home, 'secret');
    await mkdir(secret);
    await writeFile(join(secret, 'film.mov'), FILM);
    await drive.fill(async folder => {
      await symlink(secret, join(folder, 'out'));
      await symlink(join(secret, 'film.mov'), join(folder, 'film.mov'));
      await symlink('DCIM', join(folder, 'in'));
    });
    await drive.insert();
    const { source, target } = await endsOf(drive);
    const listing = await onlyFile(source);
    const outside = {
      ...listing,
      path: 'out/film.mov',
      modified: (await stat(join(secret, 'film.mov'))).mtime.getTime(),
    };
    for (const work of [
      () => collect(source.read(outside, 0, never)),
      () => source.checksum(outside, never),
      () => source.remove(outside, never),
      () => collect(source.read({ ...outside, path: 'film.mov' }, 0, never)),
      () => target.stat('out/film.mov', 'token0000001', never),
      () => target.checksum('out/film.mov', never),
      () => target.write(outgoing(sample(10)), 'out/new.mov', 0, never, new Events()),
    ]) {
      assert.match((await failsWith(work, 'denied')).message, /link/);
    }
    assert.ok((await readFile(join(secret, 'film.mov'))).equals(FILM));
    await assert.rejects(stat(join(secret, 'new.mov')));
    assert.equal((await target.stat('in/film.mov', 'token0000001', never)).size, FILM.length);
  });

  it('is made writable for a removal', async () => {
    const drive = await camera();
    await drive.insert();
    const source = await sourceOf({ uuid: drive.uuid });
    const file = await onlyFile(source);
    assert.match((await mountHere())?.options ?? '', /^ro/);
    await source.remove(file, never);
    assert.deepEqual(await listed(source), []);
  });

  it('a drive whose last user is gone is unmounted; one that is still in use is let go of', async () => {
    const drive = await camera();
    await drive.insert();
    const { source, target } = await endsOf(drive);
    const file = await onlyFile(source);
    const reading = source.read(file, 0, never)[Symbol.asyncIterator]();
    await reading.next();
    await target.close();
    assert.equal((await mountsAt(place)).length, 1, 'the source still uses it');
    await source.close();
    assert.deepEqual(await mountsAt(place), []);
    assert.match(logger.messages('warn').join(), /cannot be unmounted: .*busy/);
    await reading.return?.();
    await failsWith(() => listed(source), 'unavailable');
  });

  it('returns the medium, its space and its writers, wherever it is mounted, and nothing when it is pulled out', async () => {
    const drive = await camera();
    await drive.insert();
    await drive.mountAt(place);
    const source = await sourceOf({ uuid: drive.uuid });
    assert.equal(await source.volume?.(never), drive.uuid);
    const { blocks, bsize, bavail } = await statfs(place);
    assert.deepEqual(await source.space?.(never), { free: bavail * bsize, total: blocks * bsize });
    const writer = spawn('sh', ['-c', 'exec 3>>DCIM/film.mov; echo ready; read line'], { cwd: place });
    await once(writer.stdout, 'data');
    const writers = await source.writers?.(['DCIM/film.mov', 'DCIM/other.mov'], never);
    assert.deepEqual([...(writers?.open ?? [])], ['DCIM/film.mov']);
    writer.kill('SIGKILL');
    await once(writer, 'close');
    await drive.pull();
    for (const ask of [
      () => source.volume?.(never),
      () => source.space?.(never),
      () => source.writers?.([], never),
    ])
      await failsWith(async () => ask(), 'unavailable');
  });

  it("an exFAT drive like the camera's is mounted by the FUSE driver where the kernel has none", async () => {
    const drive = await camera({ fs: 'exfat' });
    await drive.insert();
    const used: string[] = [];
    /** As mount(8) does it, if it finds the driver among the system's programs. */
    const run: RunProgram = async (program, args) => {
      const [, type = '', , options = '', node = '', folder = ''] = args;
      if (program === 'mount' && type.startsWith('exfat')) used.push(type);
      if (program !== 'mount' || type !== 'exfat-fuse') {
        return type === 'exfat'
          ? { code: 32, stdout: '', stderr: "unknown filesystem type 'exfat'" }
          : runProgram(program, args);
      }
      await mountExfat(node, folder, options);
      return { code: 0, stdout: '', stderr: '' };
    };
    const context = deviceContext({ name: 'camera', logger });
    const tools = { run, kernel: new Kernel(), names: new DriveNames(logger) };
    const source = new DiskSource(
      new Drive({ uuid: drive.uuid, mountPoint: place }, context, tools),
      context,
    );
    afterwards(() => source.close());
    await becomes(source, true);
    assert.deepEqual(used, ['exfat', 'exfat-fuse']);
    const file = await onlyFile(source);
    assert.deepEqual(await source.checksum(file, never), checksumOf('sha256', FILM));
    await drive.pull();
    await becomes(source, false);
    assert.deepEqual(await mountsAt(place), []);
    await drive.insertAgain();
    await becomes(source, true);
    await source.remove(await onlyFile(source), never);
    assert.deepEqual(await listed(source), []);
  });

  it('a drive whose FUSE program hangs is offline after the timeout, and used again when it answers', async () => {
    const { drive, source } = await cameraOnFuse();
    const file = await onlyFile(source);
    await drive.hang();
    afterwards(() => drive.goOn().catch(() => undefined));
    const hangs = /does not answer for 0.3 s/;
    const reading = await failsWith(() => collect(source.read(file, 0, never)), 'timeout', 'unavailable');
    assert.match(reading.message, hangs);
    assert.match((await becomes(source, false)).reason, hangs);
    await failsWith(() => listed(source), 'unavailable');
    await drive.goOn();
    await becomes(source, true);
    assert.ok((await collect(source.read(file, 0, never))).equals(FILM));
  });

  it('a hanging drive that was unmounted and mounted again is used there', async () => {
    const { drive, source } = await cameraOnFuse();
    await drive.hang();
    await becomes(source, false);
    await drive.clear();
    assert.match((await becomes(source, false)).reason, /not mounted|not answer/);
    await drive.kill();
    await drive.mountAt(place);
    await becomes(source, true);
    await onlyFile(source);
  });

  it('a FAT drive is found by its serial number, and mounted, or the missing driver is reported', async () => {
    const drive = await TestDrive.make({ fs: 'vfat' });
    afterwards(() => drive.dispose());
    await drive.insert();
    const source = await sourceOf({ uuid: drive.uuid });
    const { available, reason } = await firstValueFrom(source.availability);
    assert.match(
      reason,
      available ? /mounted at/ : /has no driver for the file system vfat: load the kernel module/,
    );
  });

  it('a write-protected drive that was pulled out while it was mounted is read', async () => {
    const drive = await TestDrive.make();
    afterwards(() => drive.dispose());
    await drive.fillUncleanly(folder => writeFile(join(folder, 'film.mov'), FILM));
    await drive.insert({ protect: true });
    const source = await sourceOf({ uuid: drive.uuid });
    await becomes(source, true);
    const file = await onlyFile(source);
    assert.equal(file.path, 'film.mov');
    assert.ok((await collect(source.read(file, 0, never))).equals(FILM));
  });

  it('a damaged drive is an error that names the remedy', async () => {
    const drive = await camera();
    await drive.insert();
    await drive.damage();
    const source = await sourceOf({ uuid: drive.uuid });
    const { reason } = await becomes(source, false);
    assert.match(reason, /is damaged: repair it with fsck/);
  });

  it('hints at what comes onto the drive, and does not keep it from being unmounted', async () => {
    const drive = await camera();
    await drive.insert();
    const source = await sourceOf({ uuid: drive.uuid });
    let hints = 0;
    source.changes?.subscribe(() => hints++);
    await listed(source);
    await drive.whileWritable(place, () => writeFile(join(place, 'DCIM/next.jpg'), 'x'));
    await eventually(async () => hints > 0);
    await promisify(execFile)('umount', [place]);
    assert.deepEqual(await mountsAt(place), []);
  });

  it('the engine waits for a drive that is pulled out amid its work, quietly, and then ends it', async () => {
    const COUNT = 150;
    const drive = await TestDrive.make({ size: 24 * MEGABYTE });
    afterwards(() => drive.dispose());
    const picture = (index: number) => sample(40_000, index);
    await drive.fill(async folder => {
      for (let index = 0; index < COUNT; index++)
        await writeFile(join(folder, `${index}.jpg`), picture(index));
    });
    await drive.insert();
    const engine = await engineFor(drive.uuid);
    const { records } = engine;
    const downloaded = () => [...records.all()].filter(hasLocalCopy).length;
    const first = firstValueFrom(records.changes.pipe(filter(() => downloaded() > 0)));
    await engine.start();
    await first;
    await drive.pull();
    await eventually(async () => logger.messages('info').some(message => /camera: offline/.test(message)));
    assert.ok(downloaded() < COUNT, 'the drive was pulled out too late');
    await drive.insertAgain();
    await eventually(async () => downloaded() === COUNT);
    for (let index = 0; index < COUNT; index++) {
      assert.ok(
        (await readFile(join(home, `data/camera/${index}.jpg`))).equals(picture(index)),
        `${index}.jpg`,
      );
    }
    const complaints = logger.entries.filter(({ level }) => level === 'warn' || level === 'error');
    assert.ok(complaints.length <= 8, complaints.map(({ message }) => message).join('\n'));
  });

  /** The program with one rule, from the camera to a folder. */
  async function engineFor(uuid: string): Promise<Engine> {
    const text = JSON.stringify({
      local: join(home, 'data'),
      database: join(home, 'filesync.json'),
      min_free: 0,
      devices: {
        camera: { type: 'disk', uuid, mount_point: place },
        archive: { type: 'directory', path: join(home, 'archive') },
      },
      rules: [{ from: 'camera', to: ['archive'], settle: 0 }],
      interval: '1s',
    });
    const config = await loadConfig(join(home, 'filesync.yaml'), {
      env: {},
      deviceTypes,
      readFile: async () => text,
    });
    const around = { env: {}, hostname: 'drone', clock: systemClock, logger };
    const { engine } = await compose(config, around, { ...daemonPolicy, baseMs: 50 });
    afterwards(() => engine.stop());
    return engine;
  }
});
