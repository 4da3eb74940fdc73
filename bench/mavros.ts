import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startSim } from '../src/sim/sim.js';
import { systemClock } from '../src/system/clock.js';
import { sample } from '../test/conformance/support.js';
import { temporaryFolder } from '../test/conformance/temp-folder.js';
import { OldFirmware } from '../test/fakes/old-firmware.js';
import { RecordingLogger } from '../test/fakes/recording-logger.js';
import type { Measured, Speeds } from '../test/ros/mavros-speed.js';
import { findRos, type Ros } from '../test/ros/real.js';
import { freePort, hasMavros, startMavros } from '../test/ros/real-mavros.js';
import type { Row } from './run.js';

const SMALL = 300_000;
const LARGE = 5_000_000;
/** One way, ms, and bytes a second: USB, 8 Mbit/s. */
const LINK = { delay: 3.3, rate: 1_000_000 };
const LEAST_SHARE = 0.95;
const LEAST_RATIO = 30;
const MOST_CPU = 0.5;
const MOST_LEAK = 64;

/** Both ways through one real MAVROS to one simulated vehicle, in one run. */
export async function bench(): Promise<Row[]> {
  const ros = await findRos(32);
  if (!ros || !hasMavros(ros))
    return [{ what: 'through MAVROS', result: 'left out: no ROS 2 with MAVROS here' }];
  try {
    return rows(await speeds(ros));
  } finally {
    ros.close();
  }
}

async function speeds(ros: Ros): Promise<Speeds> {
  const home = await temporaryFolder();
  const station = await freePort();
  await mkdir(join(home.path, 'log'));
  await writeFile(join(home.path, 'log/small.ulg'), sample(SMALL, 1));
  await writeFile(join(home.path, 'log/large.ulg'), sample(LARGE, 2));
  const at = (port: number) => ({ host: '127.0.0.1', port });
  const clock = systemClock;
  const logger = new RecordingLogger();
  const sim = await startSim({ folder: home.path, listen: at(0), like: 'px4', clock, logger, ...LINK });
  // Released versions of MAVROS can read nothing from a newer one by their services.
  const vehicle = await OldFirmware.start(sim.address.port, station);
  const mavros = startMavros(ros, { station, vehicle: vehicle.port });
  const path = (name: string) => fileURLToPath(new URL(`../test/ros/${name}`, import.meta.url));
  const imports = ['--import=tsx', `--import=${path('compiled.js')}`];
  try {
    const { output } = await ros.start(process.execPath, ['--expose-gc', ...imports, path('mavros-speed.ts')])
      .ended;
    const line = output.split('\n').find(text => text.startsWith('{"'));
    if (line === undefined) throw new Error(`nothing was measured:\n${output}\n${mavros.output}`);
    return JSON.parse(line) as Speeds;
  } finally {
    mavros.signal('SIGKILL');
    await mavros.ended;
    await vehicle.close();
    await sim.close();
    await home.remove();
  }
}

/** kB/s. */
const rate = ({ bytes, ms }: Measured): number => bytes / ms;

const middle = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[values.length >> 1] ?? NaN;

function rows({ services, bare, endpoint, leakPerCall }: Speeds): Row[] {
  const [ours, theirs] = [middle(services.map(rate)), middle(bare.map(rate))];
  const share = ours / theirs;
  const fast = middle(endpoint.map(rate));
  const ratio = fast / ours;
  // What else runs on the machine can only add.
  const cpu = Math.min(...endpoint.map(({ cpuMs, bytes }) => (cpuMs * 1000) / bytes));
  const link = `${LINK.delay * 2} ms round trip, ${LINK.rate / 1e6} MB/s`;
  return [
    {
      what: `services transport over a bare loop of the same read calls, ${link}`,
      result: `${(share * 100).toFixed(1)} % (${ours.toFixed(1)} and ${theirs.toFixed(1)} kB/s)`,
      limit: `>= ${LEAST_SHARE * 100} %`,
      met: share >= LEAST_SHARE,
    },
    {
      what: `endpoint over services, ${link}`,
      result: `${ratio.toFixed(1)}x (${fast.toFixed(0)} kB/s)`,
      limit: `>= ${LEAST_RATIO}x`,
      met: ratio >= LEAST_RATIO,
    },
    {
      what: 'CPU of our process over an endpoint',
      result: `${cpu.toFixed(2)} s/MB`,
      limit: `<= ${MOST_CPU} s/MB`,
      met: cpu <= MOST_CPU,
    },
    {
      what: 'heap that a service call leaves behind',
      result: `${leakPerCall.toFixed(0)} bytes`,
      limit: `< ${MOST_LEAK} bytes`,
      met: leakPerCall < MOST_LEAK,
    },
  ];
}
