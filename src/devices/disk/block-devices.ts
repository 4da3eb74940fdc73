import * as z from 'zod';
import { FileSyncError, toFileSyncError } from '../../errors.js';
import { firstLine, type ProgramResult, type RunProgram } from './programs.js';

/** A disk or partition that may hold a file system. */
export interface BlockDevice {
  /** Of its node, `/dev/sda1`. */
  readonly path: string;
  /** Major and minor number, `8:1`. */
  readonly number: string;
  /** The disk that it is or lies on, `/dev/sda`. */
  readonly disk: string;
  /** The file system's type as libblkid names it, `vfat`; undefined if no file system is found. */
  readonly fstype?: string;
  readonly uuid?: string;
  readonly label?: string;
  /** Of the disk. */
  readonly serial?: string;
  /** Of the disk: the manufacturer's name for it. */
  readonly model?: string;
  /** The hardware is write-protected. */
  readonly readOnly: boolean;
  /** We have no permission to probe its file system. */
  readonly denied: boolean;
}

const text = z
  .string()
  .nullish()
  .transform(value => value?.trim() || undefined);
/** Before util-linux 2.33 (Ubuntu 18.04, as on older Jetsons) every value is a text. */
const flag = z.union([z.boolean(), z.string()]).transform(value => value === true || value === '1');

const node = z.object({
  name: z.string(),
  'maj:min': z.string().transform(value => value.trim()),
  uuid: text,
  label: text,
  fstype: text,
  serial: text,
  model: text,
  size: z.coerce.number(),
  ro: flag,
  get children() {
    return z.array(node).optional();
  },
});
type Node = z.output<typeof node>;
const listing = z.object({ blockdevices: z.array(node) });

/** Columns that older versions know, too; `--paths` makes the name the node's path. */
const LSBLK = ['-J', '-b', '--paths', '-o', 'NAME,MAJ:MIN,UUID,LABEL,FSTYPE,SERIAL,MODEL,SIZE,RO'];

/** All block devices, whole disks included. Where no udev runs, the file systems are probed on the disks. */
export async function blockDevices(run: RunProgram): Promise<BlockDevice[]> {
  const { code, stdout, stderr } = await run('lsblk', LSBLK);
  if (code !== 0) throw unreadable(stderr);
  const devices = parse(stdout).flatMap(disk => flatten(disk, disk));
  const unique = new Map(devices.map(device => [device.number, device]));
  return Promise.all([...unique.values()].map(async device => (device.blank ? probed(run, device) : device)));
}

function parse(stdout: string): Node[] {
  try {
    return listing.parse(JSON.parse(stdout)).blockdevices;
  } catch (cause) {
    throw unreadable('its output cannot be parsed', cause);
  }
}

interface Listed extends BlockDevice {
  /** lsblk reports neither a file system nor partitions. */
  readonly blank: boolean;
}

/** A node with all below it; serial number and model are those of the disk. */
function flatten(one: Node, disk: Node): Listed[] {
  const { name: path, 'maj:min': number, fstype, uuid, label, children = [] } = one;
  const serial = one.serial ?? disk.serial;
  const model = one.model ?? disk.model;
  const listed = {
    ...{ path, number, disk: disk.name, readOnly: one.ro, denied: false },
    ...known({ fstype, uuid, label, serial, model }),
    blank: one.size > 0 && !fstype && !uuid && children.length === 0,
  };
  return [listed, ...children.flatMap(child => flatten(child, disk))];
}

/** The device with the file system that blkid finds on it. */
async function probed(run: RunProgram, device: BlockDevice): Promise<BlockDevice> {
  const { stdout, stderr } = await run('blkid', ['-p', '-o', 'udev', device.path]).catch(nothing);
  const values = new Map(stdout.split('\n').map(line => splitAt(line, line.indexOf('='))));
  const fstype = values.get('ID_FS_TYPE');
  const uuid = decoded(values.get('ID_FS_UUID_ENC'));
  const label = decoded(values.get('ID_FS_LABEL_ENC'));
  return { ...device, ...known({ fstype, uuid, label }), denied: /permission denied/i.test(stderr) };
}

/** No file system is found on a disk that hangs, so that the other disks are listed. */
function nothing(thrown: unknown): ProgramResult {
  if (toFileSyncError(thrown).kind !== 'timeout') throw thrown;
  return { code: -1, stdout: '', stderr: '' };
}

const splitAt = (line: string, at: number): [string, string] => [line.slice(0, at), line.slice(at + 1)];

/** Undoes udev's `\x20` for bytes that are no letters. */
const decoded = (value?: string): string | undefined =>
  value?.replace(/\\x([0-9a-f]{2})/gi, (_, code: string) => String.fromCharCode(parseInt(code, 16)));

type Known<Values> = { [Key in keyof Values]?: NonNullable<Values[Key]> };

/** Without the keys that have no value. */
function known<Values extends Record<string, string | undefined>>(values: Values): Known<Values> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value)) as Known<Values>;
}

function unreadable(why: string, cause?: unknown): FileSyncError {
  return new FileSyncError('unavailable', `lsblk cannot list the drives: ${firstLine(why)}`, { cause });
}
