import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { encodeFrame } from '../../../src/mavlink/frame.js';
import { contentOf, encodeFtpPayload, Opcode, type FtpPayload } from '../../../src/mavlink/ftp-payload.js';
import { FileTransferProtocol, Heartbeat } from '../../../src/mavlink/messages.js';
import { Recording } from '../../../src/sim/recording.js';
import { readTrace, type TracedFrame } from '../../../src/sim/trace.js';
import { temporaryFolder } from '../../conformance/temp-folder.js';

const CLIENT = { system: 1, component: 194 };
const OTHER = { system: 255, component: 190 };
const VEHICLE = { system: 1, component: 1 };

const payload = (fields: Partial<FtpPayload>): FtpPayload => {
  const data = fields.data ?? new Uint8Array(0);
  const defaults = { sequence: 0, session: 0, opcode: 0, requestOpcode: 0, burstComplete: false, offset: 0 };
  return { ...defaults, size: data.length, ...fields, data };
};

/** Frames of one file transfer, 10 ms apart. */
class Tape {
  readonly frames: TracedFrame[] = [];
  #ms = 0;

  request(fields: Partial<FtpPayload>, from = CLIENT): this {
    return this.#add('client', payload(fields), from, VEHICLE);
  }

  reply(fields: Partial<FtpPayload>, to = CLIENT): this {
    return this.#add('vehicle', payload({ opcode: Opcode.ACK, ...fields }), VEHICLE, to);
  }

  /** A request with the sequence number, and its answer. */
  exchange(sequence: number, request: Partial<FtpPayload>, reply: Partial<FtpPayload>): this {
    this.request({ sequence, ...request });
    return this.reply({ sequence: sequence + 1, requestOpcode: request.opcode ?? 0, ...reply });
  }

  heartbeat(baseMode: number): this {
    const fields = { customMode: 7, type: 2, autopilot: 12, baseMode, systemStatus: 3, mavlinkVersion: 3 };
    this.#push('vehicle', { messageId: Heartbeat.id, payload: Heartbeat.encode(fields), ...VEHICLE });
    return this;
  }

