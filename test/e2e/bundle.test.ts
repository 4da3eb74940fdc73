import assert from 'node:assert/strict';
import { cp, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { MAIN, Place } from './program.js';

describe('the bundle', () => {
  it('shows the demo where no package is installed', () =>
    Place.with(async place => {
      const app = place.path('app');
      await cp(dirname(MAIN), join(app, 'dist'), {
        recursive: true,
        filter: name => !name.endsWith('.map'),
      });
      await cp(join(dirname(MAIN), '../test/data'), join(app, 'test/data'), { recursive: true });
      await writeFile(join(app, 'package.json'), '{ "type": "module" }');
      const { code, stdout, stderr } = await place.start(['demo'], {}, join(app, 'dist/main.js')).ended;
      assert.equal(code, 0, stdout + stderr);
      assert.match(stdout, /2 of 2 flight logs are whole everywhere/);
      assert.doesNotMatch(stderr, /Warning/);
    }));
});
