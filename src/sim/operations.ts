import { FtpErrorCode, Opcode, contentOf, type FtpPayload } from '../mavlink/ftp-payload.js';
import { Nak, NOTHING, uint32, type Ack, type Requester } from './exchange.js';
import type { Folder, OpenMode } from './folder.js';
import { packListing } from './listing.js';
import type { SessionFile } from './open-file.js';
import type { Personality } from './personality.js';
import { readData } from './reading.js';
import type { Sessions } from './sessions.js';
import type { Traffic } from './traffic.js';

/** Undefined: the request stays unanswered. Throws a Nak, or Node's error of a file operation. */
export type Operation = (request: FtpPayload, from: Requester) => Promise<Ack | undefined>;

/** All requests but the burst, which has more than one answer. */
export class FtpOperations {
  readonly #folder: Folder;
  readonly #personality: Personality;
  readonly #sessions: Sessions;
  readonly #traffic: Traffic;
  readonly #table: ReadonlyMap<number, Operation>;

  constructor(folder: Folder, personality: Personality, sessions: Sessions, traffic: Traffic) {
    this.#folder = folder;
    this.#personality = personality;
    this.#sessions = sessions;
    this.#traffic = traffic;
    const known: [number, Operation][] = [...this.#ofSessions(), ...this.#ofFiles(), ...this.#ofTheTree()];
    this.#table = new Map(known.filter(([opcode]) => !personality.replies.unknown.has(opcode)));
  }

  /** Throws a Nak for an opcode that the vehicle does not know. */
  find(opcode: number): Operation {
    const operation = this.#table.get(opcode);
    if (!operation) throw new Nak(this.#personality.replies.unknownCommand);
    return operation;
  }

  #ofSessions(): [number, Operation][] {
    return [
      [Opcode.NONE, async () => NOTHING],
      [Opcode.TERMINATE_SESSION, (request, from) => done(this.#sessions.terminate(from, request.session))],
      [Opcode.RESET_SESSIONS, (_request, from) => done(this.#sessions.reset(from))],
      [Opcode.OPEN_FILE_RO, (request, from) => this.#open(request, from, 'read')],
      [Opcode.CREATE_FILE, (request, from) => this.#open(request, from, 'create')],
      [Opcode.OPEN_FILE_WO, (request, from) => this.#open(request, from, this.#personality.files.writeMode)],
    ];
  }

  #ofFiles(): [number, Operation][] {
    return [
      [Opcode.READ_FILE, (request, from) => this.#read(request, from)],
      [Opcode.WRITE_FILE, (request, from) => this.#write(request, from)],
      [Opcode.CALC_FILE_CRC32, request => this.#crc32(request)],
      [Opcode.TRUNCATE_FILE, request => done(this.#folder.truncate(this.#name(request), request.offset))],
    ];
  }

  #ofTheTree(): [number, Operation][] {
    const { removeFile, removeFolder } = this.#personality.files;
    return [
      [Opcode.LIST_DIRECTORY, request => this.#list(request, false)],
      [Opcode.LIST_DIRECTORY_WITH_TIME, request => this.#list(request, true)],
      [Opcode.CREATE_DIRECTORY, request => done(this.#folder.makeFolder(this.#name(request)))],
      [Opcode.REMOVE_DIRECTORY, request => done(removeFolder(this.#folder, this.#name(request)))],
      [Opcode.REMOVE_FILE, request => done(removeFile(this.#folder, this.#name(request)))],
      [Opcode.RENAME, request => done(this.#folder.rename(...this.#personality.files.names(request)))],
    ];
  }

  #name(request: FtpPayload): string {
    return this.#personality.files.name(request);
  }

  async #list(request: FtpPayload, withTime: boolean): Promise<Ack> {
    const asked = { path: this.#name(request), offset: request.offset, withTime };
    return { data: await packListing(this.#folder, this.#personality.listing, asked) };
  }

  async #open(request: FtpPayload, from: Requester, mode: OpenMode): Promise<Ack> {
    this.#sessions.admit(from, request.session);
    const file = await this.#folder.open(this.#name(request), mode);
    const size = await this.#sizeOf(file);
    const session = this.#sessions.add(from, request.session, file, mode === 'read' ? 'read' : 'write');
    const hasSize = mode === 'read' || this.#personality.files.countsWrites;
    return { session: session.id, data: hasSize ? uint32(size) : NOTHING.data };
  }

  async #sizeOf(file: SessionFile): Promise<number> {
    if (!file.isDirectory) return file.size;
    const { folderSize } = this.#personality.files;
    if (folderSize !== undefined) return folderSize;
    await file.close();
    throw new Nak(FtpErrorCode.FILE_NOT_FOUND);
  }

  async #read({ session, offset, size }: FtpPayload, from: Requester): Promise<Ack | undefined> {
    const open = this.#sessions.find(from, session, 'read');
    const { file } = open;
    if (this.#traffic.isHeld(file.path, offset, size)) return undefined;
    const data = await readData(file, this.#personality.files, offset, size);
    this.#traffic.count(file.path, offset, data.length);
    this.#sessions.moved(open, from, offset + data.length);
    return { data };
  }

  async #write(request: FtpPayload, from: Requester): Promise<Ack> {
    const { file } = this.#sessions.find(from, request.session, 'write');
    const written = await file.write(request.offset, contentOf(request));
    return this.#personality.files.countsWrites ? { data: uint32(written) } : NOTHING;
  }

  async #crc32(request: FtpPayload): Promise<Ack> {
    const name = this.#name(request);
    try {
      return { data: uint32(await this.#folder.crc32(name)) };
    } catch (error) {
      throw this.#personality.files.crcFault(error);
    }
  }
}

async function done(work: Promise<void>): Promise<Ack> {
  await work;
  return NOTHING;
}
