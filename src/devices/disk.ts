import { z } from 'zod';
import { defineDevice, type DeviceContext } from '../config/definition.js';
import { duration } from '../config/options.js';
import { PATIENCE } from './directory/calls.js';
import { DriveNames } from './disk/names.js';
import { Drive, type DriveOptions, type DriveTools } from './disk/drive.js';
import { Kernel } from './disk/kernel.js';
import { runProgram } from './disk/programs.js';
import { DiskSource } from './disk/source.js';
import { DiskTarget } from './disk/target.js';

const options = z
  .object({
    uuid: z.string().min(1).optional().describe("the file system's UUID, as `lsblk -f` shows it"),
    label: z.string().min(1).optional().describe("the file system's label"),
    serial: z.string().min(1).optional().describe("the disk's serial number, as `lsblk -o +SERIAL` shows it"),
    mount_point: z
      .string()
      .min(1)
      .optional()
      .describe('folder where the drive is mounted if nobody has mounted it; without it, others must do so'),
    timeout: duration()
      .default(PATIENCE)
      .describe(
        'time without an answer after which a drive that a FUSE program has mounted counts as hanging',
      ),
  })
  .refine(({ uuid, label, serial }) => uuid ?? label ?? serial, 'name the drive by uuid, label or serial');

/** Both ends of one device are given the same context, and share the drive. */
const drives = new WeakMap<DeviceContext, Drive>();

function driveOf(given: z.output<typeof options>, context: DeviceContext): Drive {
  const drive = drives.get(context) ?? new Drive(toDriveOptions(given, context), context, toolsFor(context));
  drives.set(context, drive);
  return drive;
}

function toDriveOptions(given: z.output<typeof options>, context: DeviceContext): DriveOptions {
  const { mount_point: place, ...marks } = given;
  return { ...marks, mountPoint: place === undefined ? undefined : context.resolvePath(place) };
}

const toolsFor = ({ logger, env }: DeviceContext): DriveTools => ({
  run: (program, args, signal) => runProgram(program, args, signal, env['PATH']),
  kernel: new Kernel(),
  names: new DriveNames(logger),
});

/** A drive that is plugged in and out, like a camera's card or a USB stick. */
export const disk = defineDevice({
  type: 'disk',
  summary:
    'Source and target: a drive that comes and goes, like a camera on USB, found by its UUID, label or serial number',
  tellsSpace: true,
  options,
  source: (given, context) => new DiskSource(driveOf(given, context), context),
  target: (given, context) => new DiskTarget(driveOf(given, context), context),
});
