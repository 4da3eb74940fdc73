'use strict';
const { existsSync, readFileSync } = require('node:fs');
const { join, relative } = require('node:path');
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

/** Time that a test process has to end by itself after its last test. */
const END_WITHIN_MS = 30_000;

/** What keeps this process alive, a line each: kind, and address, child or file where it has one. */
function openResources() {
  // Public API names kinds only; the handles say which test left them.
  const handles = process._getActiveHandles?.() ?? [];
  return handles.filter(handle => ![0, 1, 2].includes(handle.fd)).map(describe);
}

function describe(handle) {
  const address = handle.address?.();
  const facts = {
    port: address?.port ?? address,
    peer: handle.remotePort,
    child: handle.pid && `${handle.pid} ${handle.spawnargs?.join(' ')}`,
  };
  const known = Object.entries(facts).filter(([, value]) => value !== undefined && value !== null);
  return [handle.constructor.name, ...known.map(([name, value]) => `${name} ${JSON.stringify(value)}`)].join(
    ' ',
  );
}

/**
 * A test that leaves a server, socket or child open keeps the process alive for ever. The process ends all the same, with
 * the result of the tests, and says what was left open.
 */
function endAll() {
  const kinds = process.getActiveResourcesInfo().join(', ');
  console.log(`the test process did not end within ${END_WITHIN_MS / 1000} s; tests left open: ${kinds}`);
  for (const line of openResources()) console.log(`  ${line}`);
  process.exit();
}

/** One line that scripts/test.sh repeats below the output of all its processes: file, title, reason. */
function failure(test, error) {
  const [reason] = String(error?.message ?? error).split('\n');
  return `failed: ${relative('.', test.file ?? '')}: ${test.fullTitle()}: ${reason.slice(0, 200)}`;
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
    for (const line of this.failed) console.log(line);
    console.log(`${passes} passed, ${failures} failed, ${pending} skipped`);
    setTimeout(endAll, END_WITHIN_MS).unref();
  }

  constructor(runner, options) {
    super(runner, options);
    this.skipped = [];
    this.failed = [];
    runner.on('pending', test => this.skipped.push(test.fullTitle()));
    runner.on('fail', (test, error) => this.failed.push(failure(test, error)));
  }
};
