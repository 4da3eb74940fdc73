import { stat } from 'node:fs/promises';
import { posix } from 'node:path';

/** Where a folder of the host is in the file system of a vehicle. */
export interface Presented {
  /** The vehicle's path of the folder: `/`, that of its SD card, or that of its logs. */
  readonly at: string;
  /** The vehicle's path of its logs. */
  readonly logs: string;
}

interface Card {
  readonly card: string;
  /** The folder of the logs on the card. */
  readonly logs: string;
}

const CARDS = {
  px4: { card: '/fs/microsd', logs: 'log' },
  ardupilot: { card: '/APM', logs: 'LOGS' },
} as const satisfies Record<string, Card>;

/** The folder is the root of a vehicle if the path of the SD card is in it, the SD card if its folder of logs is, else that folder. */
export async function presentedAs(folder: string, like: keyof typeof CARDS): Promise<Presented> {
  const { card, logs } = CARDS[like];
  const path = posix.join(card, logs);
  if (await isFolder(posix.join(folder, card))) return { at: '/', logs: path };
  if (await isFolder(posix.join(folder, logs))) return { at: card, logs: path };
  return { at: path, logs: path };
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    found => found.isDirectory(),
    () => false,
  );
}
