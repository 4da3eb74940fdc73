import { FileSyncError, type ErrorDetails } from '../../errors.js';
import type { Space } from '../../ports.js';
import type { DavClient, DavReply, DavRequest } from './client.js';
import { PROPERTIES, QUOTA, readMultistatus, readQuota, type Entry } from './multistatus.js';

/** A file or folder below the root. */
export interface Found extends Entry {
  /** Relative to the root. */
  readonly names: readonly string[];
}

/** On whose behalf something is asked. */
export interface RequestScope {
  readonly signal: AbortSignal;
  readonly details: ErrorDetails;
}

type Names = readonly string[];

const propfind = (names: Names, depth: 0 | 1, errand: RequestScope, body = PROPERTIES): DavRequest => ({
  method: 'PROPFIND',
  names,
  folder: depth === 1,
  headers: { 'Content-Type': 'application/xml; charset=utf-8', Depth: String(depth) },
  body,
  ...errand,
});

/** The file or folder of that name; undefined if there is none. */
export async function statOf(
  client: DavClient,
  names: Names,
  errand: RequestScope,
): Promise<Found | undefined> {
  const reply = await client.ask(propfind(names, 0, errand));
  if (reply.status === 404) return undefined;
  if (asksForSlash(reply, client.urlOf(names))) return { names, folder: true, size: 0, weak: false };
  const [found] = await entriesIn(client, reply, errand.details);
  return found;
}

/** What lies in a folder; undefined if there is no such folder. Each folder is asked by itself: many servers deny more. */
export async function contentOf(
  client: DavClient,
  names: Names,
  errand: RequestScope,
): Promise<Found[] | undefined> {
  const reply = await client.ask(propfind(names, 1, errand));
  if (reply.status === 404) return undefined;
  const { details } = errand;
  const found = await entriesIn(client, reply, details);
  const self = found.find(entry => entry.names.length === names.length);
  if (self && !self.folder) throw client.error('not-found', 'has a file where a folder should be', details);
  const children = found.filter(entry => entry !== self);
  if (children.every(entry => isChild(entry.names, names))) return children;
  throw client.error(
    'protocol',
    `lists files of another folder than ${client.urlOf(names).pathname}`,
    details,
  );
}

/** What may still be written to the root folder, `untold` if the server does not say; undefined if there is no such folder. */
export async function quotaOf(
  client: DavClient,
  errand: RequestScope,
): Promise<Space | 'untold' | undefined> {
  const reply = await client.ask(propfind([], 0, errand, QUOTA));
  if (reply.status === 404) return undefined;
  return (await understood(client, reply, errand.details, readQuota)) ?? 'untold';
}

function entriesIn(client: DavClient, reply: DavReply, details: ErrorDetails): Promise<Found[]> {
  return understood(client, reply, details, async text => {
    const entries = await readMultistatus(text, client.url);
    return entries.map(entry => ({ ...entry, names: belowRoot(client, entry, details) }));
  });
}

async function understood<Value>(
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
    throw client.error(error.kind, `gave a list that cannot be trusted: ${error.message}`, details);
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

/** How some servers say that a name is that of a folder. */
function asksForSlash(reply: DavReply, url: URL): boolean {
  const location = reply.header('location') ?? '';
  if (reply.status < 300 || reply.status >= 400 || !URL.canParse(location, url.href)) return false;
  return new URL(location, url).pathname === `${url.pathname}/`;
}
