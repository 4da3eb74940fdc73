import { readdir, readFile } from 'node:fs/promises';
import type { Family } from './text.js';

/** Ticks a second of the times in /proc (USER_HZ, proc(5)): the same on every architecture that Node runs on. */
const TICKS_PER_SECOND = 100;

/** Names and meanings are those that Prometheus' own clients have. What the kernel does not tell is absent. */
export async function processFamilies(now: number): Promise<Family[]> {
  const [stat, status, uptime, limits, open] = await Promise.all([
    ...['/proc/self/stat', '/proc/self/status', '/proc/uptime', '/proc/self/limits'].map(read),
    readdir('/proc/self/fd').then(
      names => String(names.length),
      () => '',
    ),
  ]);
  return [
    ...timeFamilies(stat ?? '', uptime ?? '', now),
    ...memoryFamilies(status ?? ''),
    ...fileFamilies(limits ?? '', open ?? ''),
  ].filter(({ samples }) => samples.every(({ value }) => Number.isFinite(value)));
}

function timeFamilies(stat: string, uptime: string, now: number): Family[] {
  // The name of the program, in parentheses, may hold spaces.
  const fields = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  const [user = NaN, system = NaN, began = NaN] = [fields[11], fields[12], fields[19]];
  const used = (user + system) / TICKS_PER_SECOND;
  const age = numberIn(uptime, /^([\d.]+)/) - began / TICKS_PER_SECOND;
  const start = 'When the program started, seconds since the Unix epoch.';
  return [
    family('process_cpu_seconds_total', 'Processor time of the program.', used, 'counter'),
    family('process_start_time_seconds', start, now / 1000 - age),
  ];
}

function memoryFamilies(status: string): Family[] {
  const [resident, virtual] = [
    numberIn(status, /^VmRSS:\s+(\d+) kB/m),
    numberIn(status, /^VmSize:\s+(\d+) kB/m),
  ];
  return [
    family('process_resident_memory_bytes', 'Memory of the program.', 1024 * resident),
    family('process_virtual_memory_bytes', 'Address space of the program.', 1024 * virtual),
  ];
}

const fileFamilies = (limits: string, open: string): Family[] => [
  family('process_open_fds', 'Open file descriptors.', numberIn(open, /^(\d+)/)),
  family(
    'process_max_fds',
    'File descriptors that may be open.',
    numberIn(limits, /^Max open files\s+(\d+)/m),
  ),
];

const read = (path: string): Promise<string> => readFile(path, 'utf8').catch(() => '');
const numberIn = (text: string, pattern: RegExp): number => Number(pattern.exec(text)?.[1] ?? NaN);

const family = (name: string, help: string, value: number, type: Family['type'] = 'gauge'): Family => ({
  ...{ name, help, type },
  samples: [{ value }],
});
