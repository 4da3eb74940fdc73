import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Answers, DeviceAnswer, SourceAnswer } from '../../../../src/cli/init/answers.js';
import { render } from '../../../../src/cli/init/render.js';
import { problemsOf } from '../../../../src/cli/init/trial.js';
import { loadConfig } from '../../../../src/config/load.js';
import { deviceTypes } from '../../../../src/devices/registry.js';

const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 });
const word = fc.stringMatching(/^[A-Za-z][A-Za-z0-9.-]{0,20}$/);
const webUrl = fc.webUrl();
const secret = fc.record({ file: text });
const optional = <Value>(value: fc.Arbitrary<Value>) => fc.option(value, { nil: undefined });

/** Without keys that have no value, as the questions make them. */
const options = (
  type: string,
  fields: Record<string, fc.Arbitrary<unknown>>,
): fc.Arbitrary<DeviceAnswer['options']> =>
  fc.record(fields).map(values => {
    const given = Object.entries(values).filter(([, value]) => value !== undefined);
    return { type, ...Object.fromEntries(given) };
  });

const sourceOptions = fc.oneof(
  options('mavlink', {
    url: fc.oneof(
      fc.integer({ min: 1, max: 65_535 }).map(port => `udp://0.0.0.0:${port}@`),
      fc.constant('serial:///dev/serial/by-id/x:57600'),
    ),
    root: fc.constantFrom('/fs/microsd/log', '/APM/LOGS'),
    target_system: optional(fc.integer({ min: 1, max: 255 })),
  }),
  options('mavros', {
    namespace: fc.constantFrom('/mavros', '/uav1/mavros'),
    root: fc.constant('/fs/microsd/log'),
  }),
  options('disk', { uuid: text, mount_point: optional(text) }),
  options('directory', { path: text }),
);
const targetOptions = fc.oneof(
  options('flight-review', { url: webUrl, email: optional(text) }),
  options('ftp', {
    host: word,
    port: optional(fc.integer({ min: 1, max: 65_535 })),
    user: text,
    password: optional(secret),
    tls: fc.boolean(),
    root: text,
  }),
  options('webdav', { url: webUrl, user: optional(text), password: optional(secret) }),
  options('http', { url: webUrl, file_field: text, headers: optional(fc.record({ Authorization: secret })) }),
  options('directory', { path: text }),
);

const answers: fc.Arbitrary<Answers> = fc
  .record({
    sources: fc.array(
      fc.record({
        options: sourceOptions,
        comment: text,
        include: fc.constantFrom([], ['**/*.ulg'], ['**/*.{bin,BIN}']),
      }),
      { minLength: 1, maxLength: 3 },
    ),
    target: fc.record({ options: targetOptions, comment: text, name: fc.constantFrom('archive', 'review') }),
    begin: fc.constantFrom('all' as const, 'new' as const),
    places: optional(fc.record({ local: text, database: text })),
  })
  .map(({ sources, places, ...rest }) => ({
    ...rest,
    ...places,
    sources: sources.map((source, index): SourceAnswer => ({ ...source, name: `source${index}` })),
  }));

/** What the questions would refuse is not rendered. */
const accepted = ({ sources, target }: Answers) =>
  [...sources, target].every(device => problemsOf(device).length === 0);

describe('filesync init: what it writes', () => {
  it('loads without a warning, as it was answered', async () => {
    await fc.assert(
      fc.asyncProperty(answers.filter(accepted), async given => {
        const load = { env: {}, deviceTypes, readFile: async () => render(given) };
        const config = await loadConfig('/etc/filesync/filesync.yaml', load);
        assert.deepEqual(config.warnings, []);
        assert.deepEqual(config.web?.listen, { address: '127.0.0.1', port: 8474 });
        for (const { name, options } of [...given.sources, given.target]) {
          const { type, ...own } = options;
          const device = config.devices.get(name);
          assert.equal(device?.type.type, type);
          assert.deepEqual(device.options, device.type.options.parse(own));
        }
        for (const [index, { name, include }] of given.sources.entries()) {
          const rule = config.rules[index];
          assert.deepEqual(
            [rule?.from, rule?.to, rule?.begin],
            [name, [given.target.name], { kind: given.begin }],
          );
          assert.deepEqual(rule?.include, include.length > 0 ? include : ['**']);
        }
      }),
      { numRuns: 300 },
    );
  });
});
