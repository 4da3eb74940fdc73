import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** How a server differs from a plain one. */
export interface DavQuirks {
  /** Path of the root folder; default `/dav`. */
  readonly root?: string;
  /** A status in place of the work; undefined: it is done. `body` is what has arrived, and `held` what the server has. */
  refuse?(request: IncomingMessage, path: string, body: Buffer, held: ScriptedFiles): number | undefined;
  /** Called when a request's head has arrived. */
  begun?(request: IncomingMessage, path: string): void;
  /** Whether PROPFIND hides the file. */
  hides?(path: string): boolean;
  /** Header WWW-Authenticate of a 401; undefined: the request is let in. */
  challenge?(request: IncomingMessage): string | readonly string[] | undefined;
}

/** By the decoded path. */
export interface ScriptedFiles {
  readonly files: Map<string, Buffer>;
  readonly folders: Set<string>;
}

export interface ScriptedDav extends ScriptedFiles {
  /** Of the root folder. */
  readonly url: string;
  /** `METHOD path -> status`, in order. */
  readonly log: string[];
  close(): void;
}

/** A WebDAV server in memory, with the quirks of one that is hard to come by. PUT of a part is refused, as most servers do. */
export async function scriptedDav(quirks: DavQuirks = {}): Promise<ScriptedDav> {
  const files = new Map<string, Buffer>();
  const { root = '/dav' } = quirks;
  const folders = new Set(root.split('/').map((_, index, parts) => parts.slice(0, index + 1).join('/')));
  folders.delete('');
  const log: string[] = [];
  const server: Server = createServer((request, response) => {
    const path = decodeURIComponent(request.url ?? '').replace(/\/$/, '');
    quirks.begun?.(request, path);
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const challenge = quirks.challenge?.(request);
      const answer: Answer =
        challenge !== undefined
          ? [401, '', { 'www-authenticate': challenge }]
          : answerTo(request, path, Buffer.concat(chunks), { files, folders, quirks });
      const [status, body = '', headers = {}] = answer;
      log.push(`${request.method} ${path} -> ${status}`);
      response
        .writeHead(status, headers as Record<string, string>)
        .end(request.method === 'HEAD' ? '' : body);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = (): void => {
    server.closeAllConnections();
    server.close();
  };
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${root}`,
    files,
    folders,
    log,
    close,
  };
}

type Answer = [
  status: number,
  body?: string | Buffer,
  headers?: Readonly<Record<string, string | readonly string[]>>,
];

interface State extends ScriptedFiles {
  readonly quirks: DavQuirks;
}

function answerTo(request: IncomingMessage, path: string, body: Buffer, state: State): Answer {
  const { files, folders, quirks } = state;
  const refused = quirks.refuse?.(request, path, body, state);
  if (refused !== undefined) return [refused];
  const parent = path.slice(0, path.lastIndexOf('/'));
  switch (request.method) {
    case 'PROPFIND':
      return propfind(request, path, state);
    case 'MKCOL':
      if (folders.has(path) || files.has(path)) return [405];
      if (!folders.has(parent)) return [409];
      folders.add(path);
      return [201];
    case 'PUT':
      if (request.headers['content-range'] !== undefined) return [400];
      if (!folders.has(parent)) return [409];
      files.set(path, body);
      return [201];
    case 'MOVE':
      return move(request, path, state);
    case 'DELETE': {
      const had = files.delete(path) || folders.delete(path);
      return [had ? 204 : 404];
    }
    case 'HEAD':
    case 'GET': {
      const file = files.get(path);
      return file ? [200, file, { 'content-length': String(file.length) }] : [404];
    }
    default:
      return [405];
  }
}

function move(request: IncomingMessage, path: string, { files, folders }: State): Answer {
  const destination = String(request.headers.destination);
  const to = decodeURIComponent(destination.startsWith('/') ? destination : new URL(destination).pathname);
  // Nextcloud assembles the chunks of a folder.
  const file = path.endsWith('/.file') ? assembled(path.slice(0, -6), files) : files.get(path);
  if (!file) return [404];
  if (files.has(to) && request.headers.overwrite === 'F') return [412];
  files.delete(path);
  if (path.endsWith('/.file')) folders.delete(path.slice(0, -6));
  files.set(to, file);
  return [201];
}

function assembled(folder: string, files: Map<string, Buffer>): Buffer {
  const chunks = [...files.keys()].filter(path => path.startsWith(`${folder}/`)).sort();
  const whole = Buffer.concat(chunks.map(path => files.get(path) ?? Buffer.alloc(0)));
  for (const path of chunks) files.delete(path);
  return whole;
}

function propfind(request: IncomingMessage, path: string, { files, folders, quirks }: State): Answer {
  const isThere = (one: string): boolean => !quirks.hides?.(one) && (files.has(one) || folders.has(one));
  if (!isThere(path)) return [404];
  const children = [...files.keys(), ...folders].filter(
    one => isThere(one) && one.slice(0, one.lastIndexOf('/')) === path,
  );
  const all = request.headers.depth === '1' ? [path, ...children] : [path];
  const entries = all.map(one => {
    const file = files.get(one);
    const props = file
      ? `<resourcetype/><getcontentlength>${file.length}</getcontentlength>`
      : '<resourcetype><collection/></resourcetype>';
    return `<response><href>${encodeURI(one)}</href><propstat><prop>${props}</prop><status>HTTP/1.1 200 OK</status></propstat></response>`;
  });
  return [207, `<?xml version="1.0"?><multistatus xmlns="DAV:">${entries.join('')}</multistatus>`];
}
