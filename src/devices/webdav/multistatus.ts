import { SaxesParser } from 'saxes';
import { FileSyncError } from '../../errors.js';
import type { Space } from '../../ports.js';
import { Slices } from '../slices.js';
import { isSamePath, namesInHref } from '../web-client/address.js';

/** A file or folder as the server reports it (RFC 4918 section 15). */
export interface DavEntry {
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

/** An entry that cannot be used: a sentence that names it and says why. */
export interface Unreadable {
  readonly why: string;
}

/** Requests the properties of `DavEntry`. */
export const PROPERTIES =
  '<?xml version="1.0" encoding="utf-8"?><propfind xmlns="DAV:"><prop><resourcetype/><getcontentlength/>' +
  '<getlastmodified/><getetag/></prop></propfind>';

/** Requests the space of a folder (RFC 4331). */
export const QUOTA =
  '<?xml version="1.0" encoding="utf-8"?><propfind xmlns="DAV:"><prop><quota-available-bytes/><quota-used-bytes/>' +
  '</prop></propfind>';

/** Characters of one entry. */
const MAX_ENTRY_LENGTH = 256 * 1024;
/** Characters that are parsed between two checks of the time. */
const PIECE_LENGTH = 16 * 1024;

/** One `response` of the answer. */
interface Response {
  href: string;
  /** Of the whole response, where it has no properties. */
  status: string;
  /** Texts of the properties that the server has, by name. */
  readonly properties: Map<string, string>;
  /** The status of properties that it could not determine. */
  failed: string;
  isCollection: boolean;
}

/** Parses an answer piece by piece. */
class MultistatusParser {
  readonly #parser = new SaxesParser({ position: false });
  readonly #path: string[] = [];
  readonly #found: Response[] = [];
  #response: Response | undefined;
  #properties = new Map<string, string>();
  #hasCollection = false;
  #propstat = '';
  #text = '';
  #sinceEntry = 0;
  #isWhole = false;

