import { readFile } from 'node:fs/promises';
import { posix } from 'node:path';
import type { DeviceType } from '../../src/config/definition.js';
import { flightReview } from '../../src/devices/flight-review.js';
import { startReceiver, type Receiver } from '../../src/demo/receiver.js';
import type { Address } from '../faults/fault.js';
import { makeTarget } from '../servers/device.js';
import type { Site } from '../servers/raw-site.js';
import type { TargetBench } from './target.js';
import { temporaryFolder } from './temp-folder.js';

/** First bytes of a ULog file. */
const ULOG = Uint8Array.of(0x55, 0x4c, 0x6f, 0x67, 0x01, 0x12, 0x35, 0x01);

/** A device that uploads to a page of a receiver, through the port that `through` returns. */
export async function httpBench(
  type: DeviceType,
  page: string,
  options: Record<string, unknown> = {},
  through?: (to: Address) => Promise<number>,
): Promise<TargetBench> {
  const folder = await temporaryFolder();
  const receiver = await startReceiver({ folder: folder.path });
  const { hostname: host, port } = new URL(receiver.url);
  const url = `http://${host}:${(await through?.({ host, port: Number(port) })) ?? port}${page}`;
  const target = await makeTarget(type, { url, ...options });
  return {
    target,
    read: path => newest(receiver, path),
    listAll: async () => receiver.received.map(({ name }) => name),
    ...(type === flightReview && { head: ULOG }),
    close: async () => {
      await target.close();
      await receiver.close();
      await folder.remove();
    },
  };
}

/** The receiver stores each upload separately: the latest of that name counts. */
async function newest({ received }: Receiver, path: string): Promise<Buffer | undefined> {
  const found = received.findLast(({ name }) => name === posix.basename(path));
  return found && readFile(found.path);
}

/** A device that uploads to a scripted site, of which the latest upload counts. */
export async function siteBench(
  type: DeviceType,
  start: () => Promise<Site>,
  page: string,
  options: Record<string, unknown> = {},
): Promise<TargetBench> {
  const site = await start();
  const target = await makeTarget(type, { url: site.url + page, ...options });
  return {
    target,
    read: async () => site.stored.at(-1)?.bytes,
    listAll: async () => site.stored.map(({ name }) => name),
    ...(type === flightReview && { head: ULOG }),
    close: async () => {
      await target.close();
      site.close();
    },
  };
}
