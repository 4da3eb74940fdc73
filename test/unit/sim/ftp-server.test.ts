import assert from 'node:assert/strict';
import { appendFile, readdir, readFile, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { contentOf, FtpErrorCode, Opcode } from '../../../src/mavlink/ftp-payload.js';
import { ARDUPILOT, PX4 } from '../../../src/sim/personality.js';
import { eventually, openHandles, sample } from '../../conformance/support.js';
import { codeOf, onServer } from './server-bench.js';

const LOG = sample(60_000);
const FILES = { 'log/a.ulg': LOG, 'log/b.ulg': 'second' };
const A = '/log/a.ulg';
const B = '/log/b.ulg';

describe('simulated PX4', () => {
  describe('sessions', () => {
    it(
      'are one for the whole link',
      onServer(PX4, FILES, async ({ asker, another }) => {
        assert.equal(codeOf(await asker.open(A)), 0);
        const other = another('second');
        assert.equal(codeOf(await other.open(B)), FtpErrorCode.NO_SESSIONS_AVAILABLE);
        assert.equal(codeOf(await other.ask(Opcode.RESET_SESSIONS)), 0);
        assert.equal(codeOf(await asker.read(0)), FtpErrorCode.INVALID_SESSION);
        assert.equal((await other.open(B, 3)).session, 0);
      }),
    );

    it(
      'share one file position: after a read of another client, a burst sends the wrong bytes',
      onServer(PX4, FILES, async ({ asker, another }) => {
        await asker.open(A);
        asker.pause();
        asker.post(Opcode.BURST_READ_FILE);
        await asker.next();
        await another('second').read(40_000);
        asker.resume();
        const { offset, data } = await asker.next();
        assert.equal(offset, 239);
        assert.deepEqual(Buffer.from(data), Buffer.from(LOG.subarray(40_239, 40_478)));
      }),
    );

    it(
      'end after 10 s without a request, and the reply that was kept with them',
      onServer(PX4, FILES, async ({ asker, clock }) => {
        await asker.open(A);
        await clock.advance(9_000);
        await asker.list('/');
        await clock.advance(10_000);
        assert.equal(codeOf(await asker.read(0, 4)), 0);
        await clock.advance(10_001);
        assert.equal(codeOf(await asker.read(0, 4)), FtpErrorCode.INVALID_SESSION);
      }),
    );

    it(
      'are not kept alive by a burst',
      onServer(PX4, FILES, async ({ asker, clock, server }) => {
        await asker.open(A);
        asker.pause();
        asker.post(Opcode.BURST_READ_FILE);
        await asker.next();
        for (let packet = 0; packet < 3; packet++) {
          await clock.advance(4_000);
          asker.resume();
          asker.pause();
          await server.expire();
        }
        asker.replies.length = 0;
        assert.equal(codeOf(await asker.read(0)), FtpErrorCode.INVALID_SESSION);
      }),
    );

    it(
      'leave no file open',
      onServer(PX4, FILES, async ({ asker, clock, server }) => {
        const before = await openHandles();
        for (let round = 0; round < 3; round++) {
          await asker.open(A);
          await asker.ask(Opcode.TERMINATE_SESSION);
          await asker.open(A);
          await asker.ask(Opcode.RESET_SESSIONS);
          await asker.open(A);
          await clock.advance(11_000);
          await server.expire();
          await asker.open('/log');
          await asker.ask(Opcode.RESET_SESSIONS);
        }
        await eventually(async () => (await openHandles()) === before);
      }),
    );
  });

  describe('repeated sequence numbers', () => {
    it(
      'bring the same reply, whatever is asked and whichever client asks',
      onServer(PX4, FILES, async ({ asker, another }) => {
        const opened = await asker.ask(Opcode.OPEN_FILE_RO, { data: A, sequence: 7 });
        assert.deepEqual(await asker.ask(Opcode.OPEN_FILE_RO, { data: A, sequence: 7 }), opened);
        assert.deepEqual(await asker.ask(Opcode.TERMINATE_SESSION, { sequence: 7 }), opened);
        assert.deepEqual(await another('second').ask(Opcode.READ_FILE, { size: 9, sequence: 7 }), opened);
      }),
    );

    it(
      'bring a large reply again',
      onServer(PX4, FILES, async ({ asker }) => {
        await asker.open(A);
        await asker.ask(Opcode.READ_FILE, { size: 239, sequence: 65535 });
        const reply = await asker.ask(Opcode.READ_FILE, { size: 100, offset: 5, sequence: 65535 });
        assert.deepEqual([reply.sequence, reply.size, reply.offset], [0, 100, 5]);
        assert.deepEqual(Buffer.from(contentOf(reply)), Buffer.from(LOG.slice(5, 105)));
      }),
    );
  });

  describe('reads', () => {
    it(
      'give every byte, many in flight, with the session open once',
      onServer(PX4, FILES, async ({ asker, server }) => {
        await asker.open(A);
        for (let offset = 0; offset < LOG.length; offset += 239) {
          asker.post(Opcode.READ_FILE, { offset, size: 239 });
        }
        const got = Buffer.alloc(LOG.length);
        for (let left = Math.ceil(LOG.length / 239); left > 0; left--) {
          const reply = await asker.next();
          got.set(contentOf(reply), reply.offset);
        }
        assert.deepEqual(got, Buffer.from(LOG));
        const packets = Math.ceil(LOG.length / 239);
        assert.deepEqual(server.traffic.files.get(A), { packets, bytes: LOG.length, lowest: 0 });
        assert.equal(server.traffic.bytesServed, LOG.length);
      }),
    );

    it(
      'go past the size that was opened when the file has grown, but do not begin there',
      onServer(PX4, FILES, async ({ asker, root, clock }) => {
        await asker.open(B);
        await appendFile(join(root, B), 'and more');
        await clock.advance(100);
        assert.equal(Buffer.from(contentOf(await asker.read(0))).toString(), 'secondand more');
        assert.equal(codeOf(await asker.read(6)), FtpErrorCode.EOF);
      }),
    );

    it(
      'show that a file was cut or changed',
      onServer(PX4, FILES, async ({ asker, root, clock }) => {
        await asker.open(A);
        await asker.read(0);
        await writeFile(join(root, A), 'x');
        await clock.advance(100);
        assert.equal((await asker.read(0)).size, 1);
        assert.deepEqual((await asker.read(300)).size, 0);
      }),
    );

    it(
      'stay without an answer while the file is held',
      onServer(PX4, FILES, async ({ asker, server, root }) => {
        await asker.open(A);
        const release = server.hold(A, 300);
        asker.post(Opcode.READ_FILE, { offset: 100, size: 239 });
        assert.deepEqual((await asker.read(0)).offset, 0);
        assert.deepEqual(await asker.list('/log', 2), ['Fa.ulg\t60000', 'Fb.ulg\t6']);
        await truncate(join(root, A), 150);
        release();
        assert.equal((await asker.read(100)).size, 50);
        assert.equal(server.traffic.files.get(A)?.lowest, 0);
      }),
    );
  });

  describe('bursts', () => {
    it(
      'end after 168 packets, marked, and with a NAK at the end of the file',
      onServer(PX4, FILES, async ({ asker }) => {
        await asker.open(A);
        const first = await asker.burst(0, 80);
        assert.equal(first.length, 168);
        assert.ok(first.every(packet => packet.size === 239));
        assert.deepEqual(first.map(each => each.burstComplete).indexOf(true), 167);
        const second = await asker.burst(168 * 239);
        assert.equal(codeOf(second.at(-1)!), FtpErrorCode.EOF);
        assert.equal(second.at(-1)?.offset, LOG.length);
        const bytes = [...first, ...second.slice(0, -1)].map(contentOf);
        assert.deepEqual(Buffer.concat(bytes), Buffer.from(LOG));
      }),
    );

    it(
      'let a request through, and Terminate stops them',
      onServer(PX4, FILES, async ({ asker }) => {
        await asker.open(A);
        asker.pause();
        asker.post(Opcode.BURST_READ_FILE);
        assert.equal((await asker.next()).requestOpcode, Opcode.BURST_READ_FILE);
        assert.equal((await asker.ask(Opcode.NONE)).requestOpcode, Opcode.NONE);
        assert.equal(codeOf(await asker.ask(Opcode.TERMINATE_SESSION)), 0);
        asker.resume();
        await turn();
        assert.equal((await asker.ask(Opcode.NONE)).requestOpcode, Opcode.NONE);
        assert.deepEqual(asker.replies, []);
      }),
    );

    it(
      'give way to a new burst',
      onServer(PX4, FILES, async ({ asker }) => {
        await asker.open(A);
        asker.pause();
        asker.post(Opcode.BURST_READ_FILE);
        assert.equal((await asker.next()).offset, 0);
        asker.post(Opcode.BURST_READ_FILE, { offset: 59_000 });
        assert.equal((await asker.next()).offset, 59_000);
        asker.resume();
        for (let offset = 59_239; offset < LOG.length; offset += 239) {
          assert.equal((await asker.next()).offset, offset);
        }
        assert.equal(codeOf(await asker.next()), FtpErrorCode.EOF);
        assert.deepEqual(asker.replies, []);
      }),
    );
  });

  it(
    'keeps saying "exists" after a folder that was there',
    onServer(PX4, FILES, async ({ asker }) => {
      assert.equal(
        codeOf(await asker.ask(Opcode.CREATE_DIRECTORY, { data: '/log' })),
        FtpErrorCode.FILE_EXISTS,
      );
      assert.equal(codeOf(await asker.ask(99)), FtpErrorCode.FILE_EXISTS);
      await asker.ask(Opcode.RESET_SESSIONS);
      assert.equal(codeOf(await asker.read(0)), FtpErrorCode.FILE_EXISTS);
      assert.equal(await asker.list('/nowhere'), FtpErrorCode.FILE_NOT_FOUND);
      assert.equal(codeOf(await asker.read(0)), FtpErrorCode.INVALID_SESSION);
    }),
  );

  it(
    'can be one that lists no times',
    onServer({ ...PX4, replies: { ...PX4.replies, unknown: new Set([16]) } }, FILES, async ({ asker }) => {
      const reply = await asker.ask(Opcode.LIST_DIRECTORY_WITH_TIME, { data: '/' });
      assert.equal(codeOf(reply), FtpErrorCode.UNKNOWN_COMMAND);
    }),
  );
});

describe('simulated ArduPilot', () => {
  it(
    'has five sessions, apart by requester and id',
    onServer(ARDUPILOT, FILES, async ({ asker, another }) => {
      const other = another('second');
      for (const id of [0, 1, 2, 3]) assert.equal((await asker.open(id % 2 ? A : B, id)).session, id);
      assert.equal(codeOf(await asker.open(A, 1)), FtpErrorCode.FAIL);
      assert.equal(codeOf(await other.read(0, 9, 1)), FtpErrorCode.FILE_NOT_FOUND);
      assert.equal(codeOf(await other.open(A, 1)), 0);
      assert.equal(codeOf(await asker.open(A, 4)), FtpErrorCode.INVALID_SESSION);
      assert.equal((await asker.read(0, 239, 2)).size, 6);
      await asker.ask(Opcode.RESET_SESSIONS);
      assert.equal(codeOf(await asker.read(0, 9, 1)), FtpErrorCode.FILE_NOT_FOUND);
      assert.equal((await other.read(0, 9, 1)).size, 9);
    }),
  );

  it(
    'ends a session after 20 s, but not during a burst',
    onServer(ARDUPILOT, FILES, async ({ asker, clock, server }) => {
      await asker.open(A);
      asker.pause();
      asker.post(Opcode.BURST_READ_FILE, { size: 239 });
      await asker.next();
      await clock.advance(19_000);
      asker.resume();
      await eventually(async () => asker.replies.at(-1)?.opcode === Opcode.NAK);
      asker.replies.length = 0;
      await clock.advance(19_000);
      await server.expire();
      assert.equal((await asker.read(0)).size, 239);
      await clock.advance(20_001);
      assert.equal(codeOf(await asker.read(0)), FtpErrorCode.FILE_NOT_FOUND);
    }),
  );

  it(
    'keeps the last reply for the requester and session that got it',
    onServer(ARDUPILOT, FILES, async ({ asker, another }) => {
      await asker.open(A);
      const reply = await asker.ask(Opcode.READ_FILE, { size: 239, sequence: 7 });
      assert.deepEqual(await asker.ask(Opcode.READ_FILE, { size: 10, offset: 99, sequence: 7 }), reply);
      assert.equal(
        codeOf(await another('second').ask(Opcode.READ_FILE, { sequence: 7 })),
        FtpErrorCode.FILE_NOT_FOUND,
      );
    }),
  );

  it(
    'answers nothing else during a burst',
    onServer(ARDUPILOT, FILES, async ({ asker }) => {
      await asker.open(A);
      asker.post(Opcode.BURST_READ_FILE, { size: 200 });
      asker.post(Opcode.TERMINATE_SESSION);
      const packets = [];
      for (
        let packet = await asker.next();
        packet.requestOpcode === Opcode.BURST_READ_FILE;
        packet = await asker.next()
      ) {
        packets.push(packet);
      }
      assert.equal(packets.length, LOG.length / 200 + 1);
      assert.deepEqual(Buffer.concat(packets.slice(0, -1).map(contentOf)), Buffer.from(LOG));
      assert.equal(codeOf(packets.at(-1)!), FtpErrorCode.EOF);
    }),
  );
});

for (const [name, like] of Object.entries({ PX4, ArduPilot: ARDUPILOT })) {
  describe(`simulated ${name}: the folder`, () => {
    const write = (data: string) => ({ data, offset: 0 });

    it(
      'is not left, neither by name nor by link',
      onServer(like, { 'in/a.txt': 'mine' }, async ({ asker, root }) => {
        const outside = `${root}-outside`;
        await writeFile(outside, 'theirs');
        await symlink(outside, join(root, 'in', 'link.txt'));
        await symlink('/', join(root, 'in', 'up'));
        await symlink(`${root}-new`, join(root, 'in', 'dangling'));
        const up = `/../${root.split('/').at(-1)}-outside`;
        const ways = [up, `/in/..${up}`, '/in/link.txt', `/in/up${outside}`, '/in/dangling'];
        for (const way of ways) {
          for (const opcode of [
            Opcode.OPEN_FILE_RO,
            Opcode.OPEN_FILE_WO,
            Opcode.CALC_FILE_CRC32,
            Opcode.TRUNCATE_FILE,
          ]) {
            assert.notEqual(codeOf(await asker.ask(opcode, write(way))), 0, `${opcode} ${way}`);
          }
        }
        for (const way of [`/in/up${outside}`, '/in/up/made-by-test']) {
          for (const opcode of [Opcode.CREATE_FILE, Opcode.REMOVE_FILE, Opcode.CREATE_DIRECTORY]) {
            assert.notEqual(codeOf(await asker.ask(opcode, write(way))), 0, `${opcode} ${way}`);
          }
          assert.notEqual(codeOf(await asker.ask(Opcode.RENAME, write(`/in/a.txt\0${way}`))), 0);
        }
        assert.notEqual(codeOf(await asker.ask(Opcode.REMOVE_DIRECTORY, write('/'))), 0);
        assert.equal(await readFile(outside, 'utf8'), 'theirs');
        assert.ok(!(await readdir(join(root, '..'))).some(each => each === `${root.split('/').at(-1)}-new`));
      }),
    );

    it(
      'is listed in parts that make a whole, whatever bytes a name has',
      onServer(like, {}, async ({ asker, root }) => {
        const names = Array.from({ length: 40 }, (_, n) => `log ${n} ${'é'.repeat(n)}.ulg`);
        for (const name of names) await writeFile(join(root, name), name);
        const foreign = Buffer.concat([Buffer.from(root + '/'), Buffer.from([0x66, 0xff, 0x6f])]);
        await writeFile(foreign, 'not UTF-8');
        const found: string[] = [];
        for (;;) {
          const part = await asker.list('/', found.length);
          if (typeof part === 'number') break;
          found.push(...part);
        }
        const expected = names.map(each => `F${each}\t${Buffer.byteLength(each)}`);
        const files = found.filter(entry => entry.startsWith('F'));
        const bytes = expected.map(each => Buffer.from(each).toString('latin1'));
        assert.deepEqual(files.sort(), [...bytes, 'Ff\xffo\t9'].sort());
        const opened = await asker.ask(Opcode.OPEN_FILE_RO, { data: Buffer.from([0x2f, 0x66, 0xff, 0x6f]) });
        assert.equal(codeOf(opened), 0);
      }),
    );

    it(
      'without a card is empty',
      onServer(like, {}, async ({ asker }) => {
        const entries = await asker.list('/');
        assert.deepEqual(entries, name === 'PX4' ? ['S', 'S'] : ['D.', 'D..']);
        assert.equal(await asker.list('/', 2), FtpErrorCode.EOF);
      }),
    );

    it(
      'breaks off at a name that is too long for a packet',
      onServer(like, { a: '', [`b${'x'.repeat(240)}`]: '', c: '' }, async ({ asker }) => {
        const first = await asker.list('/');
        assert.equal(typeof first === 'number' ? first : first.at(-1), 'Fa\t0');
        // PX4 says so for ever with empty packets, ArduPilot takes it for the end.
        assert.deepEqual(await asker.list('/', 3), name === 'PX4' ? [] : FtpErrorCode.EOF);
      }),
    );
  });
}
