import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A request as the receiver got it. */
export interface Received {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export type Answering = (request: Received, response: ServerResponse) => void;

/** A web server that keeps what it receives; `answer` says what it answers to each request. */
export class NoticeReceiver {
  readonly received: Received[] = [];
  readonly #server: Server;
  answer: Answering;

  private constructor(answer: Answering) {
    this.answer = answer;
    this.#server = createServer((request, response) => {
      let body = '';
      request.setEncoding('utf8').on('data', (text: string) => (body += text));
      request.on('end', () => {
        const { method = '', url: path = '', headers } = request;
        const received = { method, path, headers, body };
        this.received.push(received);
        this.answer(received, response);
      });
    });
  }

  static async start(answer: Answering = ok, port = 0): Promise<NoticeReceiver> {
    const receiver = new NoticeReceiver(answer);
    receiver.#server.listen(port, '127.0.0.1');
    await once(receiver.#server, 'listening');
    return receiver;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

export const ok: Answering = (_request, response) => void response.end('ok');

/** Takes the request and never answers. */
export const hang: Answering = () => undefined;

function json(response: ServerResponse, status: number, body: object, headers: object = {}): void {
  response.writeHead(status, { 'Content-Type': 'application/json', ...headers }).end(JSON.stringify(body));
}

/**
 * As docs.ntfy.sh/publish says: a topic is the path and the message the body, or both are in JSON that is posted to `/`; access
 * tokens are bearer tokens; errors have a code, and 429 asks for a pause.
 */
export function ntfy(token: string, busy = 0): Answering {
  let refusals = busy;
  const link = 'https://ntfy.sh/docs/publish/';
  return ({ method, path, headers, body }, response) => {
    if (headers.authorization !== `Bearer ${token}`)
      return json(response, 401, { code: 40101, http: 401, error: 'unauthorized', link });
    if (refusals-- > 0)
      return json(
        response,
        429,
        { code: 42901, http: 429, error: 'limit reached: too many requests, please be nice', link },
        { 'Retry-After': '2' },
      );
    if (method !== 'POST' && method !== 'PUT') return json(response, 404, { code: 40401, http: 404 });
    const message = path === '/' ? parsed(body) : { topic: path.slice(1), message: body };
    if (typeof message?.['topic'] !== 'string')
      return json(response, 400, { code: 40018, http: 400, error: 'invalid request: JSON body', link });
    json(response, 200, { id: 'hwQ2YpKdmg', time: 1, event: 'message', ...message });
  };
}

/** As gotify.net/api-docs says: POST /message with JSON, and the token of an application in X-Gotify-Key, a bearer token or the query. */
export function gotify(token: string): Answering {
  const refuse = (response: ServerResponse, errorCode: number, error: string, errorDescription: string) =>
    json(response, errorCode, { error, errorCode, errorDescription });
  return ({ method, path, headers, body }, response) => {
    const { pathname, searchParams } = new URL(path, 'http://gotify');
    if (method !== 'POST' || pathname !== '/message')
      return refuse(response, 404, 'Not Found', 'page not found');
    const given = [
      headers['x-gotify-key'],
      headers.authorization?.replace('Bearer ', ''),
      searchParams.get('token'),
    ];
    if (!given.includes(token))
      return refuse(
        response,
        401,
        'Unauthorized',
        'you need to provide a valid access token or user credentials to access this api',
      );
    const message = /json/.test(headers['content-type'] ?? '') ? parsed(body) : undefined;
    if (typeof message?.['message'] !== 'string' || message['message'] === '')
      return refuse(response, 400, 'Bad Request', "Field 'message' is required");
    json(response, 200, { id: 25, appid: 5, date: '2026-11-30T04:00:00Z', ...message });
  };
}

function parsed(body: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(body) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}
