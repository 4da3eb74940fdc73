import assert from 'node:assert/strict';
import { preview, type KnownFiles, type SourceListing, type Preview } from '../../../src/preview/preview.js';
import type { FileRecord, SourceFile } from '../../../src/ports.js';
import { recordId } from '../../../src/record/identity.js';
import { TemplateContext } from '../../../src/rules/template-context.js';
import type { Rule } from '../../../src/rules/rule.js';
import { fileRecord } from '../../fakes/file-record.js';
import { rule } from '../rules/rule.js';

const NOW = 1_790_000_000_000;
const DAY_MS = 24 * 3_600_000;

const templates = new TemplateContext({
  hostname: 'pi',
  descriptionFile: { values: async () => ({}), warnMissing: () => undefined },
});

/** Logs in day folders, as PX4 has them. */
const logs = (count: number): SourceFile[] =>
  Array.from({ length: count }, (_, index) => ({
    path: `2026-11-${10 + (index % 5)}/log${index}.ulg`,
    size: 1000,
    modified: NOW - index * DAY_MS,
  }));

const known = (records: readonly FileRecord[], scanned = records.length > 0): KnownFiles => ({
  all: () => records,
  versions: (device, path) => records.filter(record => record.device === device && record.path === path),
  source: device => (scanned ? { device, scannedAt: 1 } : undefined),
});

const recordOf = (file: SourceFile, changes: Partial<FileRecord> = {}): FileRecord =>
  fileRecord(1, { ...file, id: recordId('autopilot', file), local: `autopilot/${file.path}`, ...changes });

interface Setting {
  readonly rules?: readonly Rule[];
  readonly files?: readonly SourceFile[];
  readonly records?: readonly FileRecord[];
  readonly scanned?: boolean;
  readonly listing?: Partial<SourceListing>;
  readonly pages?: Readonly<Record<string, string>>;
}

function previewOf(setting: Setting): Promise<Preview> {
  const { rules = [rule()], files = [], records = [], scanned, listing = {}, pages = {} } = setting;
  return preview({
    rules,
    known: known(records, scanned),
    listings: new Map([['autopilot', { files, from: 'source', ...listing }]]),
    templates,
    publicPages: new Map(Object.entries(pages)),
    now: NOW,
  });
}

async function firstRule(setting: Setting) {
  const [first] = (await previewOf(setting)).rules;
  return first ?? assert.fail('there is no rule');
}

