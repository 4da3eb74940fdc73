'use strict';
const { readFileSync, writeFileSync } = require('node:fs');
const PlainReporter = require('./reporter.cjs');

const DOCUMENT = 'docs/DEVICES.md';
const MARK = '<!-- made by `npm run conformance`; do not edit below -->';

const yes = value => (value === false || value === undefined ? 'no' : value === true ? 'yes' : value);
const COLUMNS = {
  device: row => row.name.split(', ')[0],
  'tested on': row => row.name.split(', ').slice(1).join(', '),
  end: row => row.end,
  'at once': row => row.capabilities?.connections,
  resume: row => yes(row.capabilities?.resume),
  checksum: row => yes(row.capabilities?.checksum),
  'delete / stat': row => yes(row.end === 'source' ? row.capabilities?.remove : row.capabilities?.stat),
  rules: row => score(row.rules),
  faults: row => score(row.faults),
};
const score = tally => (tally ? `${tally.passed} of ${tally.passed + tally.failed}` : '-');

/** Also writes what the conformance suites have shown into docs/DEVICES.md. */
module.exports = class MatrixReporter extends PlainReporter {
  constructor(runner, options) {
    super(runner, options);
    this.rows = new Map();
    runner.on('pass', test => this.count(test, 'passed'));
    runner.on('fail', test => this.count(test, 'failed'));
  }

  count(test, outcome) {
    const entry = test.parent?.matrix;
    if (!entry || entry.name.startsWith('memory')) return;
    const key = `${entry.name}|${entry.end}`;
    const row = this.rows.get(key) ?? { name: entry.name, end: entry.end, deviations: {} };
    this.rows.set(key, row);
    row.capabilities ??= entry.capabilities;
    Object.assign(row.deviations, entry.deviations);
    row[entry.what] ??= { passed: 0, failed: 0 };
    row[entry.what][outcome]++;
  }

  epilogue() {
    super.epilogue();
    const [text] = readFileSync(DOCUMENT, 'utf8').split(MARK);
    const rows = [...this.rows.values()].sort((a, b) => (a.name + a.end < b.name + b.end ? -1 : 1));
    writeFileSync(DOCUMENT, `${text}${MARK}\n\n${table(rows)}\n${deviations(rows)}`);
  }
};

function table(rows) {
  const lines = rows.map(row => Object.values(COLUMNS).map(column => column(row) ?? ''));
  const head = [Object.keys(COLUMNS), Object.keys(COLUMNS).map(() => '---')];
  return [...head, ...lines].map(cells => `| ${cells.join(' | ')} |\n`).join('');
}

function deviations(rows) {
  const lines = rows.flatMap(({ name, end, deviations }) =>
    Object.entries(deviations).map(([rule, reason]) => `- ${name}, ${end}: "${rule}":\n  ${reason}\n`),
  );
  return lines.length === 0 ? '' : `\nRules that are left out:\n\n${lines.join('')}`;
}
