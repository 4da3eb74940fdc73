import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileStore } from '@tus/file-store';
import { Server, type ServerOptions } from '@tus/server';
import { tus } from '../../src/devices/tus.js';
import type { TargetBench } from '../conformance/target.js';
import { makeTarget } from './device.js';

/** What the server has of one file. */
export interface StoredUpload {
  readonly id: string;
  readonly path: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** Bytes that were announced. */
  readonly size: number;
  readonly bytes: Buffer;
}

/** The reference server of the protocol, on loopback. */
export interface TusServer {
  readonly url: string;
  readonly port: number;
  readonly host: string;
  /** A folder for what the client keeps. */
  readonly home: string;
  /** Requests so far: `POST /files`. */
  readonly requests: string[];
  /** Paths of the files that the server has reported as whole. */
  readonly finished: string[];
  uploads(): Promise<StoredUpload[]>;
  files(): Promise<string[]>;
  stop(): Promise<void>;
}

export interface TusServerOptions extends Partial<Omit<ServerOptions, 'datastore' | 'path'>> {
  /** ms after which an unfinished upload expires. */
  readonly expiresMs?: number;
  /** What happens to a request: a status in place of the server's answer, no answer at all, or one that is lost. */
  readonly instead?: (request: IncomingMessage) => number | 'reset' | 'lose' | undefined;
}

export async function startTusServer(options: TusServerOptions = {}): Promise<TusServer> {
  const { expiresMs, instead, ...more } = options;
  const home = await mkdtemp(join(tmpdir(), 'filesync-tus-'));
  const directory = join(home, 'files');
  const requests: string[] = [];
  const finished: string[] = [];
  const datastore = new FileStore({
    directory,
    ...(expiresMs !== undefined && { expirationPeriodInMilliseconds: expiresMs }),
  });
  const server = new Server({
    path: '/files',
    datastore,
    respectForwardedHeaders: true,
    ...more,
    onUploadFinish: async (_request, upload) => {
      finished.push(upload.metadata?.['path'] ?? '');
      return {};
    },
  });
  const listener = createServer((request, response) => {
    requests.push(`${request.method} ${request.url?.split('/')[1]}`);
    const how = instead?.(request);
    if (how === 'reset') return void request.socket.destroy();
    if (typeof how === 'number') return void response.writeHead(how).end('no');
    if (how === 'lose') response.writeHead = () => (request.socket.destroy(), response);
    if (request.method === 'GET') void serveWhole(directory, request, response);
    else void server.handle(request, response);
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/files`,
    host: '127.0.0.1',
    port,
    home,
    requests,
    finished,
    uploads: () => uploadsIn(directory),
    files: () => readdir(directory),
    stop: async () => {
      listener.closeAllConnections();
      await new Promise(resolve => listener.close(resolve));
      await rm(home, { recursive: true, force: true });
    },
  };
}

/** As the server does it, whose own way ends this process: Response of Node 20 closes a stream of a file twice. */
async function serveWhole(
  directory: string,
  { url = '' }: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const upload = (await uploadsIn(directory)).find(({ id }) => url === `/files/${id}`);
  const isWhole = upload?.bytes.length === upload?.size;
  response.writeHead(upload && isWhole ? 200 : 404).end(isWhole ? upload?.bytes : undefined);
}

async function uploadsIn(directory: string): Promise<StoredUpload[]> {
  const names = (await readdir(directory)).filter(name => name.endsWith('.json'));
  return Promise.all(
    names.map(async name => {
      const { id, size, metadata } = JSON.parse(
        await readFile(join(directory, name), 'utf8'),
      ) as StoredUpload;
      const bytes = await readFile(join(directory, id));
      return { id, size, metadata, path: metadata['path'] ?? '', bytes };
    }),
  );
}

let benches = 0;

/** A target with a list of its own, on a server of its own. */
export async function tusBench(
  server: TusServer,
  more: Record<string, unknown> = {},
  to: (server: TusServer) => Promise<number> = async ({ port }) => port,
): Promise<TargetBench> {
  const url = server.url.replace(`:${server.port}/`, `:${await to(server)}/`);
  const target = await makeTarget(tus, { url, ...more }, { local: join(server.home, `local${benches++}`) });
  return {
    target,
    read: async path =>
      (await server.uploads()).find(each => each.path === path && each.bytes.length === each.size)?.bytes,
    listAll: () => server.files(),
    close: async () => {
      await target.close();
      await server.stop();
    },
  };
}
