'use strict';
const { existsSync, readFileSync } = require('node:fs');
const { join } = require('node:path');
const { reporters } = require('mocha');

/** What tests need and `npm test` alone does not make, as sentences. */
function missing() {
  const lines = readFileSync(require.resolve('./servers/packages.txt'), 'utf8').trim().split('\n');
  const packages = lines.filter(line => !line.startsWith('#')).map(line => line.split(' ')[0]);
  const absent = packages.filter(name => !existsSync(join('build/servers', name, '.complete')));
  return [
    ...(existsSync('dist/main.js') ? [] : ['dist/main.js is missing']),
    ...(absent.length > 0 ? [`servers for the tests are missing (${absent.join(', ')})`] : []),
  ].map(what => `${what}: run \`make test\`, which makes what is missing and then runs all tests`);
}

/**
 * Mocha's spec reporter, closed by the one plain line `N passed, N failed, N skipped` that tools read.
 * Skipped tests are named above it: what did not run is part of the result.
 */
module.exports = class PlainReporter extends reporters.Spec {
  epilogue() {
    super.epilogue();
    const { passes, failures, pending } = this.stats;
    if (this.skipped.length > 0) console.log(`  skipped:\n${this.skipped.map(t => `    ${t}`).join('\n')}\n`);
    if (failures > 0) for (const sentence of missing()) console.log(`  ${sentence}`);
    console.log(`${passes} passed, ${failures} failed, ${pending} skipped`);
  }

  constructor(runner, options) {
    super(runner, options);
    this.skipped = [];
    runner.on('pending', test => this.skipped.push(test.fullTitle()));
  }
};
