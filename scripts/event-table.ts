import type { FileEvent } from '../src/record/events.js';
import { apply, newRecord } from '../src/record/record.js';
import { stateName, stateOf } from '../src/record/state.js';
import { FileState, type FileRecord, type Moment } from '../src/ports.js';

const NOW: Moment = { at: 1, boot: 'b', up: 1, synced: true };
const receipt = { location: '', verified: 'hash' } as const;
const SHA = 'ab'.repeat(32);

/** Two targets, so that PARTIAL can be reached. */
const FOUND: FileRecord = newRecord(
  { id: '0'.repeat(12), device: 'd', path: 'p', size: 1, local: 'd/p', description: '', foundAt: 0 },
  { one: 'p', other: 'p' },
);
const delivered = (target: string): FileEvent => ({ type: 'Delivered', target, path: 'p', receipt });
const both = [delivered('one'), delivered('other')];
const fetched: FileEvent[] = [{ type: 'Hashed', local: 'd/p', sha256: SHA }, { type: 'Fetched' }];

/** How a record comes to be in each state. */
const WAYS: Readonly<Record<keyof typeof FileState, readonly FileEvent[]>> = {
  FOUND: [],
  DOWNLOADING: [{ type: 'FetchBegan', local: 'd/p' }],
  DOWNLOADED: fetched,
  UPLOADING: [...fetched, { type: 'DeliveryBegan', target: 'one', path: 'p' }],
  PARTIAL: [...fetched, delivered('one')],
  UPLOADED: [...fetched, ...both],
  REMOVED: [...fetched, ...both, { type: 'Removed' }],
  FAILED: [{ type: 'FetchFailed', reason: '', outcome: 'failed' }],
  VANISHED: [{ type: 'Gone', asOf: 0 }],
  SKIPPED: [{ type: 'Planned', paths: { one: 'p', other: 'p' }, skipped: 'larger_than' }],
};

interface Row {
  /** Who says it. */
  readonly by: string;
  readonly changes: string;
  readonly sample: FileEvent;
}

const failed = { reason: '', outcome: 'failed' } as const;

