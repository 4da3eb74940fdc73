import type { Rule } from '../../../src/rules/rule.js';

/** A rule with every default of the configuration. */
export const rule = (changes: Partial<Rule> = {}): Rule => ({
  from: 'autopilot',
  to: ['archive'],
  include: ['**'],
  exclude: [],
  order: 'newest',
  begin: { kind: 'all' },
  fetch: 'all',
  settle: 10_000,
  description: '',
  path: '{device}/{file.path}',
  whileArmed: 'upload-only',
  via: 'local',
  deleteAfter: 600_000,
  after: { source: 'keep', local: { kind: 'keep' } },
  ...changes,
});
