import { isIPv6 } from 'node:net';
import { posix } from 'node:path';
import { defineDevice } from '../config/definition.js';
import { linkOf } from './link-options.js';
import { sftpOptions, type SftpOptions } from './sftp/options.js';

export const sftp = defineDevice({
  type: 'sftp',
  summary: 'Source and target: a folder on a server that is reached by SSH (SFTP)',
  options: sftpOptions,
  link: linkOf(({ host, port }: SftpOptions) => `sftp://${isIPv6(host) ? `[${host}]` : host}:${port}`),
  below: (options, folder) => ({ ...options, root: posix.join(options.root, folder) }),
  source: async (chosen, context) => (await import('./sftp/ends.js')).sftpSource(chosen, context),
  target: async (chosen, context) => (await import('./sftp/ends.js')).sftpTarget(chosen, context),
});
