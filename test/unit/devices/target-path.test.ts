import assert from 'node:assert/strict';
import { checkTargetPath } from '../../../src/devices/target-path.js';

describe('checkTargetPath', () => {
  const good = ['log.ulg', 'a/b/c.ulg', '..a/b..', '...', ' ', '-rf', 'полёт 🚁.ulg', 'a\\b', 'tab\t'];
  const bad = [
    '',
    '/',
    '/a',
    'a/',
    'a//b',
    '.',
    './a',
    'a/.',
    '..',
    'a/../b',
    'a\\..\\b',
    'a\0',
    'a\r',
    'a\nb',
  ];

  for (const path of good) it(`takes ${JSON.stringify(path)}`, () => checkTargetPath(path));

  for (const path of bad) {
    it(`refuses ${JSON.stringify(path)} with a remedy`, () => {
      const refusal = {
        kind: 'bad-name',
        temporary: false,
        device: 'archive',
        path,
        message: /rename the file/,
      };
      assert.throws(() => checkTargetPath(path, { device: 'archive' }), refusal);
    });
  }
});
