import assert from 'node:assert/strict';
import type { Rule } from '../../../src/rules/rule.js';
import { refusal, type Selectable } from '../../../src/rules/selection.js';
import { rule } from './rule.js';

const DAY = 86_400_000;
const NOON = Date.UTC(2026, 7, 1, 12);

const file = (facts: Partial<Selectable> = {}): Selectable => ({
  device: 'autopilot',
  path: 'a.ulg',
  size: 5000,
  foundAt: NOON,
  ...facts,
});
const old = (facts: Partial<Selectable> = {}) => file({ atFirstScan: true, ...facts });

const lasting = (duration: number, note?: string): Partial<Selectable> => ({
  facts: { format: 'ulog', duration, ...(note !== undefined && { note }) },
});

type Case = [what: string, rule: Partial<Rule>, file: Selectable];

const begins = {
  noon: { begin: { kind: 'date', from: NOON } },
  hour: { begin: { kind: 'age', ms: DAY / 24 } },
  new: { begin: { kind: 'new' } },
} satisfies Record<string, Partial<Rule>>;

const wanted: Case[] = [
  ['a file under a rule that does not select', {}, old({ modified: 0 })],
  ['what came after the first scan', begins.new, file()],
  ['a file of the very date', begins.noon, old({ modified: NOON })],
  ['a file of no known time that was found later than the date', begins.noon, old({ foundAt: NOON })],
  ['what came after the first scan, however old it says it is', begins.noon, file({ modified: 0 })],
  ['a file of just the age', begins.hour, old({ modified: NOON - DAY / 24 })],
  ['a file of no known age', begins.hour, old()],
  ['a file whose time is still to come', begins.hour, old({ modified: NOON + DAY })],
  ['a file of no sensible time', begins.hour, old({ modified: NaN })],
  ['what came after the first scan, whatever its age', begins.hour, file({ modified: 0 })],
  ['a byte more than larger_than', { largerThan: 4999 }, file()],
  ['a byte less than smaller_than', { smallerThan: 5001 }, file()],
  ['a log of just the duration', { minDuration: 20_000 }, file(lasting(20_000))],
  ['a file of no known duration', { minDuration: 20_000 }, file({ facts: { format: 'jpeg' } })],
  ['a file of which nothing is known', { minDuration: 20_000 }, file()],
  ['a short log that is damaged', { minDuration: 20_000 }, file(lasting(5_000, 'damaged at byte 7'))],
  ['a short log that a person asked for', { minDuration: 20_000 }, file({ ...lasting(5_000), asked: true })],
  [
    'a part of a bag, however short, since the bag would never be whole',
    { minDuration: 20_000, together: { folder: 'metadata.yaml' } },
    file({ path: 'run/run_1.mcap', facts: { format: 'mcap', duration: 2_000 } }),
  ],
  [
    'the list of a short bag',
    { minDuration: 20_000, together: { folder: 'metadata.yaml' } },
    file({ path: 'run/metadata.yaml', facts: { format: 'rosbag2', duration: 2_000 } }),
  ],
  ['a companion of any size', { largerThan: 9000, smallerThan: 1 }, file({ path: 'a.db3-wal' })],
];

