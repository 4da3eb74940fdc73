import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Planner } from '../../../src/rules/plan.js';
import type { Retention, Rule } from '../../../src/rules/rule.js';

const base: Rule = {
  from: 'autopilot',
  to: ['archive'],
  include: ['**'],
  exclude: [],
  settle: 10_000,
  description: '',
  path: '{device}/{file.path}',
  whileArmed: 'upload-only',
  via: 'local',
  after: { source: 'keep', local: { kind: 'keep' } },
};

const rule = (changes: Partial<Rule> = {}): Rule => ({ ...base, ...changes });
const after = (local: Retention, source: 'keep' | 'delete' = 'keep') => rule({ after: { source, local } });
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
    const only = rule({ to: ['review', 'archive'], description: '{coex.drone}', settle: 1 });
    assert.deepEqual(planFor([only, rule({ include: ['**/*.txt'] })]), {
      targets: [
        { device: 'review', path: '{device}/{file.path}' },
        { device: 'archive', path: '{device}/{file.path}' },
      ],
      description: '{coex.drone}',
      settle: 1,
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

  it('takes the longest settle time and the strictest behaviour while armed', () => {
    const plan = planFor([
      rule({ settle: 5, whileArmed: 'continue' }),
      rule({ settle: 20, whileArmed: 'pause' }),
      rule({ settle: 10, whileArmed: 'upload-only' }),
    ]);
    assert.equal(plan?.settle, 20);
    assert.equal(plan.whileArmed, 'pause');
  });

  it('deletes from the source only if every rule says so', () => {
    const source = (rules: Rule[]) => planFor(rules)?.after.source;
    assert.equal(source([after({ kind: 'keep' }, 'delete'), after({ kind: 'keep' }, 'delete')]), 'delete');
    assert.equal(source([after({ kind: 'keep' }, 'delete'), after({ kind: 'keep' }, 'keep')]), 'keep');
  });

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
    after: fc.record({
      source: fc.constantFrom('keep', 'delete'),
      local: fc.oneof(
        fc.constantFrom<Retention>({ kind: 'keep' }, { kind: 'delete' }),
        fc.nat(3).map((ms): Retention => ({ kind: 'age', ms })),
        fc.nat(3).map((bytes): Retention => ({ kind: 'size', bytes })),
      ),
    }),
  });

  it('promises the same whatever the order of the rules, but for names and order of targets', () => {
    const promises = (rules: readonly Rule[]) => {
      const plan = planFor(rules, 'log/a.ulg');
      if (!plan) return undefined;
      const { targets, settle, whileArmed, via, after } = plan;
      return { targets: targets.map(({ device }) => device).sort(), settle, whileArmed, via, after };
    };
    const shuffled = fc
      .array(anyRule)
      .chain(rules =>
        fc.tuple(
          fc.constant(rules),
          fc.shuffledSubarray(rules, { minLength: rules.length, maxLength: rules.length }),
        ),
      );
    fc.assert(
      fc.property(shuffled, ([rules, other]) => {
        assert.deepEqual(promises(other), promises(rules));
      }),
    );
  });
});
