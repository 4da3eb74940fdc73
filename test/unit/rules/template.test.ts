import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  checkTemplate,
  PLACEHOLDERS,
  render,
  renderPath,
  type TemplateValues,
} from '../../../src/rules/template.js';

const MODIFIED = Date.UTC(2026, 7, 1, 12, 30, 5, 250);
const FOUND = Date.UTC(2026, 7, 2);

const values: TemplateValues = {
  file: { path: '2026-08-01/12_30_05.ulg', size: 486_737, modified: MODIFIED, foundAt: FOUND },
  device: 'autopilot',
  hostname: 'drone-7',
  facts: {
    format: 'ulog',
    start: Date.UTC(2026, 6, 2, 9, 30, 7, 400),
    duration: 68_993,
    firmware: 'PX4 v1.15.1',
  },
  coex: { drone: 'Clover 4', serial: 'a/b\\c' },
  description: 'Clover 4 12_30_05.ulg',
};

const withFile = (file: Partial<TemplateValues['file']>): TemplateValues => ({
  ...values,
  file: { ...values.file, ...file },
});

describe('templates', () => {
  for (const [template, expected] of [
    ['{file.name}', '12_30_05.ulg'],
    ['{file.path}', '2026-08-01/12_30_05.ulg'],
    ['{file.size} B', '486737 B'],
    ['{file.date}', '2026-08-01T12:30:05Z'],
    ['{device}@{hostname}', 'autopilot@drone-7'],
    ['{coex.drone}: {description}', 'Clover 4: Clover 4 12_30_05.ulg'],
    ['{ device }', 'autopilot'],
    ['{log.start} {log.duration}', '2026-07-02T09:30:07Z 69'],
    ['{log.vehicle} {log.firmware}', 'unknown PX4 v1.15.1'],
    ['{log.vehicle|coex.drone}', 'Clover 4'],
    ['{log.vehicle | coex.pilot | device}', 'autopilot'],
    ['{log.vehicle|coex.pilot}', ''],
    ['{log.start|file.date}', '2026-07-02T09:30:07Z'],
    ['{{device}}', '{device}'],
    ['{{{device}}}', '{autopilot}'],
    ['', ''],
  ] as const) {
    it(`render ${JSON.stringify(template)} as ${JSON.stringify(expected)}`, () => {
      assert.equal(render(template, values), expected);
    });
  }

  it('take the time at which the file was found where the source has none that is a time', () => {
    assert.equal(render('{file.date}', withFile({ modified: undefined })), '2026-08-02T00:00:00Z');
    assert.equal(render('{file.date}', withFile({ modified: 1e300 })), '2026-08-02T00:00:00Z');
    assert.equal(render('{file.date}', withFile({ modified: 0 })), '1970-01-01T00:00:00Z');
  });

  it('say what they do not know of a log, or what is named for that case', () => {
    const unread = { ...values, facts: undefined };
    assert.equal(render('{log.start}/{log.duration}/{log.firmware}', unread), 'unknown/unknown/unknown');
    assert.equal(renderPath('{log.start|file.date}/a', unread), '2026-08-01T12-30-05Z/a');
    assert.equal(renderPath('{log.start|file.date}/a', values), '2026-07-02T09-30-07Z/a');
    assert.equal(renderPath('{log.vehicle|file.path}', unread), '2026-08-01/12_30_05.ulg');
    const hostile = { format: 'ulog', vehicle: '../../x\\y', firmware: '..' } as const;
    assert.equal(renderPath('{log.vehicle}/{log.firmware}', { ...values, facts: hostile }), '.._.._x_y/__');
  });

  it('warn of a missing key only where nothing follows it', () => {
    const missing: string[] = [];
    render('{coex.pilot|device}{log.vehicle|coex.pilot}', values, key => missing.push(key));
    assert.deepEqual(missing, ['pilot']);
  });

  it('render a key that the description file has not as empty, and say which', () => {
    const missing: string[] = [];
    assert.equal(
      render('<{coex.pilot}{coex.drone}{coex.toString}>', values, key => missing.push(key)),
      '<Clover 4>',
    );
    assert.deepEqual(missing, ['pilot', 'toString']);
  });

  for (const [template, wrong] of [
    ['{file.nmae} {coex.} {}', ['file.nmae', 'coex.', '']],
    ['{toString}{constructor}', ['toString', 'constructor']],
    ['{device', ['{']],
    ['device}', ['}']],
    ['{a{device}', ['{']],
    ['{{}} {{device}} {device} {coex.any-key}', []],
  ] as const) {
    it(`are checked: ${template} has ${wrong.length} mistakes`, () => {
      assert.deepEqual(
        checkTemplate(template).map(({ text }) => text),
        wrong,
      );
    });
  }
});

