import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { loadConfig } from '../../../src/config/load.js';
import { optionsReference, withReference } from '../../../scripts/options-reference.js';
import { deviceTypes } from '../../../src/devices/registry.js';
import { testTypes } from './device-types.js';

const text = (path: string) => readFile(new URL(`../../../${path}`, import.meta.url), 'utf8');

describe('the options reference', () => {
  it('has a row for each key of each device type', () => {
    const reference = optionsReference(testTypes);
    for (const row of [
      '### `ftp`\n\nTarget: a server.\n\n| key | type | default | meaning |\n|---|---|---|---|\n',
      '| `host` | text | **required** | name or address |',
      '| `port` | number | `21` | port |',
      '| `password` | secret | `""` | password |',
      '| `headers` | map of secret | `{}` | a \\| b |',
      '| `fields` | map of template | `{}` | texts |',
      '| `tls` | `true` or `false` or `implicit` | `false` | encryption |',
      '| `login` | map |  | who |\n| `login.user` | text |  |  |\n',
      '### `camera`',
      '| `interval` | time span | `10s` | pause between two listings of a source |',
      '| `larger_than` | size |  | only files of more bytes are wanted |',
      '| `min_free` | share or size | `5%` | space that must',
      '| `keep_records` | time span | `1y` | records',
      '| `after.source` | `keep` or `delete` or map | `keep` | ',
      '| `after.source.keep_free` | size |  | the oldest',
      '| `after.local` | keep, delete, time span or size | `keep` |',
    ]) {
      assert.ok(reference.includes(row), `${row}\nis not in\n${reference}`);
    }
  });

  it('is in docs/CONFIGURATION.md as it is now (npm run docs)', async () => {
    const document = await text('docs/CONFIGURATION.md');
    assert.equal(document, withReference(document, await text('config/filesync.yaml'), deviceTypes));
  });

  it('goes nowhere without its marks', () => {
    assert.throws(() => withReference('# Configuration', '', testTypes), /no line <!-- begin example/);
  });
});

describe('config/filesync.yaml', () => {
  it('is a good configuration with every kind of device', async () => {
    const file = new URL('../../../config/filesync.yaml', import.meta.url).pathname;
    const config = await loadConfig(file, { env: {}, deviceTypes });
    assert.deepEqual(config.warnings, []);
    assert.deepEqual(
      [...config.devices.values()].map(({ type }) => type.type).sort(),
      deviceTypes.map(({ type }) => type).sort(),
    );
  });
});

describe('the devices of the outer contract', () => {
  it('are written as it says', async () => {
    const config = await loadConfig('filesync.yaml', {
      env: {},
      deviceTypes,
      readFile: async () => CONTRACT,
    });
    assert.deepEqual([...config.devices.keys()], ['direct', 'camera', 'folder', 'archive', 'review', 'site']);
    assert.deepEqual(config.warnings, []);
    assert.deepEqual(config.rules[0], {
      from: 'direct',
      to: ['review', 'archive'],
      include: ['**/*.ulg'],
      exclude: [],
      order: 'newest',
      begin: { kind: 'all' },
      fetch: 'all',
      settle: 10_000,
      description: '{coex.drone} {file.name}',
      path: '{device}/{file.path}',
      whileArmed: 'upload-only',
      via: 'local',
      deleteAfter: 600_000,
      after: { source: 'keep', local: { kind: 'keep' } },
    });
  });
});

const CONTRACT = `
local: ./data                # relative to this file; holds <device>/<path as on the source>
database: ./data/filesync.json
description_file: /etc/coex.conf   # key=value lines; missing is fine
devices:
  direct:    { type: mavlink, url: "udp://0.0.0.0:14540@", root: /fs/microsd/log }
  camera:    { type: disk, uuid: 66F8-E5D9, mount_point: /mnt/flir }
  folder:    { type: directory, path: ./inbox }
  archive:   { type: ftp, host: 192.168.0.10, user: test-1, password: { env: ARCHIVE_PASSWORD }, tls: false, root: / }
  review:    { type: flight-review, url: "https://logs.px4.io", email: "", fields: { feedback: "{coex.feedback}" } }
  site:      { type: http, url: "https://example.org/upload", file_field: file, fields: { description: "{description}" }, headers: {} }
rules:
  - { from: direct, to: [review, archive], include: ["**/*.ulg"], exclude: [], settle: 10s,
      description: "{coex.drone} {file.name}", while_armed: upload-only, after: { source: keep, local: keep } }
  - { from: camera, to: [archive], include: ["**/*.{jpg,png,tiff}"], via: local }
interval: 10s
`;

describe('every registered device type', () => {
  for (const { type, summary, options, ...ends } of deviceTypes) {
    it(`${type} describes itself and each of its options, and has an end`, () => {
      assert.notEqual(summary, '');
      for (const [key, schema] of Object.entries(options.shape)) assert.ok(schema.description, key);
      assert.ok('source' in ends || 'target' in ends);
    });
  }
});
