import assert from 'node:assert/strict';
import { filter, firstValueFrom } from 'rxjs';
import { collect, failsWith, listed, sample } from '../conformance/support.js';
import { mavrosBench, mavrosSource, type MavrosBench, type MavrosBenchOptions } from './mavros-bench.js';

const never = new AbortController().signal;
const LOG = sample(40_000, 5);
const FILE = { path: 'a/flight.ulg', size: LOG.length };

/** A bench with one log on the vehicle; somebody watches the device, as the engine does. */
async function onBench(
  options: MavrosBenchOptions,
  test: (bench: MavrosBench) => Promise<void>,
): Promise<void> {
  const bench = await mavrosBench(options);
  const watching = bench.source.availability.subscribe();
  try {
    await bench.put(FILE.path, LOG);
    await test(bench);
  } finally {
    watching.unsubscribe();
    await bench.close();
  }
  assert.deepEqual(bench.router.endpoints, [], 'an endpoint was left behind');
}

async function readsWhole({ source }: MavrosBench): Promise<void> {
  assert.deepEqual(await collect(source.read(FILE, 0, never)), Buffer.from(LOG));
}

async function goesOver(bench: MavrosBench, why: RegExp): Promise<void> {
  assert.deepEqual(await listed(bench.source), [FILE]);
  await readsWhole(bench);
  assert.equal(bench.router.endpoints.length, 1);
  const told = bench.logger.messages('warn').filter(message => why.test(message));
  assert.equal(told.length, 1, bench.logger.messages().join('\n'));
  assert.match(told[0] ?? '', /endpoint/);
  const calls = bench.standIn.calls.length;
  await readsWhole(bench);
  assert.equal(bench.standIn.calls.length, calls, 'the services were used again');
}

describe('mavros source, transport auto', () => {
  it('stays with services that work', () =>
    onBench({ transport: 'auto' }, async bench => {
      assert.deepEqual(await listed(bench.source), [FILE]);
      await readsWhole(bench);
      assert.deepEqual(bench.router.endpoints, []);
    }));

  it('goes over to an endpoint when reads are empty', () =>
    onBench({ transport: 'auto' }, async bench => {
      bench.standIn.readsEmpty = true;
      await goesOver(bench, /reads nothing/);
    }));

  it('goes over to an endpoint when the listing cannot be read', () =>
    onBench({ transport: 'auto' }, async bench => {
      bench.standIn.listsNothing = true;
      await goesOver(bench, /listings/);
    }));

  it('goes over to an endpoint when MAVROS has no ftp plugin', () =>
    onBench({ transport: 'auto' }, async bench => {
      bench.standIn.denyFtp();
      await goesOver(bench, /ftp plugin/);
    }));

  it('tells of the armed vehicle on either way', () =>
    onBench({ transport: 'auto' }, async bench => {
      const armed = () => firstValueFrom(bench.source.availability.pipe(filter(state => state.armed)));
      bench.standIn.arm(true);
      await armed();
      bench.standIn.arm(false);
      bench.standIn.readsEmpty = true;
      await readsWhole(bench);
      bench.sim.arm(true);
      await armed();
    }));
});

describe('mavros source, one transport only', () => {
  it('says once what is to be done about empty reads, and does not blame the file', () =>
    onBench({ transport: 'services' }, async bench => {
      bench.standIn.readsEmpty = true;
      for (let round = 0; round < 2; round++) {
        const error = await failsWith(() => collect(bench.source.read(FILE, 0, never)), 'unsupported');
        assert.ok(error.temporary);
        assert.match(error.message, /newer MAVROS.*transport: endpoint/);
      }
      assert.equal(bench.logger.messages('error').length, 1);
      await bench.put(FILE.path, sample(0));
      await failsWith(() => collect(bench.source.read(FILE, 0, never)), 'changed');
    }));

  it('uses an endpoint of its own, and removes the one that a killed run left', () =>
    onBench({ transport: 'endpoint' }, async bench => {
      await readsWhole(bench);
      const [{ url } = { url: '' }] = bench.router.endpoints;
      assert.match(url, /^\/filesync\//);
      assert.deepEqual(bench.standIn.calls, []);
      const next = mavrosSource(bench.graph, { root: '/log', transport: 'endpoint' });
      assert.deepEqual(await collect(next.read(FILE, 0, never)), Buffer.from(LOG));
      assert.equal(bench.router.endpoints.length, 1);
      await next.close();
    }));
});
