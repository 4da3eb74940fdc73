import assert from 'node:assert/strict';
import { problemOfNext } from '../../../src/db/schema.js';
import type { FileRecord } from '../../../src/ports.js';

const record: FileRecord = {
  ...{ id: '0123456789ab', device: 'box', path: 'a.bin', size: 3, local: 'box/a.bin', description: '' },
  ...{ source: { state: 'present' }, copy: { state: 'none' }, targets: {}, foundAt: 1, updatedAt: 1 },
};

describe('what is to be stored', () => {
  it('is looked at as a whole the first time', () => {
    assert.equal(problemOfNext(record, undefined), undefined);
    assert.match(problemOfNext({ ...record, size: -1 }, undefined) ?? '', /^size: /);
  });

  it('is looked at where it differs from what is stored', () => {
    const next: FileRecord = { ...record, copy: { state: 'whole' }, sha256: 'a'.repeat(64), updatedAt: 2 };
    assert.equal(problemOfNext(next, record), undefined);
    assert.equal(problemOfNext(record, next), undefined);
    assert.match(problemOfNext({ ...record, modified: NaN }, record) ?? '', /^modified: /);
    assert.match(problemOfNext({ ...next, sha256: 'A' }, record) ?? '', /^sha256: /);
    const targets = { away: { state: 'sent' } } as unknown as FileRecord['targets'];
    assert.match(problemOfNext({ ...record, targets }, record) ?? '', /^targets: .*away/);
  });

  it('must not lack what every record has', () => {
    const { path: _path, ...rest } = record;
    assert.match(problemOfNext(rest as FileRecord, record) ?? '', /^path: /);
  });
});
