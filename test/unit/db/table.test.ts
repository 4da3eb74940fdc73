import assert from 'node:assert/strict';
import fc from 'fast-check';
import { RecordTable, type Undo } from '../../../src/db/table.js';
import { fileRecord } from '../../fakes/file-record.js';

type Act = { readonly id: number; readonly path?: string };

/** Sets a record, or deletes it if no path is given. */
const act: fc.Arbitrary<Act> = fc.record(
  { id: fc.nat(5), path: fc.constantFrom('a', 'b', 'c') },
  { requiredKeys: ['id'] },
);

describe('record table', () => {
  it('changes taken back in reverse leave everything as it was: records, order and versions', () => {
    fc.assert(
      fc.property(fc.array(act), fc.array(act), (kept, takenBack) => {
        const table = new RecordTable();
        kept.forEach((one, index) => perform(table, one, index));
        const before = contentOf(table);
        const undos = takenBack.map((one, index) => perform(table, one, 1000 + index));
        for (const undo of undos.toReversed()) undo();
        assert.deepEqual(contentOf(table), before);
      }),
    );
  });

  it('versions are always the records of that path, in order', () => {
    fc.assert(
      fc.property(fc.array(act), acts => {
        const table = new RecordTable();
        acts.forEach((one, index) => perform(table, one, index));
        for (const path of ['a', 'b', 'c']) {
          const expected = [...table.all()].filter(record => record.path === path);
          assert.deepEqual(table.versions('autopilot', path), expected);
        }
      }),
    );
  });
});

function perform(table: RecordTable, { id, path }: Act, size: number): Undo {
  if (path === undefined) return table.delete(fileRecord(id).id);
  return table.set(fileRecord(id, { path, size }));
}

function contentOf(table: RecordTable) {
  const versions = ['a', 'b', 'c'].map(path => table.versions('autopilot', path));
  return { records: [...table.all()], size: table.size, versions };
}
