import * as z from 'zod';
import { size, template, webUrl } from '../config/options.js';
import { FileSyncError } from '../errors.js';
import type { Outgoing } from '../ports.js';
import { formatSize } from '../system/size.js';
import { defineDevice } from '../config/definition.js';
import { loginOf } from './login-options.js';
import { uploadOptions } from './http.js';

/** The first bytes of every ULog file (PX4 ULog file format, "Header Section"); the eighth is the version. */
const ULOG_MAGIC = Buffer.from('554c6f67011235', 'hex');

/** The pages of the PX4 project, where everybody can search and read all logs. */
const PUBLIC_HOST = /(^|\.)px4\.io$/;

/** The server refuses a longer text field. */
const MAX_FIELD_BYTES = 10 * 1024;

/** Flight Review, as on logs.px4.io (`tornado_handlers/upload.py` there). The same log twice is two entries. */
export const flightReview = defineDevice({
  type: 'flight-review',
  summary: 'Target: PX4 Flight Review (logs.px4.io or your own), for ULog files',
  options: z.object({
    url: webUrl().default('https://logs.px4.io').describe("the site's address"),
    email: z.string().default('').describe('gets the link to the uploaded log; may be empty'),
    fields: z
      .record(z.string().min(1), template())
      .default({})
      .describe('more form fields: description, type, source, feedback, allowForAnalysis, obfuscated …'),
    max_size: size()
      .default(300 * 1024 * 1024)
      .describe('larger logs are not sent: the server would refuse them'),
    ...uploadOptions,
  }),
  publicPage: ({ url }) => {
    const { hostname } = new URL(url);
    return PUBLIC_HOST.test(hostname) ? hostname : undefined;
  },
  target: async (options, context) => {
    const { HttpTarget } = await import('./http/target.js');
    return new HttpTarget(
      {
        url: uploadUrl(options.url),
        method: 'POST',
        fileField: 'filearg',
        fields: {
          description: '{description}',
          type: 'personal',
          source: 'FileSync',
          email: options.email.replace(/[{}]/g, '$&$&'),
          ...options.fields,
          redirect: 'false',
        },
        headers: options.headers,
        tls: options,
        login: () => loginOf(options, context),
        timeout: options.timeout,
        onLostAnswer: options.on_lost_answer,
        isFile: location => location.searchParams.has('log'),
        check: (file, fields) => checkUpload(file, fields, options.max_size, context.name),
      },
      context,
    );
  },
});

/** The form's address, also when the user gives that of the upload page. */
function uploadUrl(site: string): URL {
  return new URL(`${site.replace(/\/(upload\/?)?$/, '')}/upload`);
}

/** Throws for a file that the server would refuse after the whole upload. */
async function checkUpload(
  file: Outgoing,
  fields: Readonly<Record<string, string>>,
  limit: number,
  device: string,
): Promise<void> {
  const { path, size } = file.source;
  const details = { device, operation: 'write', path };
  if (size > limit) {
    const message = `${path} has ${formatSize(size)}, more than the ${formatSize(limit)} of max_size`;
    throw new FileSyncError('too-large', message, details);
  }
  for (const [name, value] of Object.entries(fields)) {
    if (Buffer.byteLength(value) <= MAX_FIELD_BYTES) continue;
    throw new FileSyncError(
      'rejected',
      `the field ${name} is longer than 10 KB: shorten its template`,
      details,
    );
  }
  if (await beginsWith(file, ULOG_MAGIC)) return;
  throw new FileSyncError('rejected', `${path} is not a ULog file: keep such files out of the rule`, details);
}

async function beginsWith(file: Outgoing, magic: Buffer): Promise<boolean> {
  let head = Buffer.alloc(0);
  for await (const chunk of file.open(0)) {
    head = Buffer.concat([head, chunk]);
    if (head.length >= magic.length) break;
  }
  return head.subarray(0, magic.length).equals(magic);
}
