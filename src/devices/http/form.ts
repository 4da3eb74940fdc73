import { Readable } from 'node:stream';
import FormData from 'form-data';
import type { ByteStream, Outgoing, WriteEvents } from '../../ports.js';
import { outgoingBytes } from '../outgoing-bytes.js';

export interface FormPlan {
  readonly device: string;
  readonly file: Outgoing;
  /** Of the file, as the server shall see it. */
  readonly fileName: string;
  readonly fileField: string;
  /** Text fields, in front of the file. */
  readonly fields: Readonly<Record<string, string>>;
  readonly events: WriteEvents;
  /** Resolves when the server has what was sent so far: then the last bytes alone decide. */
  flushed(): Promise<void>;
}

/** A multipart/form-data body of known length that streams the file and ends only after `committing()`. */
export class UploadForm {
  readonly data = new FormData();
  readonly #plan: FormPlan;
  #stream: Readable | undefined;
  #failure: unknown;
  #committed = false;

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

  close(): void {
    this.#stream?.destroy();
  }

  /** As a function, which is called when its turn comes: form-data would measure a stream of no bytes, and fail. */
  #appendFile(): void {
    const { file, fileName, fileField } = this.#plan;
    const begin = (next: (stream: Readable) => void): void => {
      this.#stream = Readable.from(this.#bytes(), { objectMode: false });
      this.#stream.on('error', error => (this.#failure = error));
      next(this.#stream);
    };
    this.data.append(fileField, begin, {
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
      beforeLast: async () => {
        await this.#plan.flushed();
        await events.committing();
        this.#committed = true;
      },
    });
  }
}
