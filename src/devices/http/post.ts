import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { Socket } from 'node:net';
import type { UploadReply } from './answer.js';
import type { UploadForm } from './form.js';
import type { Proxy } from '../proxy.js';
import { beginningOf, exchange } from './exchange.js';
import type { RequestLog } from './request-log.js';

export interface UploadRequest {
  readonly url: URL;
  readonly method: 'POST' | 'PUT';
  readonly headers: Readonly<Record<string, string>>;
  readonly form: UploadForm;
  /** A connection to the server, or to the proxy, for this request alone. */
  readonly socket: Socket;
  readonly proxy: Proxy | undefined;
  readonly signal: AbortSignal;
  readonly log: RequestLog;
  /** ms. */
  readonly timeout: number;
}

/** Sends a form and returns the answer, whatever its status. */
export async function post(upload: UploadRequest): Promise<UploadReply> {
  const { url, method, headers, form, socket, proxy, signal, log, timeout } = upload;
  const agent = agentFor(url, socket);
  const all = { ...headers, ...form.headers() };
  const { status, header, body } = await exchange({
    url,
    method,
    headers: all,
    body: form.data,
    agent,
    proxy,
    signal,
    log,
    timeout,
  });
  const limit = header('upload-limit') ?? header('tus-max-size');
  return {
    status,
    challenge: header('www-authenticate'),
    location: header('location'),
    retryAfter: header('retry-after'),
    limit,
    body: await beginningOf(body, log.clock, timeout),
  };
}

/** For requests over one connection that is open. */
export function agentFor(url: URL, socket: Socket): HttpAgent {
  const agent = url.protocol === 'https:' ? new HttpsAgent() : new HttpAgent();
  return Object.assign(agent, { createConnection: () => socket });
}