  constructor() {
    const parser = this.#parser;
    parser.on('opentag', ({ name }) => this.#opened(localName(name)));
    parser.on('closetag', ({ name }) => this.#closed(localName(name)));
    parser.on('text', text => (this.#text += text));
    parser.on('cdata', text => (this.#text += text));
    parser.on('error', cause => {
      throw notAListing(cause);
    });
  }

  /** The responses that end in this piece. */
  add(piece: string): Response[] {
    this.#parser.write(piece);
    this.#sinceEntry += piece.length;
    if (this.#found.length > 0) this.#sinceEntry = 0;
    if (this.#sinceEntry > MAX_ENTRY_LENGTH) throw notAListing('an entry is too long');
    return this.#found.splice(0);
  }

  /** Throws if the answer is not complete. */
  end(): void {
    this.#parser.close();
    if (!this.#isWhole) throw notAListing('it has no multistatus');
  }

  #opened(local: string): void {
    const depth = this.#path.push(local);
    this.#text = '';
    if (depth === 1 && local !== 'multistatus') throw notAListing(`it is <${local.slice(0, 50)}>`);
    if (depth === 2 && local === 'response') this.#response = newResponse();
    if (depth === 3 && local === 'propstat') {
      this.#properties = new Map();
      this.#hasCollection = false;
      this.#propstat = '';
    }
    if (this.#isAt('propstat', 'prop', 'resourcetype', 'collection')) this.#hasCollection = true;
  }

  #closed(local: string): void {
    if (this.#response) this.#closedIn(this.#response, local, this.#text.trim());
    if (this.#path.length === 1) this.#isWhole = true;
    this.#path.pop();
    this.#text = '';
  }

  #closedIn(response: Response, local: string, text: string): void {
    if (this.#isAt('href')) response.href = text;
    else if (this.#isAt('status')) response.status = text;
    else if (this.#isAt('propstat', 'status')) this.#propstat = text;
    else if (this.#isAt('propstat', 'prop', local)) this.#properties.set(local, text);
    else if (this.#isAt('propstat')) this.#endProperties(response);
    else if (this.#isAt()) {
      this.#found.push(response);
      this.#response = undefined;
    }
  }

  /** Whether the parser is at this path below a response. */
  #isAt(...below: readonly string[]): boolean {
    const { length } = this.#path;
    return length === below.length + 2 && below.every((name, index) => this.#path[index + 2] === name);
  }

  #endProperties(response: Response): void {
    const code = codeIn(this.#propstat);
    if (code === 200) {
      for (const [name, text] of this.#properties) response.properties.set(name, text);
      response.isCollection ||= this.#hasCollection;
    } else if (code !== 404 || response.failed === '') response.failed = this.#propstat;
  }
}

/** Without the prefix of a namespace, which is of no meaning, and which some servers do not declare. */
const localName = (name: string): string => name.slice(name.indexOf(':') + 1);

const newResponse = (): Response => ({
  href: '',
  status: '',
  properties: new Map(),
  failed: '',
  isCollection: false,
});

const notAListing = (cause: unknown): FileSyncError =>
  new FileSyncError('protocol', 'the answer is not a WebDAV listing', { cause });

/** The responses of an answer as they arrive. Throws `protocol` if it is no listing, or ends early. */
async function* responsesIn(chunks: AsyncIterable<string>): AsyncGenerator<Response> {
  const parser = new MultistatusParser();
  const slices = new Slices();
  let isFirst = true;
  for await (const text of chunks) {
    // Some servers begin with an empty line, which XML does not allow.
    const chunk: string = isFirst ? text.trimStart() : text;
    isFirst &&= chunk === '';
    for (let at = 0; at < chunk.length; at += PIECE_LENGTH) {
      yield* parser.add(chunk.slice(at, at + PIECE_LENGTH));
      await slices.pause();
    }
  }
  parser.end();
}

/** Throws `protocol` for an invalid answer. */
export async function* readMultistatus(
  chunks: AsyncIterable<string>,
  server: URL,
): AsyncGenerator<DavEntry | Unreadable> {
  for await (const response of responsesIn(chunks)) {
    const entry = entryOf(response, server);
    if (entry) yield entry;
  }
}

/** Undefined if unknown (Nextcloud: a negative number) or without a limit. Throws `protocol` for an invalid answer. */
export async function readQuota(chunks: AsyncIterable<string>): Promise<Space | undefined> {
  let first: Response | undefined;
  for await (const response of responsesIn(chunks)) first ??= response;
  const [available, used] = ['quota-available-bytes', 'quota-used-bytes'].map(name =>
    first?.properties.get(name),
  );
  if (![available, used].every(bytes => /^\d{1,15}$/.test(bytes ?? ''))) return undefined;
  return { free: Number(available), total: Number(available) + Number(used) };
}

/** Undefined for a file that was removed while the server wrote the list. */
function entryOf(response: Response, server: URL): DavEntry | Unreadable | undefined {
  const { href, status, properties, failed } = response;
  if (properties.size === 0) {
    if (codeIn(status) === 404 && failed === '') return undefined;
    return unreadable(href, `the server reports no properties of it (${failed || status || 'no status'})`);
  }
  try {
    return readable(response, namesInHref(href, server), server);
  } catch (error) {
    if (!(error instanceof FileSyncError)) throw error;
    return { why: error.message };
  }
}

/** The slash at the end of the device's own address is the user's: it says nothing about what the server has there. */
function readable(
  { href, properties, isCollection: folder }: Response,
  names: string[],
  server: URL,
): DavEntry | Unreadable {
  const length = properties.get('getcontentlength') ?? '';
  const isOwn = () => isSamePath(names, namesInHref(server.pathname, server));
  if (!folder && href.endsWith('/') && !isOwn())
    return unreadable(href, 'the server does not say that it is a folder');
  if (!folder && !/^\d{1,15}$/.test(length)) return unreadable(href, 'the server reports no size of it');
  return { names, folder, size: Number(length), ...versionOf(properties) };
}

const unreadable = (href: string, why: string): Unreadable => ({
  why: `${JSON.stringify(href.slice(0, 1000))} is not listed: ${why}`,
});

function versionOf(
  properties: ReadonlyMap<string, string>,
): Pick<DavEntry, 'modified' | 'strongEtag' | 'hasWeakEtag'> {
  const modified = Date.parse(properties.get('getlastmodified') ?? '');
  const etag = properties.get('getetag') ?? '';
  return {
    ...(Number.isFinite(modified) && { modified }),
    ...(isStrongEtag(etag) && { strongEtag: etag }),
    hasWeakEtag: etag.startsWith('W/'),
  };
}

/** Of a status line; NaN if it has none. */
const codeIn = (line: string): number => Number(/^HTTP\/\S+ (\d{3})/i.exec(line)?.[1]);

export const isStrongEtag = (etag: string | undefined): etag is string => /^"[^"]*"$/.test(etag ?? '');
