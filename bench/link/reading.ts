import { createHash, randomInt } from 'node:crypto';
import { filter, firstValueFrom } from 'rxjs';
import { FtpChannel } from '../../src/mavlink/ftp-channel.js';
import { FtpFiles } from '../../src/mavlink/ftp-files.js';
import { FtpClient } from '../../src/mavlink/ftp-client.js';
import { MAX_DATA } from '../../src/mavlink/ftp-payload.js';
import type { ReadStrategy } from '../../src/mavlink/read-strategy.js';
import { changed } from '../../src/mavlink/remote-file.js';
import { RemoteSource } from '../../src/mavlink/remote-source.js';
import { udpTransport } from '../../src/mavlink/udp.js';
import { Vehicle } from '../../src/mavlink/vehicle.js';
import { AdaptiveRead } from '../../src/mavlink/window/adaptive-read.js';
import { BlockSize } from '../../src/mavlink/window/block-size.js';
import { BurstRead } from '../../src/mavlink/window/burst-read.js';
import { systemClock } from '../../src/system/clock.js';
import { RecordingLogger } from '../../test/fakes/recording-logger.js';

export type Way = 'window' | 'burst' | 'stop-and-wait';
export const WAYS: readonly Way[] = ['window', 'burst', 'stop-and-wait'];

const clock = systemClock;

/** Bursts only, with lost blocks one by one; also where three burst requests in a row are lost. */
const bursts: ReadStrategy = {
  async *read(file, span, signal) {
    for (let at = span.offset; at < span.end;) {
      const tools = { clock, logger: new RecordingLogger(), blockSize: new BlockSize() };
      const reading = new BurstRead(file, { ...span, offset: at }, tools, signal);
      yield* reading.run();
      at = reading.at;
    }
  },
};

/** One request at a time: 239 bytes a round trip. */
const stopAndWait: ReadStrategy = {
  async *read(file, { path, offset, end }, signal) {
    for (let at = offset; at < end;) {
      const chunk = await file.read(at, Math.min(MAX_DATA, end - at), signal);
      if (chunk.length === 0) throw changed(path);
      at += chunk.length;
      yield chunk;
    }
  },
};

function strategyOf(way: Way): ReadStrategy {
  if (way === 'stop-and-wait') return stopAndWait;
  const limits = { rate: Infinity, inFlight: 2048 };
  return way === 'burst' ? bursts : new AdaptiveRead({ clock, logger: new RecordingLogger(), limits });
}

export interface Got {
  readonly bytes: number;
  /** ms from the call to the last byte. */
  readonly ms: number;
  /** ms of this program's processor time. */
  readonly cpu: number;
  /** Hex, if the whole file came. */
  readonly sha256: string | undefined;
}

/** Reads `/FILE` of the vehicle as the program does, by one method only. A read is cut off after `limit` ms. */
export async function readFrom(
  port: number,
  way: Way,
  file: { path: string; size: number },
  limit: number,
): Promise<Got> {
  const transport = udpTransport({
    bind: { host: '127.0.0.1', port: 0 },
    remote: { host: '127.0.0.1', port },
    clock,
  });
  const vehicle = new Vehicle({ transport, clock, componentId: 190 });
  const logger = new RecordingLogger();
  const client = new FtpClient(new FtpChannel(vehicle, clock, randomInt(0x10000)), logger);
  const strategy = strategyOf(way);
  const files = new FtpFiles({ vehicle, client, strategy });
  const source = new RemoteSource({ device: 'bench', root: '/', maxFiles: 1_000_000, logger }, files);
  try {
    await firstValueFrom(vehicle.availability.pipe(filter(({ available }) => available)));
    return await timed(source, file, limit);
  } finally {
    await source.close();
  }
}

async function timed(
  source: RemoteSource,
  file: { path: string; size: number },
  limit: number,
): Promise<Got> {
  const hash = createHash('sha256');
  const [cpu, since] = [process.cpuUsage(), clock.monotonic()];
  const signal = AbortSignal.timeout(limit);
  let [bytes, ms] = [0, 0];
  try {
    for await (const chunk of source.read(file, 0, signal)) {
      hash.update(chunk);
      bytes += chunk.length;
      ms = clock.monotonic() - since;
    }
  } catch (error) {
    if (!signal.aborted) throw error;
    ms = clock.monotonic() - since;
  }
  const { user, system } = process.cpuUsage(cpu);
  const sha256 = bytes === file.size ? hash.digest('hex') : undefined;
  return { bytes, ms, cpu: (user + system) / 1000, sha256 };
}
