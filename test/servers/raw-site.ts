import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename } from 'node:path';

/** What a site has stored. */
export interface Stored {
  readonly name: string;
  readonly bytes: Buffer;
}

export interface Site {
  readonly url: string;
  readonly stored: Stored[];
  close(): void;
}

type Reply = readonly [status: number, body?: object];

/** A site whose answer to a whole request is `answer`; of a request that breaks nothing is stored. */
async function site(
  answer: (request: IncomingMessage, body: Buffer, stored: Stored[]) => Reply,
): Promise<Site> {
  const stored: Stored[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('error', () => undefined);
    request.on('end', () => {
      const [status, body] = answer(request, Buffer.concat(chunks), stored);
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(body === undefined ? '' : JSON.stringify(body));
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const close = (): void => {
    server.closeAllConnections();
    server.close();
  };
  return { url: `http://127.0.0.1:${port}`, stored, close };
}

/** Stores the bodies of PUTs, as nginx and object gateways do. */
export const rawSite = (): Promise<Site> =>
  site(({ method, url = '' }, bytes, stored) => {
    if (method !== 'PUT') return [405];
    stored.push({ name: basename(decodeURIComponent(url)), bytes });
    return [201];
  });

const ULOG_MAGIC = Buffer.from('554c6f67011235', 'hex');

/** PX4/flight-review-rs (`crates/server/src/main.rs` there): the field `file`; a log that it cannot convert is not stored. */
export const reviewSite = (): Promise<Site> =>
  site(({ method, url, headers }, form, stored) => {
    if (method === 'GET' && url === '/api/logs?limit=1') return [200, { logs: [] }];
    if (method !== 'POST' || url !== '/api/upload') return [404, {}];
    const file = fileIn(form, /boundary="?([^";]+)/.exec(headers['content-type'] ?? '')?.[1] ?? '');
    if (!file) return [400, {}];
    if (!file.bytes.subarray(0, ULOG_MAGIC.length).equals(ULOG_MAGIC)) return [500, {}];
    stored.push(file);
    return [200, { id: `log-${stored.length}`, delete_token: 'a secret token' }];
  });

/** The field `file` of a form (RFC 7578). */
function fileIn(form: Buffer, boundary: string): Stored | undefined {
  const text = form.toString('latin1');
  const head = /form-data; name="file"; filename="([^"]*)"[^]*?\r\n\r\n/.exec(text);
  if (!head) return undefined;
  const begin = head.index + head[0].length;
  const end = text.indexOf(`\r\n--${boundary}`, begin);
  const name = Buffer.from(head[1] ?? '', 'latin1').toString();
  return { name, bytes: form.subarray(begin, end) };
}
