import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { chromium, type Browser, type BrowserContext, type BrowserContextOptions } from 'playwright-core';
import { findProgram, type Program } from '../servers/program.js';
import { NOW } from './data.js';

/** Texts in Roboto, as on many phones, and lines of programs in DejaVu Sans Mono. */
const FONTS = `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
<fontconfig>
  <dir>HOME/usr/share/fonts</dir>
  <cachedir>HOME/font-cache</cachedir>
  <selectfont><rejectfont><glob>*Condensed*</glob></rejectfont></selectfont>
  ALIASES
  <alias binding="same"><family>monospace</family><prefer><family>DejaVu Sans Mono</family></prefer></alias>
  <match target="pattern"><edit name="family" mode="append_last"><string>Roboto</string></edit></match>
</fontconfig>
`.replace(
  'ALIASES',
  ['system-ui', 'sans', 'sans-serif', 'DejaVu Sans', 'Sans', 'Helvetica', 'Arial', 'Times New Roman']
    .map(
      name =>
        `<match><test name="family"><string>${name}</string></test><edit name="family" mode="assign" binding="same"><string>Roboto</string></edit></match>`,
    )
    .join('\n  '),
);

/** Starts Debian's Chromium without a window. Its fonts are those that came with it, whatever this machine has. */
export async function startBrowser(args: readonly string[] = []): Promise<Browser> {
  const program = await findProgram('chromium-headless-shell', 'usr/lib/chromium/chromium-headless-shell');
  return chromium.launch({
    executablePath: program.path,
    // Chromium's sandbox does not start as root, as which tests run in a container.
    args: ['--no-sandbox', ...args],
    env: { ...(await environment(program)) },
  });
}

async function environment({ home, env }: Program): Promise<Record<string, string>> {
  const fonts = join(home, 'fonts.conf');
  await mkdir(join(home, 'font-cache'), { recursive: true });
  await writeFile(fonts, FONTS.replaceAll('HOME', home));
  const libraries = env['LD_LIBRARY_PATH'] ?? '';
  // PulseAudio's client has a library of its own in a folder of its own.
  const more = libraries.split(':').map(folder => join(folder, 'pulseaudio'));
  return { ...env, HOME: home, FONTCONFIG_FILE: fonts, LD_LIBRARY_PATH: [libraries, ...more].join(':') };
}

export interface Look {
  readonly width: number;
  readonly scheme: 'light' | 'dark';
}

/** A window in which it is NOW, in UTC. */
export async function openContext(
  browser: Browser,
  { width, scheme }: Look,
  more: BrowserContextOptions = {},
): Promise<BrowserContext> {
  const context = await browser.newContext({
    viewport: { width, height: width < 600 ? 740 : 800 },
    colorScheme: scheme,
    timezoneId: 'UTC',
    reducedMotion: 'reduce',
    hasTouch: width < 600,
    ...more,
  });
  await context.clock.setFixedTime(NOW);
  return context;
}
