import assert from 'node:assert/strict';
import { FileSyncError } from '../../../src/errors.js';
import { Admission } from '../../../src/devices/ftp/admission.js';
import { failsWith } from '../../conformance/support.js';
import { VirtualClock } from '../../fakes/virtual-clock.js';

const { signal: never } = new AbortController();
const late = (limit: number) => new FileSyncError('busy', `${limit} at once`);

/** An admission whose server has refused a second connection while one was in use. */
async function limited(): Promise<{ clock: VirtualClock; admission: Admission }> {
  const clock = new VirtualClock();
  const admission = new Admission(clock);
  await clock.advance(5_000);
  await admission.enter([never], late);
  await admission.enter([never], late);
  assert.equal(await admission.refused(0, never), 'wait');
  admission.leave();
  return { clock, admission };
}

describe('connections that a server admits', () => {
  it('are not limited before a refusal', async () => {
    const admission = new Admission(new VirtualClock());
    for (let count = 0; count < 100; count++) await admission.enter([never], late);
    assert.equal(admission.isFull, false);
  });

  it('are waited for in turn after a refusal', async () => {
    const { admission } = await limited();
    const order: number[] = [];
    const waiting = [1, 2].map(async number => {
      await admission.enter([never], late);
      order.push(number);
    });
    assert.equal(admission.isFull, true);
    admission.leave();
    await waiting[0];
    assert.deepEqual(order, [1]);
    admission.leave();
    await Promise.all(waiting);
    assert.deepEqual(order, [1, 2]);
  });

  it('are not taken by those that no longer wait', async () => {
    const { admission } = await limited();
    const cut = new AbortController();
    const waiting = admission.enter([cut.signal], late);
    cut.abort();
    await failsWith(() => waiting, 'cancelled');
    admission.leave();
    await admission.enter([never], late);
    assert.equal(admission.isFull, true);
  });

  it('are not waited for without end, since a transfer may wait for itself', async () => {
    const { clock, admission } = await limited();
    const waiting = admission.enter([never], late);
    await clock.advance(119_000);
    const failed = failsWith(() => waiting, 'busy');
    await clock.advance(1_000);
    assert.match((await failed).message, /1 at once/);
    admission.leave();
    assert.equal(admission.isFull, false);
  });

  it('may be more after ten minutes', async () => {
    const { clock, admission } = await limited();
    await clock.advance(599_999);
    assert.equal(admission.isFull, true);
    await clock.advance(1);
    assert.equal(admission.isFull, false);
  });

  it('are asked for again only where one was closed a moment ago, and not without end', async () => {
    const clock = new VirtualClock();
    const admission = new Admission(clock);
    await admission.enter([never], late);
    await clock.advance(5_000);
    assert.equal(await admission.refused(0, never), 'give up');
    admission.closed();
    for (let pauses = 0; pauses < 5; pauses++) {
      const again = admission.refused(pauses, never);
      await clock.advance(50 * 2 ** pauses);
      assert.equal(await again, 'again');
    }
    assert.equal(await admission.refused(5, never), 'give up');
    await clock.advance(5_000);
    assert.equal(await admission.refused(0, never), 'give up');
  });

  it('are freed of what is idle, on any device, after a refusal', async () => {
    const clock = new VirtualClock();
    const admission = new Admission(clock);
    await admission.enter([never], late);
    const closed: string[] = [];
    for (const name of ['a', 'b'])
      admission.kept({ closeIdle: () => (admission.closed(), closed.push(name), 1) });
    const again = admission.refused(0, never);
    await clock.advance(50);
    assert.equal(await again, 'again');
    assert.deepEqual(closed, ['a', 'b']);
  });
});
