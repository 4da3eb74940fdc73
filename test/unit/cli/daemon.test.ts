import assert from 'node:assert/strict';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { workUntilStopped } from '../../../src/cli/daemon.js';
import { databaseApi } from '../../fakes/database-api.js';
import { systemClock } from '../../../src/system/clock.js';
import { failsWith } from '../../conformance/support.js';
import { MemoryStore } from '../../fakes/memory-store.js';
import { makeBench, type Bench } from '../engine/bench.js';

class ClosingStore extends MemoryStore {
  closed = false;

  override async close(): Promise<void> {
    this.closed = true;
    await super.close();
  }
}

/** Why the daemon refuses to work; fails unless it leaves neither its database nor its socket open. `prepare` may name a database. */
async function refusal(prepare: (bench: Bench) => { readonly database?: string }): Promise<Error> {
  const store = new ClosingStore();
  const bench = await makeBench({ store });
  const { engine, folder, logger, remove } = bench;
  const { database = join(folder, 'filesync.json') } = prepare(bench);
  const config = { file: 'filesync.yaml', folder, database };
  const api = databaseApi(engine.records, engine);
  const stopped = new AbortController().signal;
  const shell = { env: {}, clock: systemClock, stopped };
  const error = await workUntilStopped({ ...shell, engine, config, api, logger }).then(
    () => assert.fail('the daemon has ended without an error'),
    (thrown: Error) => thrown,
  );
  assert.ok(store.closed);
  await assert.rejects(stat(`${database}.sock`), { code: 'ENOENT' });
  await remove();
  return error;
}

describe('daemon', () => {
  it('leaves nothing open when a device is misconfigured, so that the process ends', async () => {
    const error = await refusal(({ source }) => {
      const reason = 'UDP port 14540 is taken';
      source.availability.next({ available: false, reason, armed: false, misconfigured: true });
      return {};
    });
    await failsWith(() => Promise.reject(error), 'config');
    assert.match(error.message, /devices\.cam: UDP port 14540 is taken/);
  });

  it('leaves nothing open when its socket cannot be made', async () => {
    const error = await refusal(({ folder }) => ({ database: join(folder, 'nowhere/filesync.json') }));
    assert.match(error.message, /nowhere/);
  });
});
