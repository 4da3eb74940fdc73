import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { parseDescription } from '../../src/config/description-file.js';
import { loadConfig } from '../../src/config/load.js';
import { deviceTypes } from '../../src/devices/registry.js';
import { localName } from '../../src/local/names.js';
import { matcherOf } from '../../src/rules/plan.js';
import { checkTemplate, render, renderPath } from '../../src/rules/template.js';
import { checkPath, type Parser } from './parser.js';

const EXAMPLE = readFileSync(new URL('../../config/filesync.yaml', import.meta.url));
const SECRET = 'hunter2-in-the-clear';
const SMALL = `local: ./data
devices:
  cam: { type: directory, path: ./inbox }
  archive: { type: ftp, host: 192.168.0.10, user: test-1, password: '${SECRET}', tls: false }
  autopilot: { type: mavlink, url: "udp://0.0.0.0:14540@" }
rules:
  - { from: cam, to: [archive], include: ["**/*.{jpg,png}"], after: { source: delete, local: 30d } }
  - { from: autopilot, to: [archive], settle: 10s, path: "{device}/{file.path}" }
`;

const configurations: Parser = {
  name: 'configurations',
  seeds: [EXAMPLE, SMALL, 'devices: &a { x: *a }\nrules: [*a, *a]\n', '- - - - a\n? ? ? b\n: : : c\n'],
  words: [
    '&a ',
    '*a',
    '!!binary ',
    '<<: ',
    '? ',
    '- ',
    ': ',
    '|\n',
    '>-\n',
    '---\n',
    '...\n',
    '%YAML 9\n',
    '{ ',
    '[ ',
    "'",
    '"',
  ],
  secrets: [SECRET],
  worst: [
    ...[
      '[',
      '{',
      '- ',
      '? ',
      'a: ',
      '"',
      "'",
      '&a ',
      '*a ',
      '!a ',
      '#',
      '\n',
      ' ',
      '\t',
      '---\n',
      '{a: ',
      'a:\n - ',
    ],
    { before: 'a: &a [1]\nb: [', unit: '*a, ' },
    { before: 'rules:\n', unit: '  - {}\n' },
    { before: 'devices:\n', unit: '  a: {}\n' },
  ],
  // YAML is parsed into a tree whose nodes have positions; a file of 10,000 lines is the limit.
  msPerMegabyte: 2_000,
  baseMs: 1_500,
  bytesPerByte: 500,
  async parse(input) {
    const options = { env: { HOME: '/home/pilot' }, deviceTypes, readFile: async () => input.toString() };
    const config = await loadConfig('/etc/filesync/filesync.yaml', options);
    assert.ok(
      config.warnings.every(warning => !warning.includes(SECRET)),
      'a warning shows a secret',
    );
    // The secrets are in the options, where the devices need them.
    return [config.rules.length, config.warnings];
  },
};

const descriptions: Parser = {
  name: 'description-files',
  seeds: [
    'drone=alpha\nexport pilot = "Ann O\'Nym"\n# comment\n; too\nbad line\n',
    '\ufeffa=b\r\nc=\n__proto__=x\n',
  ],
  worst: [
    '=',
    '\n',
    'a',
    ' ',
    'export ',
    { before: 'export ', unit: ' ' },
    { before: 'a', unit: ' ' },
    { before: 'a="', unit: "'" },
    'a\n',
  ],
  parse(input) {
    const { values, badLines } = parseDescription(input.toString());
    assert.equal(Object.getPrototypeOf(values), Object.prototype);
    return [values, badLines];
  },
};

/** A path, and the templates that are filled with it; names come from vehicles and cameras. */
const paths: Parser = {
  name: 'hostile-paths',
  seeds: [
    '2026-11-22/flight.ulg',
    '../../etc/passwd',
    '/abs',
    'a//b',
    'con.txt',
    'x.part',
    'x'.repeat(400),
    'a:b\\c',
    '%2e%2e',
  ],
  words: ['com1', 'nul', '~', '.corrupt', '.part', 'ä', '\ud83d\ude00'],
  worst: ['/', 'a', '.', '%', ':', '%4', '\ud83d\ude00', 'a/', '\\', '{'],
  maxBytes: 64 * 1024,
  msPerMegabyte: 3_000,
  parse(input) {
    const path = input.toString();
    const local = localName('cam', path, () => false, '0123456789ab');
    checkPath(local);
    assert.ok(local.startsWith('cam/') && local.split('/').every(part => Buffer.byteLength(part) <= 255));
    const file = { path, size: 5, modified: Number(path.slice(0, 20)), foundAt: 0 };
    const values = { file, device: 'cam', hostname: 'pi', coex: { key: path } };
    const target = renderPath('{device}/{file.path}/{coex.key}/{file.date}', values);
    checkPath(target);
    assert.ok(!/\p{Cc}/u.test(target));
    return [local, target];
  },
};

const templates: Parser = {
  name: 'templates',
  seeds: ['{device}/{file.path}', '{{{file.name}}} {coex.drone}', '{description} {', '{ file.date }'],
  worst: ['{', '}', '{{', '{a', '{}', 'a'],
  // The longest line of a configuration.
  maxBytes: 10_000,
  msPerMegabyte: 3_000,
  parse(input) {
    const template = input.toString();
    const values = { file: { path: 'a/b', size: 5, foundAt: 0 }, device: 'cam', hostname: 'pi', coex: {} };
    checkPath(renderPath(template, values));
    return [checkTemplate(template), render(template, values)];
  },
};

/** Patterns as people write them: names come from devices, and may be made to match nearly. */
const PATTERNS = [
  '**/*.ulg',
  '**/*.{jpg,png,tiff}',
  '*a*a*a*a*a*b',
  '**/a*/**/b*/**/c*.ulg',
  '**/*[0-9]*[0-9]*.ulg',
  '**',
  '**/log_*_*_*.ulg',
];
const matchers = PATTERNS.map(pattern => matcherOf({ include: [pattern], exclude: ['**/.*', '**/*~'] }));

const matched: Parser = {
  name: 'paths-and-patterns',
  seeds: [
    '2026-11-22/flight.ulg',
    'a/b/c.ulg',
    'DCIM/100MEDIA/DJI_0001.JPG',
    '.hidden/x',
    'a\nb.ulg',
    'log_1_2_3.ulg',
  ],
  generated: fc
    .array(fc.constantFrom('a', 'a/', 'b/', '0', '_', '.', 'ulg', 'log_', '/'), { maxLength: 200 })
    .map(all => all.join('')),
  worst: ['a', 'a/', '0', '_', 'log_', '.', '/', 'a/b/', 'aaaaaaaaab/'],
  // PATH_MAX: devices list no longer paths.
  maxBytes: 4096,
  parse: input => matchers.map(matches => matches(input.toString())),
};

export const configurationParsers: readonly Parser[] = [
  configurations,
  descriptions,
  paths,
  templates,
  matched,
];
