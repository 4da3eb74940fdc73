import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import busboy from 'busboy';

/** A multipart/form-data body with at most one file. */
export interface Form {
  readonly fields: Readonly<Record<string, string>>;
  readonly file?: FormFile;
}

export interface FormFile {
  /** The form's field. */
  readonly field: string;
  /** As the client named it. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** Hex. */
  readonly sha256: string;
  /** The first bytes, hex. */
  readonly head: string;
}

const HEAD_BYTES = 16;

/**
 * Reads a form and stores its file under `path`. Resolves to undefined if `limit` bytes of the body have come before its end:
 * the rest is not read. Throws if the body ends early or is not a form.
 */
export async function readForm(
  request: IncomingMessage,
  path: string,
  limit: number,
): Promise<Form | undefined> {
  const parser = busboy({ headers: request.headers, defParamCharset: 'utf8', limits: { files: 1 } });
  const fields: Record<string, string> = {};
  let file: Promise<FormFile> | undefined;
  parser.on('error', () => request.unpipe(parser));
  parser.on('field', (name, value) => (fields[name] = value));
  parser.on('file', (field, content, { filename: name = '' }) => {
    const stored = store(content, path).then(file => ({ field, name, ...file }));
    stored.catch(() => parser.destroy());
    file = stored;
  });
  try {
    if (!(await parsed(request, parser, limit))) return undefined;
    return { fields, ...(file && { file: await file }) };
  } finally {
    parser.destroy();
    await Promise.allSettled([file]);
  }
}

/** False if the limit was reached first. */
function parsed(request: IncomingMessage, parser: busboy.Busboy, limit: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    let left = limit;
    const stop = (): void => {
      request.unpipe(parser).pause();
      resolve(false);
    };
    if (left <= 0) return stop();
    parser.once('close', () => resolve(true)).once('error', reject);
    request.once('close', () => request.complete || reject(new Error('the body ended early')));
    request.on('data', (chunk: Buffer) => (left -= chunk.length) <= 0 && stop());
    request.pipe(parser);
  });
}

async function store(content: Readable, path: string): Promise<Pick<FormFile, 'size' | 'sha256' | 'head'>> {
  const hash = createHash('sha256');
  let size = 0;
  let head = Buffer.alloc(0);
  const watched = async function* (chunks: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
    for await (const chunk of chunks) {
      hash.update(chunk);
      size += chunk.length;
      if (head.length < HEAD_BYTES) head = Buffer.concat([head, chunk]).subarray(0, HEAD_BYTES);
      yield chunk;
    }
  };
  await pipeline(content, watched, createWriteStream(path));
  return { size, sha256: hash.digest('hex'), head: head.toString('hex') };
}
