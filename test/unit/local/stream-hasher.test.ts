import assert from 'node:assert/strict';
import { StreamHasher } from '../../../src/local/stream-hasher.js';
import { sample } from '../../conformance/support.js';
import { fileRecord } from '../../fakes/file-record.js';
import { MemorySource } from '../../fakes/memory-source.js';

describe('StreamHasher', () => {
  it('knows nothing of a file that has got another time since the last attempt', async () => {
    const { signal } = new AbortController();
    const source = new MemorySource();
    const before = { ...fileRecord(1), path: 'a.ulg', size: 100, modified: 1 };
    const after = { ...before, modified: 2 };
    source.put('a.ulg', sample(100, 1), 1);
    const hasher = new StreamHasher(before, false);
    await hasher.begin(before, source, signal);
    const { sha256 } = await hasher.prove(source, signal);
    source.put('a.ulg', sample(100, 2), 2);
    await hasher.begin(after, source, signal);
    assert.equal(hasher.sha256, undefined);
    assert.notEqual((await hasher.prove(source, signal)).sha256, sha256);
  });
});
