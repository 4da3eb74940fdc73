import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { apiSchema } from '../../../scripts/api-schema.js';

describe('the JSON schema of the API', () => {
  it('is in docs/api.schema.json as it is now (npm run docs)', async () => {
    const document = await readFile(new URL('../../../docs/api.schema.json', import.meta.url), 'utf8');
    assert.equal(document, apiSchema());
  });
});
