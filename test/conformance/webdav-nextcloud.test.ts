import { WebClient } from '../../src/devices/web-client/client.js';
import { toDavError as toError } from '../../src/devices/webdav/errors.js';
import { DavTarget } from '../../src/devices/webdav/target.js';
import { deviceContext } from '../fakes/device-context.js';
import { FILES, nextcloud } from '../servers/nextcloud.js';
import { targetConformance, type TargetBench } from './target.js';

/** So short that the suite's files, of 300 kB, go in chunks. */
const CHUNK_BYTES = 1 << 16;

async function nextcloudBench(): Promise<TargetBench> {
  const server = await nextcloud({ maxBody: CHUNK_BYTES });
  const site = {
    url: new URL(`${server.url}/root`),
    timeout: 10_000,
    login: () => undefined,
    tls: {},
    toError,
  };
  const target = new DavTarget(new WebClient(site, deviceContext({ name: 'cloud' })), 'cloud', CHUNK_BYTES);
  return {
    target,
    read: async path => server.files.get(`${FILES}/root/${path}`),
    listAll: async () => [...server.files.keys(), ...server.folders],
    close: async () => {
      await target.close();
      server.close();
    },
  };
}

targetConformance('webdav, Nextcloud-like server', nextcloudBench, {
  'a file that only looks unfinished is a file like others': 'Nextcloud refuses names that end in .part',
});