describe('templates of paths', () => {
  for (const [template, file, expected] of [
    ['{device}/{file.path}', {}, 'autopilot/2026-08-01/12_30_05.ulg'],
    ['{file.path}', { path: '../../etc/passwd' }, '__/__/etc/passwd'],
    ['{file.path}', { path: '/etc//./passwd' }, 'etc/_/passwd'],
    ['{file.path}', { path: '..\\..\\boot.ini' }, '.._.._boot.ini'],
    ['{file.path}', { path: 'a\nb/c\0d\u009be' }, 'a_b/c_d_e'],
    ['{coex.serial}/{file.name}', {}, 'a_b_c/12_30_05.ulg'],
    ['{coex.none}/{file.name}', {}, '12_30_05.ulg'],
    ['.{coex.none}./x', {}, '__/x'],
    ['{file.date}.ulg', {}, '2026-08-01T12-30-05Z.ulg'],
    ['/{coex.none}/', {}, '_'],
  ] as const) {
    it(`render ${template} for ${JSON.stringify(file)} as ${expected}`, () => {
      assert.equal(renderPath(template, withFile(file)), expected);
    });
  }
});

describe('templates of paths with portable names', () => {
  for (const [template, file, expected] of [
    ['{device}/{file.path}', { path: 'a:b/c\\d.' }, 'autopilot/a%3Ab/c%5Cd%2E'],
    ['{file.name}', { path: 'x/12:30%3A05.mcap' }, '12%3A30%253A05.mcap'],
    ['day:1/{file.date}.ulg', {}, 'day%3A1/2026-08-01T12-30-05Z.ulg'],
    ['{file.path}', { path: '../../etc/passwd' }, '.%2E/.%2E/etc/passwd'],
    ['{file.path}', { path: 'a\nb' }, 'a%0Ab'],
  ] as const) {
    it(`render ${template} for ${JSON.stringify(file)} as ${expected}`, () => {
      assert.equal(renderPath(template, withFile(file), undefined, 'portable'), expected);
    });
  }
});

describe('templates, any', () => {
  const nasty = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc
      .array(fc.constantFrom('..', '.', '/', '\\', '\0', '\r\n', '', 'a', '{device}', '\u{1f681}'))
      .map(parts => parts.join('')),
  );
  const anyValues: fc.Arbitrary<TemplateValues> = fc.record({
    file: fc.record({
      path: nasty,
      size: fc.double(),
      modified: fc.option(fc.double(), { nil: undefined }),
      foundAt: fc.double(),
    }),
    device: nasty,
    hostname: nasty,
    coex: fc.dictionary(fc.constantFrom('KEY', '__proto__'), nasty),
    description: nasty,
  });
  const anyPart = fc.oneof(
    fc.constantFrom(...PLACEHOLDERS.map(name => `{${name}}`), '{{', '}}', '/', '..'),
    nasty,
  );
  const anyTemplate = fc.array(anyPart).map(parts => parts.join(''));

  it('never throw, checked or not', () => {
    fc.assert(
      fc.property(anyTemplate, anyValues, (template, all) => {
        assert.equal(typeof render(template, all), 'string');
      }),
    );
  });

  it('never leave the root', () => {
    fc.assert(
      fc.property(anyTemplate, anyValues, (template, all) => {
        const path = renderPath(template, all);
        assert.doesNotMatch(path, /\p{Cc}/u);
        for (const part of path.split('/')) assert.ok(!['', '.', '..'].includes(part), path);
      }),
    );
  });

  it('get folders from the template and {file.path} alone', () => {
    const others = PLACEHOLDERS.filter(name => name !== 'file.path').map(name => `{${name}}`);
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...others)), anyValues, (parts, all) => {
        assert.doesNotMatch(renderPath(parts.join('+'), all), /[/\\]/);
      }),
    );
  });

  it('keep every other text as it is', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme' }).map(text => text.replace(/[{}]/g, '')),
        text => {
          assert.equal(render(text, values), text);
          assert.deepEqual(checkTemplate(text), []);
        },
      ),
    );
  });
});
