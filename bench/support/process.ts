import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { Row } from '../run.js';

/** Linux counts a process's time in 1/100 s. */
const MS_PER_TICK = 10;
/** ms after which what a start costs is over, and over which an idle process is watched. */
const SETTLE_MS = 20_000;
const WATCHED_MS = 60_000;

/** What a process costs that has nothing to do. `maxCpu`: share of a core; `maxRss`: MB. */
export async function idleRows(
  what: string,
  pid: number,
  { maxCpu, maxRss }: { readonly maxCpu: number; readonly maxRss: number },
): Promise<Row[]> {
  await delay(SETTLE_MS);
  const [begun, before] = [performance.now(), await cpuTime(pid)];
  await delay(WATCHED_MS);
  const share = ((await cpuTime(pid)) - before) / (performance.now() - begun);
  const memory = await residentMb(pid);
  return [
    {
      what: `${what}, CPU over ${WATCHED_MS / 1000} s`,
      result: `${(share * 100).toFixed(2)} % of a core`,
      limit: `<= ${maxCpu * 100} %`,
      met: share <= maxCpu,
    },
    {
      what: `${what}, RSS`,
      result: `${memory.toFixed(0)} MB`,
      limit: `<= ${maxRss} MB`,
      met: memory <= maxRss,
    },
  ];
}

/** ms of all its threads so far. */
async function cpuTime(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  // The fields after the name, which may hold blanks: proc_pid_stat(5), 14 and 15.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * MS_PER_TICK;
}

/** 0 for a process that has ended. */
export async function residentMb(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) / 1024;
}