/** Every event with an example of it: the compiler refuses a table that leaves one out. */
const EVENTS: Readonly<Record<FileEvent['type'], Row>> = {
  Found: { by: 'Finder', changes: 'makes the record', sample: { type: 'Found', record: FOUND } },
  SeenAgain: {
    by: 'Finder, Downloader, Streamer',
    changes: 'the source has it',
    sample: { type: 'SeenAgain', asOf: 2 },
  },
  Gone: { by: 'Finder', changes: 'the source does not have it any more', sample: { type: 'Gone', asOf: 2 } },
  Planned: {
    by: 'rules',
    changes: 'targets, `via`, reason to skip it',
    sample: { type: 'Planned', paths: { one: 'p', other: 'p' } },
  },
  FetchBegan: { by: 'Downloader', changes: 'copy', sample: { type: 'FetchBegan', local: 'd/p' } },
  Checkpointed: {
    by: 'Downloader',
    changes: 'copy',
    sample: { type: 'Checkpointed', checkpoint: { boot: 'b', synced: 1 } },
  },
  Hashed: { by: 'Downloader', changes: 'hash', sample: { type: 'Hashed', local: 'd/p', sha256: SHA } },
  Fetched: { by: 'Downloader', changes: 'copy is whole', sample: { type: 'Fetched' } },
  NotRecovered: { by: 'Downloader', changes: 'hash is unknown again', sample: { type: 'NotRecovered' } },
  FetchFailed: { by: 'Downloader', changes: 'reason, given up', sample: { type: 'FetchFailed', ...failed } },
  Mismatched: {
    by: 'Downloader, Streamer',
    changes: 'copy, reason; given up at the third',
    sample: { type: 'Mismatched', reason: '' },
  },
  CopyLost: { by: 'Uploader, Units', changes: 'copy', sample: { type: 'CopyLost', reason: '' } },
  Recognised: {
    by: 'Downloader, Streamer',
    changes: 'deliveries of an earlier file that is the same',
    sample: { type: 'Recognised', earlier: { ...FOUND, targets: madeBy(WAYS.UPLOADED).targets } },
  },
  FactsRead: {
    by: 'FactKeeper',
    changes: 'what the file says about itself',
    sample: { type: 'FactsRead', facts: { format: 'ulog', duration: 1000 } },
  },
  Named: {
    by: 'FactKeeper',
    changes: 'the name on a target, where what is in the file is part of it',
    sample: { type: 'Named', target: 'one', path: 'q' },
  },
  Distinguished: {
    by: 'Downloader, Streamer',
    changes: 'it is not the earlier file',
    sample: { type: 'Distinguished' },
  },
  DeliveryBegan: {
    by: 'Uploader',
    changes: 'that delivery',
    sample: { type: 'DeliveryBegan', target: 'other', path: 'p' },
  },
  Committing: {
    by: 'Uploader',
    changes: 'that delivery, hash',
    sample: { type: 'Committing', target: 'other', path: 'p' },
  },
  Delivered: { by: 'Uploader', changes: 'that delivery', sample: delivered('other') },
  DeliveryFailed: {
    by: 'Uploader',
    changes: 'that delivery',
    sample: { type: 'DeliveryFailed', target: 'other', ...failed, unanswered: false },
  },
  Removed: { by: 'Cleaner', changes: 'the source does not have it any more', sample: { type: 'Removed' } },
  RemovalFailed: { by: 'Cleaner', changes: 'reason', sample: { type: 'RemovalFailed', ...failed } },
  Evicted: { by: 'Cleaner', changes: 'copy', sample: { type: 'Evicted' } },
  Retried: { by: 'people', changes: 'failed steps wait again', sample: { type: 'Retried' } },
  Edited: {
    by: 'people',
    changes: 'what the edit asks for',
    sample: { type: 'Edited', edit: { state: FileState.FOUND } },
  },
  DeliveryLost: {
    by: 'people (verify)',
    changes: 'that delivery waits again',
    sample: { type: 'DeliveryLost', target: 'one', reason: '' },
  },
  CopyWanted: { by: 'people (verify)', changes: 'copy is wanted', sample: { type: 'CopyWanted' } },
  CopyUnwanted: { by: 'people', changes: 'copy is unwanted', sample: { type: 'CopyUnwanted' } },
  Asked: { by: 'people', changes: 'it is not skipped', sample: { type: 'Asked' } },
  Prioritised: { by: 'people', changes: 'its place', sample: { type: 'Prioritised', first: 1 } },
  Restarted: { by: 'the program', changes: 'nothing moves', sample: { type: 'Restarted' } },
  ClockSet: { by: 'the program', changes: 'times', sample: { type: 'ClockSet', delta: 1, since: 0 } },
};

function madeBy(events: readonly FileEvent[]): FileRecord {
  return events.reduce<FileRecord>((record, event) => apply(record, event, NOW) ?? record, FOUND);
}

/** A line an event: what it changes, and which states become which other ones by the example of it. */
export function eventTable(): string {
  const records = Object.entries(WAYS).map(([name, way]) => ({ name, record: madeBy(way) }));
  const wrong = records.find(({ name, record }) => stateName(stateOf(record)) !== name);
  if (wrong) throw new Error(`the way to ${wrong.name} leads to ${stateName(stateOf(wrong.record))}`);
  const rows = Object.entries(EVENTS).map(([type, { by, changes, sample }]) => {
    const moves = records.flatMap(({ name, record }) => {
      const to = stateName(stateOf(apply(record, sample, NOW) ?? record));
      return to === name ? [] : [`${name} → ${to}`];
    });
    return `| ${type} | ${by} | ${changes} | ${moves.join(', ')} |`;
  });
  return ['| event | emitted by | changes | states (by an example) |', '|---|---|---|---|', ...rows].join(
    '\n',
  );
}
