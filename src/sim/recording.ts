import { FrameDecoder, type Frame } from '../mavlink/frame.js';
import { contentOf, decodeFtpPayload, Opcode, type FtpPayload } from '../mavlink/ftp-payload.js';
import { FileTransferProtocol, Heartbeat } from '../mavlink/messages.js';
import { AUTOPILOT_INVALID, MODE_FLAG_ARMED } from '../mavlink/numbers.js';
import type { HeartbeatFields } from './personality.js';
import type { TracedFrame } from './trace.js';

/** A reply, and how many ms after its request it came. */
export interface RecordedReply {
  readonly payload: FtpPayload;
  readonly delay: number;
}

/** A request of a trace, and what the vehicle answered to it. */
interface Exchange {
  readonly key: string;
  readonly request: FtpPayload;
  /** Of the file that is open in its session; '' if none is known. */
  readonly path: string;
  /** Monotonic ms. */
  readonly sentAt: number;
  readonly replies: { readonly payload: FtpPayload; readonly ms: number }[];
}

/** The vehicle of a trace. */
export interface RecordedVehicle extends HeartbeatFields {
  readonly system: number;
  readonly component: number;
}

/** Packets; what PX4 sends at once (seen). */
const MAX_BURST_PACKETS = 168;

/**
 * What a vehicle answered in a trace: equal requests get equal replies, in the order of the trace. The last one that was
 * answered is repeated. Sequence numbers need not be equal; a read is equal if it is of the same bytes of the same file. A
 * read or burst that the trace does not hold, or without its answer, gets the bytes that others have brought.
 */
export class Recording {
  /** Undefined if the trace holds no heartbeat of an autopilot. */
  readonly vehicle: RecordedVehicle | undefined;
  /** By what is asked. */
  readonly #exchanges = new Map<string, Exchange[]>();
  readonly #sessions = new SessionPaths();
  /** Replies that carry bytes, by file and offset. */
  readonly #blocks: ReadonlyMap<string, FtpPayload>;

  constructor(frames: readonly TracedFrame[]) {
    const decoded = frames.flatMap(({ bytes, ...rest }) => {
      return new FrameDecoder().push(bytes).map(frame => ({ ...rest, frame }));
    });
    this.vehicle = vehicleIn(decoded);
    const { exchanges, blocks } = exchangesOf(decoded);
    this.#blocks = blocks;
    for (const exchange of exchanges) {
      const same = this.#exchanges.get(exchange.key);
      if (same) same.push(exchange);
      else this.#exchanges.set(exchange.key, [exchange]);
    }
    for (const exchanges of this.#exchanges.values())
      while (exchanges.length > 1 && exchanges.at(-1)?.replies.length === 0) exchanges.pop();
  }

  /** Undefined if the trace holds no such request. */
  repliesTo(request: FtpPayload): readonly RecordedReply[] | undefined {
    const exchanges = this.#exchanges.get(keyOf(request, this.#sessions)) ?? [];
    const isLast = exchanges.length <= 1;
    const exchange = isLast ? exchanges[0] : exchanges.shift();
    if (!exchange || (isLast && exchange.replies.length === 0))
      return this.#fromBlocks(request) ?? (exchange && []);
    return exchange.replies.map(({ payload, ms }) => {
      this.#sessions.note(request, payload);
      const sequence = (payload.sequence - exchange.request.sequence + request.sequence) & 0xffff;
      return { payload: { ...payload, sequence }, delay: ms - exchange.sentAt };
    });
  }

  #fromBlocks(request: FtpPayload): readonly RecordedReply[] | undefined {
    const { opcode, session, size: wanted, sequence } = request;
    const blocks = this.#blocksFor(request);
    if (blocks.length === 0) return undefined;
    return blocks.map((block, index) => {
      const size = Math.min(block.size, wanted);
      const burstComplete = opcode === Opcode.BURST_READ_FILE && index === blocks.length - 1;
      const fields = { session, size, requestOpcode: opcode, burstComplete };
      return { payload: { ...block, ...fields, sequence: (sequence + 1 + index) & 0xffff }, delay: 0 };
    });
  }

  /** One for a read, all up to the next gap for a burst. */
  #blocksFor({ opcode, session, offset }: FtpPayload): readonly FtpPayload[] {
    if (!isRead(opcode)) return [];
    const found: FtpPayload[] = [];
    const most = opcode === Opcode.READ_FILE ? 1 : MAX_BURST_PACKETS;
    for (let at = offset; found.length < most; at += found.at(-1)?.size ?? 0) {
      const block = this.#blocks.get(blockKey(this.#sessions.pathOf(session), at));
      if (!block || block.size === 0) break;
      found.push(block);
    }
    return found;
  }
}

