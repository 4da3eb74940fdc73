import assert from 'node:assert/strict';
import { filter, firstValueFrom } from 'rxjs';
import { FileTransferProtocol } from '../../src/mavlink/messages.js';
import type { Frame } from '../../src/mavlink/frame.js';
import { collect, eventually, failsWith, listed, sample } from '../conformance/support.js';
import type { RecordingLogger } from '../fakes/recording-logger.js';
import { ENDPOINT_QOS } from '../../src/ros/mavros/endpoint.js';
import { MAVLINK_TYPE } from '../../src/ros/mavros/interfaces.js';
import { mavrosBench, mavrosSource, type MavrosBench, type MavrosBenchOptions } from './mavros-bench.js';

const never = new AbortController().signal;
const LOG = sample(40_000, 5);
const FILE = { path: 'a/flight.ulg', size: LOG.length };

interface Given extends MavrosBenchOptions {
  /** Prepares the bench before the device is probed. */
  readonly before?: (bench: MavrosBench) => void;
}

/** A bench with one log on the vehicle; with a subscriber to the availability, as the engine is. */
async function onBench(given: Given, test: (bench: MavrosBench) => Promise<void>): Promise<void> {
  const bench = await mavrosBench(given);
  given.before?.(bench);
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

/** How the device is reached, once it is. */
async function reason({ source }: MavrosBench): Promise<string> {
  return (await firstValueFrom(source.availability.pipe(filter(({ available }) => available)))).reason;
}

/** Through an endpoint, the listing has times as well. */
async function usesEndpoint(bench: MavrosBench): Promise<void> {
  const files = await listed(bench.source);
  assert.deepEqual(
    files.map(({ path, size }) => ({ path, size })),
    [FILE],
  );
  await readsWhole(bench);
  assert.equal(bench.router.endpoints.length, 1);
  assert.match(await reason(bench), /endpoint.*transport auto/);
}

/** Reports why in the log and as the reason, and has removed its endpoint. */
async function usesServices(bench: MavrosBench, why: RegExp): Promise<void> {
  assert.deepEqual(await listed(bench.source), [FILE]);
  await readsWhole(bench);
  assert.ok(bench.standIn.calls.some(({ service }) => service === 'read'));
  await eventually(async () => bench.router.endpoints.length === 0);
  assert.match(await reason(bench), /transport auto, the FTP services/);
  assert.match(await reason(bench), why);
  const reported = bench.logger.messages('warn').filter(message => why.test(message));
  assert.equal(reported.length, 1, bench.logger.messages().join('\n'));
}

/** A second endpoint on the same topics would bring every message again. */
async function hearsNothingTwice({ graph, router }: MavrosBench, url: string): Promise<void> {
  let [heard, passed] = [0, 0];
  const note = () => void heard++;
  const listening = graph.subscribeRaw(MAVLINK_TYPE, `${url}/mavlink_source`, ENDPOINT_QOS, note);
  router.passes = () => ++passed > 0;
  await eventually(async () => passed > 1 && heard >= passed);
  listening.close();
  assert.equal(heard, passed);
}

const isFtp = ({ messageId }: Frame) => messageId === FileTransferProtocol.id;

describe('mavros source, transport auto', () => {
  it('goes through an endpoint where the router offers one, and logs it', () =>
    onBench({ transport: 'auto' }, async bench => {
      await usesEndpoint(bench);
      assert.deepEqual(bench.standIn.calls, []);
      assert.match(bench.logger.messages('info').join('\n'), /endpoint.*router offers/);
    }));

  it('goes through an endpoint where MAVROS has no ftp plugin', () =>
    onBench({ transport: 'auto', before: bench => void bench.standIn.denyFtp() }, async bench => {
      await usesEndpoint(bench);
    }));

  it('goes through the services where there is no router', () =>
    onBench({ transport: 'auto', routerless: true }, bench =>
      usesServices(bench, /there is no MAVROS router/),
    ));

  it('goes through the services where the router refuses', () =>
    onBench(
      { transport: 'auto', before: bench => void (bench.router.refusal = 'not today') },
      async bench => {
        await usesServices(bench, /refuses the endpoint.*not today/);
      },
    ));

  it('goes through the services where no vehicle is heard on the endpoint', () =>
    onBench({ transport: 'auto', before: bench => void (bench.router.passes = () => false) }, async bench => {
      await usesServices(bench, /no heartbeat/);
    }));

  it('goes through the services where file transfer is not answered on the endpoint', () =>
    onBench(
      { transport: 'auto', before: bench => void (bench.router.passes = frame => !isFtp(frame)) },
      async bench => {
        await usesServices(bench, /file transfer is not answered/);
      },
    ));

  it('times out where file transfer is answered nowhere, and waits', () =>
    onBench(
      { transport: 'auto', before: bench => void (bench.router.passes = frame => !isFtp(frame)) },
      async bench => {
        bench.standIn.denyFtp();
        await failsWith(() => listed(bench.source), 'timeout');
        bench.router.passes = () => true;
        await usesEndpoint(bench);
      },
    ));

  it('does not begin again when bytes have been received', () =>
    onBench({ transport: 'auto' }, async bench => {
      const release = bench.sim.hold('/log/a/flight.ulg', 20_000);
      const given: Uint8Array[] = [];
      await failsWith(
        async () => {
          for await (const chunk of bench.source.read(FILE, 0, never)) {
            given.push(chunk);
            bench.router.passes = () => false;
          }
        },
        'timeout',
        'unavailable',
      );
      release();
      assert.deepEqual(Buffer.concat(given), Buffer.from(LOG.subarray(0, Buffer.concat(given).length)));
      assert.deepEqual(bench.standIn.calls, []);
    }));

  it('reports the remedy where there are only the services and they cannot read', () =>
    onBench({ transport: 'auto', routerless: true }, async bench => {
      bench.standIn.readsEmpty = true;
      const error = await failsWith(() => readsWhole(bench), 'unsupported');
      assert.match(error.message, /reads nothing.*newer MAVROS.*transport: endpoint.*router/);
      assert.match(bench.logger.messages('error').join('\n'), /reads nothing.*newer MAVROS/);
    }));

  it('tries the endpoint again where the services cannot read', () =>
    onBench(
      { transport: 'auto', before: bench => void (bench.router.passes = frame => !isFtp(frame)) },
      async bench => {
        assert.deepEqual(await listed(bench.source), [FILE]);
        bench.standIn.readsEmpty = true;
        bench.router.passes = () => true;
        await usesEndpoint(bench);
      },
    ));

  it('probes the router again when MAVROS has been offline', () =>
    onBench({ transport: 'auto', before: bench => void (bench.router.refusal = 'not yet') }, async bench => {
      await usesServices(bench, /not yet/);
      bench.router.refusal = undefined;
      bench.standIn.connect(false);
      await firstValueFrom(bench.source.availability.pipe(filter(({ available }) => !available)));
      bench.standIn.connect(true);
      await usesEndpoint(bench);
    }));

  it('reports what is offline, MAVROS or the vehicle', () =>
    onBench(
      { transport: 'auto', routerless: true, before: bench => void bench.standIn.connect(false) },
      async bench => {
        const error = await failsWith(() => listed(bench.source), 'unavailable');
        assert.match(error.message, /MAVROS runs but receives no heartbeat/);
      },
    ));

  for (const routerless of [true, false])
    it(`reports the armed vehicle ${routerless ? 'by the services' : 'through an endpoint'}`, () =>
      onBench({ transport: 'auto', routerless }, async bench => {
        await reason(bench);
        bench.standIn.arm(true);
        bench.sim.arm(true);
        await firstValueFrom(bench.source.availability.pipe(filter(state => state.armed)));
      }));
});

describe('mavros source, one transport only', () => {
  it('reports the remedy for empty reads once, and does not blame the file', () =>
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

  it('logs each call with its result, and who holds the lock, at debug', () =>
    onBench({ transport: 'services' }, async bench => {
      await readsWhole(bench);
      const log = (bench.graph.logger as RecordingLogger).messages('debug').join('\n');
      assert.match(log, /\/mavros\/ftp\/close \/log\/a\/flight.ulg: r_errno 9 after \d+ ms/);
      assert.match(
        log,
        /FTP lock acquired after[^]*\/mavros\/ftp\/open [^]*: ok after[^]*FTP lock released after/,
      );
      assert.match(bench.logger.messages('debug').join('\n'), /transport of MAVROS: services, as configured/);
    }));

  it('uses an endpoint of its own, and removes the one that a killed run left', () =>
    onBench({ transport: 'endpoint' }, async bench => {
      await readsWhole(bench);
      const [{ url } = { url: '' }] = bench.router.endpoints;
      assert.match(url, /^\/filesync\//);
      assert.deepEqual(bench.standIn.calls, []);
      const next = await mavrosSource(bench.graph, { root: '/log', transport: 'endpoint' });
      assert.deepEqual(await collect(next.read(FILE, 0, never)), Buffer.from(LOG));
      assert.equal(bench.router.endpoints.length, 1);
      await hearsNothingTwice(bench, url);
      await next.close();
    }));
});
