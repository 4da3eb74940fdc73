'use strict';
const { readFileSync, writeFileSync } = require('node:fs');
const PlainReporter = require('./reporter.cjs');

const DOCUMENT = 'docs/FAULTS.md';
const MARK = '<!-- made by `npm run test:faults`; do not edit below -->';
const MAX_SAID = 220;

const COLUMNS = {
  trouble: row => row.trouble,
  outcome: row => row.outcome,
  'recovery, s': row => Math.round(row.recoverySeconds),
  'attempts / min': row => row.attemptsPerMinute.toFixed(1),
  'log lines / min': row => row.linesPerMinute.toFixed(1),
  'what it says meanwhile': row => shortened(row.said),
};

const shortened = text => {
  const line = text.replaceAll('|', '\\|').replace(/\s+/g, ' ');
  return line.length > MAX_SAID ? `${line.slice(0, MAX_SAID)}…` : line;
};

/** Also writes what became of each device in each trouble into docs/FAULTS.md. */
module.exports = class FaultsReporter extends PlainReporter {
  constructor(runner, options) {
    super(runner, options);
    this.rows = [];
    runner.on('pass', test => test.recovery && this.rows.push(test.recovery));
    runner.on('fail', test => this.rows.push(failed(test)));
  }

  epilogue() {
    super.epilogue();
    const [text] = readFileSync(DOCUMENT, 'utf8').split(MARK);
    writeFileSync(DOCUMENT, `${text}${MARK}\n${tables(this.rows)}`);
  }
};

const failed = test => ({
  ...{ title: test.parent.title, trouble: test.title, outcome: `FAILED TRIAL: ${test.err?.message ?? ''}` },
  ...{ recoverySeconds: NaN, attemptsPerMinute: NaN, linesPerMinute: NaN, said: '' },
});

function tables(rows) {
  const titles = [...new Set(rows.map(({ title }) => title))];
  return titles.map(title => `\n### ${title}\n\n${table(rows.filter(row => row.title === title))}`).join('');
}

function table(rows) {
  const names = Object.keys(COLUMNS);
  const lines = rows.map(row => names.map(name => COLUMNS[name](row)));
  return [names, names.map(() => '---'), ...lines].map(cells => `| ${cells.join(' | ')} |\n`).join('');
}
