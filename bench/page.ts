import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { interval, map } from 'rxjs';
import type { Browser, Page } from 'playwright-core';
import { EventHub } from '../src/api/event-hub.js';
import type { ApiEvent } from '../src/api/schema-events.js';
import { systemClock } from '../src/system/clock.js';
import { Place } from '../test/e2e/program.js';
import { openContext, startBrowser } from '../test/page/browser.js';
import { ago, fileOf, STATUS } from '../test/page/data.js';
import { FixtureServer } from '../test/page/fixture-server.js';
import type { Row } from './run.js';

const DIST = join(import.meta.dirname, '../dist/page');
const MAX_BYTES = 30_000;
const SLOWER = 4;
const MAX_VERDICT_MS = 300;
const MAX_PAGE_MS = 1000;
/** The least of so many loads counts: other work on the machine only ever slows. */
const LOADS = 5;
const FILES = 10_000;
const FRAMES = 240;
/** Of the frames of a fast scroll, 95 % take at most so long. */
const MAX_FRAME_MS = 50;
const STREAMS = 16;
const EVENTS_PER_SECOND = 5;
const STREAM_SECONDS = 20;
const MAX_CPU_SHARE = 0.02;

/** What the web page costs to load, to scroll and to keep up to date. */
export async function bench(): Promise<Row[]> {
  const browser = await startBrowser();
  try {
    return [...(await bytes()), ...(await paints(browser)), await scrolling(browser), await streams()];
  } finally {
    await browser.close();
  }
}

async function bytes(): Promise<Row[]> {
  const names = (await readdir(DIST)).filter(name => name.endsWith('.gz'));
  const sizes = await Promise.all(
    names.map(async name => ({ name, size: (await stat(join(DIST, name))).size })),
  );
  const of = (pattern: RegExp, isPart: boolean) =>
    sizes.filter(({ name }) => pattern.test(name) === isPart).reduce((sum, { size }) => sum + size, 0);
  const row = (what: string, size: number): Row => ({
    what: `${what}, gzip`,
    result: `${(size / 1000).toFixed(1)} KB`,
    limit: `<= ${MAX_BYTES / 1000} KB`,
    met: size <= MAX_BYTES,
  });
  return [
    row('first load', of(/^(plot|screens)-/, false)),
    row('other screens', of(/^screens-/, true)),
    row('plot', of(/^plot-/, true)),
  ];
}

async function paints(browser: Browser): Promise<Row[]> {
  const times: { verdict: number; page: number }[] = [];
  let isWithoutScripts = false;
  await Place.with(async place => {
    const program = place.start(['demo', '--web', '127.0.0.1:0']);
    await program.says(/web page: http:\/\/\S+/);
    const [, url = ''] = /web page: (http:\/\/\S+)/.exec(program.stdout + program.stderr) ?? [];
    await sleep(10_000);
    for (let load = 0; load < LOADS; load += 1) times.push(await oneLoad(browser, url));
    isWithoutScripts = await showsWithoutScripts(browser, url);
    await program.kill('SIGTERM');
  });
  const row = (what: string, ms: number, limit: number): Row => ({
    what: `${what}, processor slowed ${SLOWER} x`,
    result: `${ms.toFixed(0)} ms`,
    limit: `<= ${limit} ms`,
    met: ms <= limit,
  });
  return [
    row('verdict painted', Math.min(...times.map(({ verdict }) => verdict)), MAX_VERDICT_MS),
    row('devices and flights shown', Math.min(...times.map(({ page }) => page)), MAX_PAGE_MS),
    {
      what: 'verdict without scripts',
      result: String(isWithoutScripts),
      limit: 'true',
      met: isWithoutScripts,
    },
  ];
}

async function oneLoad(browser: Browser, url: string): Promise<{ verdict: number; page: number }> {
  const context = await browser.newContext({ viewport: { width: 360, height: 740 } });
  const page = await context.newPage();
  const session = await context.newCDPSession(page);
  await session.send('Emulation.setCPUThrottlingRate', { rate: SLOWER });
  await page.goto(url, { waitUntil: 'commit' });
  await page.locator('.flight').first().waitFor();
  const measured = await page.evaluate<{ verdict: number; page: number }>(
    '({ verdict: performance.getEntriesByName("first-contentful-paint")[0].startTime, page: performance.now() })',
  );
  await context.close();
  return measured;
}

async function showsWithoutScripts(browser: Browser, url: string): Promise<boolean> {
  const context = await browser.newContext({ javaScriptEnabled: false });
  const page = await context.newPage();
  await page.goto(url);
  const isShown = await page.locator('.verdict-title').isVisible();
  await context.close();
  return isShown;
}

async function scrolling(browser: Browser): Promise<Row> {
  const server = await FixtureServer.start();
  server.script.files = Array.from({ length: FILES }, (_, index) => fileOf(index, { found_at: ago(index) }));
  const context = await openContext(browser, { width: 360, scheme: 'light' });
  const page = await context.newPage();
  await page.goto(`${server.url}#/files`);
  await page.getByText('10,000 files').waitFor();
  const frames = await frameTimes(page);
  await context.close();
  await server.close();
  const slow = frames.toSorted((a, b) => a - b)[Math.floor(frames.length * 0.95)] ?? NaN;
  return {
    what: `a frame while all of ${FILES} files are scrolled through in ${FRAMES} frames (95 % are faster)`,
    result: `${slow.toFixed(0)} ms`,
    limit: `<= ${MAX_FRAME_MS} ms`,
    met: slow <= MAX_FRAME_MS,
  };
}

/** ms between frames; the clock of the page stands still, that of frames does not. */
const frameTimes = (page: Page): Promise<number[]> =>
  page.evaluate(`new Promise(done => {
    const times = [];
    const step = document.documentElement.scrollHeight / ${FRAMES};
    let before;
    const frame = time => {
      if (before !== undefined) times.push(time - before);
      before = time;
      if (times.length >= ${FRAMES}) return done(times);
      scrollBy(0, step);
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  })`);

const CLIENTS = `
  const { get } = require('node:http');
  for (let n = 0; n < ${STREAMS}; n++) get(process.argv[1], response => response.on('data', () => undefined));
`;

/** The hub and the sockets of the server; the clients are another process. */
async function streams(): Promise<Row> {
  const transfer = STATUS.transfers[0]!;
  const events = interval(1000 / EVENTS_PER_SECOND).pipe(
    map((n): ApiEvent => ({ type: 'progress', transfers: [{ ...transfer, bytes: n }] })),
  );
  const hub = new EventHub(events, systemClock);
  const server = createServer((_, response) => {
    const sending = hub.stream().subscribe(text => response.write(text));
    response.on('close', () => sending.unsubscribe());
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const clients = spawn(process.execPath, ['-e', CLIENTS, url], { stdio: 'ignore' });
  await sleep(2000);
  const before = process.cpuUsage();
  await sleep(STREAM_SECONDS * 1000);
  const { user, system } = process.cpuUsage(before);
  clients.kill();
  server.closeAllConnections();
  server.close();
  const share = (user + system) / 1e6 / STREAM_SECONDS;
  return {
    what: `${STREAMS} streams at ${EVENTS_PER_SECOND} events a second, of a core`,
    result: `${(100 * share).toFixed(2)} %`,
    limit: `<= ${100 * MAX_CPU_SHARE} %`,
    met: share <= MAX_CPU_SHARE,
  };
}
