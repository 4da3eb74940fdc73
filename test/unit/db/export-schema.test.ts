import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { exportSchema } from '../../../src/db/export-schema.js';

describe('the JSON schema of an export', () => {
  it('is in docs/export.schema.json as it is now (npm run docs)', async () => {
    const document = await readFile(new URL('../../../docs/export.schema.json', import.meta.url), 'utf8');
    assert.equal(document, exportSchema());
  });
});