describe('what a rule would do', () => {
  it('counts the files that are seen, match and are wanted, and names where they go', async () => {
    const files = [...logs(3), { path: 'boot.txt', size: 5 }];
    const { seen, matching, wanted, destinations } = await firstRule({
      rules: [rule({ include: ['**/*.ulg'], to: ['archive', 'cloud'], path: 'logs/{file.name}' })],
      files,
      scanned: true,
    });
    assert.deepEqual(seen, { files: 4, bytes: 3005 });
    assert.deepEqual(matching, { files: 3, bytes: 3000 });
    assert.deepEqual(wanted, { files: 3, bytes: 3000 });
    assert.deepEqual(destinations, [
      { device: 'archive', files: 3, bytes: 3000, example: 'logs/log0.ulg' },
      { device: 'cloud', files: 3, bytes: 3000, example: 'logs/log0.ulg' },
    ]);
  });

  it('leaves out what was delivered, what has failed and what its keys do not want', async () => {
    const [done, half, failed, small, fresh] = logs(5) as [
      SourceFile,
      SourceFile,
      SourceFile,
      SourceFile,
      SourceFile,
    ];
    const targets = { archive: { state: 'done', path: 'x/old.ulg' }, cloud: { state: 'pending' } } as const;
    const records = [
      recordOf(done, { targets: { archive: { state: 'done' } } }),
      recordOf(half, { targets }),
      recordOf(failed, { targets: { archive: { state: 'pending' } }, givenUp: true }),
    ];
    const files = [done, half, failed, { ...small, size: 10 }, fresh];
    const two = rule({ to: ['archive', 'cloud'], largerThan: 100 });
    const { rules, files: wanted } = await previewOf({ rules: [two], files, records });
    assert.deepEqual(rules[0]?.delivered, { files: 1, bytes: 1000 });
    assert.deepEqual(rules[0].failed, { files: 1, bytes: 1000 });
    assert.deepEqual(rules[0].skipped, { 'larger_than: 100 B': 1 });
    assert.deepEqual(rules[0].wanted, { files: 2, bytes: 2000 });
    assert.deepEqual(
      wanted.map(({ path, to }) => [path, to.map(({ device }) => device)]),
      [
        [half.path, ['cloud']],
        [fresh.path, ['archive', 'cloud']],
      ],
    );
  });

  it('sends a delivered file to a target that was taken out before it got it', async () => {
    const [file] = logs(1) as [SourceFile];
    const former = { cloud: { state: 'pending' } } as const;
    const records = [recordOf(file, { targets: { archive: { state: 'done' } }, former })];
    const wantedBy = async (...to: string[]) =>
      (await previewOf({ rules: [rule({ to })], files: [file], records })).files.map(one =>
        one.to.map(({ device }) => device),
      );
    assert.deepEqual(await wantedBy('archive', 'cloud'), [['cloud']]);
    assert.deepEqual(await wantedBy('archive', 'other'), []);
  });

  it('takes only a changed file again', async () => {
    const [file] = logs(1) as [SourceFile];
    const records = [recordOf(file, { targets: { archive: { state: 'done' } } })];
    assert.equal((await firstRule({ files: [file], records })).wanted.files, 0);
    assert.equal((await firstRule({ files: [{ ...file, size: 2000 }], records })).wanted.files, 1);
  });

  it('knows what was there before the first scan', async () => {
    const files = logs(10);
    const begun = (begin: Rule['begin'], scanned = false) =>
      firstRule({ rules: [rule({ begin })], files, scanned });
    assert.deepEqual((await begun({ kind: 'new' })).skipped, { 'begin: new': 10 });
    assert.equal((await begun({ kind: 'new' }, true)).wanted.files, 10);
    assert.equal((await begun({ kind: 'age', ms: 2 * DAY_MS })).wanted.files, 3);
  });

  it('counts what waits in local storage though its source has it no more', async () => {
    const [file] = logs(1) as [SourceFile];
    const waits = recordOf(file, {
      source: { state: 'gone' },
      copy: { state: 'whole' },
      targets: { archive: { state: 'pending' } },
    });
    const { seen, wanted } = await firstRule({ records: [waits] });
    assert.equal(seen.files, 0);
    assert.deepEqual(wanted, { files: 1, bytes: 1000 });
  });

  it('sends a file that two rules take to a target once', async () => {
    const rules = [
      rule({ path: 'first/{file.name}' }),
      rule({ to: ['archive', 'cloud'], path: 'second/{file.name}' }),
    ];
    const { files } = await previewOf({ rules, files: logs(1), scanned: true });
    assert.deepEqual(files[0]?.to, [
      { device: 'archive', path: 'first/log0.ulg' },
      { device: 'cloud', path: 'second/log0.ulg' },
    ]);
  });

  it('tells where a source was not listed', async () => {
    const { rules } = await previewOf({ listing: { files: [], incomplete: 'no heartbeat' } });
    assert.equal(rules[0]?.incomplete, 'no heartbeat');
    const missing = await previewOf({ rules: [rule({ from: 'camera' })] });
    assert.equal(missing.rules[0]?.listed, 'not');
  });
});

