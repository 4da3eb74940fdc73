import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { attachment, isSameFile, rangeOf, type ByteRange } from './content-range.js';
import type { FileContent } from './local-content.js';
import { HttpError } from './problem.js';
import type { Call } from './route.js';

/**
 * Sends a file as an attachment: all of it, or the range that the request names (RFC 9110, section 14). Rejects where nothing was
 * sent yet; a file that ends early breaks the connection, so that no client takes its part for the whole.
 */
export async function sendContent(
  content: FileContent,
  { request, response }: Pick<Call, 'request' | 'response'>,
): Promise<void> {
  const { size, sha256 } = content;
  const etag = sha256 === undefined ? undefined : `"${sha256}"`;
  const range = wantedRange(request, etag, size);
  const { start, end } = range ?? { start: 0, end: size };
  const isHead = request.method === 'HEAD';
  const chunks = content.read(start, isHead ? start : end)[Symbol.asyncIterator]();
  // An error of the disk is an answer of its own while nothing was sent.
  const first = await chunks.next();
  response.writeHead(range ? 206 : 200, { ...headersOf(content, etag), ...lengthOf(range, size) });
  response.once('close', () => void chunks.return?.().catch(() => undefined));
  await sendChunks(response, first, chunks);
}

type Chunks = AsyncIterator<Uint8Array>;

/** As fast as the client reads. */
async function sendChunks(
  response: ServerResponse,
  first: IteratorResult<Uint8Array>,
  chunks: Chunks,
): Promise<void> {
  try {
    for (let next = first; !next.done; next = await chunks.next()) {
      if (response.destroyed) return;
      if (!response.write(next.value)) await drained(response);
    }
    response.end();
  } catch {
    response.destroy();
  }
}

async function drained(response: ServerResponse): Promise<void> {
  if (response.destroyed) return;
  const left = new AbortController();
  const { signal } = left;
  await Promise.race([once(response, 'drain', { signal }), once(response, 'close', { signal })]).finally(() =>
    left.abort(),
  );
}

function wantedRange(
  { method, headers: { range: header, 'if-range': ifRange } }: Call['request'],
  etag: string | undefined,
  size: number,
): ByteRange | undefined {
  if (method !== 'GET' || !isSameFile(ifRange as string | undefined, etag)) return undefined;
  const range = rangeOf(header, size);
  if (range !== 'unsatisfiable') return range;
  throw new HttpError(416, `the file has ${size} bytes`, { 'content-range': `bytes */${size}` });
}

const headersOf = ({ name }: FileContent, etag: string | undefined): Record<string, string> => ({
  ...{ 'content-type': 'application/octet-stream', 'content-disposition': attachment(name) },
  ...{ 'x-content-type-options': 'nosniff', 'accept-ranges': 'bytes', 'cache-control': 'no-store' },
  ...(etag !== undefined && { etag }),
});

const lengthOf = (range: ByteRange | undefined, size: number): Record<string, string | number> =>
  range
    ? {
        'content-length': range.end - range.start,
        'content-range': `bytes ${range.start}-${range.end - 1}/${size}`,
      }
    : { 'content-length': size };
