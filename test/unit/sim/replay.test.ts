import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { FrameDecoder } from '../../../src/mavlink/frame.js';
import {
  contentOf,
  decodeFtpPayload,
  Opcode,
  opcodeName,
  type FtpPayload,
} from '../../../src/mavlink/ftp-payload.js';
import { FileTransferProtocol } from '../../../src/mavlink/messages.js';
import type { Requester } from '../../../src/sim/exchange.js';
import { Folder } from '../../../src/sim/folder.js';
import { MavlinkFtpServer } from '../../../src/sim/ftp-server.js';
import { ARDUPILOT, PX4, type Personality } from '../../../src/sim/personality.js';
import { RecordingLogger } from '../../fakes/recording-logger.js';
import { VirtualClock } from '../../fakes/virtual-clock.js';
import { captured, capturedSlice, type Captured, type Recording } from '../mavlink/captures.js';
import { makeProbedFolder, removeFolder } from './probed-folder.js';

interface Vehicle {
  readonly name: Recording;
  readonly like: Personality;
  readonly bigFolder: string;
  /** Titles of DEVIATIONS that its recording meets. */
  readonly deviates: readonly string[];
}

const VEHICLES: Vehicle[] = [
  { name: 'px4-ftp.jsonl', like: PX4, bigFolder: 'log', deviates: ['order of a listing'] },
  {
    name: 'ardupilot-ftp.jsonl',
    like: ARDUPILOT,
    bigFolder: 'logs',
    deviates: ['order of a listing', 'way out of the folder'],
  },
];

interface Deviation {
  applies(request: FtpPayload, reply: FtpPayload): boolean;
  /** Both replies are brought to what must be equal all the same. */
  readonly level: (reply: FtpPayload) => object;
}

/** Where the simulated autopilot's answer cannot or must not be the recorded one. */
const DEVIATIONS: Readonly<Record<string, Deviation>> = {
  // A real one lists in the order of its file system, which no other disk would repeat; ours is by name.
  'order of a listing': {
    applies: (_request, { opcode, requestOpcode }) => opcode === Opcode.ACK && LISTS.has(requestOpcode),
    level: reply => ({ ...comparable(reply), data: text(reply).split('\0').sort() }),
  },
  // ArduPilot serves files outside its root; ours never does.
  'way out of the folder': {
    applies: (request, { opcode }) => opcode === Opcode.ACK && text(request).includes('/../'),
    level: ({ sequence, requestOpcode }) => ({ sequence, requestOpcode }),
  },
};

const LISTS: ReadonlySet<number> = new Set([Opcode.LIST_DIRECTORY, Opcode.LIST_DIRECTORY_WITH_TIME]);

describe('simulated autopilot: answers recorded requests as the real one did', () => {
  for (const vehicle of VEHICLES) {
    it(`${vehicle.name}, slice`, () => replay(vehicle, capturedSlice(vehicle.name)));
    it(`${vehicle.name}, as much as is there`, () => replay(vehicle, captured(vehicle.name)));
  }
});

async function replay(vehicle: Vehicle, recording: readonly Captured[]): Promise<void> {
  const frames = recording.flatMap(ftpPayloadOf);
  const from = (who: Captured['from']) => frames.filter(each => each.from === who).map(each => each.payload);
  const root = await makeProbedFolder(
    { requests: from('client'), replies: from('vehicle') },
    vehicle.bigFolder,
  );
  const clock = new VirtualClock();
  const logger = new RecordingLogger();
  const server = new MavlinkFtpServer(await Folder.at(root, clock), vehicle.like, clock, logger);
  try {
    const met = await compare(frames, server, clock);
    assert.deepEqual([...met].sort(), [...vehicle.deviates].sort(), 'a deviation is not needed any more');
    assert.deepEqual(logger.messages('error'), []);
  } finally {
    await server.close();
    await removeFolder(root);
  }
}

interface FtpFrame {
  readonly from: Captured['from'];
  readonly ms: number;
  readonly payload: FtpPayload;
}

function ftpPayloadOf({ from, ms, bytes }: Captured): FtpFrame[] {
  const frames = new FrameDecoder().push(bytes).filter(frame => frame.messageId === FileTransferProtocol.id);
  return frames.map(({ payload }) => {
    return { from, ms, payload: decodeFtpPayload(FileTransferProtocol.decode(payload).payload) };
  });
}

/** Plays the recording; gives the titles of the deviations that were met. */
async function compare(
  frames: readonly FtpFrame[],
  server: MavlinkFtpServer,
  clock: VirtualClock,
): Promise<Set<string>> {
  const client = new Client();
  const met = new Set<string>();
  const requests = new Map<number, FtpPayload>();
  for (const { from, ms, payload } of frames) {
    await clock.advance(Math.max(0, ms - clock.monotonic()));
    if (from === 'client') {
      assert.deepEqual(client.waiting, [], `unasked replies before request ${payload.sequence}`);
      requests.set(payload.sequence + 1, payload);
      server.receive(payload, client);
      continue;
    }
    const request = requests.get(payload.sequence) ?? payload;
    met.add(check(request, await client.next(payload.requestOpcode), payload));
  }
  assert.deepEqual(client.waiting, []);
  met.delete('');
  return met;
}

/** Compares two replies; gives the title of the deviation that had to be allowed for, if any. */
function check(request: FtpPayload, ours: FtpPayload, recorded: FtpPayload): string {
  const [title, deviation] = Object.entries(DEVIATIONS).find(([, each]) =>
    each.applies(request, recorded),
  ) ?? ['', undefined];
  const level = deviation?.level ?? comparable;
  const what = `${opcodeName(recorded.requestOpcode)}, reply ${recorded.sequence}`;
  assert.deepEqual(level(ours), level(recorded), what);
  return title;
}

/** Every field; of the data, what counts. */
function comparable(reply: FtpPayload): object {
  return { ...reply, data: Buffer.from(contentOf(reply)).toString('latin1') };
}

const text = (payload: FtpPayload) => Buffer.from(contentOf(payload)).toString('latin1');

/** A client that takes the packets of a burst one by one, so that a request comes just between the recorded two. */
class Client implements Requester {
  readonly id = 'client';
  readonly waiting: FtpPayload[] = [];
  #resume: (() => void) | undefined;

  send(reply: FtpPayload): void {
    this.waiting.push({ ...reply, data: reply.data.slice() });
  }

  ready(): Promise<void> {
    return new Promise(resolve => (this.#resume = resolve));
  }

  /** The next reply; a burst is let on only if one of its packets is awaited. Mocha's time limit ends a vain wait. */
  async next(requestOpcode: number): Promise<FtpPayload> {
    for (;;) {
      const reply = this.waiting.shift();
      if (reply) return reply;
      if (requestOpcode === Opcode.BURST_READ_FILE) this.#resume?.();
      await turn();
    }
  }
}
