import assert from 'node:assert/strict';
import { fetchRefusal, firstRefusal, refusalOf, retryRefusal } from '../../../src/api/edit.js';
import type { Edit } from '../../../src/record/events.js';
import { stateOf } from '../../../src/record/state.js';
import { FileState, type FileRecord } from '../../../src/ports.js';
import { fileRecord } from '../../fakes/file-record.js';

type StateName = keyof typeof FileState;

const NAMES = Object.keys(FileState) as StateName[];
const WAITING = { ftp: { state: 'pending' }, web: { state: 'pending' } } as const;
const HALF = { ...WAITING, ftp: { state: 'done' } } as const;
const DONE = { ftp: { state: 'done' }, web: { state: 'done' } } as const;
const WHOLE = { copy: { state: 'whole' } } as const;
const GONE = { source: { state: 'gone' } } as const;

const file = (changes: Partial<FileRecord> = {}) => fileRecord(1, { targets: WAITING, ...changes });

/** A file in each state. */
const FILES: Readonly<Record<StateName, FileRecord>> = {
  FOUND: file(),
  DOWNLOADED: file(WHOLE),
  UPLOADED: file({ ...WHOLE, targets: DONE }),
  REMOVED: file({ ...WHOLE, targets: DONE, source: { state: 'removed' } }),
  PARTIAL: file({ ...WHOLE, targets: HALF }),
  DOWNLOADING: file({ copy: { state: 'fetching' } }),
  UPLOADING: file({ ...WHOLE, targets: { ...WAITING, ftp: { state: 'sending' } } }),
  FAILED: file({ givenUp: true, reason: 'the card is broken' }),
  VANISHED: file(GONE),
  SKIPPED: file({ skipped: 'exclude: **/*.ulg' }),
};

const TARGETS = ['ftp', 'web', 'nas'];
const refusal = (record: FileRecord, edit: Edit) => refusalOf(record, edit, name => TARGETS.includes(name));

/** Of every state, whether something may be asked of a file in it; where not, the refusal names the state. */
function allows(states: readonly StateName[], refusalIn: (record: FileRecord) => string | undefined): void {
  for (const name of NAMES) {
    const reason = refusalIn(FILES[name]);
    if (states.includes(name)) assert.equal(reason, undefined, `refused for ${name}`);
    else assert.match(reason ?? 'nothing is refused', new RegExp(`^it is ${name}; `));
  }
}

