import * as z from 'zod';
import { duration, secret, template, webUrl } from '../config/options.js';
import { defineDevice } from '../config/definition.js';
import { linkOf, linkOptions } from './link-options.js';
import { loginOf, loginOptions } from './login-options.js';
import { tlsOptions } from './tls-options.js';

/** Options of every device that uploads by HTTP. */
export const uploadOptions = {
  headers: z
    .record(z.string().min(1), secret())
    .default({})
    .describe(
      'headers of the request, such as an upload token; a value may come from a variable or a file: { Authorization: { env: NAME } }',
    ),
  on_lost_answer: z
    .enum(['hold', 'resend'])
    .default('hold')
    .describe(
      'when the whole file was sent and no answer came: hold it as FAILED for a person to look at, or send it again at the risk of a double',
    ),
  ...loginOptions,
  ...tlsOptions,
  timeout: duration().default(60_000).describe('silence after which the connection counts as lost'),
  ...linkOptions,
};

/** A web address whose part behind the host is a template. */
const addressTemplate = () =>
  webUrl()
    .pipe(template())
    .refine(text => !/^https?:\/\/[^/?#]*[{}]/i.test(text), 'must have no placeholder in the host')
    .meta({ title: 'web address with placeholders' });

const status = () => z.int().min(100).max(599);

/** `json`: values of an object, names of nested ones joined by dots; `pattern`: a regular expression. */
const success = () =>
  z
    .strictObject({
      status: z.union([status(), z.array(status()).min(1)]).optional(),
      json: z.record(z.string().min(1), z.unknown()).optional(),
      pattern: z
        .string()
        .min(1)
        .transform((text, context) => patternOf(text) ?? refusePattern(context))
        .optional(),
    })
    .meta({ title: 'status, json, pattern' });

function patternOf(text: string): RegExp | undefined {
  try {
    return new RegExp(text, 'u');
  } catch {
    return undefined;
  }
}

function refusePattern(context: z.RefinementCtx): never {
  context.addIssue({ code: 'custom', message: 'is not a regular expression' });
  return z.NEVER;
}

/** A web page to which a form uploads a file. */
export const http = defineDevice({
  type: 'http',
  summary: 'Target: any web page that takes files by a form (multipart/form-data)',
  options: z.object({
    url: addressTemplate().describe(
      'address that the form or the file is sent to; behind the host it may have placeholders: https://example.org/logs/{file.path}',
    ),
    method: z.enum(['POST', 'PUT']).default('POST').describe('how the form or the file is sent'),
    body: z
      .enum(['form', 'raw'])
      .default('form')
      .describe('form: multipart/form-data with fields and the file; raw: the bytes of the file alone'),
    file_field: z.string().min(1).default('file').describe("name of the form's file field"),
    fields: z.record(z.string().min(1), template()).default({}).describe('text fields of the form'),
    success: success()
      .optional()
      .describe(
        'how the page says that it has stored a file; all that is given must be true: { status: 201, json: { ok: true }, pattern: "stored" }. Without it: any 2xx, except a login page and a JSON answer that reports a failure',
      ),
    ...uploadOptions,
  }),
  link: linkOf(({ url }) => url),
  target: async (options, context) => {
    const { HttpTarget } = await import('./http/target.js');
    return new HttpTarget(
      {
        url: new URL(options.url),
        ...(/[{}]/.test(options.url) && { address: options.url }),
        body: options.body,
        method: options.method,
        fileField: options.file_field,
        fields: options.fields,
        headers: options.headers,
        tls: options,
        login: () => loginOf(options, context),
        timeout: options.timeout,
        onLostAnswer: options.on_lost_answer,
        success: options.success,
      },
      context,
    );
  },
});
