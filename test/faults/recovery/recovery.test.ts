import { SUBJECTS, type SubjectName } from './subjects.js';
import { undergo } from './trial.js';
import {
  ON_ANY,
  ON_DATABASE,
  ON_DRIVE,
  ON_FOLDER,
  ON_FUSE,
  ON_LINK,
  ON_LOCAL,
  type Trouble,
} from './troubles.js';
import { whyNoDrives } from '../../servers/drives.js';

/** All pairs take a quarter of an hour. */
const IS_LONG = process.env.FILESYNC_FAULTS === 'all';
const TIMEOUT_MS = 120_000;

/** Pairs of the short form: each trouble once at least, each device once at least. */
const SHORT: readonly string[] = [
  'ftp, source: stall',
  'ftp, source: cut at each tenth',
  'ftp, target: restart mid-transfer',
  'ftp, target: credentials changed',
  'webdav, source: half-open',
  'webdav, source: name not found (DNS)',
  'webdav, target: dripping',
  'http, target: refused',
  'http, target: wrong answer',
  'flight-review, target: reset',
  'mavlink, source: stall',
  'directory, source: clock at 1970',
  'directory, source: I/O errors',
  'directory, target: full',
  'disk, source: unplugged',
  'disk through FUSE, target: hanging',
  'mavros by services, source: restart mid-transfer',
  'local storage: full',
  'database: read-only',
];

type Troubles = Readonly<Record<string, Trouble>>;

/** No connection there, and no password; a link that is up asks for no name. */
const NOT_ON_UDP = ['reset', 'cut at each tenth', 'credentials changed', 'name not found (DNS)'];
const NO_PASSWORD = ['credentials changed'];
/** Calls of services: no connection there, no name and no password. */
const NOT_ON_SERVICES = ['reset', 'credentials changed', 'name not found (DNS)'];
/** A full disk takes nothing from a source. */
const NOT_ON_SOURCE = ['full'];

/** Its files are open already. */
const NOT_ON_DATABASE = ['permission denied'];

const without = (troubles: Troubles, names: readonly string[]): Troubles =>
  Object.fromEntries(Object.entries(troubles).filter(([name]) => !names.includes(name)));

const onLink = (names: readonly string[] = []): Troubles => ({ ...without(ON_LINK, names), ...ON_ANY });

const TROUBLES: Readonly<Record<SubjectName, Troubles>> = {
  'directory, source': { ...without(ON_FOLDER, NOT_ON_SOURCE), ...ON_ANY },
  'directory, target': ON_FOLDER,
  'disk, source': { ...ON_DRIVE, ...without(ON_FOLDER, NOT_ON_SOURCE), ...ON_ANY },
  'disk, target': { ...ON_DRIVE, ...ON_FOLDER },
  'disk through FUSE, source': ON_FUSE,
  'disk through FUSE, target': ON_FUSE,
  'ftp, source': onLink(),
  'ftp, target': onLink(),
  'webdav, source': onLink(),
  'webdav, target': onLink(),
  'http, target': onLink(NO_PASSWORD),
  'flight-review, target': onLink(NO_PASSWORD),
  'mavlink, source': onLink(NOT_ON_UDP),
  'mavros by services, source': onLink(NOT_ON_SERVICES),
  'mavros by an endpoint, source': onLink(NOT_ON_UDP),
};

function tried(title: string, name: SubjectName, troubles: Troubles): void {
  const chosen = Object.entries(troubles).filter(
    ([trouble]) => IS_LONG || SHORT.includes(`${title}: ${trouble}`),
  );
  if (chosen.length === 0) return;
  describe(title, () => {
    if (name.startsWith('disk')) before(skipWithoutDrives);
    for (const [trouble, begin] of chosen) {
      const trial = it(trouble, async function () {
        this.timeout(TIMEOUT_MS);
        // The reporter that writes docs/FAULTS.md finds it there.
        Object.assign(trial, { recovery: { title, trouble, ...(await undergo(name, begin)) } });
      });
    }
  });
}

async function skipWithoutDrives(this: Mocha.Context): Promise<void> {
  const reason = await whyNoDrives();
  if (reason === undefined) return;
  console.log(`    ${reason}`);
  this.skip();
}

describe('Recovery from troubles', () => {
  for (const name of Object.keys(SUBJECTS) as SubjectName[]) tried(name, name, TROUBLES[name]);
  tried('local storage', 'directory, source', ON_LOCAL);
  tried('database', 'directory, source', without(ON_DATABASE, NOT_ON_DATABASE));
});
