import assert from 'node:assert/strict';
import { FileSyncError, fromOrigin, streamFrom } from '../../src/errors.js';
import { isLocalSpace } from '../../src/system/back-off.js';

const full = () => new FileSyncError('no-space', 'the disk is full');

async function caught(work: Promise<unknown>): Promise<FileSyncError> {
  try {
    await work;
  } catch (error) {
    return error as FileSyncError;
  }
  return assert.fail('nothing was thrown');
}

describe('the origin of an error', () => {
  it('is the end whose work failed', async () => {
    const error = full();
    assert.equal(await caught(fromOrigin('target', Promise.reject(error))), error);
    assert.equal(error.origin, 'target');
  });

  it('is the innermost end where work of one contains work of another', async () => {
    const inner = fromOrigin('local', Promise.reject(full()));
    assert.equal((await caught(fromOrigin('target', inner))).origin, 'local');
  });

  it('is known of a stream, whose items pass unchanged', async () => {
    async function* items() {
      yield 1;
      throw full();
    }
    const seen: number[] = [];
    const read = async () => {
      for await (const item of streamFrom('source', items())) seen.push(item);
    };
    assert.equal((await caught(read())).origin, 'source');
    assert.deepEqual(seen, [1]);
  });

  it('ends the stream behind it when its reader leaves', async () => {
    let isClosed = false;
    async function* items() {
      try {
        for (;;) yield 1;
      } finally {
        isClosed = true;
      }
    }
    for await (const _ of streamFrom('source', items())) break;
    assert.ok(isClosed);
  });

  it('decides whether our own disk is full, with or without the name of a device', () => {
    const isOurs = (details: ConstructorParameters<typeof FileSyncError>[2]) =>
      isLocalSpace(new FileSyncError('no-space', 'full', details));
    assert.equal(isOurs({ origin: 'local' }), true);
    assert.equal(isOurs({ origin: 'local', device: 'usb' }), true);
    assert.equal(isOurs({ origin: 'target' }), false);
    assert.equal(isOurs({}), false);
    assert.equal(isLocalSpace(new FileSyncError('io', 'broken', { origin: 'local' })), false);
  });
});
