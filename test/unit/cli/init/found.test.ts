import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { access, mkdir, open, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { candidates } from '../../../../src/cli/init/drives.js';
import { listenOnUdp } from '../../../../src/cli/init/heartbeats.js';
import { isInUse, listenOnSerial, serialPorts } from '../../../../src/cli/init/serial-ports.js';
import type { BlockDevice } from '../../../../src/devices/disk/block-devices.js';
import { startSim, type Sim } from '../../../../src/sim/sim.js';
import { systemClock } from '../../../../src/system/clock.js';
import { eventually } from '../../../conformance/support.js';
import { temporaryFolder } from '../../../conformance/temp-folder.js';
import { RecordingLogger } from '../../../fakes/recording-logger.js';
import { Daemon, findProgram } from '../../../servers/program.js';

const never = new AbortController().signal;

const partition = (
  path: string,
  disk: string,
  number: string,
  fields: Partial<BlockDevice> = {},
): BlockDevice => ({
  ...{ path, disk, number, readOnly: false, denied: false, fstype: 'vfat', uuid: path.slice(-4) },
  ...fields,
});
const mounted = (number: string, point: string) => `36 35 ${number} / ${point} rw - vfat /dev/x rw\n`;

describe('filesync init: what it finds', () => {
  const cleanups: (() => Promise<unknown>)[] = [];
  let folder: string;

  beforeEach(async () => {
    const { path, remove } = await temporaryFolder();
    folder = path;
    cleanups.push(remove);
  });
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });

  const vehicle = async (port: number, like: 'px4' | 'ardupilot'): Promise<Sim> => {
    const at = (number: number) => ({ host: '127.0.0.1', port: number });
    const logger = new RecordingLogger();
    const sim = await startSim({ folder, listen: at(0), to: at(port), like, clock: systemClock, logger });
    cleanups.push(() => sim.close());
    return sim;
  };

  const holder = async () => {
    const socket = createSocket('udp4');
    socket.bind(0);
    await once(socket, 'listening');
    return { port: socket.address().port, close: () => new Promise<void>(resolve => socket.close(resolve)) };
  };

  describe('drives', () => {
    const rows: { what: string; devices: BlockDevice[]; mountinfo?: string; uuids: string[] }[] = [
      { what: 'a stick', devices: [partition('/dev/sdb1', '/dev/sdb', '8:17')], uuids: ['sdb1'] },
      {
        what: 'a stick that the desktop has mounted',
        devices: [partition('/dev/sdb1', '/dev/sdb', '8:17')],
        mountinfo: mounted('8:17', '/media/me/STICK'),
        uuids: ['sdb1'],
      },
      {
        what: "no part of the system's own disk",
        devices: [partition('/dev/sda1', '/dev/sda', '8:1'), partition('/dev/sda2', '/dev/sda', '8:2')],
        mountinfo: mounted('8:2', '/'),
        uuids: [],
      },
      {
        what: 'no swap',
        devices: [partition('/dev/sdb1', '/dev/sdb', '8:17', { fstype: 'swap' })],
        uuids: [],
      },
    ];
    for (const { what, devices, mountinfo = '', uuids } of rows)
      it(`are ${what}`, () => {
        assert.deepEqual(
          candidates(devices, mountinfo).map(({ uuid }) => uuid),
          uuids,
        );
      });
  });

  it('on UDP: the vehicle, armed or not, without sending anything', async () => {
    const probe = await holder();
    await probe.close();
    const sim = await vehicle(probe.port, 'ardupilot');
    sim.arm(true);
    const [found] = await listenOnUdp([probe.port], { ms: 2_500, clock: systemClock, signal: never });
    assert.deepEqual(found, {
      port: probe.port,
      taken: false,
      heard: [{ system: 1, firmware: 'ArduPilot', armed: true }],
    });
    assert.equal(sim.stats.requests, 0);
  });

  it('on UDP: that another program has the port', async () => {
    const { port, close } = await holder();
    cleanups.push(close);
    const [found] = await listenOnUdp([port], { ms: 1, clock: systemClock, signal: never });
    assert.deepEqual(found, { port, taken: true, heard: [] });
  });

  it('on a serial port: the vehicle and its rate', async function () {
    this.timeout(30_000);
    const { port, close } = await holder();
    await close();
    const path = join(folder, 'tty');
    const socat = await findProgram('socat', 'usr/bin/socat');
    const wire = new Daemon(socat, [`PTY,link=${path},rawer`, `UDP4-RECV:${port}`]);
    cleanups.push(() => wire.kill());
    await eventually(async () => {
      assert.ok(!wire.ended, wire.said);
      return access(path).then(
        () => true,
        () => false,
      );
    });
    await vehicle(port, 'px4');
    const found = await listenOnSerial(path, { clock: systemClock, signal: never });
    assert.deepEqual(found?.heard, { system: 1, firmware: 'PX4', armed: false });
    assert.equal(found.baudRate, 57_600);
  });

  it('that a program has a port open', async () => {
    const port = join(folder, 'ttyACM0');
    await writeFile(port, '');
    await symlink(port, join(folder, 'usb-PX4-if00'));
    assert.equal(await isInUse(join(folder, 'usb-PX4-if00')), false);
    const file = await open(port, 'r+');
    assert.equal(await isInUse(join(folder, 'usb-PX4-if00')), true);
    await file.close();
  });

  it('serial ports by names that stay, or none', async () => {
    const uart = join(folder, 'serial0');
    assert.deepEqual(await serialPorts(join(folder, 'missing'), uart), []);
    const names = join(folder, 'by-id');
    await mkdir(names);
    await writeFile(join(folder, 'ttyACM0'), '');
    await symlink(join(folder, 'ttyACM0'), join(names, 'usb-PX4-if00'));
    assert.deepEqual(await serialPorts(names, uart), [join(names, 'usb-PX4-if00')]);
    await symlink(join(folder, 'ttyACM0'), uart);
    assert.deepEqual(await serialPorts(names, uart), [join(names, 'usb-PX4-if00'), uart]);
  });
});
