import { FileSyncError, type ErrorDetails } from '../../errors.js';
import type { Space } from '../../ports.js';
import type { DavClient, DavReply, DavRequest } from './client.js';
import { PROPERTIES, QUOTA, readMultistatus, readQuota, type Entry } from './multistatus.js';

/** A file or folder below the root. */
export interface Resource extends Entry {
  /** Relative to the root. */
  readonly names: readonly string[];
}

/** The operation to which a request belongs. */
export interface RequestScope {
  readonly signal: AbortSignal;
  readonly details: ErrorDetails;
}

const propfind = (
  names: readonly string[],
  depth: 0 | 1,
  scope: RequestScope,
  body = PROPERTIES,
): DavRequest => ({
  method: 'PROPFIND',
  names,
  folder: depth === 1,
  headers: { 'Content-Type': 'application/xml; charset=utf-8', Depth: String(depth) },
  body,
  ...scope,
});

/** The file or folder of that name; undefined if there is none. */
export async function statOf(
  client: DavClient,
  names: readonly string[],
  scope: RequestScope,
): Promise<Resource | undefined> {
  const reply = await client.ask(propfind(names, 0, scope));
  if (reply.status === 404) return undefined;
  if (redirectsToSlash(reply, client.urlOf(names)))
    return { names, folder: true, size: 0, hasWeakEtag: false };
  const [found] = await entriesIn(client, reply, scope.details);
  return found;
}

/** Lists a folder; undefined if there is none. Each folder is requested separately: many servers deny more depth. */
export async function contentOf(
  client: DavClient,
  names: readonly string[],
  scope: RequestScope,
): Promise<Resource[] | undefined> {
  const reply = await client.ask(propfind(names, 1, scope));
  if (reply.status === 404) return undefined;
  const { details } = scope;
  const found = await entriesIn(client, reply, details);
  const self = found.find(entry => entry.names.length === names.length);
  if (self && !self.folder) throw client.error('not-found', 'has a file where a folder should be', details);
  const children = found.filter(entry => entry !== self);
  if (children.every(entry => isChild(entry.names, names))) return children;
  throw client.error('protocol', `lists files that are not in ${client.urlOf(names).pathname}`, details);
}

/** The space of the root folder, `unknown` if the server does not report it; undefined if there is no such folder. */
export async function quotaOf(
  client: DavClient,
  scope: RequestScope,
): Promise<Space | 'unknown' | undefined> {
  const reply = await client.ask(propfind([], 0, scope, QUOTA));
  if (reply.status === 404) return undefined;
  return (await parsed(client, reply, scope.details, readQuota)) ?? 'unknown';
}

function entriesIn(client: DavClient, reply: DavReply, details: ErrorDetails): Promise<Resource[]> {
  return parsed(client, reply, details, async text => {
    const entries = await readMultistatus(text, client.url);
    return entries.map(entry => ({ ...entry, names: belowRoot(client, entry, details) }));
  });
}

async function parsed<Value>(
  client: DavClient,
  reply: DavReply,
  details: ErrorDetails,
  read: (text: string) => Promise<Value>,
): Promise<Value> {
  if (reply.status !== 207) throw notWebDav(client, reply, details);
  try {
    return await read(reply.text);
  } catch (error) {
    if (!(error instanceof FileSyncError) || error.device !== undefined) throw error;
    throw client.error(error.kind, `sent an invalid list: ${error.message}`, details);
  }
}

function notWebDav(client: DavClient, reply: DavReply, details: ErrorDetails): FileSyncError {
  if (reply.status >= 300) return client.refusal(reply, details);
  return client.error('protocol', 'does not speak WebDAV there: check url', details);
}

function belowRoot(client: DavClient, { names }: Entry, details: ErrorDetails): readonly string[] {
  const below = client.below(names);
  if (below) return below;
  throw client.error(
    'protocol',
    `lists /${names.join('/')}, which is not below ${client.url.pathname}`,
    details,
  );
}

const isChild = (names: readonly string[], folder: readonly string[]): boolean =>
  names.length === folder.length + 1 && folder.every((name, index) => name === names[index]);

/** Whether the server redirects to the name with a slash, as some do for a folder. */
function redirectsToSlash(reply: DavReply, url: URL): boolean {
  const location = reply.header('location') ?? '';
  if (reply.status < 300 || reply.status >= 400 || !URL.canParse(location, url.href)) return false;
  return new URL(location, url).pathname === `${url.pathname}/`;
}
