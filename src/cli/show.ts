import type { File, Status } from '../api/schema.js';
import { formatRate, formatSize } from '../system/size.js';
import { shortTime } from '../system/short-time.js';
import { reading } from './api.js';
import { common, defineCommand } from './command.js';
import { wrapped } from './columns.js';
import { plain } from './print.js';
import { ExitCode, type Shell } from './shell.js';

export const show = defineCommand({
  options: { config: common.config, json: common.json },
  build: yargs => yargs.positional('id', { type: 'string', describe: 'an id, or its unique beginning' }),
  async run(args, shell) {
    return reading(shell, args.config, async api => {
      const file = await api.file(String(args['id']));
      if (args.json) shell.print(JSON.stringify(file));
      else for (const line of lines(file, await api.status(), shell)) shell.print(line);
      return ExitCode.DONE;
    });
  },
});

function lines(file: File, status: Status, { clock, outputColumns: width = Infinity }: Shell): string[] {
  const sections: readonly (readonly [string, readonly (readonly string[])[]])[] = [
    ['in the file', contents(file)],
    ['history', history(file)],
    ['targets', file.targets.map(targetRow)],
    ['transfers', transfers(file, status)],
    ['waits', waits(file, clock.now())],
    ['what helps', remedies(file, status)],
  ];
  return [
    plain(`${file.device}:${file.path}`),
    ...indent(wrapped(facts(file), width - 2)),
    ...sections
      .filter(([, rows]) => rows.length > 0)
      .flatMap(([name, rows]) => [`${name}:`, ...indent(wrapped(rows, width - 2))]),
  ];
}

const indent = (rows: readonly string[]): string[] => rows.map(row => `  ${row}`);

function facts(file: File): string[][] {
  const { id, state, size, sha256, modified, local, kept, description, reason } = file;
  return [
    ['id', id],
    ['state', state],
    ['size', `${formatSize(size)} (${size} bytes)`],
    ['modified', modified ?? 'its source has no times'],
    ['SHA-256', sha256 === '' ? 'not known before all of it is fetched' : sha256],
    ['local copy', kept ? local : 'none'],
    ['description', description],
    ['reason', reason],
  ].filter(([, value]) => value !== '');
}

/** What the file says about itself. */
function contents({ facts }: File): string[][] {
  if (!facts) return [];
  const { dropouts = 0, dropout_duration: dropped = 0, position } = facts;
  const rows: [string, string | number | undefined][] = [
    ['format', facts.ends_only ? `${facts.format} (only its ends were read)` : facts.format],
    ['start', facts.start],
    ['duration', facts.duration === undefined ? undefined : `${facts.duration} s`],
    ['vehicle', facts.vehicle],
    ['firmware', facts.firmware],
    ['hardware', facts.hardware],
    ['airframe', facts.airframe],
    ['errors', facts.errors],
    ['warnings', facts.warnings],
    ['dropouts', dropouts > 0 ? `${dropouts}, ${dropped} s` : facts.dropouts],
    ['topics', facts.topics],
    ['messages', facts.messages],
    ['profile', facts.profile],
    ['camera', facts.camera],
    [
      'position',
      position && [position.latitude, position.longitude, position.altitude ?? []].flat().join(', '),
    ],
    ['note', noteOf(facts)],
  ];
  return rows.flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]]));
}

function noteOf({ note, truncated, appended, radiometric }: NonNullable<File['facts']>): string | undefined {
  const notes = [
    ...(truncated ? ['it ends within a message'] : []),
    ...(appended ? ['data was added after a crash'] : []),
    ...(radiometric ? ['its pixels are temperatures'] : []),
    ...(note === undefined ? [] : [note]),
  ];
  return notes.length > 0 ? notes.join('; ') : undefined;
}

/** What has happened to it, oldest first. */
function history(file: File): string[][] {
  const { found_at, fetched_at, removed_at, failed_attempts: failed } = file;
  const events: [string | null, string][] = [
    [found_at, `found on ${file.device}`],
    [fetched_at, `fetched${failed > 0 ? ` (${attempts(failed)} before)` : ''}`],
    ...file.targets.map(
      ({ target, state, updated_at, verified, failed_attempts }): [string | null, string] => {
        const tries = failed_attempts > 0 ? `, ${attempts(failed_attempts)}` : '';
        if (state === 'DONE')
          return [updated_at, `delivered to ${target} (proof: ${verified || 'none'}${tries})`];
        return [updated_at, `last attempt for ${target} failed${tries}`];
      },
    ),
    [removed_at, `removed from ${file.device}`],
  ];
  const known = events.filter((event): event is [string, string] => event[0] !== null);
  return known.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
}

const attempts = (number: number): string =>
  number === 1 ? '1 failed attempt' : `${number} failed attempts`;

function targetRow({ target, state, path, location, reason }: File['targets'][number]): string[] {
  return [target, state, location === '' ? path : location, reason];
}

function transfers({ id }: File, status: Status): string[][] {
  return status.transfers
    .filter(one => one.id === id)
    .map(({ target, percent, bytes, size, bytes_per_second: rate }) => [
      target === '' ? 'download' : `to ${target}`,
      `${Math.floor(percent)} %`,
      `${formatSize(bytes)} of ${formatSize(size)}`,
      formatRate(rate),
    ]);
}

function waits({ waiting }: File, now: number): string[][] {
  return waiting.map(({ stage, target, text, since, until }) => {
    const times = [since && `since ${shortTime(since, now)}`, until && `until ${shortTime(until, now)}`];
    return [`${stage} ${target}`.trim(), text, times.filter(Boolean).join(', ')];
  });
}

/** The commands that help in its state. */
function remedies({ id, state }: File, { running }: Status): string[][] {
  const begin = running ? [] : [['filesync run', 'or `filesync sync`: nothing happens while no daemon runs']];
  switch (state) {
    case 'FAILED':
      return [
        [`filesync retry ${id}`, 'tries again, when the reason is dealt with'],
        ['filesync check', 'probes every device'],
      ];
    case 'SKIPPED':
      return [[`filesync fetch ${id}`, 'fetches and delivers it, although it is skipped']];
    case 'UPLOADED':
    case 'REMOVED':
    case 'VANISHED':
      return [];
    default:
      return [...begin, [`filesync first ${id}`, 'moves it to the front']];
  }
}
