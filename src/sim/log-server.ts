import type { Frame } from '../mavlink/frame.js';
import {
  LogData,
  LogEntry,
  LogErase,
  LogRequestData,
  LogRequestEnd,
  LogRequestList,
} from '../mavlink/messages.js';
import type { Folder } from './folder.js';
import type { OutgoingMessage } from './network.js';

const PACKET_BYTES = 90;
/** The folder whose files are the logs. */
const LOGS = '/log';

/** Sends a message to the client; resolves when the link can take the next one. */
export type SendLog = (message: OutgoingMessage) => Promise<void>;

/** MAVLink's log protocol on the files in `/log`. Requests are served one by one; a new one ends the sending of data. */
export class LogServer {
  readonly #folder: Folder;
  #request = 0;
  /** Between a request and LOG_REQUEST_END, the vehicle logs nothing. */
  #busy = false;
  #work: Promise<void> = Promise.resolve();

  constructor(folder: Folder) {
    this.#folder = folder;
  }

  get busy(): boolean {
    return this.#busy;
  }

  /** Whether it is a message of the log protocol. Never throws. */
  receive({ messageId, payload }: Frame, send: SendLog): boolean {
    const serve = this.#servedBy(messageId, payload, send);
    if (!serve) return false;
    this.#busy = messageId !== LogRequestEnd.id;
    const number = ++this.#request;
    this.#work = this.#work.then(() => serve(() => this.#request === number)).catch(() => undefined);
    return true;
  }

  #servedBy(
    messageId: number,
    payload: Uint8Array,
    send: SendLog,
  ): ((isCurrent: () => boolean) => Promise<void>) | undefined {
    if (messageId === LogRequestList.id) return () => this.#list(send);
    if (messageId === LogErase.id) return () => this.#erase();
    if (messageId === LogRequestEnd.id) return async () => undefined;
    if (messageId !== LogRequestData.id) return undefined;
    return isCurrent => this.#data(LogRequestData.decode(payload), send, isCurrent);
  }

  async #names(): Promise<string[]> {
    const entries = await this.#folder.list(LOGS).catch(() => []);
    return entries.filter(({ type }) => type === 'file').map(({ name }) => `${LOGS}/${name}`);
  }

  async #list(send: SendLog): Promise<void> {
    const names = await this.#names();
    const numLogs = names.length;
    const entry = (values: { id: number; size: number; timeUtc: number }) =>
      send({
        messageId: LogEntry.id,
        payload: LogEntry.encode({ ...values, numLogs, lastLogNum: Math.max(0, numLogs - 1) }),
      });
    if (numLogs === 0) return entry({ id: 0, size: 0, timeUtc: 0 });
    for (const [id, name] of names.entries()) {
      const { size, modified } = await this.#folder.stat(name);
      await entry({ id, size, timeUtc: modified });
    }
  }

  async #data(
    { id, offset, count }: { readonly id: number; readonly offset: number; readonly count: number },
    send: SendLog,
    isCurrent: () => boolean,
  ): Promise<void> {
    const name = (await this.#names())[id];
    if (name === undefined) return;
    const file = await this.#folder.open(name, 'read');
    try {
      for (let at = offset; at < Math.min(offset + count, file.size) && isCurrent(); at += PACKET_BYTES) {
        const data = (await file.read(at, Math.min(PACKET_BYTES, offset + count - at))).slice();
        const payload = LogData.encode({ offset: at, id, count: data.length, data });
        await send({ messageId: LogData.id, payload });
      }
    } finally {
      await file.close();
    }
  }

  async #erase(): Promise<void> {
    for (const name of await this.#names()) await this.#folder.removeFile(name);
  }
}
