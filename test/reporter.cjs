'use strict';
const { reporters } = require('mocha');

/**
 * Mocha's spec reporter, closed by the one plain line `N passed, N failed, N skipped` that tools read.
 * Skipped tests are named above it: what did not run is part of the result.
 */
module.exports = class PlainReporter extends reporters.Spec {
  epilogue() {
    super.epilogue();
    const { passes, failures, pending } = this.stats;
    if (this.skipped.length > 0) console.log(`  skipped:\n${this.skipped.map(t => `    ${t}`).join('\n')}\n`);
    console.log(`${passes} passed, ${failures} failed, ${pending} skipped`);
  }

  constructor(runner, options) {
    super(runner, options);
    this.skipped = [];
    runner.on('pending', test => this.skipped.push(test.fullTitle()));
  }
};
