import type { ErrorDetails } from '../../errors.js';
import type { DavClient } from './client.js';

/**
 * Whether the server puts the bytes of a PUT with Content-Range where they belong, which RFC 9110 section 14.5 leaves
 * to it: some refuse that, and some take the part for the whole.
 * @param names of a file of ours that may be made for the trial, and is removed
 */
export async function takesRanges(
  client: DavClient,
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
  const taken = second.status < 300 && (await client.ask({ ...all, method: 'GET' })).text === 'FS';
  await client.ask({ ...all, method: 'DELETE' });
  return taken;
}
