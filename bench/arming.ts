import { engineOn } from '../test/conformance/engine-on.js';
import { mavlinkBench } from '../test/conformance/mavlink-bench.js';
import { eventually, sample } from '../test/conformance/support.js';
import { temporaryFolder } from '../test/conformance/temp-folder.js';
import { systemClock } from '../src/system/clock.js';
import type { Sim } from '../src/sim/sim.js';
import { Emulator } from './link/emulator.js';
import { RATES, type Rate } from './link/table.js';
import type { Row } from './run.js';

const SIZE = 60_000_000;
/** ms, one way; the vehicle's 10 Hz telemetry is under way as well. */
const DELAY = 50;
const TELEMETRY = 10;
/** Requests after which the download is in full swing. */
const BEGUN = 100;
/** ms. */
const LIMIT = 1_000;
const WATCHED = 4_000;

/** How long after its first heartbeat as an armed one a vehicle still gets requests of a download that was under way. */
export async function bench(): Promise<Row[]> {
  const rows: Row[] = [];
  for (const rate of RATES) {
    const ms = await lastRequest(rate);
    rows.push({
      what: `a download stops after arming, ${rate.name}, ${DELAY} ms each way`,
      result: `${ms.toFixed(0)} ms`,
      limit: `<= ${LIMIT} ms`,
      met: ms <= LIMIT,
    });
  }
  return rows;
}

async function lastRequest({ bytes, queue }: Rate): Promise<number> {
  const link = { rate: bytes, queue, delay: DELAY, loss: 0, lossRun: 1, seed: 1, telemetry: TELEMETRY };
  let emulator: Emulator | undefined;
  const vehicle = await mavlinkBench({}, {}, 0, async ({ port }) => {
    emulator = await Emulator.open({ ...link, vehicle: port });
    return emulator.port;
  });
  const folder = await temporaryFolder();
  const { engine } = engineOn(vehicle.source, folder.path);
  try {
    await vehicle.put('a.ulg', sample(SIZE, 1));
    await engine.start();
    await eventually(async () => vehicle.sim.stats.requests > BEGUN);
    return await lastAfterArming(vehicle.sim);
  } finally {
    await engine.stop();
    await vehicle.close();
    emulator?.close();
    await folder.remove();
  }
}

/** ms from arming to the last request that came. */
async function lastAfterArming(sim: Sim): Promise<number> {
  const armed = performance.now();
  sim.arm(true);
  let [last, requests] = [armed, sim.stats.requests];
  while (performance.now() - armed < WATCHED) {
    await systemClock.sleep(5);
    if (sim.stats.requests > requests) last = performance.now();
    requests = sim.stats.requests;
  }
  return last - armed;
}