describe('edits of a record', () => {
  it('are tested with a file in each state', () => {
    for (const name of NAMES) assert.equal(stateOf(FILES[name]), FileState[name]);
  });

  const wanted: Partial<Record<StateName, StateName[]>> = {
    FOUND: ['FOUND', 'DOWNLOADED', 'PARTIAL', 'FAILED', 'VANISHED'],
    DOWNLOADED: ['DOWNLOADED', 'PARTIAL', 'FAILED', 'UPLOADED'],
    FAILED: ['FOUND', 'DOWNLOADED', 'PARTIAL', 'FAILED'],
  };
  for (const state of NAMES) {
    const from = wanted[state];
    if (from)
      it(`${state} can be set on files that are ${from.join(', ')}`, () =>
        allows(from, record => refusal(record, { state: FileState[state] })));
    else
      it(`${state} cannot be set: only work reaches it`, () => {
        for (const name of NAMES)
          assert.equal(
            refusal(FILES[name], { state: FileState[state] }),
            `no file can be made ${state}; only FOUND, DOWNLOADED or FAILED can be set`,
          );
      });
  }

  it('retry is for what FAILED, a delivery that was given up included', () => {
    allows(['FAILED'], retryRefusal);
    const targets = { ...HALF, web: { state: 'failed' } } as const;
    assert.equal(retryRefusal(file({ ...WHOLE, targets })), undefined);
  });

  it('fetch is for what is SKIPPED and has a target', () => {
    allows(['SKIPPED'], fetchRefusal);
    const reason = fetchRefusal({ ...FILES.SKIPPED, targets: {} });
    assert.match(reason ?? '', /no rule names a target for it/);
  });

  it('first is for what waits or moves', () =>
    allows(['FOUND', 'DOWNLOADED', 'PARTIAL', 'DOWNLOADING', 'UPLOADING'], firstRefusal));

  it('first is refused where nothing is left to deliver', () =>
    assert.match(
      firstRefusal(file({ ...GONE, targets: HALF })) ?? '',
      /it is VANISHED; nothing of it waits/,
    ));

  const cases: Readonly<Record<string, [FileRecord, Edit, RegExp | undefined]>> = {
    'a description, whatever the state': [FILES.REMOVED, { description: 'windy' }, undefined],
    'a further target': [FILES.UPLOADED, { targets: ['ftp', 'web', 'nas'] }, undefined],
    'a further target of a file that is only listed': [FILES.SKIPPED, { targets: TARGETS }, undefined],
    'a further target of a file that only local storage has': [
      { ...FILES.UPLOADED, ...GONE },
      { targets: TARGETS },
      undefined,
    ],
    'one target less, which waited': [FILES.PARTIAL, { targets: ['ftp'] }, undefined],
    'one target less, which had failed': [
      file({ ...WHOLE, targets: { ...HALF, web: { state: 'failed' } } }),
      { targets: ['ftp'] },
      undefined,
    ],
    'a target that a rule no longer names, if it stays': [
      file({ targets: { moon: { state: 'pending' } } }),
      { targets: ['moon'] },
      undefined,
    ],
    'a device that is no target': [
      FILES.FOUND,
      { targets: ['ftp', 'moon'] },
      /^moon is not a target of any rule/,
    ],
    'leaving out a target that has it': [FILES.PARTIAL, { targets: ['web'] }, /^ftp has the file/],
    'leaving out a target that is getting it': [FILES.UPLOADING, { targets: ['web'] }, /^ftp has the file/],
    'leaving out a target that may have it': [
      file({ ...WHOLE, targets: { ...WAITING, ftp: { state: 'committing' } } }),
      { targets: ['web'] },
      /^ftp has the file/,
    ],
    'no target at all': [FILES.FOUND, { targets: [] }, /a file needs a target; set state FAILED/],
    'a target for what is removed': [FILES.REMOVED, { targets: TARGETS }, /it is REMOVED; .*nothing left/],
    'a target for what has vanished': [
      FILES.VANISHED,
      { targets: TARGETS },
      /it is VANISHED; .*nothing left/,
    ],
    'a target for what was delivered and is nowhere else any more': [
      { ...FILES.UPLOADED, ...GONE, copy: { state: 'evicted' } },
      { targets: TARGETS },
      /it is UPLOADED; there is nothing left to deliver/,
    ],
    'another delivery of it': [
      { ...FILES.UPLOADED, ...GONE, copy: { state: 'evicted' } },
      { state: FileState.DOWNLOADED },
      /neither autopilot nor local storage has it any more; there is nothing left/,
    ],
    'another delivery of what can be fetched again': [
      { ...FILES.UPLOADED, copy: { state: 'evicted' } },
      { state: FileState.DOWNLOADED },
      undefined,
    ],
    'fetching again what only local storage has': [
      { ...FILES.DOWNLOADED, ...GONE },
      { state: FileState.FOUND },
      /autopilot does not have it any more; DOWNLOADED delivers the local copy/,
    ],
    'two wishes of which one cannot be': [
      FILES.FOUND,
      { state: FileState.FAILED, targets: ['moon'] },
      /^moon is not a target/,
    ],
  };
  for (const [what, [record, edit, refused]] of Object.entries(cases)) {
    it(`${refused ? 'refuses' : 'takes'} ${what}`, () => {
      const reason = refusal(record, edit);
      if (refused) assert.match(reason ?? 'nothing is refused', refused);
      else assert.equal(reason, undefined);
    });
  }
});
