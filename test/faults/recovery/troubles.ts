import { breakDisk, type DiskTrouble } from './disk-trouble.js';
import type { LinkTrouble } from './link.js';
import type { Scene } from './scene.js';

/** What a trouble did, and how it ends. */
export interface Begun {
  readonly struck: () => number;
  lift(): Promise<void>;
}

/** Something that befalls the program and what is around it. */
export type Trouble = (scene: Scene) => Promise<Begun>;

const onLink =
  (trouble: LinkTrouble): Trouble =>
  async ({ subject: { link, size } }) => {
    if (!link) throw new Error('the device has no link');
    const before = link.struck;
    await link.begin(trouble, size);
    return { struck: () => link.struck - before, lift: () => link.lift() };
  };

type DiskPlace = 'device' | 'local' | 'database';

const onDisk =
  (place: DiskPlace, trouble: DiskTrouble): Trouble =>
  async ({ subject, home }) => {
    const folder = place === 'device' ? subject.folder : `${home}/${place}`;
    if (folder === undefined) throw new Error('the device has no folder');
    const broken = await breakDisk(folder, trouble);
    return { struck: broken.struck, lift: async () => broken.lift() };
  };

/** It is pulled out without a word, and plugged in again as the next free node. */
const unplugged: Trouble = async ({ subject: { drive } }) => {
  if (!drive) throw new Error('the device has no drive');
  await drive.pull();
  return { struck: () => 1, lift: () => drive.insertAgain() };
};

/** The program that has mounted it does not answer. */
const hanging: Trouble = async ({ subject: { drive } }) => {
  if (!drive) throw new Error('the device has no drive');
  await drive.hang();
  return { struck: () => 1, lift: () => drive.goOn() };
};

const DAY_MS = 86_400_000;

/** The clock is set, and set right again. */
const ofClock =
  (wall: (now: number) => number): Trouble =>
  async ({ clock }) => {
    const offset = wall(clock.now()) - clock.now();
    clock.synchronised = false;
    clock.setWall(clock.now() + offset);
    const lift = async (): Promise<void> => {
      clock.setWall(clock.now() - offset);
      clock.synchronised = true;
    };
    return { struck: () => 1, lift };
  };

/** Connections that are open would not need the name. */
const ofNames: Trouble = async ({ names, subject }) => {
  names.isOffline = true;
  subject.link?.drop();
  return {
    struck: () => names.struck,
    lift: async () => {
      names.isOffline = false;
    },
  };
};

export const ON_ANY = {
  'clock at 1970': ofClock(() => 0),
  'clock a day ahead': ofClock(now => now + DAY_MS),
  'clock a day behind': ofClock(now => now - DAY_MS),
} as const satisfies Record<string, Trouble>;

export const ON_LINK = {
  refused: onLink('refused'),
  reset: onLink('reset'),
  stall: onLink('stall'),
  'half-open': onLink('half-open'),
  dripping: onLink('dripping'),
  'cut at each tenth': onLink('cut at each tenth'),
  'wrong answer': onLink('wrong answer'),
  'restart mid-transfer': onLink('restart mid-transfer'),
  'credentials changed': onLink('credentials changed'),
  'name not found (DNS)': ofNames,
} as const satisfies Record<string, Trouble>;

const diskTroubles = (place: DiskPlace) => ({
  full: onDisk(place, 'full'),
  'read-only': onDisk(place, 'read-only'),
  'I/O errors': onDisk(place, 'I/O errors'),
  'permission denied': onDisk(place, 'permission denied'),
});

export const ON_DRIVE = { unplugged } as const;
export const ON_FUSE = { hanging } as const;
export const ON_FOLDER = diskTroubles('device');
export const ON_LOCAL = diskTroubles('local');
export const ON_DATABASE = diskTroubles('database');
