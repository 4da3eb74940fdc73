import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import type { Config } from '../../../src/config/config.js';
import { loadConfig } from '../../../src/config/load.js';
import { FileSyncError } from '../../../src/errors.js';
import { testTypes } from './device-types.js';

const DAY = 86_400_000;
const FILE = '/etc/filesync/filesync.yaml';

const KEYS =
  'local database devices rules interval cam archive type host password headers lock from to include settle path after source keep_free begin min_free order __proto__ constructor'.split(
    ' ',
  );

const load = (text: string): Promise<Config> =>
  loadConfig(FILE, { env: { HOME: '/home/pilot' }, deviceTypes: testTypes, readFile: async () => text });

async function errorOf(text: string): Promise<string> {
  const error = await load(text).then(
    () => assert.fail('the configuration was accepted'),
    (error: unknown) => error,
  );
  assert.ok(error instanceof FileSyncError);
  assert.equal(error.kind, 'config');
  assert.equal(error.temporary, false);
  return error.message;
}

const DEVICES = `devices:
  cam: { type: camera }
  archive: { type: ftp, host: h }
  site: { type: ftp, host: h }
`;

/** Lines 5 and 6. */
const withRule = (rule: string) => `${DEVICES}rules:\n  - ${rule}\n`;
const withDevice = (device: string) => `rules: []\ndevices:\n  archive: ${device}\n`;

