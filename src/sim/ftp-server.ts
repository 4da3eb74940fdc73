import { FtpErrorCode, MAX_DATA, Opcode, type FtpPayload } from '../mavlink/ftp-payload.js';
import type { Clock, Logger } from '../ports.js';
import { Bursts } from './bursts.js';
import { errnoOf, Nak, type Answer, type Requester } from './exchange.js';
import type { Folder } from './folder.js';
import { Operations } from './operations.js';
import type { Personality } from './personality.js';
import { Sessions } from './sessions.js';
import { Traffic } from './traffic.js';

const EEXIST = 17;
const ENOENT = 2;

/** A reply that is kept in case its request comes again. */
interface Kept {
  readonly reply: FtpPayload;
  readonly owner: string;
}

/** The server's end of the MAVLink file transfer protocol. Requests are served one by one, in their order. */
export class FtpServer {
  readonly traffic = new Traffic();
  readonly #how: Personality;
  readonly #logger: Logger;
  readonly #sessions: Sessions;
  readonly #operations: Operations;
  readonly #bursts: Bursts;
  #inbox: (() => Promise<void>)[] = [];
  /** Ends when the inbox is empty. */
  #work: Promise<void> | undefined;
  #kept: Kept | undefined;
  /** Of the last failure that told one. */
  #errno: number | undefined;

  constructor(folder: Folder, how: Personality, clock: Clock, logger: Logger) {
    this.#how = how;
    this.#logger = logger;
    this.#sessions = new Sessions(how.sessions, clock);
    this.#operations = new Operations(folder, how, this.#sessions, this.traffic);
    this.#bursts = new Bursts(how, this.#sessions, this.traffic, (reply, from) => this.#send(reply, from));
  }

  /** Never throws; replies go to the requester, some at once and some later. */
  receive(request: FtpPayload, from: Requester): void {
    this.traffic.requests++;
    this.#inbox.push(() => this.#serve(request, from));
    this.#work ??= this.#serveAll();
  }

  /** Closes idle sessions; they are also looked at before each request. */
  async expire(): Promise<void> {
    if (await this.#sessions.expire()) this.#kept = undefined;
  }

  /** From now on no byte of the file from `offset` on is sent. The result ends that. */
  hold(path: string, offset: number): () => void {
    this.traffic.hold(path, offset);
    return () => {
      this.#sessions.forget(path);
      this.traffic.release(path);
    };
  }

  /** To be called when no more requests arrive. */
  async close(): Promise<void> {
    this.#inbox = [];
    // Ends a burst under way; then the request in hand may open one more file.
    await this.#sessions.close();
    await this.#work;
    await this.#sessions.close();
  }

  async #serveAll(): Promise<void> {
    for (let serve = this.#inbox.shift(); serve; serve = this.#inbox.shift()) await serve();
    this.#work = undefined;
  }

  async #serve(request: FtpPayload, from: Requester): Promise<void> {
    if (request.opcode >= Opcode.ACK) return;
    await this.expire();
    this.#sessions.touch(from, request.session);
    const kept = this.#keptFor(request, from);
    if (kept) return from.send(kept);
    this.#kept = undefined;
    const reply = await this.#answer(request, from);
    if (reply) this.#send(reply, from);
  }

  #keptFor(request: FtpPayload, from: Requester): FtpPayload | undefined {
    if (this.#kept?.reply.sequence !== after(request.sequence)) return undefined;
    const { reply, owner } = this.#kept;
    const own = owner === from.id && reply.session === request.session;
    return own || !this.#how.replies.keptPerSession ? reply : undefined;
  }

  async #answer(request: FtpPayload, from: Requester): Promise<FtpPayload | undefined> {
    try {
      const answer = await this.#perform(request, from);
      return answer && this.#reply(Opcode.ACK, request, answer);
    } catch (error) {
      return this.#reply(Opcode.NAK, request, { data: this.#refusal(error) });
    }
  }

  async #perform(request: FtpPayload, from: Requester): Promise<Answer | undefined> {
    if (request.size > MAX_DATA) throw new Nak(FtpErrorCode.INVALID_DATA_SIZE);
    if (request.opcode === Opcode.BURST_READ_FILE) return this.#bursts.begin(request, from);
    return this.#operations.find(request.opcode)(request, from);
  }

  #reply(opcode: Opcode, request: FtpPayload, { data, session }: Answer): FtpPayload {
    const repeated = this.#how.replies.repeatsOffset(request.opcode, opcode === Opcode.ACK);
    return {
      sequence: after(request.sequence),
      session: session ?? request.session,
      opcode,
      requestOpcode: request.opcode,
      burstComplete: false,
      offset: repeated ? request.offset : 0,
      size: data.length,
      data,
    };
  }

  #send(reply: FtpPayload, from: Requester): void {
    if (reply.size <= this.#how.replies.keptUpTo) this.#kept = { reply, owner: from.id };
    from.send(reply);
  }

  #refusal(error: unknown): Uint8Array {
    const { code, errno } = this.#toNak(error);
    if (!this.#how.replies.stickyErrno || errno !== undefined) this.#errno = errno;
    const told = this.#translated(code);
    return Uint8Array.from(told === FtpErrorCode.FAIL_ERRNO ? [told, this.#errno ?? 0] : [told]);
  }

  #toNak(error: unknown): Pick<Nak, 'code' | 'errno'> {
    if (error instanceof Nak) return error;
    const errno = errnoOf(error);
    if (errno !== undefined) return { code: FtpErrorCode.FAIL_ERRNO, errno };
    this.#logger.log('error', `a request failed: ${error instanceof Error ? error.message : String(error)}`);
    return { code: FtpErrorCode.FAIL, errno };
  }

  /** Two errnos have codes of their own; PX4's "exists" speaks over every other code (seen). */
  #translated(code: FtpErrorCode): FtpErrorCode {
    if (this.#errno === EEXIST) return FtpErrorCode.FILE_EXISTS;
    return this.#errno === ENOENT && code === FtpErrorCode.FAIL_ERRNO ? FtpErrorCode.FILE_NOT_FOUND : code;
  }
}

const after = (sequence: number) => (sequence + 1) & 0xffff;
