import { readFile } from 'node:fs/promises';
import * as z from 'zod';
import { FileSyncError } from '../errors.js';
import { writeDurably } from './durable-file.js';

/** An upload that the server has created, or is about to. Only its address leads to it. */
const upload = z.object({
  path: z.string(),
  token: z.string(),
  url: z.string(),
  /** What the server must say of the file when it is whole, where that proves its SHA-256 (hex). */
  proof: z.object({ etag: z.string(), sha256: z.string() }).optional(),
});
export type KnownUpload = z.output<typeof upload>;

/** The oldest ones are forgotten: a server that expires uploads does that as well. */
const MAX_UPLOADS = 1000;

/** The addresses of uploads in a file of its own, one for each path: an upload is resumed by another run of the program. */
export class UploadList {
  readonly #file: string;
  #uploads: Promise<Map<string, KnownUpload>> | undefined;
  #saving: Promise<void> = Promise.resolve();

  /** @param file absolute; its folder is made */
  constructor(file: string) {
    this.#file = file;
  }

  async get(path: string): Promise<KnownUpload | undefined> {
    return (await this.#read()).get(path);
  }

  /** Safe on disk when it resolves. */
  async put(known: KnownUpload): Promise<void> {
    const uploads = await this.#read();
    // The newest one is the last.
    uploads.delete(known.path);
    uploads.set(known.path, known);
    for (const path of uploads.keys()) if (uploads.size > MAX_UPLOADS) uploads.delete(path);
    await this.#save();
  }

  async delete(path: string): Promise<void> {
    if ((await this.#read()).delete(path)) await this.#save();
  }

  #read(): Promise<Map<string, KnownUpload>> {
    return (this.#uploads ??= this.#load());
  }

  /** A file that is damaged is as good as none: files are sent from the start. */
  async #load(): Promise<Map<string, KnownUpload>> {
    try {
      const listed: unknown = JSON.parse(await readFile(this.#file, 'utf8'));
      return new Map(
        z
          .array(upload)
          .parse(listed)
          .map(each => [each.path, each]),
      );
    } catch {
      return new Map();
    }
  }

  /** One after the other: each writes all that is known then. */
  async #save(): Promise<void> {
    const save = async (): Promise<void> => {
      const uploads = await this.#read();
      await writeDurably(this.#file, JSON.stringify([...uploads.values()])).catch((cause: unknown) => {
        const why = cause instanceof Error ? cause.message : String(cause);
        const remedy = 'give this program the right to it, or free space there';
        const message = `the list of uploads ${this.#file} cannot be written (${why}): ${remedy}`;
        throw new FileSyncError('io', message, { cause, origin: 'local' });
      });
    };
    const saved = this.#saving.then(save);
    this.#saving = saved.catch(() => undefined);
    await saved;
  }
}
