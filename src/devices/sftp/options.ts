import * as z from 'zod';
import { duration, secret } from '../../config/options.js';
import { linkOptions } from '../link-options.js';
import { maxFiles } from '../listing-gaps.js';

export const sftpOptions = z.object({
  host: z
    .string()
    .regex(/^[^\s/,@]+$/, 'a name or an address alone, without sftp://, user or folder')
    .describe('name or address of the server'),
  port: z.int().min(1).max(65535).default(22).describe('of the SSH server'),
  user: z.string().min(1).describe('name to log in with'),
  key: z
    .strictObject({ file: z.string().min(1) })
    .optional()
    .describe('private key as ssh-keygen makes it: { file: PATH }'),
  passphrase: secret()
    .optional()
    .describe('of an encrypted key; from a variable or a file: { env: NAME } or { file: PATH }'),
  password: secret().optional().describe('from a variable or a file: { env: NAME } or { file: PATH }'),
  agent: z
    .union([z.boolean(), z.string().min(1)])
    .default(false)
    .describe('keys of an ssh-agent: true for the one that SSH_AUTH_SOCK names, or the path of its socket'),
  known_hosts: z
    .string()
    .min(1)
    .optional()
    .describe(
      'file with the keys of servers that are trusted (default: ~/.ssh/known_hosts and /etc/ssh/ssh_known_hosts)',
    ),
  root: z
    .string()
    .min(1)
    .default('.')
    .describe(
      'folder on the server, as a target it is made if it is missing; a relative one begins where the login leads to (home folder)',
    ),
  keep_alive: duration()
    .default(15_000)
    .describe('a quiet connection sends a packet that often, so that no router forgets it; 0: never'),
  timeout: duration().default(30_000).describe('silence after which the server counts as gone'),
  max_files: maxFiles(),
  ...linkOptions,
});
export type SftpOptions = z.output<typeof sftpOptions>;
