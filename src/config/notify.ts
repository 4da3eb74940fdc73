import * as z from 'zod';
import type { ConfigPlace } from './issues.js';
import {
  contentTypeOf,
  noticeBodyProblem,
  NOTICE_PLACEHOLDERS,
  unknownPlaceholder,
} from './notice-template.js';
import { isRecord } from './introspect.js';
import { duration, secret, secretWebUrl } from './options.js';
import { warnOfSecrets } from './secret-options.js';
import { validate } from './validate.js';

export const NOTICE_KINDS = ['flight', 'failed', 'offline', 'space', 'idle'] as const;
export type NoticeKind = (typeof NOTICE_KINDS)[number];

/** In `url`: the number of the message, the same at every attempt to send it. */
const URL_PLACEHOLDERS = ['id'];

/** One entry of `notify`. */
export const notifySchema = z.strictObject({
  on: z
    .array(z.enum(NOTICE_KINDS))
    .min(1)
    .describe(
      'what is told: `flight`: the files of a source that were found together have reached all their targets; `failed`: files are FAILED; `offline`: a device is offline, and later that it is online again; `space`: less than `min_free` is free, so that nothing is fetched; `idle`: everything is delivered after there was work',
    ),
  after: duration()
    .optional()
    .describe(
      'how long a file must have been FAILED, a device offline or space short before that is told (default: 10m, FAILED files at once)',
    ),
  url: secretWebUrl()
    .optional()
    .describe(
      'address that each message is sent to by HTTP; `{ env: NAME }` or `{ file: PATH }` where the address itself is a secret (Slack, Telegram). `{id}` in it is the number of the message, the same at each attempt. Either this or `command`',
    ),
  method: z.enum(['POST', 'PUT']).default('POST').describe('how the message is sent to `url`'),
  headers: z
    .record(z.string().min(1), secret())
    .default({})
    .describe(
      'headers of the request; a value may come from a variable or a file: { Authorization: { env: NAME } }',
    ),
  body: z
    .string()
    .min(1)
    .default('{json}')
    .describe(
      `text with the placeholders ${NOTICE_PLACEHOLDERS.map(name => `\`{${name}}\``).join(', ')}; where the header Content-Type is JSON, or the text looks like it, values are escaped as JSON needs that; where that header is application/x-www-form-urlencoded, as a form does`,
    ),
  secret: secret()
    .optional()
    .describe(
      'key of the header `X-Signature-256: sha256=…`, the HMAC-SHA256 of the body in hex, by which the receiver knows the sender',
    ),
  command: z
    .array(z.string().min(1))
    .min(1)
    .optional()
    .describe(
      'program and its arguments, run without a shell for each message, which it reads as JSON from standard input: [notify.sh, --urgent]; a path with a slash starts at the folder of this file',
    ),
});

/** A checked entry. `name`: where it is in the configuration. */
export type NotifyConfig = z.output<typeof notifySchema> & { readonly name: string };

/** The valid entries; errors in the others are reported at their `place`. */
export function checkNotify(raw: unknown, place: ConfigPlace): readonly NotifyConfig[] {
  const list: unknown[] = Array.isArray(raw) ? raw : [];
  return list.flatMap((entry, index) => {
    const checked = validate(notifySchema, entry, place.at(index));
    if (isRecord(entry)) checkWay(entry, place.at(index));
    if (!checked || !isRecord(entry)) return [];
    warnOfSecrets(notifySchema, entry, place.at(index));
    checkTemplates(checked, place.at(index));
    return [{ ...checked, name: `notify[${index}]` }];
  });
}

/** Exactly one way for messages, and no option of the other one. */
function checkWay(entry: Readonly<Record<string, unknown>>, place: ConfigPlace): void {
  const { url, command } = entry;
  if (url === undefined && command === undefined)
    place.error('where are messages sent to? Add url: https://… or command: [PROGRAM, ARGUMENT]');
  if (url !== undefined && command !== undefined)
    place.at('command').error('an entry has either url or command; move one of them to an entry of its own');
  if (command === undefined) return;
  for (const key of ['method', 'headers', 'body', 'secret'])
    if (url === undefined && entry[key] !== undefined)
      place.at(key).error('means nothing with command, which reads JSON from standard input; leave it out');
}

function checkTemplates({ url, body, headers }: z.output<typeof notifySchema>, place: ConfigPlace): void {
  const inUrl = typeof url === 'string' ? unknownPlaceholder(url, URL_PLACEHOLDERS) : undefined;
  if (inUrl !== undefined) place.at('url').error(inUrl);
  const named = Object.entries(headers).find(([name]) => name.toLowerCase() === 'content-type')?.[1];
  const contentType = typeof named === 'string' ? named : undefined;
  const inBody = noticeBodyProblem(body, contentTypeOf(body, contentType));
  if (inBody !== undefined) place.at('body').error(inBody);
  for (const name of Object.keys(headers))
    if (!HEADER_NAME.test(name))
      place.at('headers', name).error('not the name of a header: use letters, digits and -');
}

/** RFC 9110 section 5.6.2, without the signs that no header uses. */
const HEADER_NAME = /^[\w-]+$/;
