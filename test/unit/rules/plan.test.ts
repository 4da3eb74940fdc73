import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type Plan, Planner } from '../../../src/rules/plan.js';
import type { Retention, Rule, SourceRemoval } from '../../../src/rules/rule.js';
import type { Selectable } from '../../../src/rules/selection.js';
import { rule } from './rule.js';

const after = (local: Retention) => rule({ after: { source: 'keep', local } });
const removing = (source: SourceRemoval) => rule({ after: { source, local: { kind: 'keep' } } });
const planFor = (rules: readonly Rule[], path = 'a.ulg') => new Planner(rules).plan('autopilot', path);
const matches = (include: string[], path: string, exclude: string[] = []) =>
  planFor([rule({ include, exclude })], path) !== undefined;

describe('Planner', () => {
  it('has no plan for a file or a device that no rule wants', () => {
    const planner = new Planner([rule({ include: ['**/*.ulg'] })]);
    assert.equal(planner.plan('autopilot', 'a.txt'), undefined);
    assert.equal(planner.plan('camera', 'a.ulg'), undefined);
    assert.equal(new Planner([]).plan('autopilot', 'a.ulg'), undefined);
  });

  for (const [include, path, expected] of [
    [['**/*.ulg'], 'a.ulg', true],
    [['**/*.ulg'], 'log/2026-08-01/12_30_05.ulg', true],
    [['**/*.ulg'], 'log/sess001/LOG001.ULG', true],
    [['**/*.{bin,ulg}'], '00000001.BIN', true],
    [['*.ulg'], 'log/a.ulg', false],
    [['**/*.ulg', '**/*.log'], 'x.log', true],
    [['**'], 'a/b', true],
    [['**'], '.hidden', false],
    [['**'], '.Trash/a.ulg', false],
    [['**/.*'], 'a/.hidden', true],
    [['**'], 'a folder\nwith a line break/Журнал полёта.ulg', true],
    [['**'], 'a.ulg.part', false],
    [['**/*.part'], 'a.ulg.PART', false],
  ] as const) {
    it(`${JSON.stringify(include)} ${expected ? 'takes' : 'leaves'} ${JSON.stringify(path)}`, () => {
      assert.equal(matches([...include], path), expected);
    });
  }

  it('leaves what is excluded, dotfiles too', () => {
    assert.equal(matches(['**/*.ulg'], 'tmp/A.ULG', ['tmp/**']), false);
    assert.equal(matches(['**/.*'], 'tmp/.a', ['tmp/**']), false);
    assert.equal(matches(['**/*.ulg'], 'log/a.ulg', ['tmp/**']), true);
  });

  it('gives the rule itself where one rule matches', () => {
    const only = rule({
      to: ['review', 'archive'],
      description: '{coex.drone}',
      settle: 1,
      order: 'smallest',
      deleteAfter: 2,
    });
    assert.deepEqual(planFor([only, rule({ include: ['**/*.txt'] })]), {
      targets: [
        { device: 'review', path: '{device}/{file.path}' },
        { device: 'archive', path: '{device}/{file.path}' },
      ],
      description: '{coex.drone}',
      settle: 1,
      order: 'smallest',
      deleteAfter: 2,
      whileArmed: 'upload-only',
      via: 'local',
      after: { source: 'keep', local: { kind: 'keep' } },
    });
  });

  it('unites targets in order; one that is named twice keeps the first name', () => {
    const plan = planFor([
      rule({ to: ['review', 'archive'], path: 'one/{file.name}', description: 'first' }),
      rule({ to: ['archive', 'site'], path: 'two/{file.name}', description: 'second' }),
    ]);
    assert.equal(plan?.description, 'first');
    assert.deepEqual(plan.targets, [
      { device: 'review', path: 'one/{file.name}' },
      { device: 'archive', path: 'one/{file.name}' },
      { device: 'site', path: 'two/{file.name}' },
    ]);
  });

  it('takes the longest times, the strictest behaviour while armed and the order of the first rule', () => {
    const plan = planFor([
      rule({ settle: 5, deleteAfter: 30, whileArmed: 'continue', order: 'oldest' }),
      rule({ settle: 20, deleteAfter: 10, whileArmed: 'pause', order: 'smallest' }),
      rule({ settle: 10, deleteAfter: 20, whileArmed: 'upload-only', order: 'newest' }),
    ]);
    assert.equal(plan?.settle, 20);
    assert.equal(plan.deleteAfter, 30);
    assert.equal(plan.whileArmed, 'pause');
    assert.equal(plan.order, 'oldest');
  });

  // From the one that removes the latest.
  const removals: SourceRemoval[] = ['keep', { keepFree: 10 }, { keepFree: 11 }, 'delete'];
  for (const [index, later] of removals.entries()) {
    it(`removes from the source as ${JSON.stringify(later)} says rather than sooner`, () => {
      for (const sooner of removals.slice(index)) {
        assert.deepEqual(planFor([removing(sooner), removing(later)])?.after.source, later);
        assert.deepEqual(planFor([removing(later), removing(sooner)])?.after.source, later);
      }
    });
  }

  it('streams only if every rule says so', () => {
    assert.equal(planFor([rule({ via: 'stream' }), rule({ via: 'stream' })])?.via, 'stream');
    assert.equal(planFor([rule({ via: 'stream' }), rule()])?.via, 'local');
  });

  const retentions: Retention[] = [
    { kind: 'delete' },
    { kind: 'size', bytes: 10 },
    { kind: 'size', bytes: 11 },
    { kind: 'age', ms: 1 },
    { kind: 'age', ms: 2 },
    { kind: 'keep' },
  ];
  for (const [index, more] of retentions.entries()) {
    it(`keeps the local copy as ${JSON.stringify(more)} says rather than shorter`, () => {
      for (const less of retentions.slice(0, index + 1)) {
        assert.deepEqual(planFor([after(less), after(more)])?.after.local, more);
        assert.deepEqual(planFor([after(more), after(less)])?.after.local, more);
      }
    });
  }

  const anyRule: fc.Arbitrary<Rule> = fc.record({
    from: fc.constant('autopilot'),
    to: fc.uniqueArray(fc.constantFrom('a', 'b', 'c'), { minLength: 1 }),
    include: fc.constantFrom(['**'], ['**/*.ulg'], ['**/*.txt']),
    exclude: fc.constantFrom([], ['log/**']),
    settle: fc.nat(),
    description: fc.string(),
    path: fc.string(),
    whileArmed: fc.constantFrom('upload-only', 'pause', 'continue'),
    via: fc.constantFrom('local', 'stream'),
    order: fc.constantFrom('newest', 'oldest', 'smallest'),
    begin: fc.constantFrom(
      { kind: 'all' },
      { kind: 'new' },
      { kind: 'date', from: 5 },
      { kind: 'age', ms: 1 },
    ),
    largerThan: fc.nat(3),
    smallerThan: fc.integer({ min: 2, max: 6 }),
    fetch: fc.constantFrom('all', 'asked'),
    deleteAfter: fc.nat(),
    after: fc.record({
      source: fc.oneof(
        fc.constantFrom<SourceRemoval>('keep', 'delete'),
        fc.nat(3).map((keepFree): SourceRemoval => ({ keepFree })),
      ),
      local: fc.oneof(
        fc.constantFrom<Retention>({ kind: 'keep' }, { kind: 'delete' }),
        fc.nat(3).map((ms): Retention => ({ kind: 'age', ms })),
        fc.nat(3).map((bytes): Retention => ({ kind: 'size', bytes })),
      ),
    }),
  });

  const anyFile: fc.Arbitrary<Selectable> = fc.record(
    {
      device: fc.constant('autopilot'),
      path: fc.constantFrom('log/a.ulg', 'b.ulg', 'c.db3-wal'),
      size: fc.nat(6),
      modified: fc.nat(9),
      foundAt: fc.nat(9),
      atFirstScan: fc.constant(true),
      asked: fc.constant(true),
    },
    { requiredKeys: ['device', 'path', 'size', 'foundAt'] },
  );

  const shuffled = fc
    .array(anyRule, { maxLength: 5 })
    .chain(rules =>
      fc.tuple(
        fc.constant(rules),
        fc.shuffledSubarray(rules, { minLength: rules.length, maxLength: rules.length }),
      ),
    );

  /** What does not depend on the order of the rules. */
  const promises = (plan: Plan | undefined) => {
    if (!plan) return undefined;
    const { targets, settle, deleteAfter, whileArmed, via, after, skip } = plan;
    const devices = targets.map(({ device }) => device).sort();
    return { devices, settle, deleteAfter, whileArmed, via, after, skipped: skip !== undefined };
  };

  it('promises the same whatever the order of the rules, but for names, reasons and order of targets', () => {
    fc.assert(
      fc.property(shuffled, anyFile, ([rules, other], file) => {
        const [one, two] = [new Planner(rules), new Planner(other)];
        assert.deepEqual(promises(one.planFor(file)), promises(two.planFor(file)));
        assert.deepEqual(
          promises(one.plan(file.device, file.path)),
          promises(two.plan(file.device, file.path)),
        );
      }),
    );
  });

  describe('for a file that is known', () => {
    const small: Selectable = { device: 'autopilot', path: 'a.ulg', size: 10, foundAt: 0 };
    const large = rule({
      to: ['archive'],
      largerThan: 10,
      after: { source: 'keep', local: { kind: 'keep' } },
    });
    const every = rule({ to: ['review'], after: { source: 'delete', local: { kind: 'delete' } } });

    it('unites only the rules that select it', () => {
      assert.deepEqual(new Planner([large, every]).planFor(small), planFor([every]));
      assert.deepEqual(new Planner([large, every]).planFor({ ...small, size: 11 }), planFor([large, every]));
    });

    it('skips it where no rule selects it, for the reason of the first, with what all of them want', () => {
      const asked = rule({ to: ['review'], settle: 99_000, fetch: 'asked' });
      assert.deepEqual(new Planner([large, asked]).planFor(small), {
        ...planFor([large, asked]),
        skip: 'larger_than: 10 B (it has 10 bytes; filesync fetch ID takes it)',
      });
    });

    it('has no plan where no rule matches its path, whatever a person asks for', () => {
      const planner = new Planner([rule({ exclude: ['*.ulg'] })]);
      assert.equal(planner.planFor({ ...small, asked: true }), undefined);
      assert.equal(planner.planFor({ ...small, device: 'camera' }), undefined);
      assert.equal(planner.planFor({ ...small, path: 'a.txt.part' }), undefined);
    });

    it('selects a companion with its database', () => {
      const planner = new Planner([rule({ include: ['**/*.db3'], largerThan: 100 })]);
      const [wal, main] = [
        { ...small, path: 'a.db3-wal' },
        { ...small, path: 'a.db3' },
      ];
      assert.match(planner.planFor(wal, main)?.skip ?? '', /^larger_than: 100 B/);
      assert.equal(planner.planFor(wal, { ...main, size: 101 })?.skip, undefined);
      assert.equal(planner.planFor(wal)?.skip, undefined);
    });

    it('is that of the path once a person has asked for it', () => {
      fc.assert(
        fc.property(fc.array(anyRule, { maxLength: 5 }), anyFile, (rules, file) => {
          const planner = new Planner(rules);
          assert.deepEqual(planner.planFor({ ...file, asked: true }), planner.plan(file.device, file.path));
        }),
      );
    });

    it('is skipped if each rule by itself would skip it, and no rule that would has a say otherwise', () => {
      fc.assert(
        fc.property(fc.array(anyRule, { maxLength: 5 }), anyFile, (rules, file) => {
          const alone = rules.map(rule => ({ rule, plan: new Planner([rule]).planFor(file) }));
          const taking = alone.filter(({ plan }) => plan && plan.skip === undefined).map(({ rule }) => rule);
          const plan = new Planner(rules).planFor(file);
          if (taking.length > 0) assert.deepEqual(plan, new Planner(taking).planFor(file));
          else assert.equal(plan?.skip, alone.find(({ plan }) => plan)?.plan?.skip);
        }),
      );
    });
  });

  describe('for the companion of a database', () => {
    const bags = rule({ include: ['**/*.db3'], to: ['archive'] });

    it('is that of the database', () => {
      for (const path of ['bag/a.db3-wal', 'bag/a.db3-journal', 'bag/A.DB3-WAL']) {
        assert.deepEqual(planFor([bags], path), planFor([bags], 'bag/a.db3'));
      }
      assert.equal(planFor([bags], 'bag/a.db3-shm'), undefined);
      assert.equal(planFor([bags], 'bag/a.ulg-wal'), undefined);
    });

    it('is not if an exclude pattern catches one of the two', () => {
      assert.equal(planFor([rule({ ...bags, exclude: ['**/*-wal'] })], 'a.db3-wal'), undefined);
      assert.equal(planFor([rule({ ...bags, exclude: ['a.db3'] })], 'a.db3-wal'), undefined);
    });

    it('takes it to every target of the database, also where another rule matches the companion alone', () => {
      const rest = rule({ include: ['**/*-wal'], to: ['site'] });
      const targets = planFor([bags, rest], 'a.db3-wal')?.targets.map(({ device }) => device);
      assert.deepEqual(targets, ['archive', 'site']);
    });
  });

  it('lets a device be listed while armed as its mildest rule says', () => {
    const planner = new Planner([
      rule({ whileArmed: 'pause' }),
      rule({ whileArmed: 'continue' }),
      rule({ from: 'camera', whileArmed: 'upload-only' }),
    ]);
    assert.equal(planner.mildest('autopilot'), 'continue');
    assert.equal(planner.mildest('camera'), 'upload-only');
    assert.equal(planner.mildest('nobody'), 'pause');
  });
});
