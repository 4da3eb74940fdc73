import * as z from 'zod';
import { size, template, webUrl } from '../config/options.js';
import { FileSyncError } from '../errors.js';
import type { Outgoing } from '../ports.js';
import { formatSize } from '../system/size.js';
import { defineDevice } from '../config/definition.js';
import { linkOf } from './link-options.js';
import { loginOf } from './login-options.js';
import type { Meaning } from './error-table.js';
import { uploadOptions } from './http.js';

/** The first bytes of every ULog file (PX4 ULog file format, "Header Section"); the eighth is the version. */
const ULOG_MAGIC = Buffer.from('554c6f67011235', 'hex');

/** The first bytes of PX4's encrypted logs, `.ulge` (PX4 "Log Encryption", "File Structure"); the next is the version. */
const ENCRYPTED_MAGIC = Buffer.from('ULogEnc');
/** Before PX4 1.16, an encrypted log has no header, and its key is in a file of its own. */
const HEADLESS = /\.ulg[ck]$/i;

/** The pages of the PX4 project, where every visitor can search and read all logs. */
const PUBLIC_HOST = /(^|\.)px4\.io$/;

/** The host of an address where everything that is uploaded becomes public; undefined for any other. */
export function publicHostOf(url: string): string | undefined {
  const hostname = URL.canParse(url) ? new URL(url).hostname : '';
  return PUBLIC_HOST.test(hostname) ? hostname : undefined;
}

/** The server refuses a longer text field. */
const MAX_FIELD_BYTES = 10 * 1024;

/** Flight Review, as on logs.px4.io (`tornado_handlers/upload.py` there). The same log twice is two entries. */
export const flightReview = defineDevice({
  type: 'flight-review',
  summary: 'Target: PX4 Flight Review (logs.px4.io or your own), for ULog files, also encrypted ones',
  options: z.object({
    url: webUrl().default('https://logs.px4.io').describe("the site's address"),
    email: z.string().default('').describe('gets the link to the uploaded log; may be empty'),
    fields: z
      .record(z.string().min(1), template())
      .default({})
      .describe('more form fields: description, type, source, feedback, allowForAnalysis, obfuscated …'),
    api: z
      .enum(['auto', 'v1', 'v2'])
      .default('auto')
      .describe(
        'v1: flight_review (logs.px4.io); v2: flight-review-rs; auto: asks the site before the first upload',
      ),
    max_size: size()
      .default(300 * 1024 * 1024)
      .describe('larger logs are not sent: the server would refuse them'),
    ...uploadOptions,
  }),
  link: linkOf(({ url }) => url),
  publicPage: ({ url }) => publicHostOf(url),
  target: async (options, context) => {
    const { HttpTarget } = await import('./http/target.js');
    const { ReviewTarget, logPage } = await import('./http/review.js');
    const base = baseOf(options.url);
    const common = {
      method: 'POST' as const,
      headers: options.headers,
      tls: options,
      login: () => loginOf(options, context),
      timeout: options.timeout,
      onLostAnswer: options.on_lost_answer,
      check: (file: Outgoing, fields: Readonly<Record<string, string>>) =>
        checkUpload(file, fields, options.max_size, context.name),
    };
    const words = { description: '{description}', source: 'FileSync' };
    const email = options.email.replace(/[{}]/g, '$&$&');
    const v1 = {
      ...common,
      url: new URL(`${base}/upload`),
      fileField: 'filearg',
      fields: { ...words, type: 'personal', email, ...options.fields, redirect: 'false' },
      isFile: (location: URL) => location.searchParams.has('log'),
    };
    const v2 = {
      ...common,
      url: new URL(`${base}/api/upload`),
      fileField: 'file',
      fields: { ...words, ...options.fields },
      locate: (body: string) => logPage(base, body),
      isFile: () => true,
      refusals: { 500: NOT_CONVERTED },
    };
    const site = { device: context.name, logs: new URL(`${base}/api/logs?limit=1`), api: options.api };
    return new ReviewTarget(site, { v1: new HttpTarget(v1, context), v2: new HttpTarget(v2, context) });
  },
});

/** Of v2, which stores a log only when all of it is converted; its entry is made last. */
const NOT_CONVERTED: Meaning = ['rejected', 'could not convert or store the log: look at it, then retry it'];

/** Without the path of the upload page, whose address the user may give. */
const baseOf = (site: string): string => site.replace(/(\/api)?(\/(upload\/?)?)?$/, '');

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
  if (HEADLESS.test(path) || (await beginsWith(file, [ULOG_MAGIC, ENCRYPTED_MAGIC]))) return;
  throw new FileSyncError('rejected', `${path} is not a ULog file: keep such files out of the rule`, details);
}

/** Whether the file begins with one of the marks, which have one length. */
async function beginsWith(file: Outgoing, marks: readonly Buffer[]): Promise<boolean> {
  const { length } = marks[0] ?? [];
  let head = Buffer.alloc(0);
  for await (const chunk of file.open(0)) {
    head = Buffer.concat([head, chunk]);
    if (head.length >= length) break;
  }
  return marks.some(mark => head.subarray(0, length).equals(mark));
}