const refused: [...Case, reason: string][] = [
  [
    'a log that is shorter',
    { minDuration: 20_000 },
    file(lasting(19_999)),
    'min_duration: 20s (it is 19.9 s long; filesync fetch ID takes it)',
  ],
  [
    'what was there at the first scan',
    begins.new,
    old(),
    'begin: new (it was on the source at the first scan; filesync fetch ID takes it)',
  ],
  [
    'a file from before the date',
    begins.noon,
    old({ modified: NOON - 1 }),
    'begin: 2026-08-01T12:00:00Z (it is older; filesync fetch ID takes it)',
  ],
  [
    'a file of no known time that was found before the date',
    begins.noon,
    old({ foundAt: NOON - 1 }),
    'begin: 2026-08-01T12:00:00Z (it is older; filesync fetch ID takes it)',
  ],
  [
    'a file from before the day',
    { begin: { kind: 'date', from: NOON - DAY / 2 } },
    old({ modified: 0 }),
    'begin: 2026-08-01 (it is older; filesync fetch ID takes it)',
  ],
  [
    'a file from before a second and a half',
    { begin: { kind: 'date', from: NOON + 1500 } },
    old({ modified: 0 }),
    'begin: 2026-08-01T12:00:01.500Z (it is older; filesync fetch ID takes it)',
  ],
  [
    'a file older than the age',
    begins.hour,
    old({ modified: NOON - DAY / 24 - 1 }),
    'begin: 1h (it was older when it was found; filesync fetch ID takes it)',
  ],
  [
    'a file of just the size of larger_than',
    { largerThan: 5000 },
    file(),
    'larger_than: 5.0 kB (it has 5000 bytes; filesync fetch ID takes it)',
  ],
  [
    'a file that is too small',
    { largerThan: 100 * 1024 },
    file({ size: 12 * 1024 }),
    'larger_than: 102.4 kB (it has 12.3 kB; filesync fetch ID takes it)',
  ],
  [
    'a file of just the size of smaller_than',
    { smallerThan: 5000 },
    file(),
    'smaller_than: 5.0 kB (it has 5000 bytes; filesync fetch ID takes it)',
  ],
  [
    'a file that is too large',
    { smallerThan: 2 * 2 ** 30 },
    file({ size: 3 * 2 ** 30 }),
    'smaller_than: 2.1 GB (it has 3.2 GB; filesync fetch ID takes it)',
  ],
  ['any file until asked', { fetch: 'asked' }, file(), 'fetch: asked (filesync fetch ID takes it)'],
  [
    'a companion until asked',
    { fetch: 'asked' },
    file({ path: 'a.db3-wal' }),
    'fetch: asked (filesync fetch ID takes it)',
  ],
  [
    'what several keys refuse, by the first',
    { ...begins.new, largerThan: 9000, fetch: 'asked' },
    old(),
    'begin: new (it was on the source at the first scan; filesync fetch ID takes it)',
  ],
];

describe('the selection of a rule', () => {
  for (const [what, changes, one] of wanted) {
    it(`takes ${what}`, () => assert.equal(refusal(rule(changes), one), undefined));
  }

  for (const [what, changes, one, reason] of refused) {
    it(`refuses ${what}`, () => assert.equal(refusal(rule(changes), one), reason));

    it(`takes ${what}, once a person has asked for it`, () => {
      assert.equal(refusal(rule(changes), { ...one, asked: true }), undefined);
    });
  }

  for (const [ms, shown] of [
    [365.25 * DAY, '1y'],
    [30 * DAY, '30d'],
    [1.5 * DAY, '36h'],
    [5_400_000, '90m'],
    [90_000, '90s'],
    [1500, '1500ms'],
  ] as const) {
    it(`writes an age of ${ms} ms as ${shown}`, () => {
      const reason = refusal(rule({ begin: { kind: 'age', ms } }), old({ modified: NOON - ms - 1 }));
      assert.ok(reason?.startsWith(`begin: ${shown} (`), reason);
    });
  }

  describe('of a companion', () => {
    const companion = file({ path: 'a.db3-wal', size: 1 });
    const main = old({ path: 'a.db3' });

    it('is that of its database', () => {
      assert.equal(refusal(rule({ largerThan: 4999 }), companion, main), undefined);
      assert.match(refusal(rule({ smallerThan: 5000 }), companion, main) ?? '', /^smaller_than: /);
      assert.match(refusal(rule(begins.new), companion, main) ?? '', /^begin: new /);
    });

    it('is overruled by a person who asks for one of the two', () => {
      assert.equal(refusal(rule({ fetch: 'asked' }), companion, { ...main, asked: true }), undefined);
      assert.equal(refusal(rule({ fetch: 'asked' }), { ...companion, asked: true }, main), undefined);
    });
  });
});
