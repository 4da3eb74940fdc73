import { FileSyncError } from '../../errors.js';
import type { BlockDevice } from './block-devices.js';

/** How a drive is identified; every mark that is set must match. */
export interface WantedDrive {
  readonly uuid?: string | undefined;
  readonly label?: string | undefined;
  /** Of the disk, which may hold several file systems. */
  readonly serial?: string | undefined;
}

/** Types that hold no files directly. */
const NOT_MOUNTABLE = /^(swap|crypto_LUKS|LVM2_member|linux_raid_member|zfs_member|squashfs)$/;

/** The one drive that is wanted. Throws `unavailable` if it is not there, or if several could be it. */
export function choose(wanted: WantedDrive, devices: readonly BlockDevice[]): BlockDevice {
  const fitting = devices.filter(device => isFileSystem(device) && fits(wanted, device));
  const [first, second] = fitting;
  if (!first) throw new FileSyncError('unavailable', `${notPluggedIn(wanted)}${unseen(devices)}`);
  if (!second) return first;
  const { shown, remedy } = distinction(fitting);
  const names = fitting.map(device => `${device.path} (${shown(device)})`).join(', ');
  throw new FileSyncError(
    'unavailable',
    `several drives are the ${describeWanted(wanted)}: ${names}; ${remedy}`,
  );
}

interface Distinction {
  readonly shown: (device: BlockDevice) => string;
  readonly remedy: string;
}

/** How one of several drives can be named. A copy of a drive has its UUID. */
function distinction(fitting: readonly BlockDevice[]): Distinction {
  const areDifferent = (mark: 'uuid' | 'serial') =>
    new Set(fitting.map(one => one[mark])).size === fitting.length && fitting.every(one => one[mark]);
  if (areDifferent('uuid'))
    return {
      shown: ({ uuid = 'none' }) => `UUID ${uuid}`,
      remedy: 'name the one by its uuid, or unplug the other',
    };
  const remedy = areDifferent('serial')
    ? 'add `serial` with the number of the one, or unplug the other'
    : 'unplug one, or give it another UUID (tune2fs -U random, mlabel -n)';
  return {
    shown: ({ uuid = 'none', serial = 'none' }) => `UUID ${uuid}, serial number ${serial}`,
    remedy: `they are copies of each other: ${remedy}`,
  };
}

const isFileSystem = ({ fstype }: BlockDevice): boolean =>
  fstype !== undefined && !NOT_MOUNTABLE.test(fstype);

function fits({ uuid, label, serial }: WantedDrive, device: BlockDevice): boolean {
  return (
    (uuid === undefined || uuid.toLowerCase() === device.uuid?.toLowerCase()) &&
    (label === undefined || label === device.label) &&
    (serial === undefined || serial === device.serial)
  );
}

/** `drive with UUID 66F8-E5D9 and label FLIR` */
export function describeWanted({ uuid, label, serial }: WantedDrive): string {
  const marks = [uuid && `UUID ${uuid}`, label && `label ${label}`, serial && `serial number ${serial}`];
  return `drive with ${marks.filter(Boolean).join(' and ')}`;
}

const notPluggedIn = (wanted: WantedDrive): string => `the ${describeWanted(wanted)} is not plugged in`;

function unseen(devices: readonly BlockDevice[]): string {
  const denied = devices.filter(device => device.denied).map(({ path }) => path);
  if (denied.length === 0) return '';
  const remedy =
    "run as root, give this program's user the group disk, or let it see udev's data (/run/udev)";
  return `, or it is one of those that may not be read (${denied.join(', ')}): ${remedy}`;
}
