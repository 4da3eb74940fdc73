import type { Status } from '../api/schema.js';
import { waitText, wayOf } from '../api/verdict.js';
import { FileSyncError } from '../errors.js';
import { formatDuration } from '../system/duration.js';
import { shortTime, withLocalTimes } from '../system/short-time.js';
import { formatRate, formatSize } from '../system/size.js';
import { readingAgain } from './api.js';
import { wrapped } from './columns.js';
import { common, defineCommand } from './command.js';
import { plain } from './print.js';
import { configFor } from './setup.js';
import { ExitCode, signalExitCode, type Shell } from './shell.js';

/** Between two checks of `--watch`. */
const WATCH_INTERVAL_MS = 1_000;
const CLEAR_SCREEN = '\u001b[H\u001b[J';

export const status = defineCommand({
  options: {
    config: common.config,
    json: common.json,
    watch: { type: 'boolean', default: false, describe: 'again whenever something changes, until Ctrl-C' },
    'exit-code': {
      type: 'boolean',
      default: false,
      describe: 'exit with 0 only if the verdict is SAFE, else with 1',
    },
  },
  async run(args, shell) {
    if (args.watch && args.exitCode)
      throw new FileSyncError(
        'config',
        '--exit-code has no use with --watch, which goes on until it is stopped',
      );
    const show = (now: Status) => (args.json ? [JSON.stringify(now)] : lines(now, shell));
    const config = await configFor(shell, args.config);
    const look = () => readingAgain(shell, config, api => api.status());
    if (args.watch) return watch(shell, look, show);
    const now = await look();
    for (const line of show(now)) shell.print(line);
    return args.exitCode && now.verdict.code !== 'SAFE' ? ExitCode.INCOMPLETE : ExitCode.DONE;
  },
});

/** On a terminal the screen is drawn again; elsewhere what has changed is printed again. */
async function watch(
  shell: Shell,
  next: () => Promise<Status>,
  show: (now: Status) => readonly string[],
): Promise<number> {
  let before = '';
  while (!shell.stopped.aborted) {
    const text = show(await next()).join('\n');
    if (text !== before) shell.print(shell.outputColumns === undefined ? text : CLEAR_SCREEN + text);
    before = text;
    await shell.clock.sleep(WATCH_INTERVAL_MS, shell.stopped).catch(() => undefined);
  }
  return signalExitCode(shell.stopped);
}

function lines(now: Status, shell: Shell): string[] {
  const width = shell.outputColumns ?? Infinity;
  const time = shell.clock.now();
  const { verdict, disk } = now;
  return [
    ...wrapped(
      [[`${verdict.code}:`, `${withLocalTimes(verdict.text, time)}${secondsText(verdict.seconds_left)}`]],
      width,
    ),
    daemonLine(now, time),
    ...section('devices', devices(now, time), width),
    ...section('transfers', transfers(now), width),
    ...section('waiting', waiting(now, time), width),
    ...section('notifications', notifications(now, time), width),
    ...(now.web === '' ? [] : wrapped([['web page:', now.web]], width)),
    `files: ${counts(now)}`,
    ...(disk ? [`disk: ${formatSize(disk.free)} free of ${formatSize(disk.total)}`] : []),
  ];
}

const secondsText = (seconds: number | null): string =>
  seconds === null ? '' : `, about ${formatDuration(seconds * 1000)} left`;

function daemonLine({ running, running_since: since, version, paused }: Status, now: number): string {
  if (!running) return 'daemon: not running (`filesync check` probes the devices)';
  const began = since === null ? '' : `, since ${shortTime(since, now)}`;
  return `daemon: running${began}, version ${plain(version)}${paused ? ', PAUSED' : ''}`;
}

function section(name: string, rows: readonly (readonly string[])[], width: number): string[] {
  return rows.length === 0 ? [] : [`${name}:`, ...wrapped(rows, width - 2).map(line => `  ${line}`)];
}

function devices({ devices: all }: Status, now: number): string[][] {
  return all.map(({ name, type, available, armed, since, reason }) => {
    const state = armed ? 'ARMED' : available ? 'available' : 'offline';
    const time = since === null || (available && !armed) ? '' : `since ${shortTime(since, now)}`;
    return [name, type, state, time, reason];
  });
}

function transfers({ transfers: all }: Status): string[][] {
  return all.map(transfer => {
    const { percent, bytes, size, bytes_per_second: rate, seconds_left: left } = transfer;
    return [
      `${Math.floor(percent)} %`,
      `${formatSize(bytes)} of ${formatSize(size)}`,
      formatRate(rate),
      left === null ? '' : `${formatDuration(left * 1000)} left`,
      wayOf(transfer),
    ];
  });
}

function waiting({ waiting: groups }: Status, now: number): string[][] {
  return groups.map(group => {
    const number = group.files === 1 ? '1 file' : `${group.files} files`;
    return [number, formatSize(group.bytes), group.stage, withLocalTimes(waitText(group), now)];
  });
}

function notifications({ notifications: failing }: Status, now: number): string[][] {
  return failing.map(({ to, reason, since }) => [to, `failing since ${shortTime(since, now)}`, reason]);
}

function counts({ counts: all }: Status): string {
  return (
    Object.entries(all)
      .map(([state, count]) => `${count} ${state}`)
      .join(', ') || 'none yet'
  );
}
