import { setTimeout as delay } from 'node:timers/promises';
import { Place, type Program } from '../test/e2e/program.js';
import { startServer } from '../test/servers/ftp-servers.js';
import type { Row } from './run.js';
import { residentMb } from './support/process.js';

const SIZE = 2_000_000_000;
const LIMIT_MB = 50;

/** What the program's memory grows by while one large file goes directory -> local -> FTP server. */
export async function bench(): Promise<Row[]> {
  const rows: Row[] = [];
  await Place.with(async place => {
    await place.sparse('inbox/big.bin', SIZE);
    const ftp = await startServer('vsftpd');
    place.use({ close: () => ftp.stop() });
    const config = await place.configure({
      devices: {
        inbox: { type: 'directory', path: './inbox' },
        archive: {
          type: 'ftp',
          host: '127.0.0.1',
          port: ftp.port,
          user: ftp.user,
          root: ftp.root,
          password: { env: 'P' },
        },
      },
      rules: [{ from: 'inbox', to: ['archive'], settle: 0 }],
    });
    const program = place.start(['sync', '-c', config], { P: ftp.password });
    const growth = await growthOf(program);
    const { code, stderr } = await program.ended;
    if (code !== 0) throw new Error(`sync ended with ${code}: ${stderr}`);
    rows.push({
      what: `RSS growth, ${SIZE / 1e9} GB directory -> ftp`,
      result: `${growth.toFixed(0)} MB`,
      limit: `< ${LIMIT_MB} MB`,
      met: growth < LIMIT_MB,
    });
  });
  return rows;
}

/** MB between the memory when the first file has been found and the peak after it. */
export async function growthOf(program: Program): Promise<number> {
  await program.says(/found/);
  const pid = program.child.pid ?? 0;
  const base = await residentMb(pid);
  let peak = base;
  while (program.child.exitCode === null) {
    peak = Math.max(peak, await residentMb(pid));
    await delay(50);
  }
  return peak - base;
}
