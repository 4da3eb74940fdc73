import type { Verdict } from '../api/schema.js';
import { formatDuration } from '../system/duration.js';
import { withUtcTimes } from '../system/short-time.js';

/** Where the template has the verdict. */
const MARK = '<!--verdict-->';

/** The answer to the question, before any script runs: the words of src/page/strings.ts. */
const TITLES = {
  SAFE: 'You may switch it off',
  WAIT: 'Keep it switched on',
  ATTENTION: 'This needs you',
} as const satisfies Record<Verdict['code'], string>;

/** What does on the page what a command does that the text names: the words of src/page/strings.ts. */
const BUTTONS: Readonly<Record<string, string>> = {
  'filesync files --state FAILED': 'Failed',
  'filesync retry --failed': 'Retry all',
  'filesync retry ID': 'Retry',
  'filesync show ID': 'File',
  'filesync fetch ID': 'Fetch',
};

/** Without the page's files, the verdict alone. */
const PLAIN_TEMPLATE = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <title>FileSync</title>
  </head>
  <body><main>${MARK}</main></body>
</html>
`;

/** The HTML of the page for one who may read, with the verdict of now; for others (undefined) without. */
export function pageWith(verdict: Verdict | undefined, template = PLAIN_TEMPLATE): string {
  const html = verdict ? verdictHtml(verdict) : '';
  // A function: in a text, `$&` and the like would be replaced.
  return template.replace(MARK, () => html);
}

/** As src/page/verdict.tsx shows it, which reads it when it begins. */
function verdictHtml({ code, text, seconds_left: seconds }: Verdict): string {
  const left = seconds === null ? '' : `about ${formatDuration(seconds * 1000)} left`;
  return [
    `<section class="verdict" data-code="${code}" data-seconds="${seconds ?? ''}" aria-label="May I switch it off?">`,
    '<span class="verdict-icon" aria-hidden="true"></span>',
    '<div class="verdict-body">',
    `<p class="verdict-word">${code}</p><h1 class="verdict-title">${TITLES[code]}</h1>`,
    left === '' ? '' : `<p class="verdict-time">${escaped(left)}</p>`,
    `<p class="verdict-text">${escaped(withButtons(withUtcTimes(text)))}</p>`,
    '</div></section>',
  ].join('');
}

/** A person at the page has its buttons and no shell. */
const withButtons = (text: string): string =>
  text.replace(/`([^`]*)`/g, (whole, command: string) => {
    const button = Object.hasOwn(BUTTONS, command) ? BUTTONS[command] : undefined;
    return button === undefined ? whole : `“${button}”`;
  });

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** As text, or as the value of an attribute. */
export const escaped = (text: string): string => text.replace(/[&<>"']/g, char => ENTITIES[char] ?? char);
