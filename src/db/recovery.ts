import { FileSyncError } from '../errors.js';
import type { Logger } from '../ports.js';
import type { Disk } from './disk.js';
import { decodeJournal, type JournalContent } from './journal-format.js';
import type { JournalState } from './journal-file.js';
import { WorkPacer } from '../system/work-pacer.js';
import type { DatabasePaths } from './paths.js';
import type { Quarantine } from './quarantine.js';
import { SCHEMA, type Commit, type CommittedChange } from './schema.js';
import { SharedStrings } from './shared-strings.js';
import { emptySnapshot, type Snapshot } from './snapshot-format.js';
import { readSnapshot } from './snapshot.js';

export interface RecoveryContext {
  readonly disk: Disk;
  readonly paths: DatabasePaths;
  readonly quarantine: Pick<Quarantine, 'move' | 'copy'>;
  readonly logger: Logger;
}

/** The database as read from its files. */
export interface Recovered {
  /** As of the last change. */
  readonly content: Snapshot;
  /** The number of the last change in the snapshot, after it has been written if `needsSnapshot`. */
  readonly snapshotSeq: number;
  readonly journalState: JournalState;
  /** The files do not lead to this state again, or have another schema: a new snapshot must be written first. */
  readonly needsSnapshot: boolean;
}

/**
 * Reads the database as the last process left it, at whatever moment that ended. Files that cannot be used are quarantined,
 * never deleted. Rejects with `config`, and touches nothing, if a later version wrote them.
 */
export async function recover(context: RecoveryContext): Promise<Recovered> {
  const { snapshot, intact } = await chooseBase(context);
  const journals = await readJournals(context, snapshot.seq);
  const { content, lost } = await replay(snapshot, journals.commits);
  if (lost > 0) context.logger.log('error', lostMessage(context.paths, lost));
  if (snapshot.schema !== SCHEMA)
    context.logger.log('info', convertedMessage(context.paths, snapshot.schema));
  const needsSnapshot = !intact || snapshot.schema !== SCHEMA || journals.damaged || lost > 0;
  const snapshotSeq = needsSnapshot ? content.seq : snapshot.seq;
  return { content, snapshotSeq, needsSnapshot, journalState: journals.state };
}

function convertedMessage({ snapshot, backup }: DatabasePaths, schema: number): string {
  return `converting the database ${snapshot} from schema ${schema} to ${SCHEMA}; the old version is kept as ${backup}`;
}

function lostMessage({ snapshot }: DatabasePaths, lost: number): string {
  return `changes missing from the journal of ${snapshot}: ${lost}; some records may be older than they should be, and their files may be fetched or delivered again`;
}

// ---- the snapshot to start from --------------------------------------------------------------------------

interface Base {
  readonly snapshot: Snapshot;
  /** The snapshot itself was read, not its backup. */
  readonly intact: boolean;
}

interface Candidate {
  readonly path: string;
  readonly snapshot?: Snapshot | undefined;
  /** Why the file cannot be used, if it exists. */
  readonly problem?: string;
}

async function chooseBase(context: RecoveryContext): Promise<Base> {
  const { disk, paths, logger } = context;
  const main = await tryRead(disk, paths.snapshot);
  if (main.snapshot) return { snapshot: main.snapshot, intact: true };
  const backup = await tryRead(disk, paths.backup);
  const quarantined = [await moveToQuarantine(context, main), await moveToQuarantine(context, backup)].filter(
    Boolean,
  );
  if (backup.snapshot)
    logger.log('warn', `the database now comes from its backup ${paths.backup} and its journal`);
  else if (quarantined.length > 0) logger.log('error', noBackupMessage(paths, quarantined.join(' and ')));
  return { snapshot: backup.snapshot ?? emptySnapshot(), intact: false };
}

