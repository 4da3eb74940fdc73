import assert from 'node:assert/strict';
import { loadConfig } from '../../../src/config/load.js';
import { isLoopback } from '../../../src/config/web.js';
import { failsWith } from '../../conformance/support.js';
import { testTypes } from './device-types.js';

const HEAD = 'devices: {}\nrules: []\n';
const load = (web: string) =>
  loadConfig('filesync.yaml', {
    env: {},
    deviceTypes: testTypes,
    readFile: async () => `${HEAD}${web}\n`,
  });

const PASSWORD = `$scrypt$ln=15,r=8,p=3$${'A'.repeat(22)}$${'B'.repeat(43)}`;
const HASH = `sha256:${'0f'.repeat(32)}`;

describe('the key web', () => {
  it('is off when absent', async () => {
    assert.equal((await load('')).web, undefined);
  });

  it('is for this machine alone unless it says otherwise', async () => {
    const { web, warnings } = await load('web: {}');
    assert.deepEqual(web, { listen: { address: '127.0.0.1', port: 8474 }, hosts: [], tokens: [] });
    assert.deepEqual(warnings, []);
  });

  it('takes addresses, a hash of a password, tokens and a certificate', async () => {
    const { web, warnings } = await load(
      `web: { listen: "[::]:443", hosts: [pi.example.org, 10.0.0.5], password: { file: web.password }, tokens: [{ name: grafana, hash: "${HASH}", scopes: [metrics] }], tls: { cert: c.pem, key: k.pem } }`,
    );
    assert.deepEqual(web, {
      listen: { address: '::', port: 443 },
      hosts: ['pi.example.org', '10.0.0.5'],
      password: { file: 'web.password' },
      tokens: [{ name: 'grafana', hash: HASH, scopes: ['metrics'] }],
      tls: { cert: 'c.pem', key: 'k.pem' },
    });
    assert.deepEqual(warnings, []);
    assert.equal((await load(`web: { password: "${PASSWORD}" }`)).web?.password, PASSWORD);
    const named = await load('web: { listen: "localhost:80" }');
    assert.deepEqual(named.web?.listen, { address: '127.0.0.1', port: 80 });
  });

  const NOT_LISTEN =
    'must be an address of this machine and a port, in quotes: "127.0.0.1:8474", "[::1]:8474", or "0.0.0.0:8474" for the whole network';
  const OPEN =
    'everybody in the network could read and operate: run `filesync password` and name what it prints as web.password, or listen on 127.0.0.1';
  const errors: [string, string, string][] = [
    ['the whole network without a password', '{ listen: "0.0.0.0:8474" }', `3:8: web.listen: ${OPEN}`],
    ['another address without a password', '{ listen: "10.0.0.5:80" }', `3:8: web.listen: ${OPEN}`],
    ['a port alone', '{ listen: 8474 }', `3:8: web.listen: ${NOT_LISTEN}`],
    ['a name', '{ listen: "drone1:8474" }', `3:8: web.listen: ${NOT_LISTEN}`],
    ['a port that is none', '{ listen: "127.0.0.1:65536" }', `3:8: web.listen: ${NOT_LISTEN}`],
    ['an IPv6 address without brackets', '{ listen: "::1:8474" }', `3:8: web.listen: ${NOT_LISTEN}`],
    [
      'an unknown scope',
      `{ tokens: [{ name: a, hash: "${HASH}", scopes: [write] }] }`,
      '3:118: web.tokens[0].scopes[0]: unknown value "write"; known: "read", "operate", "metrics"',
    ],
    [
      'a token in place of its hash',
      '{ tokens: [{ name: a, hash: fs_hunter2, scopes: [read] }] }',
      '3:28: web.tokens[0].hash: must be what `filesync password --token NAME` prints: sha256:…',
    ],
    [
      'two tokens of a name',
      `{ tokens: [{ name: a, hash: "${HASH}", scopes: [read] }, { name: a, hash: "${HASH}", scopes: [read] }] }`,
      '3:129: web.tokens[1].name: another token is named a; give each its own name',
    ],
    [
      'a password in place of its hash',
      '{ password: hunter2 }',
      '3:8: web.password: must be what `filesync password` prints, or { file: PATH } or { env: NAME } that holds it',
    ],
    [
      'a certificate without its key',
      '{ tls: { cert: c.pem } }',
      '3:8: web.tls.key: missing; must be a text',
    ],
    ['a key that is none', '{ liste: x }', '3:8: web.liste: unknown key; did you mean "listen"?'],
    [
      'a host with a port',
      '{ hosts: ["pi:80"] }',
      '3:16: web.hosts[0]: must be a name or address without a port, like drone1.example.org',
    ],
    ['no map', 'true', '3:1: web: must be a map of keys, not true or false'],
  ];
  for (const [what, web, expected] of errors)
    it(`refuses ${what}`, async () => {
      const { message } = await failsWith(() => load(`web: ${web}`), 'config');
      assert.equal(message, `filesync.yaml:${expected}`);
      assert.doesNotMatch(message, /hunter2/);
    });

  it('warns of a proxy that lets everybody in', async () => {
    const { warnings } = await load('web: { hosts: [pi.example.org] }');
    assert.match(
      warnings.join(),
      /web\.hosts: everybody who reaches the page through a proxy .*`filesync password`/,
    );
  });

  it('knows which addresses this machine alone reaches', () => {
    for (const address of ['127.0.0.1', '127.8.9.1', '::1', '::ffff:127.0.0.1'])
      assert.ok(isLoopback(address), address);
    for (const address of ['0.0.0.0', '::', '10.0.0.1', '128.0.0.1', '::2', '::ffff:10.0.0.1'])
      assert.ok(!isLoopback(address), address);
  });
});
