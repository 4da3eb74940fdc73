import { mkdir } from 'node:fs/promises';
import { Place } from '../test/e2e/program.js';
import { startStandIn } from '../test/ros/real-mavros.js';
import { findRos, type Ros } from '../test/ros/real.js';
import { User } from '../test/ros/user.js';
import { startServer } from '../test/servers/ftp-servers.js';
import type { Row } from './run.js';
import { idleRows } from './support/process.js';

const MAX_CPU_SHARE = 0.015;
const MAX_RSS_MB = 110;

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
    rows = await idleRows('idle node', node.pid, { maxCpu: MAX_CPU_SHARE, maxRss: MAX_RSS_MB });
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
