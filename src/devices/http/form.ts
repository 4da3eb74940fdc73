import { Readable } from 'node:stream';
import FormData from 'form-data';
import type { ByteStream, Outgoing, WriteEvents } from '../../ports.js';
import { outgoingBytes } from '../outgoing-bytes.js';

export interface FormPlan {
  readonly device: string;
  readonly file: Outgoing;
  /** The file's name in the form. */
  readonly fileName: string;
  readonly fileField: string;
  /** Text fields, which come before the file. */
  readonly fields: Readonly<Record<string, string>>;
  readonly events: WriteEvents;
  /**
   * Resolves when the server has the bytes that were sent so far, so that only the last ones remain. Rejects when the connection
   * is closed.
   */
  readonly flushed: () => Promise<void>;
  /** Throws when the connection is closed. */
  readonly throwIfClosed: () => void;
}

/** A multipart/form-data body of known length that streams the file and ends only after `committing()`. */
export class UploadForm {
  readonly data = new FormData();
  readonly #plan: FormPlan;
  #stream: Readable | undefined;
  #failure: unknown;
  /** The error of the connection that ended before the last bytes were handed to it. */
  #broken: unknown;
  #committed = false;
  #closed = false;
  #committing: Promise<void> | undefined;

  constructor(plan: FormPlan) {
    this.#plan = plan;
    for (const [name, value] of Object.entries(plan.fields)) this.data.append(name, value);
    this.#appendFile();
  }

  /** Whether the server may have the whole body. */
  get committed(): boolean {
    return this.#committed;
  }

  /** Why the file's own stream or the commit failed, if it did. */
  get failure(): unknown {
    return this.#failure;
  }

  /** Content-Type and Content-Length. */
  headers(): Record<string, string> {
    return { ...this.data.getHeaders(), 'content-length': String(this.data.getLengthSync()) };
  }

  /** Resolves when no event of the attempt can follow. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#stream?.destroy();
    await this.#committing?.catch(() => undefined);
  }

  /** The stream is made by a function when it is needed: form-data fails to measure a stream without bytes. */
  #appendFile(): void {
    const { file, fileName, fileField } = this.#plan;
    const open = (next: (stream: Readable) => void): void => {
      this.#stream = Readable.from(this.#bytes(), { objectMode: false });
      this.#stream.on('error', error => {
        if (error !== this.#broken) this.#failure = error;
      });
      next(this.#stream);
    };
    this.data.append(fileField, open, {
      filename: fileName,
      contentType: 'application/octet-stream',
      knownLength: file.source.size,
    });
  }

  #bytes(): ByteStream {
    const { device, file, events } = this.#plan;
    return outgoingBytes(file, 0, {
      device,
      progress: sent => events.progress(sent),
      beforeLast: () => (this.#committing = this.#commit()),
    });
  }

  /** An attempt that has failed meanwhile does not report a commit: the server lacks the last bytes for ever. */
  async #commit(): Promise<void> {
    const { flushed, throwIfClosed, events } = this.#plan;
    await this.#whileConnected(flushed);
    await this.#whileConnected(throwIfClosed);
    if (this.#closed) return;
    await events.committing();
    await this.#whileConnected(throwIfClosed);
    this.#committed = true;
  }

  async #whileConnected(work: () => unknown): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#broken = error;
      throw error;
    }
  }
}
