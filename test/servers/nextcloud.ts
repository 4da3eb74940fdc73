import type { IncomingMessage } from 'node:http';
import { scriptedDav, type ScriptedDav, type ScriptedFiles } from './scripted-dav.js';

export interface NextcloudOptions {
  /** A proxy in front refuses longer bodies (413). */
  readonly maxBody?: number;
  /** No folder `uploads`, as in ownCloud Infinite Scale. */
  readonly withoutChunks?: boolean;
  /** Called when the head of a request has arrived. */
  begun?(request: IncomingMessage, path: string): void;
  /** A status in place of the work. */
  refuse?(request: IncomingMessage, path: string): number | undefined;
}

export const FILES = '/remote.php/dav/files/alice';
export const UPLOADS = '/remote.php/dav/uploads/alice';

/**
 * A server that behaves as the developer manual of Nextcloud describes its WebDAV ("Chunked file upload", version 2): chunks have
 * the numbers 1 to 10000, cannot be downloaded, and each request about them names the destination. Names that end in `.part` are
 * refused, and so is a body of another length than announced.
 */
export async function nextcloud(options: NextcloudOptions = {}): Promise<ScriptedDav> {
  const server = await scriptedDav({
    root: FILES,
    ...(options.begun && { begun: options.begun.bind(options) }),
    refuse: (request, path, body, held) =>
      options.refuse?.(request, path) ?? refusalOf(request, path, body, held, options),
  });
  if (!options.withoutChunks) server.folders.add('/remote.php/dav/uploads').add(UPLOADS);
  return server;
}

function refusalOf(
  request: IncomingMessage,
  path: string,
  body: Buffer,
  held: ScriptedFiles,
  { maxBody = Infinity }: NextcloudOptions,
): number | undefined {
  const { method = '', headers } = request;
  if (method === 'PUT' && body.length > maxBody) return 413;
  if (method === 'PUT' && path.startsWith(FILES) && path.endsWith('.part')) return 400;
  if (!path.startsWith(`${UPLOADS}/`)) return undefined;
  if (['MKCOL', 'PUT', 'MOVE'].includes(method) && !headers.destination) return 400;
  if (method === 'GET') return 405;
  const name = path.slice(path.lastIndexOf('/') + 1);
  if (method === 'PUT' && !(/^\d+$/.test(name) && Number(name) >= 1 && Number(name) <= 10_000)) return 400;
  if (method === 'DELETE') dropChunks(path, held);
  return method === 'MOVE' ? refusalOfAssembly(path, Number(headers['oc-total-length']), held) : undefined;
}

function dropChunks(folder: string, { files }: ScriptedFiles): void {
  for (const path of [...files.keys()]) if (path.startsWith(`${folder}/`)) files.delete(path);
}

/** "Chunks on server do not sum up to …". */
function refusalOfAssembly(path: string, promised: number, held: ScriptedFiles): number | undefined {
  const folder = path.replace(/\/\.file$/, '');
  if (!held.folders.has(folder)) return 404;
  const chunks = [...held.files].filter(([name]) => name.startsWith(`${folder}/`));
  const size = chunks.reduce((sum, [, chunk]) => sum + chunk.length, 0);
  return promised === size ? undefined : 400;
}
