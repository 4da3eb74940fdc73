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
  /** `raw`: the body is the file alone, without a form. */
  readonly body: 'form' | 'raw';
  /**
   * Resolves when the server has the bytes that were sent so far, so that only the last ones remain. Rejects when the connection
   * is closed.
   */
  readonly flushed: () => Promise<void>;
  /** Throws when the connection is closed. */
  readonly throwIfClosed: () => void;
}

const OCTETS = 'application/octet-stream';

/** A body of known length, multipart/form-data or the file alone, that streams the file and ends only after `committing()`. */
export class UploadForm {
  readonly data: FormData | Readable;
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
    this.data = plan.body === 'raw' ? this.#open() : this.#makeForm();
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
    const { data } = this;
    if (data instanceof FormData)
      return { ...data.getHeaders(), 'content-length': String(data.getLengthSync()) };
    return { 'content-type': OCTETS, 'content-length': String(this.#plan.file.source.size) };
  }

  /** Resolves when no event of the attempt can follow. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#stream?.destroy();
    await this.#committing?.catch(() => undefined);
  }

  /** The stream is made by a function when it is needed: form-data fails to measure a stream without bytes. */
  #makeForm(): FormData {
    const { file, fileName, fileField, fields } = this.#plan;
    const form = new FormData();
    for (const [name, value] of Object.entries(fields)) form.append(name, value);
    form.append(fileField, (next: (stream: Readable) => void) => next(this.#open()), {
      filename: fileName,
      contentType: OCTETS,
      knownLength: file.source.size,
    });
    return form;
  }

  #open(): Readable {
    const stream = Readable.from(this.#bytes(), { objectMode: false });
    stream.on('error', error => {
      if (error !== this.#broken) this.#failure = error;
    });
    return (this.#stream = stream);
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
