import type { LiveApi } from './api.js';
import type { Call } from './route.js';

/** A client that is so many bytes behind is cut off: it connects again, and gets what it has missed. */
export const MAX_BEHIND_BYTES = 1024 * 1024;

const HEADERS = { 'content-type': 'text/event-stream', 'cache-control': 'no-store, no-transform' };

/** Server-sent events (HTML standard, section 9.2), never compressed, until the client leaves or the program stops. */
export function sendEvents(
  api: LiveApi,
  { request, response }: Pick<Call, 'request' | 'response'>,
  last: string | undefined,
): void {
  const events = api.events(last);
  response.writeHead(200, HEADERS);
  if (request.method === 'HEAD') return void response.end();
  // What a client has missed may be more than it may be behind.
  let allowed: number | undefined;
  const sending = events.subscribe({
    next: text => {
      allowed ??= MAX_BEHIND_BYTES + text.length;
      response.write(text);
      if (response.writableLength > allowed) response.destroy();
    },
    error: () => response.destroy(),
    complete: () => response.end(),
  });
  if (response.destroyed) return sending.unsubscribe();
  response.once('close', () => sending.unsubscribe());
}
