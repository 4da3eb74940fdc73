import assert from 'node:assert/strict';
import type { z } from 'zod';
import { begin, duration, fileMode, minFree, retention, size, webUrl } from '../../../src/config/options.js';
import { showDefault } from '../../../scripts/options-reference.js';

function check(schema: z.ZodType, good: [unknown, unknown][], bad: unknown[], message: string) {
  for (const [value, expected] of good) {
    it(`takes ${JSON.stringify(value)}`, () => assert.deepEqual(schema.parse(value), expected));
  }
  for (const value of bad) {
    it(`refuses ${JSON.stringify(value)} with the remedy`, () => {
      assert.equal(schema.safeParse(value).error?.issues[0]?.message, message);
    });
  }
}

const DAY = 86_400_000;

describe('the option type', () => {
  describe('time span', () => {
    check(
      duration(),
      [
        [0, 0],
        [10, 10_000],
        [0.25, 250],
        ['10', 10_000],
        ['250ms', 250],
        ['10s', 10_000],
        ['1.5 h', 5_400_000],
        ['30d', 30 * DAY],
        ['1y', 365.25 * DAY],
      ],
      [-1, '-5s', '', ' ', 'soon', '10 potatoes', '10GB', '9'.repeat(400), Infinity, NaN, null, {}, true],
      'must be a time span like 10s, 5m or 30d',
    );
  });

  describe('permissions', () => {
    check(
      fileMode(),
      [
        ['0600', 0o600],
        ['640', 0o640],
        ['0664', 0o664],
      ],
      [600, 0o600, '', '0200', '0400', '0755', '4600', '06', 'rw-------', null, {}],
      'must be permissions in octal digits and in quotes, such as "0600" or "0640"; the owner reads and writes',
    );
  });

  describe('size', () => {
    check(
      size(),
      [
        [0, 0],
        [512, 512],
        ['512', 512],
        ['512B', 512],
        ['512KB', 524_288],
        ['1.5 gb', 1_610_612_736],
      ],
      [-1, '-5KB', '', '10G', '10 potatoes', 'KB', '10s', Infinity, null, []],
      'must be a size like 512KB or 10GB',
    );
  });

  describe('share or size', () => {
    check(
      minFree(),
      [
        ['5%', { percent: 5 }],
        ['2.5 %', { percent: 2.5 }],
        ['0%', { percent: 0 }],
        ['2GB', { bytes: 2 * 2 ** 30 }],
        ['5B', { bytes: 5 }],
        [0, { bytes: 0 }],
        ['0', { bytes: 0 }],
      ],
      [5, '5', 2e9, '100%', '-5%', '%', '10G', '', '5% ', -1, NaN, null, {}],
      'must be 0, a share like 5% or a size like 2GB',
    );
  });

  describe('beginning', () => {
    const noon = Date.UTC(2026, 7, 1, 12);
    check(
      begin(),
      [
        ['all', { kind: 'all' }],
        ['new', { kind: 'new' }],
        ['2026-08-01', { kind: 'date', from: noon - DAY / 2 }],
        ['2024-02-29', { kind: 'date', from: Date.UTC(2024, 1, 29) }],
        ['2026-08-01T12:00', { kind: 'date', from: noon }],
        ['2026-08-01 12:00:00', { kind: 'date', from: noon }],
        ['2026-08-01T12:00:00.250Z', { kind: 'date', from: noon + 250 }],
        ['2026-08-01T14:00+02:00', { kind: 'date', from: noon }],
        [new Date(noon), { kind: 'date', from: noon }],
        ['30d', { kind: 'age', ms: 30 * DAY }],
        ['1y', { kind: 'age', ms: 365.25 * DAY }],
      ],
      [
        '2026-02-30',
        '2023-02-29',
        '2026-08-01T25:00',
        '2026-08-01T12:00+99:99',
        '2026-08-01Z',
        '2026-8-1',
        '01.08.2026',
        '2026',
        2026,
        '',
        '10GB',
        '-30d',
        'yesterday',
        new Date(NaN),
        null,
        [],
      ],
      'must be all, new, a date like 2026-08-01 or 2026-08-01T12:30:00Z, or an age like 30d',
    );
  });

  describe('retention', () => {
    check(
      retention(),
      [
        ['keep', { kind: 'keep' }],
        ['delete', { kind: 'delete' }],
        ['30d', { kind: 'age', ms: 30 * DAY }],
        ['10GB', { kind: 'size', bytes: 10 * 2 ** 30 }],
      ],
      ['kept', '', '30', 30, '-30d', '10G', null],
      'must be keep, delete, an age like 30d or a size like 10GB',
    );
  });

  describe('web address', () => {
    check(
      webUrl(),
      ['https://logs.px4.io', 'http://127.0.0.1:8080/up?a=b'].map(url => [url, url]),
      ['logs.px4.io', 'ftp://host/', 'https://', ''],
      'must be a web address like https://example.org/upload',
    );

    for (const url of ['https://user:hunter2@host/', 'https://hunter2@host/']) {
      it('refuses a user or password within, without repeating it', () => {
        assert.equal(
          webUrl().safeParse(url).error?.issues[0]?.message,
          'must not contain a user or password; use the options for them',
        );
      });
    }
  });
});

describe('showDefault', () => {
  it('writes a value as the file would have it', () => {
    assert.equal(showDefault(duration(), 30_000), '30s');
    assert.equal(showDefault(duration(), '10s'), '10s');
    assert.equal(showDefault(size(), 1024), '1KB');
    assert.equal(showDefault(webUrl(), 'x'), 'x');
    assert.equal(showDefault(webUrl(), ''), '""');
    assert.equal(showDefault(webUrl(), ['**']), '["**"]');
  });
});
