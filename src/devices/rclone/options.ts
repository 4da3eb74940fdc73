import * as z from 'zod';
import { duration, secret } from '../../config/options.js';
import { linkOptions } from '../link-options.js';
import { maxFiles } from '../listing-gaps.js';

export const rcloneOptions = z.object({
  remote: z
    .string()
    .regex(
      /^[\p{L}\p{N}_.+@][\p{L}\p{N}_.+@ -]*:[^[\]\p{Cc}]*$/u,
      'must be NAME:path, a name that `rclone listremotes` shows and a folder without brackets in its name',
    )
    .describe('NAME:path, a remote of the rclone configuration and a folder there; as a target it is made'),
  program: z.string().min(1).default('rclone').describe('rclone 1.60 or newer: its name, or its path'),
  config: z
    .string()
    .min(1)
    .optional()
    .describe(
      "file of the rclone configuration (default: that of FileSync's user, as `rclone config file` shows)",
    ),
  config_password: secret()
    .optional()
    .describe(
      'of an encrypted rclone configuration; from a variable or a file: { env: NAME } or { file: PATH }',
    ),
  read_back: z
    .boolean()
    .default(false)
    .describe(
      'as a target: true reads each file back to compare it where the remote reports no hash that is known here',
    ),
  timeout: duration()
    .default(60_000)
    .describe('silence after which rclone, or the remote behind it, counts as gone'),
  max_files: maxFiles(),
  host: z
    .string()
    .regex(/^[^\s/,@]+$/, 'a name or an address alone')
    .optional()
    .describe('name or address of the service, for over and unmetered (default: somewhere in the internet)'),
  ...linkOptions,
});
export type RcloneOptions = z.output<typeof rcloneOptions>;
