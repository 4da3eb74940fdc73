import assert from 'node:assert/strict';
import { stepsFor, waitOf, type EndState, type World } from '../../../src/engine/steps.js';
import { newRecord } from '../../../src/record/record.js';
import type { Delivery, FileRecord, Moment } from '../../../src/ports.js';
import type { Plan } from '../../../src/rules/plan.js';
import type { Wait } from '../../../src/record/wait.js';
import { ageOf } from '../../../src/system/moment.js';

const NOW: Moment = { at: 1_000_000, boot: 'b', up: 100_000, synced: true };
const ago = (ms: number): Moment => ({ ...NOW, at: NOW.at - ms, up: NOW.up - ms });
const HERE: EndState = { available: true, reason: 'here', armed: false, since: 5 };

const FOUND = newRecord(
  { id: 'a'.repeat(12), device: 'cam', path: 'p', size: 10, local: 'cam/p', description: '', foundAt: 1 },
  { ftp: 'p', web: 'p' },
);
const PLAN: Plan = {
  targets: [],
  description: '',
  settle: 10_000,
  order: 'newest',
  deleteAfter: 600_000,
  whileArmed: 'upload-only',
  via: 'local',
  after: { source: 'keep', local: { kind: 'keep' } },
};

const deliveries = (ftp: Delivery['state'], web: Delivery['state']): Pick<FileRecord, 'targets'> => ({
  targets: { ftp: { state: ftp }, web: { state: web } },
});
const record = (changes: Partial<FileRecord> = {}): FileRecord => ({ ...FOUND, ...changes });
const delivered = (ms: number, changes: Partial<FileRecord> = {}): FileRecord =>
  record({ ...deliveries('done', 'done'), copy: { state: 'whole' }, delivered: ago(ms), ...changes });
const after = (source: Plan['after']['source'], local: Plan['after']['local']['kind'] = 'keep'): Plan => ({
  ...PLAN,
  after: {
    source,
    local:
      local === 'age'
        ? { kind: local, ms: 30_000 }
        : local === 'size'
          ? { kind: local, bytes: 1 }
          : { kind: local },
  },
});

const world = (changes: Partial<World> = {}): World => ({
  now: NOW,
  paused: false,
  whileArmed: undefined,
  source: () => HERE,
  target: () => HERE,
  vehicleArmed: false,
  retry: () => undefined,
  sighting: () => ({ at: -Infinity, writersSeen: true, isLearned: false }),
  pushed: () => false,
  exceedsLimit: () => false,
  spaceNeeded: () => false,
  together: () => undefined,
  delivered: record => record.delivered,
  age: since => ageOf(since, NOW),
  ...changes,
});

/** What all steps of the file wait for; undefined if one can begin. */
function waitFor(one: FileRecord, plan: Plan | undefined, now: World): Wait | undefined {
  const waits = stepsFor(one, plan).map(step => waitOf(step, one, plan, now));
  return waits.includes(undefined) ? undefined : waits[0];
}

const kinds = (one: FileRecord, plan: Plan | undefined = PLAN): string =>
  stepsFor(one, plan)
    .map(({ kind, target = '' }) => `${kind} ${target}`.trim())
    .join(', ');

describe('the steps that facts ask for', () => {
  const cases: readonly [string, FileRecord, string, Plan?][] = [
    ['a found file is fetched', record(), 'fetch'],
    ['what is being fetched is fetched', record({ copy: { state: 'fetching' } }), 'fetch'],
    ['a stream goes to each target', record({ via: 'stream' }), 'stream ftp, stream web'],
    ['a local copy goes to each target', record({ copy: { state: 'whole' } }), 'deliver ftp, deliver web'],
    [
      'a target that has it gets it no more',
      record({ copy: { state: 'whole' }, ...deliveries('done', 'pending') }),
      'deliver web',
    ],
    ['what is gone is not fetched', record({ source: { state: 'gone' } }), ''],
    [
      'what is gone is delivered from here',
      record({ source: { state: 'gone' }, copy: { state: 'whole' } }),
      'deliver ftp, deliver web',
    ],
    ['what was given up waits for a person', record({ givenUp: true }), ''],
    ['what is skipped is not fetched', record({ skipped: 'larger_than' }), ''],
    [
      'a crash before the last rename is cleared up',
      record({ copy: { state: 'partial' }, sha256: 'ab' }),
      'recover',
    ],
    ['a delivered file stays by default', delivered(0), ''],
    ['the source is emptied first', delivered(0), 'remove', after('delete', 'delete')],
    [
      'then the local copy goes',
      delivered(0, { source: { state: 'removed' } }),
      'evict',
      after('delete', 'delete'),
    ],
    ['it goes at once where the source keeps its file', delivered(0), 'evict', after('keep', 'delete')],
    [
      'and where the source refuses',
      delivered(0, { removal: 'refused' }),
      'evict',
      after('delete', 'delete'),
    ],
    [
      'a file kept until its space is needed holds no copy back',
      delivered(0),
      'remove, evict',
      after({ keepFree: 1 }, 'age'),
    ],
  ];
  for (const [title, one, expected, plan = PLAN] of cases)
    it(title, () => assert.equal(kinds(one, plan), expected));

  it('none for a delivered file in no rule', () => assert.deepEqual(stepsFor(delivered(0), undefined), []));
});

