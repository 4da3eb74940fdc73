import type { FileRecord } from '../ports.js';
import { grouped, type Gathering } from './gathering.js';
import type { Owners } from './owners.js';
import { byId, isLog, MAX_GAP_MS } from './span.js';

/** Adds files whose time is not known to the flights that they belong to; returns those that they are for themselves. */
export function groupUntimed(
  records: readonly FileRecord[],
  flights: readonly Gathering[],
  owners: Owners,
): Gathering[] {
  if (records.length === 0) return [];
  const known = new Known(flights);
  const logs = records
    .filter(isLog)
    .sort(byId)
    .map(log => gathering([log], owners.ofLog(log)));
  for (const log of logs) known.addLog(log);
  const rest: FileRecord[] = [];
  for (const file of records) {
    if (isLog(file)) continue;
    const flight = known.byStem.get(stemOf(file)) ?? known.byFolder.get(folderOf(file));
    if (flight) flight.untimed.push(file);
    else rest.push(file);
  }
  return [...logs, ...foundTogether(rest, owners)];
}

/** The flights that files without a time can join. */
class Known {
  /** Of the same name, but for the ending. */
  readonly byStem = new Map<string, Gathering>();
  /** Undefined for a folder with files of several flights. */
  readonly byFolder = new Map<string, Gathering | undefined>();

  constructor(flights: readonly Gathering[]) {
    const inOrder = [...flights].sort((a, b) => a.start - b.start || byId(firstOf(a), firstOf(b)));
    for (const flight of inOrder) for (const { record } of flight.timed) this.#add(record, flight);
  }

  addLog(flight: Gathering): void {
    for (const log of flight.untimed) this.#add(log, flight);
  }

  #add(record: FileRecord, flight: Gathering): void {
    const [stem, folder] = [stemOf(record), folderOf(record)];
    if (!this.byStem.has(stem)) this.byStem.set(stem, flight);
    const isOnly = !this.byFolder.has(folder) || this.byFolder.get(folder) === flight;
    this.byFolder.set(folder, isOnly ? flight : undefined);
  }
}

const firstOf = ({ timed }: Gathering): FileRecord =>
  timed.reduce((first, one) => (byId(one.record, first.record) < 0 ? one : first)).record;

/** Files of one folder, sections between whose discoveries nothing was found for more than MAX_GAP_MS. */
function foundTogether(records: readonly FileRecord[], owners: Owners): Gathering[] {
  return [...grouped(records, folderOf).values()].flatMap(files => {
    const sections: FileRecord[][] = [];
    let last = -Infinity;
    for (const file of files.sort((a, b) => a.foundAt - b.foundAt || byId(a, b))) {
      if (file.foundAt - last > MAX_GAP_MS) sections.push([]);
      sections.at(-1)?.push(file);
      last = file.foundAt;
    }
    return sections.map(section => gathering(section, owners.ofDevice((section[0] as FileRecord).device)));
  });
}

const gathering = (
  files: readonly FileRecord[],
  owner: Gathering['owner'] = { key: '', vehicle: '' },
): Gathering => ({
  ...{ start: 0, end: 0, owner, timed: [], untimed: [...files] },
});

/** The device and the path without the ending. */
const stemOf = ({ device, path }: FileRecord): string =>
  `${device}:${path.replace(/(?<=[^/])\.[^./]*$/, '')}`;
/** The device and the path of the folder. */
const folderOf = ({ device, path }: FileRecord): string =>
  `${device}:${path.slice(0, path.lastIndexOf('/') + 1)}`;
