import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { openContext, startBrowser, type Look } from './browser.js';
import { FixtureServer } from './fixture-server.js';

let browser: Promise<Browser> | undefined;

/** One browser for all tests. */
export const sharedBrowser = (): Promise<Browser> => (browser ??= startBrowser());

after('close the browser', async () => (await browser)?.close());

export const LOOKS: readonly Look[] = [360, 1280].flatMap(width =>
  (['light', 'dark'] as const).map(scheme => ({ width, scheme })),
);
export const PHONE: Look = { width: 360, scheme: 'dark' };
export const DESK: Look = { width: 1280, scheme: 'light' };

/** A window on a server of its own. Errors of scripts and breaches of the content security policy fail the test. */
export async function inWindow(
  look: Look,
  test: (page: Page, server: FixtureServer) => Promise<void>,
  more: BrowserContextOptions = {},
): Promise<void> {
  const server = await FixtureServer.start();
  const context = await openContext(await sharedBrowser(), look, more);
  const page = await context.newPage();
  const errors: string[] = [];
  page.on('pageerror', error => errors.push(error.stack ?? error.message));
  page.on('console', message => {
    if (/content security policy/i.test(message.text())) errors.push(message.text());
  });
  try {
    await test(page, server);
    assert.deepEqual(errors, []);
  } finally {
    await context.close();
    await server.close();
  }
}

export async function resize(page: Page, { width, scheme }: Look): Promise<void> {
  await page.setViewportSize({ width, height: width < 600 ? 740 : 800 });
  await page.emulateMedia({ colorScheme: scheme });
  // Two frames: the list draws other rows after the first.
  await page.evaluate('new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))');
}

const axe = readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

interface Violation {
  readonly id: string;
  readonly impact: string;
  readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[];
}

/** What axe-core finds of serious or critical impact, a line each. */
export async function seriousViolations(page: Page): Promise<string[]> {
  if (!(await page.evaluate('"axe" in window'))) await page.evaluate(await axe);
  const run = 'axe.run(document, { resultTypes: ["violations"] })';
  const { violations } = await page.evaluate<{ violations: Violation[] }>(run);
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`));
}

/** Elements that are to be touched and are smaller than 44 px in a direction, a line each. Links within a text may be. */
export const smallTargets = (page: Page): Promise<string[]> =>
  page.evaluate(`
    [...document.querySelectorAll('button, select, input:not([type=checkbox]), summary, .tick, nav a, a.button, a.line, a.chip, .tabs a, a.file-row, a.flight, .section-head a, .links a')]
      .filter(element => element.checkVisibility())
      .map(element => ({ element, box: element.getBoundingClientRect() }))
      .filter(({ box }) => box.width < 43.5 || box.height < 43.5)
      .map(({ element, box }) => element.outerHTML.slice(0, 120) + ' ' + box.width + ' x ' + box.height)
  `);

/** By how many pixels the page is wider than the window. */
export const overflow = (page: Page): Promise<number> =>
  page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth');
