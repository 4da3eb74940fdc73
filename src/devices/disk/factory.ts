import type { DeviceContext } from '../../config/definition.js';
import { Drive, type DriveOptions, type DriveTools } from './drive.js';
import { Kernel } from './kernel.js';
import { DriveNames } from './names.js';
import { runProgram } from './programs.js';
import { DiskSource } from './source.js';
import { DiskTarget } from './target.js';

/** The options of the device: what the drive is known by, and where it is mounted. */
export interface DiskOptions extends Omit<DriveOptions, 'mountPoint'> {
  readonly mount_point?: string | undefined;
}

export const diskSource = (given: DiskOptions, context: DeviceContext): DiskSource =>
  new DiskSource(driveOf(given, context), context);

export const diskTarget = (given: DiskOptions, context: DeviceContext): DiskTarget =>
  new DiskTarget(driveOf(given, context), context);

/** Both ends of one device are given the same context, and share the drive. */
const drives = new WeakMap<DeviceContext, Drive>();

function driveOf(given: DiskOptions, context: DeviceContext): Drive {
  const drive = drives.get(context) ?? new Drive(toDriveOptions(given, context), context, toolsFor(context));
  drives.set(context, drive);
  return drive;
}

function toDriveOptions(given: DiskOptions, context: DeviceContext): DriveOptions {
  const { mount_point: place, ...marks } = given;
  return { ...marks, mountPoint: place === undefined ? undefined : context.resolvePath(place) };
}

const toolsFor = ({ logger, env }: DeviceContext): DriveTools => ({
  run: (program, args, signal) => runProgram(program, args, signal, env['PATH']),
  kernel: new Kernel(),
  names: new DriveNames(logger),
});
