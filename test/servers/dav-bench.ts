import { chmod, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { DeviceContext } from '../../src/config/definition.js';
import { webdav } from '../../src/devices/webdav.js';
import type { SourceBench } from '../conformance/source.js';
import type { TargetBench } from '../conformance/target.js';
import type { DavServer } from './dav-servers.js';
import { makeSource, makeTarget } from './device.js';

let benches = 0;

/** A target with an empty root of its own on a shared server; the root does not exist yet. */
export async function davTargetBench(server: DavServer, more: object = {}): Promise<TargetBench> {
  const { url, folder } = await ownPlace(server);
  const target = await makeTarget(webdav, { ...davOptions(server), url, ...more });
  return {
    target,
    read: path => readFile(join(folder, 'root', path)).catch(unlessMissing),
    listAll: async () => (await readdir(folder, { recursive: true }).catch(unlessMissing)) ?? [],
    close: () => target.close(),
  };
}

/** A source with an empty root of its own. */
export async function davSourceBench(
  server: DavServer,
  over: Partial<DeviceContext> = {},
  more: object = {},
): Promise<SourceBench> {
  const { url, folder } = await ownPlace(server);
  const root = join(folder, 'root');
  await mkdir(root);
  await chmod(root, 0o777);
  const source = await makeSource(webdav, { ...davOptions(server), url, ...more }, over);
  return {
    source,
    put: async (path, bytes) => {
      await mkdir(dirname(join(root, path)), { recursive: true });
      await writeFile(join(root, path), bytes);
      for (const each of folders(root, path)) await chmod(each, 0o777);
    },
    remove: path => rm(join(root, path)),
    loseRoot: () => rm(root, { recursive: true }),
    // nginx does not list names that start with a dot.
    holds: path => !(server.kind === 'nginx' && path.startsWith('.')),
    big: 8 << 20,
    close: () => source.close(),
  };
}

/** The device's options for that server. */
export const davOptions = ({ url, user, password, ca }: DavServer) => ({
  url,
  user,
  password,
  ...(ca !== undefined && { tls_ca: ca }),
});

async function ownPlace(server: DavServer): Promise<{ url: string; folder: string }> {
  const own = `bench ${benches++}`;
  const folder = join(server.folder, own);
  await mkdir(folder);
  await chmod(folder, 0o777);
  return { url: `${server.url}/${encodeURIComponent(own)}/root`, folder };
}

/** The folders in which the server must be able to delete, as any user. */
function folders(root: string, path: string): string[] {
  const parts = path.split('/').slice(0, -1);
  return parts.map((_, index) => join(root, ...parts.slice(0, index + 1)));
}

function unlessMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}