describe('why a step waits', () => {
  const away: EndState = { available: false, reason: 'no heartbeat', armed: false, since: 7 };
  const armed: EndState = { ...HERE, armed: true };
  const copy = record({ copy: { state: 'whole' } });
  const sightedAt = (up: number, writersSeen = true) => ({
    sighting: () => ({ at: up, writersSeen, isLearned: true }),
  });
  const cases: readonly [string, FileRecord, Plan, Partial<World>, RegExp | undefined][] = [
    ['nothing is in its way', record(), PLAN, {}, undefined],
    ['paused', record(), PLAN, { paused: true }, /^paused$/],
    ['the source is offline', record(), PLAN, { source: () => away }, /^no heartbeat$/],
    [
      'the source is not configured',
      record(),
      PLAN,
      { source: () => undefined },
      /cam is not in the configuration/,
    ],
    ['the vehicle is armed', record(), PLAN, { source: () => armed }, /is armed/],
    [
      'armed, and the rule goes on',
      record(),
      { ...PLAN, whileArmed: 'continue' },
      { source: () => armed },
      undefined,
    ],
    [
      'armed, and the parameter goes on',
      record(),
      PLAN,
      { source: () => armed, whileArmed: 'continue' },
      undefined,
    ],
    [
      'just disarmed',
      record(),
      PLAN,
      { source: () => ({ ...HERE, quietUntil: NOW.up + 1 }) },
      /just been disarmed/,
    ],
    ['disarmed long enough', record(), PLAN, { source: () => ({ ...HERE, quietUntil: NOW.up }) }, undefined],
    ['deliveries go on while armed', copy, PLAN, { source: () => armed }, undefined],
    [
      'unless the rule pauses them',
      copy,
      { ...PLAN, whileArmed: 'pause' },
      { source: () => armed },
      /is armed/,
    ],
    [
      'or the parameter does, for any vehicle',
      copy,
      PLAN,
      { whileArmed: 'pause', vehicleArmed: true },
      /is armed/,
    ],
    ['both targets are offline', copy, PLAN, { target: () => away }, /^no heartbeat$/],
    ['one target is there', copy, PLAN, { target: name => (name === 'web' ? HERE : away) }, undefined],
    [
      'the last attempt failed',
      record(),
      PLAN,
      { retry: () => ({ code: 'back_off', reason: 'timeout', until: 9 }) },
      /^timeout$/,
    ],
    ['writers cannot be seen', delivered(599_999), after('delete'), sightedAt(NOW.up, false), /delete_after/],
    ['delivered too recently', delivered(9_999), after('delete'), sightedAt(NOW.up), /settle/],
    ['not listed since', delivered(20_000), after('delete'), {}, /listed once more/],
    ['listed too early', delivered(20_000), after('delete'), sightedAt(NOW.up - 10_001), /listed once more/],
    [
      'listed unchanged, `settle` after its delivery',
      delivered(20_000),
      after('delete'),
      sightedAt(NOW.up - 10_000),
      undefined,
    ],
    ['the card has space', delivered(900_000), after({ keepFree: 1 }), sightedAt(NOW.up), /keep_free/],
    [
      'the card needs space',
      delivered(900_000),
      after({ keepFree: 1 }),
      { ...sightedAt(NOW.up), spaceNeeded: () => true },
      undefined,
    ],
    ['its time is not over', delivered(29_999), after('keep', 'age'), {}, /time of `local`/],
    ['its time is over', delivered(30_000), after('keep', 'age'), {}, undefined],
    ['the limit is kept', delivered(0), after('keep', 'size'), {}, /limit of `local`/],
    ['the limit is exceeded', delivered(0), after('keep', 'size'), { exceedsLimit: () => true }, undefined],
  ];
  for (const [title, one, plan, changes, expected] of cases)
    it(title, () => {
      const wait = waitFor(one, plan, world(changes));
      if (expected) assert.match(wait?.reason ?? '', expected);
      else assert.equal(wait, undefined);
    });

  it('tells when it is worth asking again', () => {
    const wait = waitFor(delivered(10_000), after('keep', 'age'), world());
    assert.equal(wait?.until, NOW.up + 20_000);
  });

  it('counts no age that only a clock which was wrong could tell', () => {
    const wrong = delivered(0, { delivered: { at: 0, boot: 'earlier', up: 5, synced: false } });
    const plan: Plan = { ...PLAN, after: { source: 'keep', local: { kind: 'age', ms: 86_400_000 } } };
    assert.match(waitFor(wrong, plan, world())?.reason ?? '', /time of `local`/);
  });
});
