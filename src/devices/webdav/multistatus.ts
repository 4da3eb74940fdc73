import { parseXML } from 'webdav';
import * as z from 'zod';
import { FileSyncError } from '../../errors.js';
import type { Space } from '../../ports.js';
import { namesInHref } from './address.js';

/** A file or folder as the server reports it (RFC 4918 section 15). */
export interface Entry {
  readonly names: readonly string[];
  readonly folder: boolean;
  /** Bytes, of a file. */
  readonly size: number;
  /** ms since the Unix epoch, in whole seconds. */
  readonly modified?: number;
  /** With its quotes; it changes with every byte (RFC 9110 section 8.8.1). */
  readonly strongEtag?: string;
  /** Its ETag may stay the same after a change. */
  readonly hasWeakEtag: boolean;
}

/** Requests the properties of `Entry`. */
export const PROPERTIES =
  '<?xml version="1.0" encoding="utf-8"?><propfind xmlns="DAV:"><prop><resourcetype/><getcontentlength/>' +
  '<getlastmodified/><getetag/></prop></propfind>';

/** Requests the space of a folder (RFC 4331). */
export const QUOTA =
  '<?xml version="1.0" encoding="utf-8"?><propfind xmlns="DAV:"><prop><quota-available-bytes/><quota-used-bytes/>' +
  '</prop></propfind>';

const text = z.coerce.string();
const property = z.object({
  resourcetype: z.unknown(),
  getcontentlength: z.union([z.literal(''), text]).optional(),
  getlastmodified: text.optional(),
  getetag: text.optional(),
});
const response = z.object({
  href: text,
  status: text.default(''),
  propstat: z.object({ prop: property, status: text }).optional(),
});
type Response = z.output<typeof response>;

const quota = z.object({ 'quota-available-bytes': text.default(''), 'quota-used-bytes': text.default('') });
const quotaResponse = z.object({
  propstat: z.object({ prop: z.union([quota, z.literal('')]), status: text }).optional(),
});

/** The library parses 1e5 as a number, also in a name. */
const AS_TEXT = { attributeNamePrefix: '@', attributeParsers: [], tagParsers: [(): void => undefined] };

/** Throws `protocol` for an invalid answer, or one with files of another place. */
export async function readMultistatus(xml: string, server: URL): Promise<Entry[]> {
  const responses = await responsesIn(xml, response);
  return responses.flatMap(each => entryOf(each, server) ?? []);
}

/** Undefined if unknown (Nextcloud: a negative number). Throws `protocol` for an invalid answer. */
export async function readQuota(xml: string): Promise<Space | undefined> {
  const [root] = await responsesIn(xml, quotaResponse);
  const { prop, status = '' } = root?.propstat ?? {};
  if (!prop || codeIn(status) !== 200) return undefined;
  const { 'quota-available-bytes': available, 'quota-used-bytes': used } = prop;
  if (![available, used].every(bytes => /^\d+$/.test(bytes))) return undefined;
  return { free: Number(available), total: Number(available) + Number(used) };
}

async function responsesIn<Kind extends z.ZodType>(xml: string, kind: Kind): Promise<z.output<Kind>[]> {
  const answer = z.object({ multistatus: z.object({ response: z.array(kind) }) });
  try {
    return answer.parse(await parseXML(xml, AS_TEXT)).multistatus.response;
  } catch (cause) {
    throw new FileSyncError('protocol', 'the answer is not a WebDAV listing', { cause });
  }
}

/** Undefined for a file that was removed while the server wrote the list. */
function entryOf({ href, status, propstat }: Response, server: URL): Entry | undefined {
  const names = namesInHref(href, server);
  const code = codeIn(propstat?.status ?? status);
  if (code === 404 && !propstat) return undefined;
  if (code !== 200 || !propstat)
    throw new FileSyncError('protocol', `the server reports no properties of ${href}`);
  const { resourcetype, getcontentlength: length = '', getlastmodified, getetag } = propstat.prop;
  const folder = isCollection(resourcetype);
  if (!folder && !/^\d+$/.test(length))
    throw new FileSyncError('protocol', `the server reports no size of ${href}`);
  return { names, folder, size: Number(length), ...versionOf(getlastmodified, getetag) };
}

const isCollection = (type: unknown): boolean =>
  typeof type === 'object' && type !== null && 'collection' in type;

function versionOf(time = '', etag = ''): Pick<Entry, 'modified' | 'strongEtag' | 'hasWeakEtag'> {
  const modified = Date.parse(time);
  return {
    ...(Number.isFinite(modified) && { modified }),
    ...(isStrongEtag(etag) && { strongEtag: etag }),
    hasWeakEtag: etag.startsWith('W/'),
  };
}

/** Of a status line; NaN if it has none. */
const codeIn = (line: string): number => Number(/^HTTP\/\S+ (\d{3})/.exec(line)?.[1]);

export const isStrongEtag = (etag: string | undefined): etag is string => /^"[^"]*"$/.test(etag ?? '');
