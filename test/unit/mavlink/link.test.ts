import assert from 'node:assert/strict';
import type { WireConditions } from '../../../bench/link/wire.js';
import { sample } from '../../conformance/support.js';
import { VirtualClock } from '../../fakes/virtual-clock.js';
import { inVirtualTime, MemoryVehicle } from './memory-vehicle.js';
import { PLAIN, played } from './window-case.js';
import { WireCarrier } from './wire-carrier.js';

interface Reading {
  /** Share of what the link can carry as file data, 0 to 1. */
  readonly share: number;
  /** Requests a block. */
  readonly requests: number;
  /** ms that 99 of 100 telemetry messages waited at most. */
  readonly waited: number;
}

/** Bytes of a telemetry message, and ms between two. */
const TELEMETRY = { size: 40, interval: 100 };
const MAX_EVENTS = 2_000_000;

/** Reads a file that fills the link for `seconds` of virtual time, which does not depend on the machine. */
async function readOver(conditions: Partial<WireConditions>, seconds: number): Promise<Reading> {
  const how = { rate: 92_160, delay: 0, loss: 0, lossRun: 1, queue: 8_192, ...conditions };
  const clock = new VirtualClock();
  const [up, down] = [new WireCarrier(how, 11, clock), new WireCarrier(how, 22, clock)];
  const file = sample(Math.floor(how.rate * seconds), 5);
  const vehicle = new MemoryVehicle(file, clock, {}, { up, down });
  const waits: number[] = [];
  const telemetry = setVirtualInterval(clock, () =>
    waits.push(down.wire.offer(TELEMETRY.size, clock.monotonic())?.waited ?? Infinity),
  );
  const reading = played(PLAIN, file, clock, vehicle).finally(telemetry);
  const { bytes, error } = await inVirtualTime(clock, reading, { events: MAX_EVENTS });
  assert.equal(error, undefined);
  assert.ok(bytes.equals(file));
  return {
    share: ((file.length / clock.monotonic()) * 1000) / ((how.rate * 239) / 266),
    requests: vehicle.requests.length / Math.ceil(file.length / 239),
    waited: waits.sort((a, b) => a - b)[Math.floor(waits.length * 0.99)] ?? 0,
  };
}

/** Returns the function that ends the interval. */
function setVirtualInterval(clock: VirtualClock, work: () => void): () => void {
  const over = new AbortController();
  const run = async () => {
    for (;;) {
      await clock.sleep(TELEMETRY.interval, over.signal);
      work();
    }
  };
  void run().catch(() => undefined);
  return () => over.abort();
}

describe('Reading over an emulated link', function () {
  this.timeout(60_000);

  for (const delay of [0, 10, 50]) {
    it(`fills a serial line at ${delay} ms one way and leaves space for telemetry`, async () => {
      const { share, requests, waited } = await readOver({ delay }, 20);
      assert.ok(share > 0.93, `share ${share}`);
      assert.ok(requests < 1.02, `requests ${requests}`);
      assert.ok(waited < 100, `telemetry waited ${waited} ms`);
    });
  }

  it('fills a link with a long round trip and a small queue', async () => {
    const { share } = await readOver({ delay: 100 }, 40);
    assert.ok(share > 0.95, `share ${share}`);
  });

  for (const lossRun of [1, 5]) {
    it(`does not slow down for losses in runs of ${lossRun}`, async () => {
      const { share } = await readOver({ delay: 10, loss: 0.05, lossRun }, 15);
      assert.ok(share > 0.85 * 0.95, `share ${share}`);
    });
  }

  it('finishes where a fifth of all packets is lost', async () => {
    const { share } = await readOver({ delay: 10, loss: 0.2 }, 10);
    assert.ok(share > 0.5, `share ${share}`);
  });

  it('does not flood a queue that is shorter than its target', async () => {
    const { requests, share } = await readOver({ rate: 1_000_000, delay: 10, queue: 16_384 }, 4);
    assert.ok(requests < 1.1, `requests ${requests}`);
    assert.ok(share > 0.9, `share ${share}`);
  });

  for (const delay of [0, 10, 50, 100]) {
    it(`lets telemetry through on the slowest line, at ${delay} ms one way`, async () => {
      const { share, waited } = await readOver({ rate: 5_760, queue: 4_096, delay }, 30);
      assert.ok(share > 0.9, `share ${share}`);
      assert.ok(waited < 100, `telemetry waited ${waited} ms`);
    });
  }

  it('recovers from runs of losses of all requests in flight on a slow line', async () => {
    const slow = { rate: 5_760, queue: 4_096, delay: 10, loss: 0.05, lossRun: 5 };
    const { share, requests } = await readOver(slow, 60);
    assert.ok(share > 0.75, `share ${share}`);
    assert.ok(requests < 1.25, `requests ${requests}`);
  });
});
