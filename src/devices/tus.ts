import { join } from 'node:path';
import * as z from 'zod';
import { duration, secret, template, webUrl } from '../config/options.js';
import { defineDevice } from '../config/definition.js';
import { linkOf, linkOptions } from './link-options.js';
import { loginOf, loginOptions } from './login-options.js';
import { tlsOptions } from './tls-options.js';

const options = z.object({
  url: webUrl().describe('address at which uploads are created: https://example.org/files/'),
  metadata: z
    .record(z.string().regex(/^[^\s,]+$/, 'must be words without spaces and commas'), template())
    .default({})
    .describe('what the server is told of each file, besides filename, path and sha256'),
  headers: z
    .record(z.string().min(1), secret())
    .default({})
    .describe(
      'headers of each request; a value may come from a variable or a file: { Authorization: { env: NAME } }',
    ),
  ...loginOptions,
  ...tlsOptions,
  timeout: duration().default(60_000).describe('silence after which the connection counts as lost'),
  ...linkOptions,
});

/** A server of the tus protocol: resumable uploads over HTTP. */
export const tus = defineDevice({
  type: 'tus',
  summary:
    'Target: a server of the tus protocol, resumable uploads over HTTP (tusd, Uppy, Cloudflare Stream)',
  options,
  link: linkOf(({ url }: z.output<typeof options>) => url),
  target: async ({ url, metadata, headers, timeout, user, password, ...tls }, context) => {
    const { TusTarget } = await import('./tus/target.js');
    const { WebClient } = await import('./web-client/client.js');
    const { UploadList } = await import('./upload-list.js');
    const readHeaders = () =>
      Object.fromEntries(Object.entries(headers).map(([name, ref]) => [name, context.secret(ref)]));
    const login = () => loginOf({ user, password }, context);
    const { toTusError: toError } = await import('./tus/errors.js');
    const site = { url: new URL(url), timeout, tls, login, headers: readHeaders, toError };
    const client = new WebClient(site, context);
    const list = new UploadList(join(context.local, '.tus', encodeURIComponent(context.name)));
    return new TusTarget({ url: new URL(url), metadata }, client, list, context);
  },
});