async function tryRead(disk: Disk, path: string): Promise<Candidate> {
  try {
    return { path, snapshot: await readSnapshot(disk, path) };
  } catch (error) {
    if (error instanceof FileSyncError && error.kind === 'corrupt') return { path, problem: error.message };
    throw error;
  }
}

/** Resolves to the new name, if it was moved. */
async function moveToQuarantine(
  context: RecoveryContext,
  { path, problem }: Candidate,
): Promise<string | undefined> {
  if (problem === undefined) return undefined;
  const name = await context.quarantine.move(path);
  context.logger.log('warn', `the database file ${path} is damaged (${problem}); it was moved to ${name}`);
  return name;
}

function noBackupMessage({ snapshot }: DatabasePaths, quarantined: string): string {
  return `the database ${snapshot} has no usable backup and starts from its journal alone: files may be fetched and delivered again; to restore the other records, stop filesync, repair ${quarantined} and rename it to ${snapshot}`;
}

// ---- the changes since ----------------------------------------------------------------------------------

interface Journals {
  readonly commits: readonly Commit[];
  readonly state: JournalState;
  readonly damaged: boolean;
}

/** The changes after number `after`, of all parts of the journal, oldest first. */
async function readJournals(context: RecoveryContext, after: number): Promise<Journals> {
  const { disk, paths, logger } = context;
  const [beforeSnapshot, old, current] = [
    await readJournal(disk, paths.backupJournal, after),
    await readJournal(disk, paths.oldJournal, after),
    await readJournal(disk, paths.journal, after),
  ];
  const damaged = [old, current].filter(journal => journal.damaged);
  for (const journal of damaged) await keepCopy(context, journal);
  if (current.torn > 0 && !current.damaged) logger.log('info', tornMessage(current));
  const commits = [beforeSnapshot, old, current].flatMap(journal => journal.commits);
  const { size, torn, bytes } = current;
  const state = { size, torn, allocated: bytes?.length ?? 0, hasOld: old.bytes !== undefined };
  return { commits, state, damaged: damaged.length > 0 };
}

interface Journal extends JournalContent {
  readonly path: string;
  readonly bytes: Buffer | undefined;
}

async function readJournal(disk: Disk, path: string, after: number): Promise<Journal> {
  const bytes = await disk.read(path);
  return { path, bytes, ...(await decodeJournal(bytes ?? Buffer.alloc(0), after)) };
}

async function keepCopy({ quarantine, logger }: RecoveryContext, { path, bytes }: Journal): Promise<void> {
  const copy = await quarantine.copy(path, bytes ?? Buffer.alloc(0));
  logger.log(
    'error',
    `part of the database's journal ${path} is unreadable; a copy was kept as ${copy}, the rest is used`,
  );
}

function tornMessage({ path, torn }: Journal): string {
  return `dropped ${torn} bytes of an unfinished write at the end of ${path}; nothing that was confirmed is missing`;
}

/** Changes that are replayed between two turns of the event loop. */
const REPLAY_BATCH = 1000;

interface Replayed {
  readonly content: Snapshot;
  /** How many changes are missing between those that were there. */
  readonly lost: number;
}

async function replay(base: Snapshot, commits: readonly Commit[]): Promise<Replayed> {
  const strings = new SharedStrings();
  const pacer = new WorkPacer(REPLAY_BATCH);
  let { seq } = base;
  let lost = 0;
  for (const commit of commits) {
    const before = commit.seq - commit.changes.length;
    lost += Math.max(0, before - seq);
    const changes = commit.changes.slice(Math.max(0, seq - before));
    for (const change of changes) apply(base, change, strings);
    seq = Math.max(seq, commit.seq);
    await pacer.after(changes.length);
  }
  return { content: { ...base, seq }, lost };
}

function apply({ table, sources }: Snapshot, change: CommittedChange, strings: SharedStrings): void {
  if ('delete' in change) table.delete(change.delete);
  else if ('source' in change) sources.set(change.source.device, change.source);
  else {
    strings.replaceIn(change.put);
    table.add(change.put);
  }
}