interface DecodedFrame {
  readonly from: 'client' | 'vehicle';
  readonly ms: number;
  readonly frame: Frame;
}

/** The file that is open in each session. */
class SessionPaths {
  readonly #paths = new Map<number, string>();

  note(request: FtpPayload, reply: FtpPayload): void {
    const opened = request.opcode === Opcode.OPEN_FILE_RO && reply.opcode === Opcode.ACK;
    if (opened) this.#paths.set(reply.session, hex(request));
  }

  pathOf(session: number): string {
    return this.#paths.get(session) ?? '';
  }
}

interface Exchanges {
  readonly exchanges: readonly Exchange[];
  readonly blocks: ReadonlyMap<string, FtpPayload>;
}

const blockKey = (path: string, offset: number) => `${path} ${offset}`;

function exchangesOf(frames: readonly DecodedFrame[]): Exchanges {
  const exchanges: Exchange[] = [];
  const blocks = new Map<string, FtpPayload>();
  const bySequence = new Map<number, Exchange>();
  const sessions = new SessionPaths();
  const clients = new Set(frames.filter(({ from }) => from === 'client').map(({ frame }) => idOf(frame)));
  let burst: Exchange | undefined;
  for (const { from, ms, frame } of frames) {
    const payload = ftpPayloadIn(frame, clients);
    if (!payload) continue;
    if (from === 'client') {
      const path = sessions.pathOf(payload.session);
      const exchange = { key: keyOf(payload, sessions), request: payload, path, sentAt: ms, replies: [] };
      exchanges.push(exchange);
      bySequence.set((payload.sequence + 1) & 0xffff, exchange);
      if (payload.opcode === Opcode.BURST_READ_FILE) burst = exchange;
    } else {
      const isBurst = payload.requestOpcode === Opcode.BURST_READ_FILE;
      const exchange = isBurst ? burst : bySequence.get(payload.sequence);
      if (!exchange) continue;
      sessions.note(exchange.request, payload);
      exchange.replies.push({ payload, ms });
      if (carriesBytes(payload)) blocks.set(blockKey(exchange.path, payload.offset), payload);
    }
  }
  return { exchanges, blocks };
}

const idOf = ({ system, component }: Frame) => `${system}/${component}`;

/** Undefined for other messages, and for replies to other clients of the same vehicle. */
function ftpPayloadIn(frame: Frame, clients: ReadonlySet<string>): FtpPayload | undefined {
  if (frame.messageId !== FileTransferProtocol.id) return undefined;
  const { targetSystem, targetComponent, payload } = FileTransferProtocol.decode(frame.payload);
  const isOurs = clients.has(idOf(frame)) || clients.has(`${targetSystem}/${targetComponent}`);
  return isOurs ? decodeFtpPayload(payload) : undefined;
}

/** In a read, `size` is what is asked for, and there is no data. */
function keyOf(request: FtpPayload, sessions: SessionPaths): string {
  const { opcode, session, offset, size } = request;
  return [opcode, session, offset, size, isRead(opcode) ? sessions.pathOf(session) : hex(request)].join();
}

const isRead = (opcode: number) => opcode === Opcode.READ_FILE || opcode === Opcode.BURST_READ_FILE;

const carriesBytes = (reply: FtpPayload) => reply.opcode === Opcode.ACK && isRead(reply.requestOpcode);

const hex = (request: FtpPayload) => Buffer.from(contentOf(request)).toString('hex');

/** As it was last seen disarmed; a trace of an armed vehicle alone would keep every client waiting. */
function vehicleIn(frames: readonly DecodedFrame[]): RecordedVehicle | undefined {
  const replied = frames.find(({ from, frame }) => from === 'vehicle' && isFtp(frame))?.frame.system;
  const heartbeats = frames.flatMap(({ from, frame }) => {
    if (from === 'client' || frame.messageId !== Heartbeat.id) return [];
    const { system, component } = frame;
    return [{ ...Heartbeat.decode(frame.payload), system, component }];
  });
  const own = heartbeats.filter(({ autopilot, system }) => {
    return autopilot !== AUTOPILOT_INVALID && system === (replied ?? system);
  });
  const last = own.findLast(({ baseMode }) => (baseMode & MODE_FLAG_ARMED) === 0) ?? own.at(-1);
  return last && { ...last, baseMode: last.baseMode & ~MODE_FLAG_ARMED };
}

const isFtp = ({ messageId }: Frame) => messageId === FileTransferProtocol.id;
