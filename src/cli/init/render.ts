import { stringify } from 'yaml';
import { plain } from '../print.js';
import type { Answers, DeviceAnswer } from './answers.js';

/** The configuration as commented YAML, which loads without a warning. */
export function render({ local, database, sources, target, begin }: Answers): string {
  const devices = [...sources, target].flatMap(describe);
  const rules = sources.map(({ name, include }) => {
    const only = include.length > 0 && { include };
    return `  - ${flow({ from: name, to: [target.name], ...only, ...(begin === 'new' && { begin }) })}`;
  });
  const places = [
    ...(local === undefined
      ? []
      : [`local: ${flow(local)} # files on their way, as <device>/<path as on the source>`]),
    ...(database === undefined ? [] : [`database: ${flow(database)} # what is known of every file`]),
  ];
  const parts = [
    ['# Written by `filesync init`. `filesync check` checks it; docs/CONFIGURATION.md has every key.'],
    places,
    WEB,
    ['devices:', ...devices],
    ['rules:', BEGIN[begin], ...rules],
  ];
  return `${parts
    .filter(lines => lines.length > 0)
    .map(lines => lines.join('\n'))
    .join('\n\n')}\n`;
}

/** As in the package's configuration. */
const WEB = [
  '# The web page of this machine: http://127.0.0.1:8474/. From a phone, it needs a password: docs/guides/web.md.',
  'web: { listen: 127.0.0.1:8474 }',
];

const BEGIN = {
  new: '  # begin: new leaves files where they are that a source has at the first start; `filesync fetch ID` takes one of them.',
  all: '  # All files that a source has are taken; `begin: new` would leave those of before the first start where they are.',
} as const;

function describe({ name, comment, options }: DeviceAnswer): string[] {
  return [`  # ${plain(comment)}`, `  ${name}: ${flow(options)}`];
}

/** One line. Text outside of ASCII is quoted: YAML takes some blanks there for no value at all. */
const flow = (value: unknown): string =>
  stringify(value, {
    collectionStyle: 'flow',
    lineWidth: 0,
    blockQuote: false,
    defaultStringType: /^[\x20-\x7e]*$/.test(JSON.stringify(value)) ? 'PLAIN' : 'QUOTE_DOUBLE',
    defaultKeyType: 'PLAIN',
  }).trimEnd();
