import { AdaptiveRead } from '../src/mavlink/window/adaptive-read.js';
import { FtpChannel } from '../src/mavlink/ftp-channel.js';
import { FtpClient } from '../src/mavlink/ftp-client.js';
import { MAX_DATA } from '../src/mavlink/ftp-payload.js';
import { RemoteFile } from '../src/mavlink/remote-file.js';
import { Vehicle } from '../src/mavlink/vehicle.js';
import { sample } from '../test/conformance/support.js';
import { RecordingLogger } from '../test/fakes/recording-logger.js';
import { VirtualClock } from '../test/fakes/virtual-clock.js';
import { inVirtualTime } from '../test/unit/mavlink/memory-vehicle.js';
import type { Row } from './run.js';
import { allocatedBytes } from './support/allocations.js';
import { absence, countsOf, peakOf } from './support/counted-files.js';
import { VirtualVehicle } from './support/virtual-vehicle.js';

// Counts instead of times: the same on every machine and at any load, so that a change that makes the program slower
// shows in CI. Each limit is what was measured, and about a fifth more.

/** An emulated link of 8 Mbit/s, 10 ms one way. */
const LINK = { rate: 1_000_000, delay: 10, loss: 0, lossRun: 1, queue: 65_536 };
const FILE = 1_000_000;
const MAX_EVENTS = 4_000_000;
const MOST_REQUESTS = 1.02;
const MOST_DATAGRAMS = 0.25;
const MOST_ALLOCATED = 10_000;

const FILES = 100;
const MOST_CALLS = 145;
const MOST_SYNCS = 4.2;
const FILES_IN_MEMORY = 1_000;
const MOST_RSS = 150;

/** What a block over MAVLink and a small file cost, in counts. */
export async function bench(): Promise<Row[]> {
  return [...(await blocks()), ...(await files())];
}

async function blocks(): Promise<Row[]> {
  const clock = new VirtualClock();
  const file = sample(FILE, 3);
  const link = new VirtualVehicle(file, clock, LINK);
  const allocated = await allocatedBytes(() =>
    inVirtualTime(clock, wholeRead(link, file, clock), { events: MAX_EVENTS }),
  );
  const count = Math.ceil(FILE / MAX_DATA);
  return [
    row('MAVLink, 8 Mbit/s: requests a block', link.reads / count, MOST_REQUESTS),
    row('MAVLink, 8 Mbit/s: datagrams sent a block', link.datagrams / count, MOST_DATAGRAMS),
    row('MAVLink, 8 Mbit/s: bytes allocated a block', allocated / count, MOST_ALLOCATED, 0),
  ];
}

async function wholeRead(link: VirtualVehicle, file: Uint8Array, clock: VirtualClock): Promise<void> {
  const logger = new RecordingLogger();
  const vehicle = new Vehicle({ transport: link, clock, componentId: 190 });
  const never = new AbortController().signal;
  await vehicle.ready(never);
  const client = new FtpClient(new FtpChannel(vehicle, clock, 5), logger);
  const remote = await RemoteFile.open(client, '/log', never);
  const strategy = new AdaptiveRead({ clock, logger, limits: { rate: Infinity, inFlight: 2048 } });
  let at = 0;
  for await (const chunk of strategy.read(remote, { path: '/log', offset: 0, end: file.length }, never)) {
    if (Buffer.compare(file.subarray(at, at + chunk.length), chunk) !== 0)
      throw new Error(`wrong bytes at ${at}`);
    at += chunk.length;
  }
  if (at !== file.length) throw new Error(`only ${at} bytes came`);
  await remote.close();
  await vehicle.close();
}

async function files(): Promise<Row[]> {
  const what = `${FILES} files of 4 KB, folder to local to folder`;
  const peak = row(`${FILES_IN_MEMORY} files: RSS, MB`, await peakOf(FILES_IN_MEMORY), MOST_RSS, 0);
  const missing = await absence();
  if (missing !== undefined) return [peak, { what, result: `left out: ${missing}` }];
  // What a start costs does not count.
  const [none, all] = [await countsOf(0), await countsOf(FILES)];
  return [
    row(`${what}: calls a file`, (all.calls - none.calls) / FILES, MOST_CALLS, 1),
    row(`${what}: durable writes a file`, (all.syncs - none.syncs) / FILES, MOST_SYNCS),
    peak,
  ];
}

function row(what: string, value: number, limit: number, digits = 2): Row {
  return { what, result: value.toFixed(digits), limit: `<= ${limit}`, met: value <= limit };
}
