import { createHash } from 'node:crypto';
import { MAX_OBJECT_BYTES } from '../api/schema-fleet.js';
import { FileSyncError } from '../errors.js';
import type { Outgoing, Source, SourceFile, Target } from '../ports.js';

/** The folder of the objects on a store. */
export const FLEET_FOLDER = 'fleet';

/** The end of the name of a second copy, which is there while the first one is replaced. */
const SPARE = '~new';
const OBJECT_NAME = /^([A-Za-z0-9][A-Za-z0-9._-]*)(?:~[0-9a-f]{6})?(?:~new)?\.json$/;

/** A device with the objects, to be read. */
export interface ReadableStore {
  readonly source: Source;
  /** Where the folder is below the root of the source: empty, or `fleet/`. */
  readonly prefix: string;
}

/** A device with the objects; in its target they are in the folder `fleet`. */
export interface Store extends ReadableStore {
  readonly target: Target;
}

/** What is in the folder, with plain names; unfinished uploads are left out. Rejects where it cannot be listed. */
export async function* listObjects(
  { source, prefix }: ReadableStore,
  signal: AbortSignal,
): AsyncGenerator<SourceFile> {
  for await (const file of source.list(signal)) {
    if (!file.path.startsWith(prefix)) continue;
    const path = file.path.slice(prefix.length);
    if (!path.includes('/') && !path.endsWith('.part')) yield { ...file, path };
  }
}

/** Rejects with `too-large` without reading. */
export async function readObject(
  { source, prefix }: ReadableStore,
  file: SourceFile,
  signal: AbortSignal,
): Promise<string> {
  if (file.size > MAX_OBJECT_BYTES)
    throw new FileSyncError('too-large', `it is larger than ${MAX_OBJECT_BYTES} bytes`);
  const chunks: Uint8Array[] = [];
  for await (const chunk of source.read({ ...file, path: prefix + file.path }, 0, signal))
    chunks.push(Uint8Array.from(chunk));
  return Buffer.concat(chunks).toString('utf8');
}

/** Small files that are replaced as a whole, on any device that is both source and target. */
export class FleetObjects {
  readonly #store: Store;
  /** Names unfinished uploads: those of an earlier run are overwritten. */
  readonly #token: string;

  constructor(store: Store, token: string) {
    this.#store = store;
    this.#token = token;
  }

  read(file: SourceFile, signal: AbortSignal): Promise<string> {
    return readObject(this.#store, file, signal);
  }

  async find(path: string, signal: AbortSignal): Promise<SourceFile | undefined> {
    const { size } = await this.#store.target.stat(`${FLEET_FOLDER}/${path}`, this.#token, signal);
    return size === undefined ? undefined : { path, size };
  }

  /**
   * Puts a text in the place of `before`, the object that was found under that name. Nobody ever sees a part of it, and at any
   * moment one whole copy is there: a target never replaces a file, so the new text goes to a second name first. Rejects with
   * `changed` or `exists` if somebody else has written there meanwhile.
   */
  async replace(
    name: string,
    text: string,
    before: SourceFile | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const spare = `${name}${SPARE}.json`;
    const left = await this.find(spare, signal);
    if (!before) await this.#write(`${name}.json`, text, signal);
    if (left) await this.#remove(left, signal);
    if (!before) return;
    await this.#write(spare, text, signal);
    await this.#remove(before, signal);
    await this.#write(`${name}.json`, text, signal);
    await this.#remove({ path: spare, size: Buffer.byteLength(text) }, signal);
  }

  async #write(path: string, text: string, signal: AbortSignal): Promise<void> {
    const bytes = Buffer.from(text);
    const file: Outgoing = {
      source: { path, size: bytes.length },
      device: FLEET_FOLDER,
      token: this.#token,
      sha256: createHash('sha256').update(bytes).digest('hex'),
      description: '',
      async *open(offset) {
        yield bytes.subarray(offset);
      },
      render: template => template,
    };
    const events = { progress: () => undefined, committing: async () => undefined };
    await this.#store.target.write(file, `${FLEET_FOLDER}/${path}`, 0, signal, events);
  }

  #remove(file: SourceFile, signal: AbortSignal): Promise<void> {
    const { source, prefix } = this.#store;
    return source.remove({ ...file, path: prefix + file.path }, signal);
  }
}

/** Whether an object of that name can be the status of a vehicle of that name. */
export const isNamedFor = (object: string, vehicle: string): boolean =>
  OBJECT_NAME.exec(object)?.[1] === vehicle;

/** Whether it is the second copy of an object. */
export const isSpare = (object: string): boolean => object.endsWith(`${SPARE}.json`);
