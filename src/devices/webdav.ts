import * as z from 'zod';
import { duration, webUrl } from '../config/options.js';
import { defineDevice, type DeviceContext } from '../config/definition.js';
import { linkOf, linkOptions } from './link-options.js';
import { maxFiles } from './listing-gaps.js';
import { loginOf, loginOptions } from './login-options.js';
import { tlsOptions } from './tls-options.js';
import type { WebClient } from './web-client/client.js';

const options = z.object({
  url: webUrl().describe("address of the folder on the server; a target's is made if it is missing"),
  ...loginOptions,
  ...tlsOptions,
  timeout: duration().default(60_000).describe('silence after which the connection counts as lost'),
  max_files: maxFiles(),
  ...linkOptions,
});
type Options = z.output<typeof options>;

/** A folder on a WebDAV server: Nextcloud, ownCloud, Apache, nginx, a NAS. */
export const webdav = defineDevice({
  type: 'webdav',
  summary: 'Source and target: a folder on a WebDAV server (Nextcloud, Apache, nginx, a NAS)',
  options,
  link: linkOf(({ url }: Options) => url),
  below: (chosen, folder) => ({ ...chosen, url: chosen.url.replace(/\/*$/, `/${folder}`) }),
  source: async (chosen, context) => {
    const { DavSource } = await import('./webdav/source.js');
    return new DavSource(await clientOf(chosen, context), context.name, chosen.max_files);
  },
  target: async (chosen, context) => {
    const { DavTarget } = await import('./webdav/target.js');
    return new DavTarget(await clientOf(chosen, context), context.name);
  },
});

async function clientOf(
  { url, user, password, timeout, ...tls }: Options,
  context: DeviceContext,
): Promise<WebClient> {
  const login = () => loginOf({ user, password }, context);
  const { WebClient } = await import('./web-client/client.js');
  const { toDavError: toError } = await import('./webdav/errors.js');
  return new WebClient({ url: new URL(url), timeout, tls, login, toError }, context);
}
