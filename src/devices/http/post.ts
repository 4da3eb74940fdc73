import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import axios from 'axios';
import type { Answer } from './answer.js';
import type { UploadForm } from './form.js';

export interface UploadRequest {
  readonly url: URL;
  readonly method: 'POST' | 'PUT';
  readonly headers: Readonly<Record<string, string>>;
  readonly form: UploadForm;
  /** A connection to the server, for this request alone. */
  readonly socket: Socket;
  readonly signal: AbortSignal;
}

/** Bytes of an answer that are read; servers are known to answer with whole pages. */
const ANSWER_LIMIT = 65_536;

/** Sends a form and gives the answer, whatever its status. Without limit of time: whoever owns the connection breaks it. */
export async function post({ url, method, headers, form, socket, signal }: UploadRequest): Promise<Answer> {
  const agent = agentFor(url, socket);
  const response = await axios.request<Readable>({
    url: url.href,
    method,
    headers: { 'User-Agent': 'FileSync', ...headers, ...form.headers() },
    data: form.data,
    signal,
    httpAgent: agent,
    httpsAgent: agent,
    proxy: false,
    maxRedirects: 0,
    responseType: 'stream',
    validateStatus: null,
  });
  return {
    status: response.status,
    location: textOf(response.headers.location),
    retryAfter: textOf(response.headers['retry-after']),
    body: await beginningOf(response.data),
  };
}

function agentFor(url: URL, socket: Socket): HttpAgent {
  const agent = url.protocol === 'https:' ? new HttpsAgent() : new HttpAgent();
  return Object.assign(agent, { createConnection: () => socket });
}

const textOf = (header: unknown): string | undefined => (typeof header === 'string' ? header : undefined);

/** What came of an answer's body. One that breaks off is still an answer: its status was whole. */
async function beginningOf(body: Readable): Promise<string> {
  let text = '';
  try {
    for await (const piece of body.setEncoding('utf8') as AsyncIterable<string>) {
      text += piece;
      if (text.length > ANSWER_LIMIT) break;
    }
    return text;
  } catch {
    return text;
  }
}
