import assert from 'node:assert/strict';
import { companionOf, isCompanion } from '../../../src/rules/companion.js';

describe('companionOf', () => {
  for (const [path, main] of [
    ['bag/a_0.db3-wal', 'bag/a_0.db3'],
    ['bag/a_0.db3-journal', 'bag/a_0.db3'],
    ['tiles.db-wal', 'tiles.db'],
    ['map.sqlite-journal', 'map.sqlite'],
    ['map.sqlite3-wal', 'map.sqlite3'],
    ['BAG/A_0.DB3-WAL', 'BAG/A_0.DB3'],
    ['a folder\nwith a line break/a.db3-wal', 'a folder\nwith a line break/a.db3'],
    ['a.db3-wal-wal.db-wal', 'a.db3-wal-wal.db'],
  ] as const) {
    it(`knows that ${JSON.stringify(path)} belongs to ${JSON.stringify(main)}`, () => {
      assert.equal(companionOf(path), main);
      assert.equal(isCompanion(path), true);
    });
  }

  for (const path of [
    'a.db3',
    'a.db3-shm',
    'a.db3-wal/b.ulg',
    'a.db3-wal.part',
    'a.db3-wal\n',
    'a.ulg-wal',
    'adb3-wal',
    'a.db34-wal',
    'a-journal',
    '',
  ]) {
    it(`takes ${JSON.stringify(path)} for no companion`, () => {
      assert.equal(companionOf(path), undefined);
      assert.equal(isCompanion(path), false);
    });
  }
});
