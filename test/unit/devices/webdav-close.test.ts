import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { WebClient } from '../../../src/devices/web-client/client.js';
import { toDavError as toError } from '../../../src/devices/webdav/errors.js';
import { DavSource } from '../../../src/devices/webdav/source.js';
import { failsWith, listed } from '../../conformance/support.js';
import { deviceContext } from '../../fakes/device-context.js';

describe('webdav', () => {
  it('close cancels requests without an answer', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    const site = { url, timeout: 60_000, tls: {}, login: () => undefined, toError };
    const source = new DavSource(new WebClient(site, deviceContext()), 'dav');
    const listing = failsWith(() => listed(source), 'cancelled');
    const [socket] = (await once(server, 'connection')) as [Socket];
    await once(socket, 'data');
    await source.close();
    await listing;
    await failsWith(() => listed(source), 'cancelled');
    server.close();
  });
});
