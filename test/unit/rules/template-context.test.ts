import assert from 'node:assert/strict';
import { newRecord } from '../../../src/record/record.js';
import type { Delivery, FileRecord } from '../../../src/ports.js';
import { Planner } from '../../../src/rules/plan.js';
import type { Rule } from '../../../src/rules/rule.js';
import { TemplateContext } from '../../../src/rules/template-context.js';
import type { NameStyle } from '../../../src/system/portable-names.js';
import { rule } from './rule.js';

const templates = new TemplateContext({
  hostname: 'pi',
  descriptionFile: { values: async () => ({}), warnMissing: () => undefined },
});

const recordOf = (path: string, delivery: Partial<Delivery>): FileRecord => {
  const made = newRecord(
    { id: '0123456789ab', device: 'autopilot', path, size: 1, local: 'x', description: '', foundAt: 0 },
    { archive: 'x' },
  );
  return { ...made, targets: { archive: { state: 'pending', ...delivery } } };
};

/** The name of a file on a target that needs such names; how often it was asked. */
async function nameOf(
  path: string,
  { names, needs = 'as-is', ...delivery }: Partial<Delivery> & Pick<Rule, 'names'> & { needs?: NameStyle },
): Promise<[name: string, asked: number]> {
  const planner = new Planner([rule({ path: '{file.path}', ...(names && { names }) })]);
  let asked = 0;
  const ask = async (): Promise<NameStyle> => {
    asked++;
    return needs;
  };
  const record = recordOf(path, delivery);
  return [await templates.pathOn(record, planner.plan('autopilot', path), 'archive', ask), asked];
}

describe('the name of a file on a target', () => {
  for (const [what, path, options, expected] of [
    ['is as it is where the target takes it', 'a:b', {}, ['a:b', 1]],
    ['is portable where the target needs that', 'a:b', { needs: 'portable' }, ['a%3Ab', 1]],
    ['is portable there although it was recorded', 'a:b', { path: 'a:b', needs: 'portable' }, ['a%3Ab', 1]],
    ['stays where the rule says so', 'a:b', { names: 'as-is', needs: 'portable' }, ['a:b', 0]],
    ['is portable where the rule says so', 'a:b', { names: 'portable' }, ['a%3Ab', 0]],
    ['is escaped once', 'a:b', { names: 'portable', path: 'a%3Ab' }, ['a%3Ab', 0]],
    [
      'is escaped once in a further attempt',
      'a:b',
      { path: 'a%3Ab', tried: true, needs: 'portable' },
      ['a%3Ab', 0],
    ],
    [
      'is escaped if it looks like an escaped one',
      'a%3Ab',
      { path: 'a%3Ab', needs: 'portable' },
      ['a%253Ab', 1],
    ],
    [
      'that was tried and looks escaped stays',
      'a%3Ab',
      { path: 'a%3Ab', tried: true, needs: 'portable' },
      ['a%3Ab', 0],
    ],
    [
      'that was refused is portable from then on',
      'a:b',
      { path: 'a:b', tried: true, needs: 'portable' },
      ['a%3Ab', 1],
    ],
    [
      'of another file in its place is portable, too',
      'a:b',
      { path: 'a:b~0123', tried: true, needs: 'portable' },
      ['a%3Ab~0123', 1],
    ],
    ['that any target can hold is not asked for', 'a b', { needs: 'portable' }, ['a b', 0]],
    ['keeps a backslash where it is portable', 'a\\b', { needs: 'portable' }, ['a%5Cb', 1]],
  ] as const) {
    it(`${what}: ${path}`, async () => assert.deepEqual(await nameOf(path, options), expected));
  }
});
