import { once } from 'node:events';
import { createServer, request as requestHttp, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { HOST } from './served.js';
import type { S3Server } from './s3-servers.js';

/** A request on its way to the store. */
export interface Passing {
  readonly method: string;
  /** Not decoded, with its query. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** What becomes of a request: nothing reaches the store, or its answer is lost, or others stand in its place. */
export type Instead =
  | 'lose'
  | 'reset'
  | { readonly status: number; readonly headers?: Record<string, string>; readonly body?: string }
  /** Headers of the answer that are changed. */
  | { readonly answered: Record<string, string> };

/** Stands in front of a store: passes requests on as they are, and knows them. */
export interface S3Front extends Pick<S3Server, 'url' | 'accessKey' | 'secretKey'> {
  readonly requests: readonly Passing[];
  /** May be changed at any time. */
  instead: (request: Passing) => Instead | undefined;
  stop(): Promise<void>;
}

export async function startFront(store: S3Server): Promise<S3Front> {
  const requests: Passing[] = [];
  const listener = createServer((request, response) => {
    const passing = { method: request.method ?? '', url: request.url ?? '', headers: request.headers };
    requests.push(passing);
    pass(store, request, response, front.instead(passing)).catch(() => request.destroy());
  }).listen(0, HOST);
  await once(listener, 'listening');
  const { port } = listener.address() as AddressInfo;
  const { accessKey, secretKey } = store;
  const front: S3Front = {
    ...{ url: `http://${HOST}:${port}`, accessKey, secretKey, requests },
    instead: () => undefined,
    stop: async () => {
      listener.closeAllConnections();
      await new Promise(resolve => listener.close(resolve));
    },
  };
  return front;
}

async function pass(
  { host, port }: S3Server,
  request: IncomingMessage,
  response: ServerResponse,
  instead: Instead | undefined,
): Promise<void> {
  if (instead === 'reset') return void request.socket.destroy();
  const body = await buffer(request);
  if (typeof instead === 'object' && 'status' in instead)
    return void response.writeHead(instead.status, instead.headers).end(instead.body);
  const { method, url, headers } = request;
  const passed = requestHttp({ host, port, method, path: url, headers, agent: false }).end(body);
  // Swift sends more than it has announced after some answers to HEAD.
  passed.on('error', () => undefined);
  const [answer] = (await once(passed, 'response')) as [IncomingMessage];
  const content = await buffer(answer);
  if (instead === 'lose') return void request.socket.destroy();
  const changed = instead?.answered ?? {};
  response.writeHead(answer.statusCode ?? 0, { ...answer.headers, ...changed }).end(content);
}

/** A refusal as S3 has it. */
export const refusal = (status: number, code: string, headers: Record<string, string> = {}): Instead => ({
  status,
  headers: { 'content-type': 'application/xml', ...headers },
  body: `<?xml version="1.0"?><Error><Code>${code}</Code><Message>Please wait.</Message></Error>`,
});
