import { FtpErrorCode, MAX_DATA, Opcode, type FtpPayload } from '../mavlink/ftp-payload.js';
import type { Clock, Logger } from '../ports.js';
import { Bursts } from './bursts.js';
import { errnoOf, Nak, type Ack, type Requester } from './exchange.js';
import type { Folder } from './folder.js';
import { FtpOperations } from './operations.js';
import type { Personality } from './personality.js';
import { Sessions } from './sessions.js';
import { Traffic } from './traffic.js';

const EEXIST = 17;
const ENOENT = 2;

/** A reply that is kept for a repetition of its request. */
interface Kept {
  readonly reply: FtpPayload;
  readonly owner: string;
}

/** A server of the MAVLink file transfer protocol. Requests are served one by one, in their order. */
export class MavlinkFtpServer {
  readonly traffic = new Traffic();
  readonly #personality: Personality;
  readonly #logger: Logger;
  readonly #sessions: Sessions;
  readonly #operations: FtpOperations;
  readonly #bursts: Bursts;
  #inbox: (() => Promise<void>)[] = [];
  /** Resolves when the inbox is empty. */
  #work: Promise<void> | undefined;
  #kept: Kept | undefined;
  /** The errno of the last failure that had one. */
  #errno: number | undefined;

  constructor(folder: Folder, personality: Personality, clock: Clock, logger: Logger) {
    this.#personality = personality;
    this.#logger = logger;
    this.#sessions = new Sessions(personality.sessions, clock);
    this.#operations = new FtpOperations(folder, personality, this.#sessions, this.traffic);
    this.#bursts = new Bursts(personality, this.#sessions, this.traffic, (reply, from) =>
      this.#send(reply, from),
    );
  }

  /** Never throws; replies go to the requester, at once or later. */
  receive(request: FtpPayload, from: Requester): void {
    this.traffic.requests++;
    this.#inbox.push(() => this.#serve(request, from));
    this.#work ??= this.#serveAll();
  }

  /** Closes idle sessions, as each request does. */
  async expire(): Promise<void> {
    if (await this.#sessions.expire()) this.#kept = undefined;
  }

  /** From now on no byte of the file from `offset` on is sent. The returned function ends that. */
  hold(path: string, offset: number): () => void {
    this.traffic.hold(path, offset);
    return () => {
      this.#sessions.forget(path);
      this.traffic.release(path);
    };
  }

  /** Must be called after the last request. */
  async close(): Promise<void> {
    this.#inbox = [];
    // This ends a burst; the request that is being served may open one more file.
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
    return own || !this.#personality.replies.keptPerSession ? reply : undefined;
  }

  async #answer(request: FtpPayload, from: Requester): Promise<FtpPayload | undefined> {
    try {
      const answer = await this.#perform(request, from);
      return answer && this.#reply(Opcode.ACK, request, answer);
    } catch (error) {
      return this.#reply(Opcode.NAK, request, { data: this.#refusal(error) });
    }
  }

  async #perform(request: FtpPayload, from: Requester): Promise<Ack | undefined> {
    if (request.size > MAX_DATA) throw new Nak(FtpErrorCode.INVALID_DATA_SIZE);
    if (request.opcode === Opcode.BURST_READ_FILE) return this.#bursts.begin(request, from);
    return this.#operations.find(request.opcode)(request, from);
  }

  #reply(opcode: Opcode, request: FtpPayload, { data, session }: Ack): FtpPayload {
    const repeated = this.#personality.replies.repeatsOffset(request.opcode, opcode === Opcode.ACK);
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
    if (reply.size <= this.#personality.replies.keptUpTo) this.#kept = { reply, owner: from.id };
    from.send(reply);
  }

  #refusal(error: unknown): Uint8Array {
    const { code, errno } = this.#toNak(error);
    if (!this.#personality.replies.stickyErrno || errno !== undefined) this.#errno = errno;
    const sent = this.#translated(code);
    return Uint8Array.from(sent === FtpErrorCode.FAIL_ERRNO ? [sent, this.#errno ?? 0] : [sent]);
  }

  #toNak(error: unknown): Pick<Nak, 'code' | 'errno'> {
    if (error instanceof Nak) return error;
    const errno = errnoOf(error);
    if (errno !== undefined) return { code: FtpErrorCode.FAIL_ERRNO, errno };
    this.#logger.log('error', `a request failed: ${error instanceof Error ? error.message : String(error)}`);
    return { code: FtpErrorCode.FAIL, errno };
  }

  /** Two errnos have their own codes; PX4's EEXIST replaces every other code (seen). */
  #translated(code: FtpErrorCode): FtpErrorCode {
    if (this.#errno === EEXIST) return FtpErrorCode.FILE_EXISTS;
    return this.#errno === ENOENT && code === FtpErrorCode.FAIL_ERRNO ? FtpErrorCode.FILE_NOT_FOUND : code;
  }
}

const after = (sequence: number) => (sequence + 1) & 0xffff;
