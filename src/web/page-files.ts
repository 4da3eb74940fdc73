import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { extname, join } from 'node:path';

/** The page's HTML, with a mark where the verdict belongs. */
export const TEMPLATE = 'index.html';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.json': 'application/json',
  '.webmanifest': 'application/manifest+json',
};

/** How a file may be compressed, the smallest first, by the ending of its name. */
const ENCODINGS = [
  { coding: 'br', ending: '.br' },
  { coding: 'gzip', ending: '.gz' },
] as const;
type Coding = (typeof ENCODINGS)[number]['coding'];

/** esbuild's names with a hash of the content: such a file never changes. */
const HASHED = /-[A-Z0-9]{8}\.\w+$/;
const FOR_EVER = 'public, max-age=31536000, immutable';

interface PageFile {
  readonly type: string;
  readonly cached: string;
  readonly plain: Buffer;
  readonly compressed: ReadonlyMap<Coding, Buffer>;
  /** Of the content, before it is compressed. */
  readonly hash: string;
}

/** The files of the page, kept in memory: a package that is replaced meanwhile does not mix two versions. */
export class PageFiles {
  readonly #files: ReadonlyMap<string, PageFile>;

  private constructor(files: ReadonlyMap<string, PageFile>) {
    this.#files = files;
  }

  /** Those of a folder, without those of its subfolders; none if there is no such folder. */
  static async load(folder: string): Promise<PageFiles> {
    const names = await readdir(folder).catch((): string[] => []);
    const read = (name: string) => readFile(join(folder, name));
    const files = new Map<string, PageFile>();
    for (const name of names.filter(one => extname(one) in TYPES)) {
      const codings = ENCODINGS.filter(({ ending }) => names.includes(name + ending));
      const compressed = codings.map(
        async ({ coding, ending }) => [coding, await read(name + ending)] as const,
      );
      files.set(name, fileOf(name, await read(name), new Map(await Promise.all(compressed))));
    }
    return new PageFiles(files);
  }

  /** Undefined where the page was not built. */
  get template(): string | undefined {
    return this.#files.get(TEMPLATE)?.plain.toString();
  }

  /** Whether there is a file of that name, which then is the answer. */
  answer(name: string, request: IncomingMessage, response: ServerResponse): boolean {
    const file = name === TEMPLATE ? undefined : this.#files.get(name);
    if (!file) return false;
    const coding = ENCODINGS.map(({ coding }) => coding).find(
      one => file.compressed.has(one) && accepts(request.headers['accept-encoding'] ?? '', one),
    );
    const etag = `"${file.hash}${coding ? `-${coding}` : ''}"`;
    response.setHeader('etag', etag).setHeader('cache-control', file.cached);
    if (file.compressed.size > 0) response.setHeader('vary', 'accept-encoding');
    if (isKnown(request.headers['if-none-match'], etag)) {
      response.writeHead(304).end();
      return true;
    }
    const body = (coding && file.compressed.get(coding)) ?? file.plain;
    if (coding) response.setHeader('content-encoding', coding);
    response.writeHead(200, { 'content-type': file.type, 'content-length': body.length }).end(body);
    return true;
  }
}

function fileOf(name: string, plain: Buffer, compressed: PageFile['compressed']): PageFile {
  const type = TYPES[extname(name)] ?? 'application/octet-stream';
  const hash = createHash('sha256').update(plain).digest('base64url').slice(0, 22);
  return { type, cached: HASHED.test(name) ? FOR_EVER : 'no-cache', plain, compressed, hash };
}

/** RFC 9110 section 12.5.3: a coding is accepted unless its weight is 0. */
function accepts(header: string, coding: Coding): boolean {
  const offers = header.split(',').map(offer => offer.trim().toLowerCase().split(/ *; */));
  const [, weight = 'q=1'] = offers.find(([name]) => name === coding) ??
    offers.find(([name]) => name === '*') ?? ['', 'q=0'];
  return !/^q=0(\.0*)?$/.test(weight);
}

/** RFC 9110 section 13.1.2, compared weakly: a proxy that compresses makes our tags weak ones. */
function isKnown(header: string | undefined, etag: string): boolean {
  const tags = (header ?? '').split(',').map(tag => tag.trim().replace(/^W\//, ''));
  return tags.includes(etag) || tags.includes('*');
}
