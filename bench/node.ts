import { mkdir, readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { Place } from '../test/e2e/program.js';
import { startStandIn } from '../test/ros/real-mavros.js';
import { findRos, type Ros } from '../test/ros/real.js';
import { User } from '../test/ros/user.js';
import { startServer } from '../test/servers/ftp-servers.js';
import type { Row } from './run.js';

/** ms: what a start costs is over after the first. */
const SETTLE = 20_000;
const WATCHED = 60_000;
/** Shares of a core, MB. */
const MOST_CPU = 0.015;
const MOST_MEMORY = 110;
/** Linux counts a process's time in 1/100 s. */
const MS_A_TICK = 10;

/** What the node costs while there is nothing to do: a vehicle on MAVROS, a folder and an FTP server. */
export async function bench(): Promise<Row[]> {
  const ros = await findRos(5);
  if (!ros) return [{ what: 'idle node', result: 'left out: no ROS 2 here' }];
  try {
    return await idle(ros);
  } finally {
    await ros.endAll();
    ros.close();
  }
}

async function idle(ros: Ros): Promise<Row[]> {
  let rows: Row[] = [];
  await Place.with(async place => {
    await mkdir(place.path('card/log'), { recursive: true });
    await mkdir(place.path('inbox'));
    await startStandIn(ros, place.path('card'));
    const node = new User(ros).runAlone(await configure(place));
    await node.says(/autopilot: available/);
    await delay(SETTLE);
    rows = await measure(node.pid);
    await ros.endAll();
  });
  return rows;
}

async function configure(place: Place): Promise<string> {
  const ftp = await startServer('vsftpd');
  place.use({ close: () => ftp.stop() });
  const { port, user, password, root } = ftp;
  const archive = { type: 'ftp', host: '127.0.0.1', port, user, root, password };
  return place.configure({
    devices: {
      autopilot: { type: 'mavros', root: '/log', transport: 'services' },
      inbox: { type: 'directory', path: './inbox' },
      archive,
    },
    rules: [
      { from: 'autopilot', to: ['archive'] },
      { from: 'inbox', to: ['archive'] },
    ],
  });
}

async function measure(pid: number): Promise<Row[]> {
  const [begun, before] = [performance.now(), await cpuTime(pid)];
  await delay(WATCHED);
  const share = ((await cpuTime(pid)) - before) / (performance.now() - begun);
  const memory = await residentMb(pid);
  return [
    {
      what: `idle node, CPU over ${WATCHED / 1000} s`,
      result: `${(share * 100).toFixed(2)} % of a core`,
      limit: `<= ${MOST_CPU * 100} %`,
      met: share <= MOST_CPU,
    },
    {
      what: 'idle node, RSS',
      result: `${memory.toFixed(0)} MB`,
      limit: `<= ${MOST_MEMORY} MB`,
      met: memory <= MOST_MEMORY,
    },
  ];
}

/** ms of all its threads so far. */
async function cpuTime(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  // The fields after the name, which may hold blanks: proc_pid_stat(5), 14 and 15.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * MS_A_TICK;
}

async function residentMb(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) / 1024;
}
