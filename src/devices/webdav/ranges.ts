import type { ErrorDetails } from '../../errors.js';
import type { WebClient } from '../web-client/client.js';

/**
 * Whether the server supports PUT with Content-Range, which is optional (RFC 9110 section 14.5): some servers refuse it,
 * and some take the part for the whole.
 * @param names of a file that is made for the test, and removed
 */
export async function supportsRanges(
  client: WebClient,
  names: readonly string[],
  signal: AbortSignal,
  details: ErrorDetails,
): Promise<boolean> {
  const all = { names, signal, details };
  const put = (body: string, range: Readonly<Record<string, string>> = {}) =>
    client.ask({ ...all, method: 'PUT', headers: { 'Content-Length': '1', ...range }, body });
  const first = await put('F');
  if (first.status >= 300) throw client.refusal(first, details);
  const second = await put('S', { 'Content-Range': 'bytes 1-1/2' });
  const supported = second.status < 300 && (await client.ask({ ...all, method: 'GET' })).text === 'FS';
  await client.ask({ ...all, method: 'DELETE' });
  return supported;
}
