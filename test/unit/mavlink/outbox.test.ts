import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { filter, firstValueFrom } from 'rxjs';
import { FrameDecoder } from '../../../src/mavlink/frame.js';
import { FtpChannel } from '../../../src/mavlink/ftp-channel.js';
import { FtpClient } from '../../../src/mavlink/ftp-client.js';
import type { Transport } from '../../../src/mavlink/link.js';
import { FileTransferProtocol } from '../../../src/mavlink/messages.js';
import { Outbox, type Together } from '../../../src/mavlink/outbox.js';
import { RemoteFile } from '../../../src/mavlink/remote-file.js';
import { udpTransport } from '../../../src/mavlink/udp.js';
import { Vehicle } from '../../../src/mavlink/vehicle.js';
import { AdaptiveRead } from '../../../src/mavlink/window/adaptive-read.js';
import { startSim } from '../../../src/sim/sim.js';
import { systemClock as clock } from '../../../src/system/clock.js';
import { sample } from '../../conformance/support.js';
import { temporaryFolder } from '../../conformance/temp-folder.js';
import { RecordingLogger } from '../../fakes/recording-logger.js';

/** An outbox, and what it has sent: the first bytes of the frames in each call. */
function opened(together: Together | undefined) {
  const sent: string[] = [];
  let number = 0;
  const send = (bytes: Uint8Array) => {
    sent.push([...bytes].filter(byte => byte > 0).join(' '));
  };
  const outbox = new Outbox({ send, together: () => together });
  /** Puts in `count` frames of 40 bytes, numbered on from 1, and returns what was sent. */
  const hold = (count: number): string[] => {
    outbox.hold(() => {
      for (let i = 0; i < count; i++) {
        const frame = new Uint8Array(40);
        frame[0] = ++number;
        outbox.put(frame, number);
      }
    });
    return sent.splice(0);
  };
  return { outbox, sent, hold };
}

describe('Frames that are due at the same moment', () => {
  it('leave alone where each needs a call of its own', () => {
    assert.deepEqual(opened(undefined).hold(3), ['1', '2', '3']);
  });

  it('share writes of at most 1,000 bytes on a stream', () => {
    const count = 30;
    const [first = '', ...rest] = opened('stream').hold(count);
    assert.equal(first.split(' ').length, 25);
    assert.deepEqual(rest, ['26 27 28 29 30']);
  });

  it('share datagrams of the length of one frame once an answer proves that all are read', () => {
    const { outbox, hold } = opened('datagram');
    assert.deepEqual(hold(4), ['1 2', '3', '4']);
    assert.deepEqual(hold(2), ['5', '6'], 'a second trial while the first is under way');
    outbox.answered(1);
    outbox.answered(2);
    assert.deepEqual(hold(8), ['7 8 9 10 11 12 13', '14']);
  });

  it('leave alone for a receiver that has read only the first of eight pairs', () => {
    const { outbox, hold } = opened('datagram');
    for (let trial = 0; trial < 8; trial++) {
      const [pair = ''] = hold(10);
      const [first = 0, ...others] = pair.split(' ').map(Number);
      assert.equal(others.length, 1, `trial ${trial}`);
      outbox.answered(first);
      for (let answer = 1; answer <= 8; answer++) outbox.answered(first + 1 + answer);
    }
    assert.equal(hold(3).length, 3);
    outbox.forget();
    assert.equal(hold(3).length, 2, 'another receiver is tried again');
  });

  it('prove nothing where both of a pair are lost', () => {
    const { outbox, hold } = opened('datagram');
    for (let trial = 0; trial < 20; trial++) {
      const [pair = ''] = hold(10);
      const [first = 0, second] = pair.split(' ').map(Number);
      assert.ok(second, `trial ${trial}`);
      for (let answer = 1; answer <= 8; answer++) outbox.answered(first + 1 + answer);
    }
  });
});

/** Counts the calls and the file transfer requests in them. */
function counted(inner: Transport, counts: { calls: number; requests: number; longest: number }): Transport {
  const connect: Transport['connect'] = async (receive, signal) => {
    const connection = await inner.connect(receive, signal);
    const decoder = new FrameDecoder();
    const send = (bytes: Uint8Array) => {
      const requests = decoder.push(bytes).filter(({ messageId }) => messageId === FileTransferProtocol.id);
      if (requests.length > 0) counts.calls++;
      counts.requests += requests.length;
      counts.longest = Math.max(counts.longest, bytes.length);
      connection.send(bytes);
    };
    const { together, ended } = connection;
    return { together, ended, send, close: () => connection.close() };
  };
  return { name: inner.name, connect };
}

async function readFrom(firstFrameOnly: boolean) {
  const home = await temporaryFolder();
  const file = sample(600_000, 7);
  await writeFile(join(home.path, 'log.ulg'), file);
  const listen = { host: '127.0.0.1', port: 0 };
  const logger = new RecordingLogger();
  const sim = await startSim({ folder: home.path, like: 'px4', listen, clock, logger, firstFrameOnly });
  const counts = { calls: 0, requests: 0, longest: 0 };
  const transport = counted(udpTransport({ bind: listen, remote: sim.address, clock }), counts);
  const vehicle = new Vehicle({ transport, clock, componentId: 190 });
  try {
    await firstValueFrom(vehicle.availability.pipe(filter(({ available }) => available)));
    const never = new AbortController().signal;
    const client = new FtpClient(new FtpChannel(vehicle, clock, 5), logger);
    const remote = await RemoteFile.open(client, '/log.ulg', never);
    const strategy = new AdaptiveRead({ clock, logger, limits: { rate: Infinity, inFlight: 2048 } });
    const chunks: Uint8Array[] = [];
    const span = { path: '/log.ulg', offset: 0, end: file.length };
    for await (const chunk of strategy.read(remote, span, never)) chunks.push(chunk);
    await remote.close();
    return { isWhole: Buffer.concat(chunks).equals(file), ...counts };
  } finally {
    await vehicle.close();
    await sim.close();
    await home.remove();
  }
}

describe('A file that is read with many requests in flight', function () {
  this.timeout(60_000);

  it('needs far fewer datagrams than requests', async () => {
    const { isWhole, calls, requests, longest } = await readFrom(false);
    assert.ok(isWhole);
    assert.ok(calls < requests * 0.75, `${calls} datagrams for ${requests} requests`);
    assert.ok(longest <= 280, `${longest} bytes`);
  });

  it('comes whole from a vehicle behind a bridge that reads only the first frame of a datagram', async () => {
    const { isWhole, calls, requests } = await readFrom(true);
    assert.ok(isWhole);
    assert.ok(requests - calls <= 8, `${calls} datagrams for ${requests} requests`);
  });
});
