import { readFile } from 'node:fs/promises';
import { posix } from 'node:path';
import { flightReview } from '../../src/devices/flight-review.js';
import { http } from '../../src/devices/http.js';
import type { DeviceType } from '../../src/devices/definition.js';
import { startReceiver, type Receiver } from '../../src/demo/receiver.js';
import { makeTarget } from '../servers/device.js';
import { targetConformance, type TargetBench } from './target.js';
import { temporaryFolder } from './temp-folder.js';

/** First bytes of a ULog file. */
const ULOG = Uint8Array.of(0x55, 0x4c, 0x6f, 0x67, 0x01, 0x12, 0x35, 0x01);

async function bench(type: DeviceType, page: string, head?: Uint8Array): Promise<TargetBench> {
  const folder = await temporaryFolder();
  const receiver = await startReceiver({ folder: folder.path });
  const target = makeTarget(type, { url: receiver.url + page });
  return {
    target,
    read: path => newest(receiver, path),
    listAll: async () => receiver.received.map(({ name }) => name),
    ...(head && { head }),
    close: async () => {
      await target.close();
      await receiver.close();
      await folder.remove();
    },
  };
}

/** A receiver gives each upload a place of its own: the latest of that name counts. */
async function newest({ received }: Receiver, path: string): Promise<Buffer | undefined> {
  const found = received.findLast(({ name }) => name === posix.basename(path));
  return found && readFile(found.path);
}

targetConformance('http', () => bench(http, '/plain'));

const notULog = 'an empty file is no ULog file, and Flight Review takes nothing else';
targetConformance('flight-review', () => bench(flightReview, '', ULOG), {
  'writes a file of zero bytes': notULog,
  'announces the commit of an empty file, too': notULog,
});
