import assert from 'node:assert/strict';
import { FtpErrorCode, Opcode, type FtpPayload } from '../../../src/mavlink/ftp-payload.js';
import type { Source, SourceFile } from '../../../src/ports.js';
import { mavlinkSource } from '../../conformance/mavlink-bench.js';
import { checksumOf, collect, eventually, failsWith, listed, sample } from '../../conformance/support.js';
import { RecordingLogger } from '../../fakes/recording-logger.js';
import { ack, nak, nameIn, ScriptedVehicle, uint32 } from './scripted-vehicle.js';

const never = new AbortController().signal;
const LOG = sample(2_000, 9);
const FILE: SourceFile = { path: 'a.ulg', size: LOG.length };
const COUNT = Math.ceil(LOG.length / 239);

describe('File transfer with a vehicle that misbehaves', () => {
  let vehicle: ScriptedVehicle;
  let source: Source;
  let logger: RecordingLogger;

  beforeEach(async () => {
    vehicle = await ScriptedVehicle.start();
    vehicle.files.set('/log/a.ulg', LOG);
    logger = new RecordingLogger();
    source = await mavlinkSource({ url: vehicle.url, root: '/log/' }, logger);
  });

  afterEach(async () => {
    await source.close();
    await vehicle.close();
  });

  const read = (file = FILE, offset = 0) => collect(source.read(file, offset, never));
  /** A slow machine may see a request repeated, with the same number: that counts as one. */
  const requestsOf = (opcode: number) => {
    const bySequence = new Map(vehicle.requests.map(request => [request.sequence, request]));
    return [...bySequence.values()].filter(request => request.opcode === opcode);
  };

  /** Answers requests of one kind by a script and all others well. */
  const misbehave = (
    opcode: number,
    script: (request: FtpPayload, count: number) => FtpPayload[] | undefined,
  ) => {
    let count = 0;
    vehicle.script = (request, good) =>
      (request.opcode === opcode ? script(request, count++) : undefined) ?? [good];
  };

  /** The files that come before the error with which the listing ends. */
  const listedWithError = async () => {
    const files: SourceFile[] = [];
    const error = await failsWith(async () => {
      for await (const file of source.list(never)) files.push(file);
    });
    return { files, error };
  };

  it('requests each block once where nothing is lost', async () => {
    assert.deepEqual(await read(), Buffer.from(LOG));
    assert.equal(requestsOf(Opcode.READ_FILE).length, COUNT);
    assert.deepEqual(
      [vehicle.opcodes()[0], vehicle.opcodes().at(-1)],
      [Opcode.OPEN_FILE_RO, Opcode.TERMINATE_SESSION],
    );
  });

  it('requests nothing before the offset', async () => {
    assert.deepEqual(await read(FILE, 1_000), Buffer.from(LOG.subarray(1_000)));
    const asked = requestsOf(Opcode.READ_FILE).map(({ offset, size }) => ({ offset, size }));
    assert.equal(Math.min(...asked.map(({ offset }) => offset)), 1_000);
    assert.equal(
      asked.reduce((sum, { size }) => sum + size, 0),
      1_000,
    );
  });

  it('sends the same request with the same number when the reply is lost', async () => {
    let count = 0;
    vehicle.script = (_request, good) => (count++ % 3 === 1 ? [] : [good]);
    assert.deepEqual(await read(), Buffer.from(LOG));
    const bySequence = new Map<number, FtpPayload[]>();
    for (const request of vehicle.requests) {
      bySequence.set(request.sequence, [...(bySequence.get(request.sequence) ?? []), request]);
    }
    const repeated = [...bySequence.values()].filter(({ length }) => length > 1);
    assert.ok(repeated.length > 0);
    for (const [first, ...others] of repeated) for (const other of others) assert.deepEqual(other, first);
  });

  it('counts up by one, from a number that differs from run to run', async () => {
    await read();
    // A slow machine may see a request repeated, with the same number.
    const sequences = [...new Set(vehicle.requests.map(({ sequence }) => sequence))];
    sequences.slice(1).forEach((sequence, index) => {
      assert.equal(sequence, ((sequences[index] ?? 0) + 1) & 0xffff);
    });
    const again = await mavlinkSource({ url: vehicle.url, root: '/log' });
    vehicle.requests.length = 0;
    await collect(again.read(FILE, 0, never));
    await again.close();
    assert.notEqual(vehicle.requests[0]?.sequence, sequences[0]);
  });

  it('ignores doubled, late and foreign replies', async () => {
    let previous: FtpPayload | undefined;
    vehicle.script = (request, good) => {
      const stray: FtpPayload[] = [
        { ...good, sequence: (good.sequence + 7) & 0xffff },
        { ...good, requestOpcode: Opcode.BURST_READ_FILE },
      ];
      if (request.opcode === Opcode.READ_FILE) {
        stray.push({ ...good, session: 3, data: sample(239, 1) }, { ...good, offset: request.offset + 239 });
      }
      const replies = [...(previous ? [previous] : []), ...stray, good, good];
      previous = good;
      return replies;
    };
    assert.deepEqual(await read(), Buffer.from(LOG));
  });

  it('ignores replies to others and from others', async () => {
    vehicle.script = (_request, good) => {
      const wrong = { ...good, data: sample(239, 4) };
      vehicle.sendFtp(wrong, { system: 255, component: 190 });
      vehicle.sendFtp(wrong, { system: 1, component: 194 }, 77);
      return [good];
    };
    assert.deepEqual(await read(), Buffer.from(LOG));
  });

  it('opens again and resumes at the offset when the session has expired', async () => {
    vehicle.script = withExpiry(vehicle.script, vehicle, 3);
    assert.deepEqual(await read(), Buffer.from(LOG));
    assert.equal(requestsOf(Opcode.OPEN_FILE_RO).length, 3);
    const offsets = requestsOf(Opcode.READ_FILE).map(({ offset }) => offset);
    assert.deepEqual(
      [...new Set(offsets)],
      Array.from({ length: COUNT }, (_, index) => index * 239),
    );
  });

  it('fails when the session is lost again at once', async () => {
    misbehave(Opcode.READ_FILE, request => [nak(request, FtpErrorCode.INVALID_SESSION)]);
    vehicle.script = freeing(vehicle.script, vehicle);
    await failsWith(() => read(), 'io');
  });

  it('is changed when the file has another size after the session was lost', async () => {
    misbehave(Opcode.READ_FILE, (request, count) => {
      if (count !== 2) return undefined;
      vehicle.opened = undefined;
      vehicle.files.set('/log/a.ulg', sample(2_217, 9));
      return [nak(request, FtpErrorCode.INVALID_SESSION)];
    });
    await failsWith(() => read(), 'changed');
  });

  it('does not close the sessions of others', async () => {
    await read();
    vehicle.opened = '/log/ground-station.ulg';
    const error = await failsWith(() => read(), 'busy');
    assert.match(error.message, /another program/);
    assert.equal(requestsOf(Opcode.RESET_SESSIONS).length, 0);
  });

  it('finds the real reason where an old failure of PX4 hides it', async () => {
    let hidden = true;
    vehicle.script = (request, good) => {
      if (nameIn(request).includes('no-such')) hidden = false;
      return [hidden && good.opcode === Opcode.NAK ? nak(request, FtpErrorCode.FILE_EXISTS) : good];
    };
    assert.deepEqual(await listed(source), [FILE]);
    hidden = true;
    await failsWith(() => read({ path: 'missing.ulg', size: 5 }), 'not-found');
    hidden = true;
    await source.remove({ path: 'missing.ulg', size: 5 }, never);
  });

  it('does not take a folder for a file', async () => {
    misbehave(Opcode.OPEN_FILE_RO, request => [ack(request, uint32(4096))]);
    const script = vehicle.script;
    vehicle.script = (request, good) =>
      request.opcode === Opcode.READ_FILE
        ? [nak(request, FtpErrorCode.FAIL_ERRNO, 21)]
        : script(request, good);
    await failsWith(() => read({ path: 'folder', size: 4096 }), 'io');
  });

  it('is changed when the vehicle sends an empty answer before the end', async () => {
    misbehave(Opcode.READ_FILE, (request, count) => (count === 4 ? [ack(request)] : undefined));
    await failsWith(() => read(), 'changed');
    assert.equal(vehicle.opened, undefined);
  });

  it('takes short answers as they come', async () => {
    misbehave(Opcode.READ_FILE, request => [
      ack(request, LOG.subarray(request.offset, request.offset + Math.min(request.size, 100))),
    ]);
    assert.deepEqual(await read(), Buffer.from(LOG));
  });

  it('closes the session when the reader leaves or aborts', async () => {
    for await (const chunk of source.read(FILE, 0, never)) {
      assert.ok(chunk.length > 0);
      break;
    }
    assert.equal(vehicle.opened, undefined);
    const stop = new AbortController();
    vehicle.script = (request, good) => {
      if (request.offset === 478) stop.abort();
      return request.offset === 478 ? [] : [good];
    };
    await failsWith(() => collect(source.read(FILE, 0, stop.signal)), 'cancelled');
    assert.equal(vehicle.opened, undefined);
  });

  it('rejects reads in flight when it is closed', async () => {
    vehicle.script = () => [];
    const reading = failsWith(() => read(), 'cancelled');
    await eventually(async () => vehicle.requests.length > 0);
    await source.close();
    await reading;
    await failsWith(() => listed(source), 'cancelled');
  });

  it('reports what the vehicle does not know, and what it refuses', async () => {
    const error = await failsWith(() => source.checksum(FILE, never), 'unsupported');
    assert.equal(error.device, 'device');
    assert.equal(error.operation, 'checksum');
    misbehave(Opcode.REMOVE_FILE, request => [nak(request, FtpErrorCode.FILE_PROTECTED)]);
    await failsWith(() => source.remove(FILE, never), 'denied');
    misbehave(Opcode.OPEN_FILE_RO, request => [nak(request, FtpErrorCode.FAIL_ERRNO, 5)]);
    const io = await failsWith(() => read(), 'io');
    assert.match(io.message, /errno 5.*SD card/);
  });

  it('reports a missing file by its open where the checksum does not', async () => {
    misbehave(Opcode.CALC_FILE_CRC32, request => [nak(request, FtpErrorCode.FAIL_ERRNO, 21)]);
    await failsWith(() => source.checksum({ path: 'missing', size: 1 }, never), 'not-found');
    await failsWith(() => source.checksum(FILE, never), 'io');
  });

  it('writes the checksum with all its digits', async () => {
    misbehave(Opcode.CALC_FILE_CRC32, request => [ack(request, uint32(0xabc))]);
    assert.deepEqual(await source.checksum(FILE, never), { algorithm: 'crc32-mavlink', value: '00000abc' });
    misbehave(Opcode.CALC_FILE_CRC32, request => [ack(request, Uint8Array.of(1))]);
    await failsWith(() => source.checksum(FILE, never), 'protocol');
    assert.equal(checksumOf('crc32-mavlink', LOG).value.length, 8);
  });

  it('never requests a path outside the root', async () => {
    for (const path of [
      '../secret',
      'a/../../b',
      '/etc/passwd',
      'a//b',
      '',
      '.',
      'a/.',
      'nul\0',
      'x'.repeat(240),
    ]) {
      await failsWith(() => read({ path, size: 5 }), 'bad-name');
      await failsWith(() => source.checksum({ path, size: 5 }, never), 'bad-name');
      await failsWith(() => source.remove({ path, size: 5 }, never), 'bad-name');
    }
    assert.deepEqual(vehicle.requests, []);
  });

  it('cannot fetch what an offset of 32 bits does not reach', async () => {
    await failsWith(() => read({ path: 'huge.ulg', size: 2 ** 32 }), 'unsupported');
  });

  describe('listing', () => {
    /** Serves these packets at these offsets, then the end. */
    const serve = (packets: Readonly<Record<number, string | Uint8Array>>) =>
      misbehave(Opcode.LIST_DIRECTORY, request => {
        const packet = packets[request.offset];
        if (packet === undefined || nameIn(request) !== '/log') return [nak(request, FtpErrorCode.EOF)];
        return [ack(request, Buffer.from(packet))];
      });

    it('counts entries as PX4 does', async () => {
      serve({ 0: 'S\0Fa\t1\0S\0', 3: 'Fb\t2\0' });
      assert.deepEqual(await listed(source), [
        { path: 'a', size: 1 },
        { path: 'b', size: 2 },
      ]);
    });

    it('counts entries as ArduPilot does', async () => {
      serve({ 0: 'D.\0\0D..\0\0Fa\t1\0\0', 3: 'Fb\t2\0\0' });
      assert.deepEqual(await listed(source), [
        { path: 'a', size: 1 },
        { path: 'b', size: 2 },
      ]);
    });

    it('lists an entry once that comes twice', async () => {
      serve({ 0: 'Fa\t1\0Fb\t1\0', 2: 'Fb\t1\0' });
      assert.equal((await listed(source)).length, 2);
    });

    it('treats the empty answer of an empty folder as its end', async () => {
      serve({ 0: '' });
      assert.deepEqual(await listed(source), []);
      assert.deepEqual(logger.entries, []);
    });

    it('skips names that do not fit into a packet, and warns once', async () => {
      serve({ 0: '', 1: 'Fa\t1\0', 2: '', 3: 'Fb\t2\0' });
      for (let round = 0; round < 2; round++) assert.equal((await listed(source)).length, 2);
      assert.equal(logger.messages('warn').length, 1);
      assert.match(logger.messages('warn')[0] ?? '', /\/log has a name that is too long/);
    });

    it('ends with an error where the answers never do', async () => {
      misbehave(Opcode.LIST_DIRECTORY, request => [ack(request)]);
      await failsWith(() => listed(source), 'protocol');
      assert.ok(vehicle.requests.length < 50);
    });

    it('skips names that would lead elsewhere or cannot be sent, and warns', async () => {
      const latin1 = Buffer.from([0x46, 0xe9, 0x09, 0x31, 0x00]);
      serve({
        0: 'F../x\t1\0F\t1\0Fa/b\t1\0D/etc\0D\0Fgood\t3\0',
        6: latin1,
        7: `F${'n'.repeat(235)}\t1`,
      });
      assert.deepEqual(await listed(source), [{ path: 'good', size: 3 }]);
      assert.equal(logger.messages('warn').length, 6);
      assert.ok(vehicle.requests.every(request => nameIn(request) === '/log'));
    });

    it('lists everything but an entry that is invalid, and then reports that by name', async () => {
      const sizes = ['', '\t', '\t-1', '\t1e9', '\t9007199254740993', '\t3\tnow', '\t1.5'];
      for (const size of sizes) {
        serve({ 0: `Fgood\t3\0Fname${size}\0Flast\t4\0` });
        const { files, error } = await listedWithError();
        assert.deepEqual(files, [
          { path: 'good', size: 3 },
          { path: 'last', size: 4 },
        ]);
        assert.equal(error.kind, 'denied');
        assert.match(error.message, /^\/log\/name is listed without a valid size \(.+\): check the SD card/);
      }
    });

    it('reads the size of an entry that has a third field with a time', async () => {
      serve({ 0: 'Fa.ulg\t3\t1765000000\0Fwith\ttab\t4\0' });
      assert.deepEqual(await listed(source), [
        { path: 'a.ulg', size: 3, modified: 1_765_000_000_000 },
        { path: 'with\ttab', size: 4 },
      ]);
    });

    it('lists everything but a folder that cannot be listed, and then reports that', async () => {
      misbehave(Opcode.LIST_DIRECTORY, request => {
        if (nameIn(request) === '/log/bad') return [nak(request, FtpErrorCode.FAIL_ERRNO, 5)];
        const texts: Record<string, string> = { '/log': 'Dbad\0Dgood\0', '/log/good': 'Fa\t1\0' };
        const text = request.offset === 0 ? texts[nameIn(request)] : undefined;
        return text === undefined ? [nak(request, FtpErrorCode.EOF)] : [ack(request, Buffer.from(text))];
      });
      const { files, error } = await listedWithError();
      assert.deepEqual(files, [{ path: 'good/a', size: 1 }]);
      assert.match(error.message, /^\/log\/bad cannot be listed .*: check the SD card/);
      assert.deepEqual(await source.listChanges?.([], never), []);
    });

    it('ends where a vehicle repeats the same entries without end', async () => {
      misbehave(Opcode.LIST_DIRECTORY, request => [ack(request, Buffer.from('Fa\t1\0Fb\t2\0'))]);
      const error = await failsWith(() => listed(source), 'protocol');
      assert.match(error.message, /without a new entry/);
      assert.ok(vehicle.requests.length < 50);
    });

    it('ends at max_files where a vehicle has new entries without end', async () => {
      await source.close();
      source = await mavlinkSource({ url: vehicle.url, root: '/log', max_files: 10 }, logger);
      misbehave(Opcode.LIST_DIRECTORY, request => [
        ack(request, Buffer.from([0, 1, 2].map(add => `Fn${request.offset + add}\t1\0`).join(''))),
      ]);
      const { files, error } = await listedWithError();
      assert.equal(files.length, 10);
      assert.match(error.message, /^\/log exceeds the limit of 10 files and folders: .*raise max_files/);
      assert.ok(vehicle.requests.length < 50);
    });

    it('ends where a folder is one of its own parents', async () => {
      const files = 'Fa\t1\0Dsub\0';
      misbehave(Opcode.LIST_DIRECTORY, request => [
        request.offset === 0 ? ack(request, Buffer.from(files)) : nak(request, FtpErrorCode.EOF),
      ]);
      const withFile = await listedWithError();
      assert.deepEqual(withFile.files, [{ path: 'a', size: 1 }]);
      assert.match(withFile.error.message, /^\/log\/sub leads back to one of its own parents/);
    });

    it('ends where folders of folders are their own parents', async () => {
      misbehave(Opcode.LIST_DIRECTORY, request => [
        request.offset === 0 ? ack(request, Buffer.from('Done\0Dtwo\0')) : nak(request, FtpErrorCode.EOF),
      ]);
      const error = await failsWith(() => listed(source), 'denied');
      assert.match(error.message, /leads back to one of its own parents/);
      assert.ok(vehicle.requests.length < 100);
    });

    it('skips unknown kinds of entries', async () => {
      serve({ 0: 'Xwhat\0Fa\t1\0' });
      assert.deepEqual(await listed(source), [{ path: 'a', size: 1 }]);
    });

    it('is changed when a folder is removed meanwhile', async () => {
      misbehave(Opcode.LIST_DIRECTORY, request => {
        if (nameIn(request) !== '/log') return [nak(request, FtpErrorCode.FILE_NOT_FOUND)];
        return request.offset === 0
          ? [ack(request, Buffer.from('Dsess001\0'))]
          : [nak(request, FtpErrorCode.EOF)];
      });
      await failsWith(() => listed(source), 'changed');
    });

    it('says what to do where the root is missing', async () => {
      misbehave(Opcode.LIST_DIRECTORY, request => [nak(request, FtpErrorCode.FILE_NOT_FOUND)]);
      const error = await failsWith(() => listed(source), 'unavailable');
      assert.match(error.message, /no folder \/log: insert an SD card/);
    });
  });
});

/** Makes the vehicle forget its session before the `nth` read, and answer as it then must. */
function withExpiry(
  script: ScriptedVehicle['script'],
  vehicle: ScriptedVehicle,
  nth: number,
): ScriptedVehicle['script'] {
  let count = 0;
  return (request, good) => {
    if (request.opcode !== Opcode.READ_FILE || count++ !== nth) return script(request, good);
    vehicle.opened = undefined;
    return [nak(request, FtpErrorCode.INVALID_SESSION)];
  };
}

/** Lets every open succeed. */
function freeing(script: ScriptedVehicle['script'], vehicle: ScriptedVehicle): ScriptedVehicle['script'] {
  return (request, good) => {
    vehicle.opened = undefined;
    return script(request, good);
  };
}
