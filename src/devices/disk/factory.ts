import { geteuid } from 'node:process';
import type { DeviceContext } from '../../config/definition.js';
import { Drive, type DriveOptions, type DriveTools } from './drive.js';
import { Kernel } from './kernel.js';
import { DriveNames } from './names.js';
import { runProgram } from './programs.js';
import { DiskSource } from './source.js';
import { DiskTarget } from './target.js';

/** The options of the device: how the drive is identified, and where it is mounted. */
export interface DiskOptions extends Omit<DriveOptions, 'mountPoint'> {
  readonly mount_point?: string | undefined;
}

export const diskSource = (options: DiskOptions, context: DeviceContext): DiskSource =>
  new DiskSource(driveOf(options, context), context);

export const diskTarget = (options: DiskOptions, context: DeviceContext): DiskTarget =>
  new DiskTarget(driveOf(options, context), context);

/** Source and target of one device have the same context, and share the drive. */
const drives = new WeakMap<DeviceContext, Drive>();

function driveOf(options: DiskOptions, context: DeviceContext): Drive {
  const drive =
    drives.get(context) ?? new Drive(toDriveOptions(options, context), context, toolsFor(context));
  drives.set(context, drive);
  return drive;
}

function toDriveOptions(options: DiskOptions, context: DeviceContext): DriveOptions {
  const { mount_point: place, ...marks } = options;
  return { ...marks, mountPoint: place === undefined ? undefined : context.resolvePath(place) };
}

const toolsFor = ({ logger, env }: DeviceContext): DriveTools => ({
  run: (program, args, signal) => runProgram(program, args, signal, env['PATH']),
  kernel: new Kernel(),
  names: new DriveNames(logger),
  udisks: geteuid?.() !== 0,
});
