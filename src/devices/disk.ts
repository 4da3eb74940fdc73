import * as z from 'zod';
import { lacksLink } from './link-options.js';
import { defineDevice } from '../config/definition.js';
import { duration } from '../config/options.js';
import { ANSWER_TIMEOUT_MS } from './directory/timeouts.js';

const options = z
  .object({
    uuid: z.string().min(1).optional().describe("the file system's UUID, as `lsblk -f` shows it"),
    label: z.string().min(1).optional().describe("the file system's label"),
    serial: z.string().min(1).optional().describe("the disk's serial number, as `lsblk -o +SERIAL` shows it"),
    mount_point: z
      .string()
      .min(1)
      .optional()
      .describe(
        'folder where root mounts the drive if no other program has mounted it; another user needs none, since udisks ' +
          'chooses the place; root without it leaves the mounting to others',
      ),
    remount: z
      .enum(['never', 'each-scan'])
      .default('never')
      .describe(
        'each-scan: unmount and mount the drive before each scan, for a camera that writes to its card while that is mounted here; only where FileSync mounts it itself',
      ),
    timeout: duration()
      .default(ANSWER_TIMEOUT_MS)
      .describe(
        'time without an answer after which a drive that a FUSE program has mounted counts as hanging',
      ),
  })
  .refine(({ uuid, label, serial }) => uuid ?? label ?? serial, 'name the drive by uuid, label or serial');

/** A drive that is plugged in and out, like a camera's card or a USB stick. */
export const disk = defineDevice({
  type: 'disk',
  summary:
    'Source and target: a drive that comes and goes, like a camera on USB, found by its UUID, label or serial number',
  tellsSpace: true,
  lacks: lacksLink,
  options,
  source: async (given, context) => (await import('./disk/factory.js')).diskSource(given, context),
  target: async (given, context) => (await import('./disk/factory.js')).diskTarget(given, context),
});
