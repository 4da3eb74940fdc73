import assert from 'node:assert/strict';
import { loadConfig } from '../../../src/config/load.js';
import { contentTypeOf, fillNotice, isJsonType } from '../../../src/config/notice-template.js';
import { failsWith } from '../../conformance/support.js';
import { testTypes } from './device-types.js';

const HEAD = 'devices: {}\nrules: []\nnotify:\n';
const load = (entries: readonly string[]) =>
  loadConfig('filesync.yaml', {
    env: {},
    deviceTypes: testTypes,
    readFile: async () => HEAD + entries.map(entry => `  - ${entry}\n`).join(''),
  });

const VALUES = {
  ...{ title: 'a "title"', text: 'one\ntwo', event: 'failed,flight', device: 'cam', count: '12' },
  ...{ hostname: 'pi', time: '2026-11-30T04:00:00.000Z', id: 'abc', json: '{"count":12}' },
};

describe('the key notify', () => {
  it('has an entry for each receiver, with defaults', async () => {
    const { notify, warnings } = await load([
      '{ on: [flight, failed, offline, space, idle], url: "https://ntfy.example.org/me" }',
      '{ on: [failed], after: 10m, command: [notify.sh, --urgent] }',
      '{ on: [idle], url: { env: HOOK }, method: PUT, headers: { Authorization: { file: token } }, secret: { env: KEY } }',
    ]);
    assert.deepEqual(warnings, []);
    const http = { method: 'POST', headers: {}, body: '{json}' };
    assert.deepEqual(notify, [
      {
        ...http,
        ...{ name: 'notify[0]', on: ['flight', 'failed', 'offline', 'space', 'idle'] },
        url: 'https://ntfy.example.org/me',
      },
      { ...http, name: 'notify[1]', on: ['failed'], after: 600_000, command: ['notify.sh', '--urgent'] },
      {
        ...http,
        ...{ name: 'notify[2]', on: ['idle'], url: { env: 'HOOK' }, method: 'PUT' },
        ...{ headers: { Authorization: { file: 'token' } }, secret: { env: 'KEY' } },
      },
    ]);
  });

  const errors: [string, string, string][] = [
    [
      'no way',
      '{ on: [failed] }',
      '4:5: notify[0]: where are messages sent to? Add url: https://… or command: [PROGRAM, ARGUMENT]',
    ],
    [
      'two ways',
      '{ on: [failed], url: "http://h/", command: [a] }',
      '4:39: notify[0].command: an entry has either url or command; move one of them to an entry of its own',
    ],
    [
      'an option of the other way',
      '{ on: [failed], command: [a], secret: { env: S } }',
      '4:35: notify[0].secret: means nothing with command, which reads JSON from standard input; leave it out',
    ],
    ['nothing to tell', '{ on: [], command: [a] }', '4:7: notify[0].on: must name at least one'],
    [
      'an unknown event',
      '{ on: [fail], command: [a] }',
      '4:12: notify[0].on[0]: unknown value "fail"; did you mean "failed"?',
    ],
    [
      'an unknown key',
      '{ on: [idle], uri: x, command: [a] }',
      '4:19: notify[0].uri: unknown key; did you mean "url"?',
    ],
    [
      'no address',
      '{ on: [idle], url: ntfy.sh/me }',
      '4:19: notify[0].url: must be a web address like https://example.org/upload',
    ],
    [
      'a password in the address',
      '{ on: [idle], url: "https://u:hunter2@h/" }',
      '4:19: notify[0].url: must not contain a user or password; use the options for them',
    ],
    [
      'an unknown placeholder',
      '{ on: [idle], url: "http://h/", body: "{titel}" }',
      '4:37: notify[0].body: unknown placeholder {titel}; did you mean {title}?',
    ],
    [
      'an unknown placeholder in the address',
      '{ on: [idle], url: "http://h/{title}" }',
      '4:19: notify[0].url: unknown placeholder {title}; known: {id}',
    ],
    [
      'a body that would be no JSON',
      `{ on: [idle], url: "http://h/", body: '{"text":{text}}' }`,
      '4:37: notify[0].body: is not JSON once its placeholders are filled: check quotes and commas ("{text}" needs its quotes), or set the header Content-Type: text/plain',
    ],
    [
      'no header',
      '{ on: [idle], url: "http://h/", headers: { "X Y": z } }',
      '4:48: notify[0].headers.X Y: not the name of a header: use letters, digits and -',
    ],
    [
      'no time',
      '{ on: [failed], after: soon, command: [a] }',
      '4:21: notify[0].after: must be a time span like 10s, 5m or 30d',
    ],
  ];
  for (const [what, entry, expected] of errors)
    it(`refuses ${what}`, async () => {
      const { message } = await failsWith(() => load([entry]), 'config');
      assert.equal(message, `filesync.yaml:${expected}`);
    });

  it('warns of secrets in the file itself, and repeats none', async () => {
    const { warnings } = await load([
      '{ on: [idle], url: "http://h/", headers: { Authorization: "Bearer hunter2", Title: x }, secret: hunter2 }',
    ]);
    assert.deepEqual(
      warnings.map(line => line.replace(/^.*?(notify\[0\][^:]*): .*/, '$1')),
      ['notify[0].headers.Authorization', 'notify[0].secret'],
    );
    assert.doesNotMatch(warnings.join(), /hunter2/);
  });
});

describe('the template of a notification', () => {
  it('fills placeholders, and leaves other braces as they are', () => {
    assert.equal(fillNotice('{title}: {count} {x} {}', VALUES, false), 'a "title": 12 {x} {}');
  });

  it('escapes values as content of JSON strings; numbers and the whole object are none', () => {
    const body = fillNotice('{"a":{"b":"{title}|{text}"},"n":{count},"all":{json}}', VALUES, true);
    assert.deepEqual(JSON.parse(body), { a: { b: 'a "title"|one\ntwo' }, n: 12, all: { count: 12 } });
  });

  it('is JSON if its header says so, or it looks like it', () => {
    const isJson = (body: string, named?: string) => isJsonType(contentTypeOf(body, named));
    for (const body of ['{json}', ' {"a":1}', '[{"a":1}]', '{}']) assert.ok(isJson(body), body);
    for (const body of ['{text}', '{title}\n{text}', '{count}']) assert.ok(!isJson(body), body);
    assert.ok(isJson('{text}', 'application/vnd.api+json; charset=utf-8'));
    assert.ok(!isJson('{"a":1}', 'text/plain'));
    assert.equal(contentTypeOf('{text}', undefined), 'text/plain; charset=utf-8');
  });
});
