import { isIPv6 } from 'node:net';
import { posix } from 'node:path';
import { defineDevice } from '../config/definition.js';
import { ftpOptions, type FtpOptions } from './ftp/options.js';
import { linkOf } from './link-options.js';

export const ftp = defineDevice({
  type: 'ftp',
  summary: 'Source and target: an FTP server, plain or encrypted (FTPS)',
  tellsSpace: false,
  options: ftpOptions,
  link: linkOf(({ host }: FtpOptions) => `ftp://${isIPv6(host) ? `[${host}]` : host}`),
  below: (options, folder) => ({ ...options, root: posix.join(options.root, folder) }),
  source: async (chosen, context) => (await import('./ftp/ends.js')).ftpSource(chosen, context),
  target: async (chosen, context) => (await import('./ftp/ends.js')).ftpTarget(chosen, context),
});