describe('loadConfig', () => {
  it('fills in every default', async () => {
    const config = await load(withRule('{ from: cam, to: [archive] }'));
    assert.deepEqual(config, {
      file: FILE,
      folder: '/etc/filesync',
      local: '/etc/filesync/data',
      database: '/etc/filesync/data/filesync.json',
      descriptionFile: '/etc/coex.conf',
      facts: { position: false },
      devices: new Map([
        ['cam', { name: 'cam', type: testTypes[0], options: { root: '/' } }],
        ...['archive', 'site'].map(name => [
          name,
          {
            name,
            type: testTypes[2],
            options: { host: 'h', port: 21, password: '', headers: {}, fields: {}, tls: false },
          },
        ]),
      ] as never),
      rules: [
        {
          from: 'cam',
          to: ['archive'],
          include: ['**'],
          exclude: [],
          order: 'newest',
          begin: { kind: 'all' },
          fetch: 'all',
          deleteAfter: 600_000,
          settle: 10_000,
          description: '',
          path: '{device}/{file.path}',
          whileArmed: 'upload-only',
          via: 'local',
          after: { source: 'keep', local: { kind: 'keep' } },
        },
      ],
      interval: 10_000,
      minFree: { percent: 5 },
      modes: { file: 0o600, folder: 0o700 },
      keepRecords: 365.25 * DAY,
      notify: [],
      warnings: [],
    });
  });

  it('reads every key', async () => {
    const config = await load(`
local: ~/flights
database: /var/lib/filesync.json
description_file: ../coex.conf
interval: 500ms
min_free: 2GB
keep_records: 90d
devices:
  cam: { type: camera, root: /dcim, lock: usb, connections: 2 }
  archive: { type: ftp, host: 1.2.3.4, port: 2121, tls: implicit, password: { env: PW } }
rules:
  - from: cam
    to: [archive]
    include: ["**/*.jpg"]
    exclude: ["tmp/**"]
    order: smallest
    begin: 2026-08-01
    larger_than: 100kB
    smaller_than: 2GB
    fetch: asked
    together: { stem: [.ulgc, ulgk] }
    begin_before_complete: true
    settle: 2
    description: "{coex.drone} {file.name}"
    path: "{hostname}/{file.name}"
    while_armed: pause
    via: local
    delete_after: 0
    after: { source: { keep_free: 2GB }, local: 10GB }
`);
    assert.equal(config.local, '/home/pilot/flights');
    assert.equal(config.database, '/var/lib/filesync.json');
    assert.equal(config.descriptionFile, '/etc/coex.conf');
    assert.equal(config.interval, 500);
    assert.deepEqual(config.minFree, { bytes: 2 * 2 ** 30 });
    assert.equal(config.keepRecords, 90 * DAY);
    const camera = config.devices.get('cam');
    assert.deepEqual(
      { lock: camera?.lock, connections: camera?.connections, options: camera?.options },
      { lock: 'usb', connections: 2, options: { root: '/dcim' } },
    );
    assert.deepEqual(config.devices.get('archive')?.options, {
      host: '1.2.3.4',
      port: 2121,
      tls: 'implicit',
      password: { env: 'PW' },
      headers: {},
      fields: {},
    });
    assert.deepEqual(config.rules, [
      {
        from: 'cam',
        to: ['archive'],
        include: ['**/*.jpg'],
        exclude: ['tmp/**'],
        order: 'smallest',
        begin: { kind: 'date', from: Date.UTC(2026, 7, 1) },
        largerThan: 100 * 1024,
        smallerThan: 2 * 2 ** 30,
        fetch: 'asked',
        together: { stem: ['ulgc', 'ulgk'], early: true },
        settle: 2000,
        description: '{coex.drone} {file.name}',
        path: '{hostname}/{file.name}',
        whileArmed: 'pause',
        via: 'local',
        deleteAfter: 0,
        after: { source: { keepFree: 2 * 2 ** 30 }, local: { kind: 'size', bytes: 10 * 2 ** 30 } },
      },
    ]);
    assert.deepEqual(config.warnings, []);
  });

  it('deletes from the source where the rule says so', async () => {
    const { rules } = await load(withRule('{ from: cam, to: [archive], after: { source: delete } }'));
    assert.equal(rules[0]?.after.source, 'delete');
  });

  it('takes the dates that YAML 1.1 makes of texts', async () => {
    const text = `%YAML 1.1\n---\n${withRule('{ from: cam, to: [archive], begin: 2026-08-01 12:30:00 }')}`;
    assert.deepEqual((await load(text)).rules[0]?.begin, {
      kind: 'date',
      from: Date.UTC(2026, 7, 1, 12, 30),
    });
  });

  it('knows YAML anchors and merges', async () => {
    const config = await load(`
devices:
  cam: { type: camera }
  archive: &ftp { type: ftp, host: one }
  site: { <<: *ftp, host: two }
rules: [{ from: cam, to: [archive, site] }]
`);
    assert.deepEqual(
      [...config.devices.values()].map(({ options }) => (options as { host?: string }).host),
      [undefined, 'one', 'two'],
    );
  });

  const KNOWN_PLACEHOLDERS =
    '{file.name}, {file.path}, {file.size}, {file.date}, {device}, {hostname}, {vehicle}, {coex.KEY}';
  const LOG_PLACEHOLDERS = '{log.start}, {log.duration}, {log.vehicle}, {log.firmware}';

  // What is wrong, the text, and all that is said of it.
  const mistakes: [string, string, string[]][] = [
    [
      'an unknown key at the top',
      `${DEVICES}rules: []\nintervall: 5s\n`,
      ['6:1: intervall: unknown key; did you mean "interval"?'],
    ],
    [
      'an unknown key of a device',
      'rules: []\ndevices:\n  archive:\n    type: ftp\n    hosst: h\n    host: h\n',
      ['5:5: devices.archive.hosst: unknown key; did you mean "host"?'],
    ],
    [
      'an unknown key that is like no other',
      'rules: []\ndevices:\n  cam: { type: camera, x1: 1 }\n',
      ['3:24: devices.cam.x1: unknown key; known: "type", "lock", "connections", "root"'],
    ],
    [
      'an unknown key within an option',
      withDevice('{ type: ftp, host: h, login: { usr: x } }'),
      ['3:43: devices.archive.login.usr: unknown key; did you mean "user"?'],
    ],
    [
      'an unknown key of a rule',
      withRule('{ from: cam, to: [archive], inclde: ["**"] }'),
      ['6:33: rules[0].inclde: unknown key; did you mean "include"?'],
    ],
    [
      'an unknown key within a rule',
      withRule('{ from: cam, to: [archive], after: { sorce: keep } }'),
      ['6:42: rules[0].after.sorce: unknown key; did you mean "source"?'],
    ],
    [
      'a key that objects have anyway',
      `${DEVICES}rules: []\n__proto__: { polluted: true }\n`,
      [
        '6:1: __proto__: unknown key; known: "vehicle", "local", "database", "description_file", "devices", "rules", "interval", "min_free", "mode", "facts", "keep_records", "notify", "fleet", "web"',
      ],
    ],
    [
      'an unknown device type',
      withDevice('{ type: ftpp, host: h }'),
      ['3:14: devices.archive.type: unknown device type "ftpp"; did you mean "ftp"?'],
    ],
    [
      'a device without a type',
      withDevice('{ host: h }'),
      ['3:3: devices.archive.type: missing; must be a text'],
    ],
    [
      'a device without a required option',
      withDevice('{ type: ftp }'),
      ['3:3: devices.archive.host: missing; must be a text'],
    ],
    [
      'a device that is no map',
      withDevice('ftp'),
      ['3:3: devices.archive: must be a map of keys, like { type: directory, path: ./inbox }'],
    ],
    [
      'a device name that is no folder name',
      'rules: []\ndevices:\n  ../cam: { type: camera }\n',
      [
        '3:3: devices.../cam: a device name is made of letters A-Z, digits, _ and -, with a letter or digit in front',
      ],
    ],
    [
      'an unknown device in from',
      withRule('{ from: camm, to: [archive] }'),
      ['6:7: rules[0].from: unknown device "camm"; did you mean "cam"?'],
    ],
    [
      'an unknown device in to',
      withRule('{ from: cam, to: [archive, sit] }'),
      ['6:32: rules[0].to[1]: unknown device "sit"; did you mean "site"?'],
    ],
    [
      'a source that has no source end',
      withRule('{ from: site, to: [archive] }'),
      ['6:7: rules[0].from: "site" (type ftp) cannot be a source; devices that can: cam'],
    ],
    [
      'a target that has no target end',
      'devices: { cam: { type: camera }, eye: { type: camera } }\nrules: [{ from: cam, to: [eye] }]\n',
      ['2:27: rules[0].to[0]: "eye" (type camera) cannot be a target; no device here can'],
    ],
    [
      'a rule from a device to itself',
      withRule('{ from: archive, to: [archive] }'),
      [
        '6:7: rules[0].from: "archive" (type ftp) cannot be a source; devices that can: cam',
        "6:27: rules[0].to[0]: the rule's own source; a rule goes from one device to another",
      ],
    ],
    [
      'a rule without targets',
      withRule('{ from: cam, to: [] }'),
      ['6:18: rules[0].to: must name at least one'],
    ],
    [
      'a target twice',
      withRule('{ from: cam, to: [archive, archive] }'),
      ['6:32: rules[0].to[1]: named twice; leave one out'],
    ],
    [
      'a text where a list is expected',
      withRule('{ from: cam, to: archive }'),
      ['6:18: rules[0].to: must be a list, like [a, b], not a text'],
    ],
    [
      'a number where text is expected',
      withDevice('{ type: ftp, host: 5 }'),
      ['3:25: devices.archive.host: must be a text, not a number; put it in quotes'],
    ],
    [
      'a text where a number is expected',
      withDevice('{ type: ftp, host: h, port: "21" }'),
      ['3:34: devices.archive.port: must be a number, not a text'],
    ],
    [
      'a number out of range',
      withDevice('{ type: ftp, host: "", port: 65536, connections: 0 }'),
      [
        '3:25: devices.archive.host: must not be empty',
        '3:35: devices.archive.port: must be at most 65535',
        '3:48: devices.archive.connections: must be at least 1',
      ],
    ],
    [
      'a half of a connection',
      withDevice('{ type: ftp, host: h, connections: 1.5 }'),
      ['3:34: devices.archive.connections: must be a whole number, not a number'],
    ],
    [
      'a choice that is none',
      withRule('{ from: cam, to: [archive], while_armed: upload }'),
      ['6:33: rules[0].while_armed: unknown value "upload"; did you mean "upload-only"?'],
    ],
    [
      'neither of two types',
      withDevice('{ type: ftp, host: h, tls: "yes" }'),
      ['3:34: devices.archive.tls: must be true or false, or implicit'],
    ],
    [
      'a key without a value',
      withRule('{ from: cam, to: [archive], exclude: }'),
      ['6:33: rules[0].exclude: has no value; must be a list, like [a, b]'],
    ],
    [
      'no time span',
      `${DEVICES}rules: []\ninterval: soon\n`,
      ['6:1: interval: must be a time span like 10s, 5m or 30d'],
    ],
    ['a busy loop', `${DEVICES}rules: []\ninterval: 0\n`, ['6:1: interval: must be at least 50ms']],
    [
      'no retention',
      withRule('{ from: cam, to: [archive], after: { local: 10G } }'),
      ['6:42: rules[0].after.local: must be keep, delete, an age like 30d or a size like 10GB'],
    ],
    [
      'an unknown order',
      withRule('{ from: cam, to: [archive], order: newst }'),
      ['6:33: rules[0].order: unknown value "newst"; did you mean "newest"?'],
    ],
    [
      'an unknown key that is like a known one of several words',
      withRule('{ from: cam, to: [archive], delete_afer: 5m, larger_then: 5kB }'),
      [
        '6:33: rules[0].delete_afer: unknown key; did you mean "delete_after"?',
        '6:50: rules[0].larger_then: unknown key; did you mean "larger_than"?',
      ],
    ],
    [
      'no beginning',
      withRule('{ from: cam, to: [archive], begin: 2026-02-30 }'),
      [
        '6:33: rules[0].begin: must be all, new, a date like 2026-08-01 or 2026-08-01T12:30:00Z, or an age like 30d',
      ],
    ],
    [
      'sizes that leave no file',
      withRule('{ from: cam, to: [archive], larger_than: 1kB, smaller_than: 1025 }'),
      [
        '6:51: rules[0].smaller_than: no file is larger than larger_than and smaller than this; raise it, or leave out one of the two',
      ],
    ],
    [
      'files together that are no folder and no stem',
      withRule('{ from: cam, to: [archive], together: metadata.yaml }'),
      ['6:33: rules[0].together: must be a map of keys, not a text'],
    ],
    [
      'a marker in another folder',
      withRule('{ from: cam, to: [archive], together: { folder: ../done } }'),
      ['6:45: rules[0].together.folder: must be the name of a file, without a folder'],
    ],
    [
      'files together in two ways',
      withRule('{ from: cam, to: [archive], together: { folder: done, stem: [a, b] } }'),
      ['6:33: rules[0].together: must be { folder: metadata.yaml } or { stem: [ulgc, ulgk] }'],
    ],
    [
      'an unknown key of files together',
      withRule('{ from: cam, to: [archive], together: { folder: done, foldr: x } }'),
      ['6:59: rules[0].together.foldr: unknown key; did you mean "folder"?'],
    ],
    [
      'one extension, which is no pair',
      withRule('{ from: cam, to: [archive], together: { stem: [ulg, ULG] } }'),
      ['6:45: rules[0].together.stem: must be different extensions'],
    ],
    [
      'an early beginning of nothing',
      withRule('{ from: cam, to: [archive], begin_before_complete: true }'),
      ['6:33: rules[0].begin_before_complete: needs `together`, which says what is complete'],
    ],
    [
      'no way to leave the source',
      withRule('{ from: cam, to: [archive], after: { source: kep } }'),
      ['6:42: rules[0].after.source: must be keep, delete or { keep_free: 2GB }'],
    ],
    [
      'a way to leave the source that has no value',
      withRule('{ from: cam, to: [archive], after: { source: } }'),
      ['6:42: rules[0].after.source: has no value; must be keep, delete or { keep_free: 2GB }'],
    ],
    [
      'an unknown key in place of a word',
      withRule('{ from: cam, to: [archive], after: { source: { keep_free: 1GB, keep_fre: 1GB } } }'),
      ['6:68: rules[0].after.source.keep_fre: unknown key; did you mean "keep_free"?'],
    ],
    [
      'no size in place of a word',
      withRule('{ from: cam, to: [archive], after: { source: { keep_free: 10% } } }'),
      ['6:52: rules[0].after.source.keep_free: must be a size like 512KB or 10GB'],
    ],
    [
      'an empty map in place of a word',
      withRule('{ from: cam, to: [archive], after: { source: {} } }'),
      ['6:42: rules[0].after.source.keep_free: missing; must be a size like 512KB or 10GB'],
    ],
    [
      'space that is to stay free on a source that cannot report it',
      'devices: { cam: { type: mute }, archive: { type: ftp, host: h } }\n' +
        'rules:\n  - { from: cam, to: [archive], after: { source: { keep_free: 1GB } } }\n',
      [
        '3:52: rules[0].after.source.keep_free: "cam" (type mute) cannot report its free space; use keep or delete',
      ],
    ],
    [
      'no share of the storage',
      `${DEVICES}rules: []\nmin_free: 5\nkeep_records: ever\n`,
      [
        '6:1: min_free: must be 0, a share like 5% or a size like 2GB',
        '7:1: keep_records: must be a time span like 10s, 5m or 30d',
      ],
    ],
    [
      'an unknown placeholder of a rule',
      withRule('{ from: cam, to: [archive], path: "{device}/{file.nmae}" }'),
      ['6:33: rules[0].path: unknown placeholder {file.nmae}; did you mean {file.name}?'],
    ],
    [
      'an unknown placeholder of a device',
      withDevice('{ type: ftp, host: h, fields: { text: "{drone}" } }'),
      [
        `3:44: devices.archive.fields.text: unknown placeholder {drone}; known: ${KNOWN_PLACEHOLDERS.replace('{device', `${LOG_PLACEHOLDERS}, {device`).replace('{coex', '{vehicle.uid}, {description}, {coex')}`,
      ],
    ],
    [
      'a description within itself',
      withRule('{ from: cam, to: [archive], description: "{description}" }'),
      [`6:33: rules[0].description: {description} cannot be used here; known: ${KNOWN_PLACEHOLDERS}`],
    ],
    [
      'what is in a file, before the file is read',
      withRule('{ from: cam, to: [archive], description: "{log.start|file.date}" }'),
      [`6:33: rules[0].description: {log.start} cannot be used here; known: ${KNOWN_PLACEHOLDERS}`],
    ],
    [
      'an unknown fallback',
      withRule('{ from: cam, to: [archive], path: "{log.start|file.dat}/{file.path}" }'),
      ['6:33: rules[0].path: unknown placeholder {file.dat}; did you mean {file.date}?'],
    ],
    [
      'a duration without a unit that is known',
      withRule('{ from: cam, to: [archive], min_duration: 20 parsecs }'),
      ['6:33: rules[0].min_duration: must be a time span like 10s, 5m or 30d'],
    ],
    [
      'facts that are neither off nor a map',
      `${DEVICES}rules: []\nfacts: true\n`,
      ['6:1: facts: must be false or { position: true }'],
    ],
    [
      'half a placeholder',
      withRule('{ from: cam, to: [archive], description: "{device" }'),
      ['6:33: rules[0].description: a "{" without its partner; write "{{" for the brace itself'],
    ],
    [
      'globs that match nothing or too much',
      withRule('{ from: cam, to: [archive], include: [/log/*, "!*.tmp", "", "[a"] }'),
      [
        '6:43: rules[0].include[0]: paths are relative to the device\'s root; leave out the "/" in front',
        '6:51: rules[0].include[1]: a pattern cannot begin with "!"; put it under exclude without the "!"',
        '6:61: rules[0].include[2]: must not be empty; write "**" for every file',
        '6:65: rules[0].include[3]: not a glob: Missing closing: "]" - use "\\\\]" to match literal characters',
      ],
    ],
    [
      'a stream between devices that are never used at the same time',
      'devices:\n  cam: { type: camera, lock: bus }\n  archive: { type: ftp, host: h, lock: bus }\n' +
        'rules:\n  - { from: cam, to: [archive], via: stream }\n',
      [
        '5:33: rules[0].via: "stream" uses both ends at once, but cam and archive have the lock "bus", so they are never used at the same time; use via: local, or another lock',
      ],
    ],
    [
      'a secret that is none',
      withDevice('{ type: ftp, host: h, password: { enw: PW } }'),
      ['3:34: devices.archive.password: must be { env: NAME }, { file: PATH } or a text in quotes'],
    ],
    [
      'an empty file',
      '',
      ['1:1: devices: missing; must be a map of keys', '1:1: rules: missing; must be a list, like [a, b]'],
    ],
    ['a file that is no map', '- a\n', ['1:1: must be a map of keys, not a list']],
    [
      'a key twice, and what else there is',
      `${DEVICES}rules: []\nlocal: a\nlocal: b\nlokal: c\n`,
      ['7:1: duplicate key; keep one of the two', '8:1: lokal: unknown key; did you mean "local"?'],
    ],
    ['a tab', 'devices:\n\tcam: { type: camera }\n', ['2:1: tabs cannot indent YAML; use spaces']],
    [
      'a second document',
      `${DEVICES}rules: []\n---\na: 1\n`,
      ['6:1: a second document begins here; remove the line ---'],
    ],
    [
      'a text that begins with !',
      withDevice('{ type: ftp, host: h, password: !hunter2 }'),
      ['3:44: unknown tag (!…); a text that begins with ! needs quotes'],
    ],
    [
      'a text that begins with *',
      withDevice('{ type: ftp, host: h, password: *hunter2 }'),
      ['3:44: no value of this name (&…) before; a text that begins with * needs quotes'],
    ],
  ];

  for (const [what, text, expected] of mistakes) {
    it(`reports ${what}, and the remedy`, async () => {
      assert.deepEqual(
        (await errorOf(text)).split('\n'),
        expected.map(line => `${FILE}:${line}`),
      );
    });
  }

  for (const [what, text, expected] of [
    ['deep brackets', 'a: ' + '['.repeat(5000), /1:1: nested more than 100 levels deep/],
    ['brackets over many lines', 'a:\n' + '  [\n'.repeat(500), /102:1: nested more than 100 levels deep/],
    ['deep lists', '- '.repeat(5000), /1:1: nested more than 100 levels deep/],
    [
      'wrong nesting that the parser follows',
      `devices:\n  a:\n${'    path: ./  type: directory\n'.repeat(9000)}rules: []\n`,
      /nested more than 100 levels deep/,
    ],
    ['deep indentation', `a:\n${' '.repeat(3000)}b: 1`, /2:1: nested more than 100 levels deep/],
    ['many quotes', `a: ${'"'.repeat(100_001)}`, /1:1: a line of more than 10000 characters/],
    ['many lines', '"\n'.repeat(100_001), /10001:1: more than 10000 lines/],
    ['many errors', 'a: "x" "\n'.repeat(500), /^(?:[^\n]*\n){19}[^\n]*$/],
  ] as const)
    it(`reports ${what}, and does not parse for long`, async () => {
      assert.match(await errorOf(text), expected);
    });

  it('reports all errors together, in the order of the file', async () => {
    const lines = (
      await errorOf(`
local: 5
devices:
  cam: { type: camera, rot: / }
  archive: { type: ftp }
rules:
  - { from: camm, to: [arcive], settle: x }
  - 5
`)
    ).split('\n');
    assert.deepEqual(
      lines.map(line => line.slice(FILE.length + 1).replace(/^(\d+):\d+: ([^:]*).*$/, '$1 $2')),
      [
        '2 local',
        '4 devices.cam.rot',
        '5 devices.archive.host',
        '7 rules[0].from',
        '7 rules[0].to[0]',
        '7 rules[0].settle',
        '8 rules[1]',
      ],
    );
  });

  it('says what to do about a file that cannot be read', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'filesync-config-'));
    const read = (file: string) => loadConfig(file, { env: {}, deviceTypes: testTypes });
    try {
      await mkdir(join(folder, 'sub'));
      await writeFile(join(folder, 'good.yaml'), 'devices: {}\nrules: []\n');
      assert.equal((await read(join(folder, 'good.yaml'))).local, join(folder, 'data'));
      await assert.rejects(read(join(folder, 'none.yaml')), {
        kind: 'config',
        message: `${folder}/none.yaml: there is no such file; name the configuration with -c FILE`,
      });
      await assert.rejects(read(join(folder, 'sub')), {
        kind: 'config',
        message: `${folder}/sub: is a folder; name the file in it`,
      });
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('says what to do about a file that may not be read', async () => {
    const readFile = () => Promise.reject(Object.assign(new Error('no'), { code: 'EACCES' }));
    await assert.rejects(loadConfig(FILE, { env: {}, deviceTypes: testTypes, readFile }), {
      kind: 'config',
      message: `${FILE}: this user may not read it; give the user the right, or run as another one`,
    });
  });

  const warnings: [string, string, string[]][] = [
    [
      'a secret in the file, without repeating it',
      withDevice('{ type: ftp, host: h, password: hunter2, headers: { X-Token: hunter2, X-Kind: log } }'),
      [
        '3:34: devices.archive.password: a secret in the configuration itself; better { env: NAME } or { file: PATH }',
        '3:64: devices.archive.headers.X-Token: a secret in the configuration itself; better { env: NAME } or { file: PATH }',
      ],
    ],
    [
      'one name for all files',
      withRule('{ from: cam, to: [archive], path: "{device}/latest.jpg" }'),
      [
        '6:33: rules[0].path: has neither {file.name} nor {file.path}, so files may get the same name, and a target takes a name only once',
      ],
    ],
    [
      'a duration of files that go together',
      withRule('{ from: cam, to: [archive], min_duration: 20s, together: { folder: metadata.yaml } }'),
      [
        '6:33: rules[0].min_duration: leaves files that go together alone (a bag would never be complete without a short part); take it out, or give these files a rule of their own',
      ],
    ],
    [
      'a path that divides files that go together',
      withRule(
        '{ from: cam, to: [archive], path: "{log.start|file.date}/{file.path}", together: { folder: metadata.yaml } }',
      ),
      [
        '6:33: rules[0].path: {log.start|file.date} is not the same for files that go together: they would arrive in different folders; take it out',
      ],
    ],
    [
      'a duration that is never read',
      `${withRule('{ from: cam, to: [archive], min_duration: 20s }')}facts: false\n`,
      ['7:1: facts: is false, so min_duration takes every log, and no {log.…} has a value'],
    ],
  ];

  for (const [what, text, expected] of warnings) {
    it(`warns of ${what}`, async () => {
      assert.deepEqual(
        (await load(text)).warnings,
        expected.map(line => `${FILE}:${line}`),
      );
    });
  }

  describe('with devices that are both ends', () => {
    const both = testTypes.map(type => ({ ...testTypes[0], ...testTypes[2], ...type }));
    const warningsOf = async (...rules: [string, string][]) => {
      const list = rules.map(([from, to]) => `{ from: ${from}, to: [${to}] }`).join(', ');
      const text = `devices: { a: { type: camera }, b: { type: camera }, c: { type: camera } }\nrules: [${list}]\n`;
      return (await loadConfig(FILE, { env: {}, deviceTypes: both, readFile: async () => text })).warnings;
    };

    it('warns of rules that go in a circle', async () => {
      assert.deepEqual(await warningsOf(['a', 'b'], ['b', 'c'], ['c', 'b']), [
        `${FILE}:2:1: rules: files are copied in a circle (b -> c -> b) and multiply unless include and exclude keep them apart`,
      ]);
    });

    it('does not warn of chains and forks', async () => {
      assert.deepEqual(await warningsOf(['a', 'b'], ['b', 'c'], ['a', 'c']), []);
    });
  });

  it('is not misled by a key that every object has', async () => {
    const text = 'devices: { cam: { type: camera, __proto__: 1, constructor: 2 } }\nrules: []\n';
    await assert.rejects(load(text), FileSyncError);
  });

  it('answers whatever it is given with a configuration or with what is wrong with it', async () => {
    const { anything } = fc.letrec(tie => ({
      anything: fc.oneof(
        { maxDepth: 4 },
        fc.constantFrom(
          null,
          true,
          1,
          -1,
          0.5,
          '',
          'cam',
          'archive',
          'keep',
          '{',
          '**',
          '10s',
          'camera',
          'ftp',
        ),
        fc.array(tie('anything'), { maxLength: 3 }),
        fc.dictionary(fc.constantFrom(...KEYS), tie('anything'), { maxKeys: 6 }),
      ),
    }));
    const top = fc.record({
      devices: fc.dictionary(fc.constantFrom('cam', 'archive'), anything),
      rules: fc.array(anything, { maxLength: 3 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.oneof(anything, top), async value => {
        const result = await load(JSON.stringify(value)).catch((error: unknown) => error);
        if (result instanceof Error) {
          assert.ok(result instanceof FileSyncError && result.kind === 'config', String(result.stack));
          for (const line of result.message.split('\n')) assert.match(line, /^\S+yaml:\d+:\d+: ./);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('never repeats a secret, whatever is wrong with its line', async () => {
    const SECRET = 'hunter2hunter2';
    const noise = fc.array(
      fc.constantFrom(
        '!',
        '*',
        '&',
        '|',
        '>',
        '%',
        '@',
        '`',
        '"',
        "'",
        '{',
        '}',
        '[',
        ']',
        '\\',
        ' ',
        '#',
        '\t',
        '\\x',
        '\\u',
        '- ',
        '\n',
        '\n  ',
        ',',
      ),
      { maxLength: 4 },
    );
    await fc.assert(
      fc.asyncProperty(noise, noise, async (before, after) => {
        const password = `${before.join('')}${SECRET}${after.join('')}`;
        const text = `rules: []\ndevices:\n  archive:\n    type: ftp\n    password: ${password}\n`;
        const said = (await errorOf(text)).replaceAll(/archive\.[^:]*(?=: unknown key)/g, '');
        assert.ok(!said.includes('hunter'), said);
      }),
    );
  });
});