  #add(from: 'client' | 'vehicle', ftp: FtpPayload, sender: typeof CLIENT, to: typeof CLIENT): this {
    const target = { targetNetwork: 0, targetSystem: to.system, targetComponent: to.component };
    const message = FileTransferProtocol.encode({ ...target, payload: encodeFtpPayload(ftp) });
    this.#push(from, { messageId: FileTransferProtocol.id, payload: message, ...sender });
    return this;
  }

  #push(from: 'client' | 'vehicle', frame: Omit<Parameters<typeof encodeFrame>[0], 'sequence'>): void {
    this.frames.push({ from, ms: (this.#ms += 10), bytes: encodeFrame({ ...frame, sequence: 0 }) });
  }
}

const open = (path: string) => payload({ opcode: Opcode.OPEN_FILE_RO, data: Buffer.from(path) });
const read = (offset: number, size = 3) => payload({ opcode: Opcode.READ_FILE, offset, size, sequence: 500 });
const burst = (offset: number) => payload({ opcode: Opcode.BURST_READ_FILE, offset, size: 3, sequence: 500 });
const bytes = (text: string) => ({ data: Buffer.from(text) });

/** What it answers: text of each reply. */
const answers = (recording: Recording, request: FtpPayload): string[] | undefined =>
  recording.repliesTo(request)?.map(reply => Buffer.from(contentOf(reply.payload)).toString('latin1'));

describe('A recording', () => {
  it('answers with the sequence number of the new request, after the recorded time', () => {
    const tape = new Tape().exchange(7, { opcode: Opcode.LIST_DIRECTORY, ...bytes('/') }, bytes('Fa\t1\0'));
    const recording = new Recording(tape.frames);
    const request = payload({ opcode: Opcode.LIST_DIRECTORY, sequence: 65_535, ...bytes('/') });
    const [reply] = recording.repliesTo(request) ?? [];
    assert.equal(reply?.payload.sequence, 0);
    assert.equal(reply.delay, 10);
  });

  it('repeats the order of the answers to equal requests, and then the last one', () => {
    const ask = { opcode: Opcode.LIST_DIRECTORY, ...bytes('/') };
    const tape = new Tape()
      .exchange(1, ask, bytes('one'))
      .exchange(3, ask, bytes('two'))
      .request({ sequence: 5, ...ask });
    const recording = new Recording(tape.frames);
    const asked = () => answers(recording, payload(ask));
    assert.deepEqual([asked(), asked(), asked()], [['one'], ['two'], ['two']]);
  });

  it('tells the files apart that were open in the same session', () => {
    const tape = new Tape();
    for (const [index, path] of ['/a', '/b'].entries()) {
      tape.exchange(index * 10, { opcode: Opcode.OPEN_FILE_RO, ...bytes(path) }, bytes('\x03\0\0\0'));
      tape.exchange(index * 10 + 2, { opcode: Opcode.READ_FILE, size: 3 }, bytes(path.repeat(2).slice(0, 3)));
    }
    const recording = new Recording(tape.frames);
    recording.repliesTo(open('/b'));
    assert.deepEqual(answers(recording, read(0)), ['/b/']);
    recording.repliesTo(open('/a'));
    assert.deepEqual(answers(recording, read(0)), ['/a/']);
  });

  it('serves reads and bursts that it does not hold from the bytes that it does', () => {
    const tape = new Tape().exchange(1, { opcode: Opcode.OPEN_FILE_RO, ...bytes('/a') }, bytes('\x09\0\0\0'));
    tape.request({ sequence: 3, opcode: Opcode.BURST_READ_FILE, size: 3 });
    for (const [index, text] of ['abc', 'def', 'ghi'].entries())
      tape.reply({
        sequence: 4 + index,
        requestOpcode: Opcode.BURST_READ_FILE,
        offset: index * 3,
        ...bytes(text),
      });
    const recording = new Recording(tape.frames);
    recording.repliesTo(open('/a'));
    assert.deepEqual(answers(recording, burst(0)), ['abc', 'def', 'ghi']);
    assert.deepEqual(answers(recording, read(3)), ['def']);
    assert.deepEqual(answers(recording, read(3, 2)), ['de']);
    assert.deepEqual(answers(recording, burst(3)), ['def', 'ghi']);
    const replies = recording.repliesTo(burst(3))?.map(reply => reply.payload) ?? [];
    assert.deepEqual(
      replies.map(({ sequence }) => sequence),
      [501, 502],
    );
    assert.deepEqual(
      replies.map(({ burstComplete }) => burstComplete),
      [false, true],
    );
    assert.equal(recording.repliesTo(read(9)), undefined);
  });

  it('leaves out what the vehicle told others', () => {
    const tape = new Tape().request({ sequence: 1, opcode: Opcode.LIST_DIRECTORY, ...bytes('/') });
    tape.reply({ sequence: 2, requestOpcode: Opcode.LIST_DIRECTORY, ...bytes('not ours') }, OTHER);
    assert.deepEqual(
      answers(new Recording(tape.frames), payload({ opcode: Opcode.LIST_DIRECTORY, ...bytes('/') })),
      [],
    );
  });

  it('is of a disarmed vehicle, though it was armed in the end', () => {
    const { vehicle } = new Recording(new Tape().heartbeat(1).heartbeat(129).frames);
    assert.deepEqual([vehicle?.baseMode, vehicle?.customMode, vehicle?.system], [1, 7, 1]);
    assert.equal(new Recording(new Tape().heartbeat(129).frames).vehicle?.baseMode, 1);
    assert.equal(new Recording([]).vehicle, undefined);
  });
});

describe('A trace', () => {
  it('is read without the line that a killed program has left unfinished', async () => {
    const { path, remove } = await temporaryFolder();
    try {
      const line = '{"t_ms": 1.5, "from": "vehicle", "frame": "fd09"}';
      await writeFile(join(path, 'trace'), `${line}\n{"t_ms": 2, "fr${line}\n${line}\n{"t_`);
      const frame = { from: 'vehicle', ms: 1.5, bytes: Uint8Array.of(0xfd, 9) };
      assert.deepEqual(await readTrace(join(path, 'trace')), [frame, frame]);
    } finally {
      await remove();
    }
  });
});
