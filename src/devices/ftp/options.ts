import * as z from 'zod';
import { duration, secret } from '../../config/options.js';
import { linkOptions } from '../link-options.js';
import { maxFiles } from '../listing-gaps.js';
import { tlsOptions } from '../tls-options.js';

export const ftpOptions = z.object({
  host: z
    .string()
    .regex(/^[^\s/]+$/, 'a name or an address alone, without ftp:// and without a folder')
    .describe('name or address of the server'),
  port: z.int().min(1).max(65535).optional().describe('default 21, with implicit TLS 990'),
  user: z.string().min(1).default('anonymous').describe('name to log in with'),
  password: secret().optional().describe('from a variable or a file: { env: NAME } or { file: PATH }'),
  tls: z
    .union([z.boolean(), z.literal('implicit')])
    .default(false)
    .describe('true: encrypted, from AUTH TLS on; implicit: encrypted from the first byte (an older way)'),
  ...tlsOptions,
  tls_servername: z
    .string()
    .min(1)
    .optional()
    .describe("name that the server's certificate must carry (default: host)"),
  root: z.string().default('/').describe('folder on the server; as a target it is made if it is missing'),
  timeout: duration().default(30_000).describe('silence after which the server counts as gone'),
  max_files: maxFiles(),
  ...linkOptions,
});
export type FtpOptions = z.output<typeof ftpOptions>;