describe('the notes on a rule', () => {
  const notes = async (setting: Setting) => (await firstRule({ scanned: true, ...setting })).notes;
  const including = (...include: string[]) => [rule({ include })];

  it('suggest the pattern that a person meant', async () => {
    const files = [...logs(214), { path: 'boot.txt', size: 5 }];
    assert.deepEqual(await notes({ rules: including('*.ulg'), files }), [
      'include: *.ulg takes nothing here; **/*.ulg would take 214 files',
    ]);
    assert.deepEqual(await notes({ rules: including('/fs/microsd/log/**/*.ulg'), files }), [
      'include: /fs/microsd/log/**/*.ulg takes nothing here; **/*.ulg would take 214 files',
    ]);
    assert.deepEqual(await notes({ rules: including('**/*.ulg', '*.txt'), files }), []);
    assert.deepEqual(await notes({ rules: including('**/*.txt', 'log/*.ulg'), files }), [
      'include: log/*.ulg takes nothing here; **/*.ulg would take 214 files',
    ]);
  });

  it('name the commonest endings where no pattern is like it', async () => {
    assert.deepEqual(
      await notes({ rules: including('*.bin'), files: [...logs(3), { path: 'boot.TXT', size: 5 }] }),
      [
        'include: *.bin takes nothing here; **/*.ulg would take 3 files',
        'include: *.bin takes nothing here; **/*.txt would take 1 file',
      ],
    );
    assert.deepEqual(await notes({ rules: including('*.bin'), files: [{ path: '.hidden', size: 1 }] }), [
      'include takes none of 1 file, and no similar pattern does',
    ]);
  });

  it('say that exclude leaves out everything', async () => {
    assert.deepEqual(await notes({ rules: [rule({ exclude: ['**'] })], files: logs(3) }), [
      'exclude leaves out all 3 files that include takes',
    ]);
  });

  it('ask, at the first contact with many files, whether all of them are meant', async () => {
    const first = { scanned: false };
    assert.deepEqual(await notes({ files: logs(20), ...first }), []);
    assert.deepEqual(await notes({ files: logs(21), scanned: true }), []);
    assert.deepEqual(
      await notes({ files: logs(21), rules: [rule({ begin: { kind: 'new' } })], ...first }),
      [],
    );
    assert.deepEqual(await notes({ files: logs(21), ...first }), [
      'first contact with autopilot: 21 files (21.0 kB) that it already holds would be sent; begin: new in this rule takes only what comes later',
    ]);
  });

  it('say that a page is public, and ask at the first contact even for one file', async () => {
    const pages = { archive: 'logs.px4.io' };
    const page = 'archive is a public page (logs.px4.io): anybody can see what is sent there';
    assert.deepEqual(await notes({ files: logs(1), pages }), [page]);
    const [first, second = ''] = await notes({ files: logs(1), pages, scanned: false });
    assert.equal(first, page);
    assert.match(second, /first contact with autopilot: 1 file .*begin: new/);
  });
});

describe('the preview of files that go together', () => {
  const bags = rule({ include: ['**/*.mcap'], together: { folder: 'metadata.yaml' } });
  const file = (path: string): SourceFile => ({ path, size: 10, modified: NOW });
  const RUN = [file('run/0.mcap'), file('run/1.mcap'), file('run/metadata.yaml')];
  const CUT = [file('cut/0.mcap'), file('cut/1.mcap')];

  it('takes the marker with the files that include names', async () => {
    const { wanted, excluded, notes } = await firstRule({ rules: [bags], files: RUN, scanned: true });
    assert.equal(wanted.files, 3);
    assert.equal(excluded, 0);
    assert.deepEqual(notes, []);
  });

  it('names what is not complete', async () => {
    const { incompleteUnits, notes } = await firstRule({
      rules: [bags],
      files: [...RUN, ...CUT],
      scanned: true,
    });
    const expected = { units: 1, kind: 'bag', files: 2, example: 'cut/metadata.yaml' } as const;
    assert.deepEqual(incompleteUnits, expected);
    const why = 'cut/metadata.yaml is missing';
    assert.deepEqual(notes, [
      `together: 1 bag of 2 files is not complete, and waits before anything of it is sent: ${why}`,
    ]);
  });

  it('counts a pair without its partner, and no file of no pair', async () => {
    const pairs = rule({ together: { stem: ['ulgc', 'ulgk'] } });
    const files = [file('a.ulgc'), file('b.ulgc'), file('b.ulgk'), file('c.ulg')];
    const { incompleteUnits } = await firstRule({ rules: [pairs], files, scanned: true });
    assert.deepEqual(incompleteUnits, { units: 1, kind: 'pair', files: 1, example: 'a.ulgk' });
  });
});
