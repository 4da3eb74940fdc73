import { mkdir, rm, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { openContext, startBrowser, type Look } from '../test/page/browser.js';
import { FixtureServer } from '../test/page/fixture-server.js';
import { show, STATES } from '../test/page/states.js';

// Makes docs/images/page: the screens and states of the web page, as the tests bring them about. Needs `npm run build` and
// Debian's Chromium (test/servers/install.sh).

const FOLDER = fileURLToPath(new URL('../docs/images/page/', import.meta.url));
const QUALITY = 82;
/** States that show nothing that another picture does not. */
const LEFT_OUT = ['now-paused', 'flights-empty', 'files-none', 'files-offline', 'file-gone', 'forget'];
const LOOKS: readonly (Look & { readonly name: string })[] = [
  { name: 'phone', width: 360, scheme: 'light' },
  { name: 'desk', width: 1280, scheme: 'dark' },
];
const OVERVIEW = ['now-safe', 'now-wait', 'file', 'flights'];

async function pictureOf(page: Page): Promise<Buffer> {
  const session = await page.context().newCDPSession(page);
  const options = { format: 'webp', quality: QUALITY, optimizeForSpeed: false } as const;
  const { data } = await session.send('Page.captureScreenshot', options);
  return Buffer.from(data, 'base64');
}

async function inState<Result>(
  browser: Browser,
  look: Look,
  name: string,
  act: (page: Page) => Promise<Result>,
  scale = 1,
): Promise<Result> {
  const state = STATES.find(one => one.name === name);
  if (!state) throw new Error(`no state ${name}`);
  const server = await FixtureServer.start();
  const context = await openContext(browser, look, { deviceScaleFactor: scale });
  try {
    const page = await context.newPage();
    await show(page, server, state);
    await page.evaluate('scrollTo(0, 0)');
    return await act(page);
  } finally {
    await context.close();
    await server.close().catch(() => undefined);
  }
}

/** Phones beside each other, light and dark in turns. */
async function overview(browser: Browser): Promise<Buffer> {
  const shots: string[] = [];
  for (const [index, name] of OVERVIEW.entries()) {
    const look: Look = { width: 360, scheme: index % 2 === 0 ? 'light' : 'dark' };
    const shot = await inState(browser, look, name, page => page.screenshot({ type: 'png' }), 2);
    shots.push(`<img width="270" src="data:image/png;base64,${shot.toString('base64')}">`);
  }
  const page = await browser.newPage({ viewport: { width: 1200, height: 619 }, deviceScaleFactor: 1.5 });
  await page.setContent(`<style>
    body { margin: 0; padding: 24px; display: flex; justify-content: space-between; background: #c9d1dc }
    img { border-radius: 22px; border: 5px solid #10141a }
  </style>${shots.join('')}`);
  return pictureOf(page);
}

await rm(FOLDER, { recursive: true, force: true });
await mkdir(FOLDER, { recursive: true });
const browser = await startBrowser();
for (const { name } of STATES.filter(state => !LEFT_OUT.includes(state.name)))
  for (const look of LOOKS)
    await writeFile(`${FOLDER}${name}-${look.name}.webp`, await inState(browser, look, name, pictureOf));
await writeFile(`${FOLDER}overview.webp`, await overview(browser));
await browser.close();
