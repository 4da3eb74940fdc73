import { isIPv6 } from 'node:net';
import { defineDevice } from '../config/definition.js';
import { linkOf } from './link-options.js';
import { rcloneOptions, type RcloneOptions } from './rclone/options.js';

/** Of no machine (RFC 5737): the way there is the way to the internet. Nothing is sent to it. */
const ANYWHERE = '192.0.2.1';

/** Whatever rclone reaches: Drive, OneDrive, Dropbox, SMB, Azure, B2 and many more. */
export const rclone = defineDevice({
  type: 'rclone',
  summary:
    'Source and target: a remote of rclone (Google Drive, OneDrive, Dropbox, SMB, Azure, B2 and many more)',
  options: rcloneOptions,
  below: (options, folder) => ({
    ...options,
    remote: options.remote.replace(/(:|[^/])\/*$/, `$1/${folder}`),
  }),
  link: linkOf(({ host = ANYWHERE }: RcloneOptions) => `rclone://${isIPv6(host) ? `[${host}]` : host}`),
  source: async (chosen, context) => (await import('./rclone/ends.js')).rcloneSource(chosen, context),
  target: async (chosen, context) => (await import('./rclone/ends.js')).rcloneTarget(chosen, context),
});
