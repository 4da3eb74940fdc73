import { FileSyncError, type ErrorDetails } from '../../errors.js';
import type { Space } from '../../ports.js';
import { locationOf } from '../http/location.js';
import { isSamePath } from '../web-client/address.js';
import type { WebClient, WebReply, WebRequest } from '../web-client/client.js';
import {
  PROPERTIES,
  QUOTA,
  readMultistatus,
  readQuota,
  type DavEntry,
  type Unreadable,
} from './multistatus.js';
import type { RequestScope } from '../web-client/scope.js';

/** A file or folder below the root. */
export interface Resource extends DavEntry {
  /** Relative to the root. */
  readonly names: readonly string[];
}

const propfind = (
  names: readonly string[],
  depth: 0 | 1,
  scope: RequestScope,
  body = PROPERTIES,
): WebRequest => ({
  method: 'PROPFIND',
  names,
  folder: depth === 1,
  headers: { 'Content-Type': 'application/xml; charset=utf-8', Depth: String(depth) },
  body,
  streamed: true,
  ...scope,
});

/** The file or folder of that name; undefined if there is none. */
export async function statOf(
  client: WebClient,
  names: readonly string[],
  scope: RequestScope,
): Promise<Resource | undefined> {
  const reply = await client.ask(propfind(names, 0, scope));
  if (reply.status === 404) return undefined;
  if (redirectsToSlash(reply, client.urlOf(names)))
    return { names, folder: true, size: 0, hasWeakEtag: false };
  let found: DavEntry | Unreadable | undefined;
  for await (const entry of entriesIn(client, reply, scope)) found ??= entry;
  if (found && 'why' in found)
    throw client.error('protocol', `sent an invalid list: ${found.why}`, scope.details);
  return found && { ...found, names };
}

/**
 * Lists a folder; undefined if there is none. Each folder is requested separately: many servers deny more depth. Entries arrive as the
 * server sends them.
 */
export async function contentOf(
  client: WebClient,
  names: readonly string[],
  scope: RequestScope,
): Promise<AsyncGenerator<Resource | Unreadable, void> | undefined> {
  const reply = await client.ask(propfind(names, 1, scope));
  return reply.status === 404 ? undefined : children(client, names, reply, scope);
}

async function* children(
  client: WebClient,
  folder: readonly string[],
  reply: WebReply,
  scope: RequestScope,
): AsyncGenerator<Resource | Unreadable, void> {
  for await (const entry of entriesIn(client, reply, scope)) {
    if ('why' in entry) yield entry;
    else {
      const below = client.below(entry.names);
      if (below && isSamePath(below, folder)) throwUnlessFolder(client, entry, scope);
      else yield childOf(folder, below, entry, client);
    }
  }
}

function throwUnlessFolder(client: WebClient, { folder }: DavEntry, { details }: RequestScope): void {
  if (!folder) throw client.error('not-found', 'has a file where a folder should be', details);
}

/** The folder keeps the names by which it was requested: a server may spell them differently in its answer. */
function childOf(
  folder: readonly string[],
  below: readonly string[] | undefined,
  entry: DavEntry,
  { url }: WebClient,
): Resource | Unreadable {
  const name = below?.at(-1);
  if (below && name !== undefined && isSamePath(below.slice(0, -1), folder))
    return { ...entry, names: [...folder, name] };
  const listed = JSON.stringify(`/${entry.names.join('/')}`);
  return { why: `${listed} is not listed: it is not in /${folder.join('/')} below ${url.pathname}` };
}

/** The space of the root folder, `unknown` if the server does not report it; undefined if there is no such folder. */
export async function quotaOf(
  client: WebClient,
  scope: RequestScope,
): Promise<Space | 'unknown' | undefined> {
  const reply = await client.ask(propfind([], 0, scope, QUOTA));
  if (reply.status === 404) return undefined;
  throwUnlessListing(client, reply, scope.details);
  try {
    return (await readQuota(client.textOf(reply, scope))) ?? 'unknown';
  } catch (error) {
    throw invalid(client, error, scope);
  }
}

async function* entriesIn(
  client: WebClient,
  reply: WebReply,
  scope: RequestScope,
): AsyncGenerator<DavEntry | Unreadable, void> {
  throwUnlessListing(client, reply, scope.details);
  try {
    yield* readMultistatus(client.textOf(reply, scope), client.url);
  } catch (error) {
    throw invalid(client, error, scope);
  }
}

function invalid(client: WebClient, error: unknown, { signal, details }: RequestScope): FileSyncError {
  if (!(error instanceof FileSyncError) || error.device !== undefined)
    return client.explain(error, signal, details);
  return client.error(error.kind, `sent an invalid list: ${error.message}`, details);
}

function throwUnlessListing(client: WebClient, reply: WebReply, details: ErrorDetails): void {
  if (reply.status === 207) return;
  reply.stream.destroy();
  if (reply.status >= 300) throw client.refusal(reply, details);
  throw client.error('protocol', 'does not speak WebDAV there: check url', details);
}

/** Whether the server redirects to the name with a slash, as some do for a folder. */
function redirectsToSlash({ status, header }: WebReply, url: URL): boolean {
  if (status < 300 || status >= 400) return false;
  return locationOf({ body: '', location: header('location') }, url)?.pathname === `${url.pathname}/`;
}
