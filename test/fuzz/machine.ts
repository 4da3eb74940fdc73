import assert from 'node:assert/strict';
import fc from 'fast-check';
import { blockDevices, type BlockDevice } from '../../src/devices/disk/block-devices.js';
import { mountError } from '../../src/devices/disk/mount-errors.js';
import { parseMountinfo, topmost } from '../../src/devices/disk/mountinfo.js';
import { DriveNames } from '../../src/devices/disk/names.js';
import type { RunProgram } from '../../src/devices/disk/programs.js';
import { Udisks } from '../../src/devices/disk/udisks.js';
import { compareNaturally } from '../../src/system/natural-order.js';
import { RecordingLogger } from '../fakes/recording-logger.js';
import { checkError, type Parser } from './parser.js';

const DISK = {
  ...{
    name: '/dev/sda',
    'maj:min': '8:0',
    uuid: null,
    label: null,
    fstype: null,
    serial: 'S1',
    model: 'Stick',
    size: 1e9,
    ro: false,
  },
};
const LSBLK = JSON.stringify({
  blockdevices: [
    {
      ...DISK,
      children: [
        { ...DISK, name: '/dev/sda1', 'maj:min': '8:1', uuid: '66F8-E5D9', label: 'FLIR', fstype: 'vfat' },
      ],
    },
    { ...DISK, name: '/dev/sdb', 'maj:min': '8:16', size: '100', ro: '0' },
  ],
});

/** Every program prints the input. */
const printing =
  (input: Buffer, code = 0): RunProgram =>
  async () => ({ code, stdout: input.toString(), stderr: input.toString() });

const field = fc.constantFrom('name', 'maj:min', 'uuid', 'size', 'ro', 'children', 'label');

const lsblk: Parser = {
  name: 'lsblk',
  seeds: [LSBLK, '{"blockdevices":[]}', 'ID_FS_TYPE=vfat\nID_FS_UUID_ENC=66F8\\x2dE5D9\n'],
  generated: fc
    .tuple(field, fc.jsonValue())
    .map(([name, other]) =>
      JSON.stringify({ blockdevices: [{ ...DISK, [name]: other, children: [{ ...DISK, [name]: other }] }] }),
    ),
  worst: [
    '[',
    '{"blockdevices":[',
    '{"a":',
    { before: '{"blockdevices":[', unit: '{"children":[' },
    '\\x',
    'a=b\n',
  ],
  msPerMegabyte: 400,
  parse: async input => {
    const devices = await blockDevices(printing(input));
    assert.ok(devices.every(({ path, number }) => typeof path === 'string' && typeof number === 'string'));
    return devices;
  },
};

const names: Parser = {
  name: 'drive-names',
  seeds: [LSBLK],
  worst: ['[', '{"blockdevices":['],
  msPerMegabyte: 400,
  parse: input => new DriveNames(new RecordingLogger()).all(printing(input)),
};

const mounts: Parser = {
  name: 'mountinfo',
  seeds: [
    '36 35 8:1 / /mnt/flir rw,nosuid shared:1 - vfat /dev/sda1 rw\n37 36 0:5 / /mnt/flir\\040x ro - fuse.sshfs a:/ rw\n',
    '1 1 0:1 / / rw - ext4 /dev/root ro',
  ],
  worst: [' - ', ' - \n', '\\040', ' ', '1 1 0:1 / / rw - a b c\n'],
  // A machine has dozens of mounts: a line of four bytes costs far more than a byte does elsewhere.
  maxBytes: 16 * 1024,
  parse(input) {
    const entries = parseMountinfo(input.toString());
    topmost(entries, '/mnt/flir');
    return entries;
  },
};

const DRIVE = {
  path: '/dev/sda1',
  number: '8:1',
  disk: '/dev/sda',
  fstype: 'exfat',
  readOnly: false,
  denied: false,
} as BlockDevice;

const mountErrors: Parser = {
  name: 'mount-errors',
  seeds: [
    'mount: /mnt/flir: wrong fs type, bad option, bad superblock on /dev/sda1, missing codepage',
    'Error mounting /dev/sda1: GDBus.Error:org.freedesktop.UDisks2.Error.NotAuthorized: Not authorized to perform operation',
    'Error unmounting /dev/sda1: GDBus.Error:org.freedesktop.UDisks2.Error.Failed: target is busy\n',
    'Error looking up object for device /dev/sda1',
  ],
  worst: [
    'Error mounting ',
    '\n',
    ' ',
    'Error mounting \nError mounting ',
    'GDBus.Error:',
    'connect to the message ',
  ],
  maxGrowth: 8,
  parse: async input => {
    const outcome = { code: 32, stdout: '', stderr: input.toString() };
    const failures = [mountError(DRIVE, '/dev/sda1 cannot be mounted', outcome)];
    const udisks = new Udisks(printing(input, 1));
    await udisks.mount(DRIVE, 'rw', 'nosuid').catch((thrown: unknown) => {
      checkError(thrown);
      failures.push(thrown);
    });
    failures.forEach(checkError);
    return failures.map(({ message }) => message);
  },
};

const order: Parser = {
  name: 'natural-order',
  seeds: ['log_9.ulg\nlog_10.ulg', '1\n01\n001', `${'9'.repeat(400)}\n1`],
  worst: ['1', 'a', '1a', '0', 'a\n'],
  msPerMegabyte: 800,
  parse(input) {
    const [one = '', other = '', third = ''] = input.toString().split('\n');
    assert.equal(Math.sign(compareNaturally(one, other)), -Math.sign(compareNaturally(other, one)) || 0);
    const sorted = [one, other, third].sort(compareNaturally);
    return compareNaturally(sorted[0] ?? '', sorted[2] ?? '') <= 0;
  },
};

export const machineParsers: readonly Parser[] = [lsblk, names, mounts, mountErrors, order];
