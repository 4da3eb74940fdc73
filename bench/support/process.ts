import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { Row } from '../run.js';

/** Linux counts a process's time in 1/100 s. */
const MS_PER_TICK = 10;
/** ms after which what a start costs is over, and over which an idle process is watched. */
const SETTLE_MS = 20_000;
const WATCHED_MS = 60_000;

/**
 * What a process costs that has nothing to do. `maxCpu`: share of a core; `maxRss`: MB. What a wake-up costs differs tenfold between
 * machines and hours; therefore a Node process with one timer a second, and nothing else, is measured in the same minute.
 */
export async function idleRows(
  what: string,
  pid: number,
  { maxCpu, maxRss }: { readonly maxCpu: number; readonly maxRss: number },
): Promise<Row[]> {
  const ticking = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
  const pids = [pid, ticking.pid ?? 0];
  await delay(SETTLE_MS);
  const [begun, before] = [performance.now(), await Promise.all(pids.map(cpuTime))];
  await delay(WATCHED_MS);
  const [after, elapsed] = [await Promise.all(pids.map(cpuTime)), performance.now() - begun];
  ticking.kill();
  const [share = NaN, ofTicking] = after.map((time, index) => (time - (before[index] ?? NaN)) / elapsed);
  const memory = await residentMb(pid);
  return [
    {
      what: `${what}, CPU over ${WATCHED_MS / 1000} s`,
      result: `${percent(share)} of a core (an empty Node process: ${percent(ofTicking ?? NaN)})`,
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

const percent = (share: number): string => `${(share * 100).toFixed(2)} %`;

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
