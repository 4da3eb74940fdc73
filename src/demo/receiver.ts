import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, rename, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { FileSyncError } from '../errors.js';
import { readForm, type Form } from './form-reader.js';

export interface ReceiverOptions {
  /** Holds the received files; made if it is missing. */
  readonly folder: string;
  /** Default: the loopback address. */
  readonly host?: string;
  /** Default: a free one. */
  readonly port?: number;
  /** Called for each upload, counted from 0; returns the fault to inject. */
  trouble?(upload: number): Trouble | undefined;
}

/** A fault of a server or a network during an upload. */
export interface Trouble {
  /** Happens after that many bytes of the body; `Infinity`: after the whole file was received. */
  readonly after: number;
  /** The answer. Without it the connection is cut. */
  readonly answer?: ReceiverReply;
  /** Happens once this has settled. */
  readonly until?: Promise<unknown>;
}

export interface ReceiverReply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** A file that was received completely. */
export interface Received {
  /** Absolute path of the file. */
  readonly path: string;
  /** As the client named it. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** Hex. */
  readonly sha256: string;
  /** The form's text fields. */
  readonly fields: Readonly<Record<string, string>>;
  /** As answered to the client, relative to the server. */
  readonly location: string;
}

/** A kind of upload page. */
interface Page {
  /** The refusal; undefined if the page accepts this form. */
  refuse(form: Form): ReceiverReply | undefined;
  location(id: string): string;
  accept(form: Form, location: string): ReceiverReply;
}

const MAX_FIELD_BYTES = 10 * 1024;
const ULOG_MAGIC = '554c6f67011235';
/** A site that has the private key takes encrypted logs: `.ulge` by its header, its predecessors by their names. */
const ENCRYPTED_MAGIC = '554c6f67456e63';
const ENCRYPTED_NAME = /\.ulg[ck]$/i;

/** Flight Review, as `tornado_handlers/upload.py` behaves; `/plain` accepts any form with one file. */
const PAGES: Readonly<Record<string, Page>> = {
  '/upload': {
    refuse: refuseAsFlightReview,
    location: id => `/plot_app?log=${id}`,
    accept: ({ fields }, location) =>
      fields.redirect === 'false' ? json({ url: location }) : { status: 302, headers: { location } },
  },
  '/plain': {
    refuse: ({ file }) => (file ? undefined : { status: 400, body: 'no file in the form' }),
    location: id => `/files/${id}`,
    accept: (_form, location) => json({ location }),
  },
};

/** An HTTP server that accepts uploads and refuses those that Flight Review refuses. As there, the same file twice is two entries. */
export class Receiver {
  readonly #options: ReceiverOptions;
  readonly #server: Server;
  readonly #received: Received[] = [];
  #uploads = 0;

  constructor(options: ReceiverOptions) {
    this.#options = options;
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch(() => request.socket.destroy());
    });
  }

  /** The received files, in order. */
  get received(): readonly Received[] {
    return this.#received;
  }

  /** Number of uploads that were begun. */
  get uploads(): number {
    return this.#uploads;
  }

  /** `http://host:port`. */
  get url(): string {
    const { address, port } = this.#server.address() as AddressInfo;
    return `http://${address.includes(':') ? `[${address}]` : address}:${port}`;
  }

  async open(): Promise<void> {
    const { folder, host = '127.0.0.1', port = 0 } = this.#options;
    await mkdir(folder, { recursive: true });
    this.#server.listen(port, host);
    await once(this.#server, 'listening').catch((cause: unknown) => {
      throw new FileSyncError(
        'config',
        `the HTTP receiver cannot listen on ${host}:${port}: is the port taken?`,
        {
          cause,
        },
      );
    });
  }

  /** Cuts open connections; a second call does nothing. */
  async close(): Promise<void> {
    const closed = new Promise(resolve => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const page = PAGES[new URL(request.url ?? '/', 'http://receiver').pathname];
    if (!page || request.method === 'GET') return send(response, { status: 404, body: 'not found' });
    if (request.headers['content-length'] === undefined) return send(response, { status: 411 });
    await this.#upload(request, response, page);
  }

  async #upload(request: IncomingMessage, response: ServerResponse, page: Page): Promise<void> {
    const trouble = this.#options.trouble?.(this.#uploads++);
    const reply = await this.#receive(request, page, trouble?.after ?? Infinity);
    await trouble?.until;
    const answer = trouble ? trouble.answer : reply;
    if (answer) send(response, answer);
    else request.socket.destroy();
  }

  /** Undefined if the limit was reached first. */
  async #receive(request: IncomingMessage, page: Page, limit: number): Promise<ReceiverReply | undefined> {
    const temporary = join(this.#options.folder, `${randomUUID()}.tmp`);
    try {
      const form = await readForm(request, temporary, limit);
      return form && (await this.#take(form, page, temporary));
    } finally {
      await rm(temporary, { force: true });
    }
  }

  async #take(form: Form, page: Page, temporary: string): Promise<ReceiverReply> {
    const refusal = page.refuse(form);
    if (refusal || !form.file) return refusal ?? { status: 500 };
    const id = randomUUID();
    const location = page.location(id);
    const path = join(this.#options.folder, id);
    await rename(temporary, path);
    const { name, size, sha256 } = form.file;
    this.#received.push({ path, name, size, sha256, fields: form.fields, location });
    return page.accept(form, location);
  }
}

/** Starts a receiver; throws `config` if its port is taken. */
export async function startReceiver(options: ReceiverOptions): Promise<Receiver> {
  const receiver = new Receiver(options);
  await receiver.open();
  return receiver;
}

function refuseAsFlightReview({ fields, file }: Form): ReceiverReply | undefined {
  const complete = 'description' in fields && 'email' in fields && file?.field === 'filearg';
  if (!complete) return { status: 500, body: '<html><body>500: Internal Server Error</body></html>' };
  const tooLong = Object.keys(fields).find(name => Buffer.byteLength(fields[name] ?? '') > MAX_FIELD_BYTES);
  if (tooLong !== undefined) return { status: 400, body: `the field ${tooLong} is too long` };
  if (file.head.startsWith(ULOG_MAGIC) || isEncrypted(file)) return undefined;
  return { status: 400, body: '<html><body>400: Invalid ULog file</body></html>' };
}

const isEncrypted = ({ head, name }: NonNullable<Form['file']>): boolean =>
  head.startsWith(ENCRYPTED_MAGIC) || ENCRYPTED_NAME.test(name);

function json(content: object): ReceiverReply {
  return { status: 200, headers: { 'content-type': 'application/json' }, body: JSON.stringify(content) };
}

function send(response: ServerResponse, { status, headers, body = '' }: ReceiverReply): void {
  response.writeHead(status, { ...headers, connection: 'close' }).end(body);
}
