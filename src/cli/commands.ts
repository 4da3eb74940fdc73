import type { Command } from './command.js';

/** The groups of the help, in its order. */
export const GROUPS = [
  'Start here',
  'Bring files',
  'See',
  'Change records',
  'Try without a vehicle',
] as const;

/** A command line, and what it does. */
export type Example = readonly [line: string, does: string];

/** One command as the help lists it. Its module is loaded when the command is used. */
export interface ListedCommand {
  /** As yargs reads it: `retry [id..]`. */
  readonly usage: string;
  readonly summary: string;
  readonly group: (typeof GROUPS)[number];
  /** For its own help and the man page; one at least. */
  readonly examples: readonly Example[];
  readonly load: () => Promise<Command>;
}

/** Every command of the program. */
export const commands: readonly ListedCommand[] = [
  {
    usage: 'init',
    summary: 'write a first configuration: finds autopilots and drives, asks for the rest, tries the target',
    group: 'Start here',
    examples: [
      ['filesync init', 'asks, then writes ~/.config/filesync/filesync.yaml'],
      ['filesync init --output ./filesync.yaml', 'writes another file'],
      ['filesync init --udp 14560', 'listens on another UDP port'],
      ['filesync init < /dev/null > example.yaml', 'no questions: an example for what was found'],
    ],
    load: async () => (await import('./init/command.js')).init,
  },
  {
    usage: 'password',
    summary: 'print the hash of a password for `web.password`, or make a token for a program',
    group: 'Start here',
    examples: [
      ['filesync password > web.password', 'asks twice; what is typed is not shown'],
      ['echo "$PASSWORD" | filesync password', 'reads one line'],
      [
        'filesync password --token grafana --scopes metrics',
        'shows the token once, and its line for `web.tokens`',
      ],
    ],
    load: async () => (await import('./password.js')).password,
  },
  {
    usage: 'check',
    summary: 'validate the configuration and probe every device, one line each',
    group: 'Start here',
    examples: [
      ['filesync check', 'the configuration at its usual place'],
      ['filesync check -c ./filesync.yaml --json', 'another one, as JSON for a script'],
    ],
    load: async () => (await import('./check.js')).check,
  },
  {
    usage: 'sync',
    summary: 'one pass: find, fetch, deliver everything, then exit',
    group: 'Bring files',
    examples: [
      ['filesync sync', 'with live progress on a terminal, plain lines elsewhere'],
      ['filesync sync --json | jq .unfinished', 'what could not be delivered, for a script'],
      ['filesync sync --log-level debug 2> debug.txt', 'for a report of a fault'],
    ],
    load: async () => (await import('./sync.js')).sync,
  },
  {
    usage: 'run',
    summary: 'the daemon, without a ROS graph: finds, fetches and delivers until it is stopped',
    group: 'Bring files',
    examples: [
      ['filesync run -c /etc/filesync/filesync.yaml', 'until Ctrl-C'],
      ['sudo systemctl enable --now filesync', 'as a service, where the package is installed'],
    ],
    load: async () => (await import('./run.js')).run,
  },
  {
    usage: 'node',
    summary: 'the ROS 2 node; takes --ros-args',
    group: 'Bring files',
    examples: [
      ['filesync node --ros-args -p config:=/etc/filesync/filesync.yaml', 'with a sourced ROS 2'],
      ['ros2 launch filesync sync.launch.py config:=/etc/filesync/filesync.yaml', 'the same by ROS itself'],
    ],
    load: async () => (await import('./node.js')).node,
  },
  {
    usage: 'status',
    summary: 'whether the vehicle may be switched off: devices, transfers, what waits and why',
    group: 'See',
    examples: [
      ['filesync status', 'one line first: SAFE, WAIT or ATTENTION; also without a daemon'],
      ['filesync status --watch', 'again whenever something changes'],
      ['filesync status --json | jq .verdict', 'for a script; --exit-code is shorter'],
    ],
    load: async () => (await import('./status.js')).status,
  },
  {
    usage: 'files',
    summary: 'where each file is: state, targets, links and reasons',
    group: 'See',
    examples: [
      ['filesync files --state failed', 'what was given up, with the reason'],
      ['filesync files --since 2h --sort -size --limit 10', 'the largest files of the last two hours'],
      ["filesync files --format '{id} {state} {path}'", 'a line a file, as you want it'],
    ],
    load: async () => (await import('./files.js')).files,
  },
  {
    usage: 'flights',
    summary:
      'what belongs to one flight, newest first: when, how long, where it was delivered, what is missing',
    group: 'See',
    examples: [
      ['filesync flights --since 12h', 'what was flown today: a line a flight, with links'],
      ['filesync flights --vehicle drone1 --limit 5', 'the last five of one vehicle'],
      [
        'filesync flights --json | jq \'select(.state != "COMPLETE")\'',
        'what has not arrived whole, for a script',
      ],
    ],
    load: async () => (await import('./flights.js')).flights,
  },
  {
    usage: 'show <id>',
    summary: 'all about one file: its history, hashes, targets, and why it waits',
    group: 'See',
    examples: [['filesync show 0123', 'an id, or its beginning; `filesync files` lists ids']],
    load: async () => (await import('./show.js')).show,
  },
  {
    usage: 'verify',
    summary:
      'compare the database, local copies and targets; --repair has what is wrong fetched or sent again',
    group: 'See',
    examples: [
      [
        'filesync verify',
        'reads every copy that can be read, changes nothing; exit code 1: something is wrong',
      ],
      ['filesync verify --device nas --repair', 'what that target has lost is sent again'],
    ],
    load: async () => (await import('./verify.js')).verify,
  },
  {
    usage: 'notify',
    summary: 'with --test, send a test message to every receiver of `notify`, one line each',
    group: 'See',
    examples: [['filesync notify --test', 'what each receiver answers; exit code 1: one did not take it']],
    load: async () => (await import('./notify.js')).notify,
  },
  {
    usage: 'fleet <device>',
    summary:
      'all vehicles that report to a store (`fleet`): who is late, who fails, what waits, which version',
    group: 'See',
    examples: [
      ['filesync fleet bucket', 'a line a vehicle, on any computer whose configuration has that device'],
      ['filesync fleet bucket --watch', 'again every 30 s'],
      ['filesync fleet bucket --json | jq \'select(.state == "LATE").vehicle\'', 'for a script'],
    ],
    load: async () => (await import('./fleet.js')).fleet,
  },
  {
    usage: 'retry [id..]',
    summary: 'bring FAILED files back',
    group: 'Change records',
    examples: [
      ['filesync retry --failed', 'all of them, once the cause is removed'],
      ['filesync retry 3fa4', 'one, by the beginning of its id'],
    ],
    load: async () => (await import('./retry.js')).retry,
  },
  {
    usage: 'first <id..>',
    summary: 'move files to the front of their queues, the first one named first',
    group: 'Change records',
    examples: [['filesync first 3fa4 91c0', 'these two before all others']],
    load: async () => (await import('./first.js')).first,
  },
  {
    usage: 'fetch <id..>',
    summary: 'fetch and deliver files that the rules only list (SKIPPED)',
    group: 'Change records',
    examples: [
      ['filesync files --state skipped', 'their ids'],
      ['filesync fetch 3fa4', 'takes that file, although it is skipped'],
    ],
    load: async () => (await import('./fetch.js')).fetchFiles,
  },
  {
    usage: 'cancel <id..>',
    summary: 'give up files that are not delivered; interrupts their transfers, `retry` resumes them',
    group: 'Change records',
    examples: [['filesync cancel 3fa4', 'what has arrived of it is kept for a retry']],
    load: async () => (await import('./cancel.js')).cancel,
  },
  {
    usage: 'push',
    summary: 'deliver what waits now, whatever `hours`, `over` and `unmetered` of its devices say',
    group: 'Change records',
    examples: [['filesync push', 'once: files that are found later wait again']],
    load: async () => (await import('./push.js')).push,
  },
  {
    usage: 'forget <id..>',
    summary: 'delete records from the database (files stay; what is still on a source is found again)',
    group: 'Change records',
    examples: [['filesync forget 3fa4', 'the record goes, no file is touched']],
    load: async () => (await import('./forget.js')).forget,
  },
  {
    usage: 'adopt',
    summary: 'after a lost database: take what targets already hold as delivered; nothing is sent',
    group: 'Change records',
    examples: [['filesync adopt -c /etc/filesync/filesync.yaml', 'while no daemon runs']],
    load: async () => (await import('./adopt.js')).adopt,
  },
  {
    usage: 'export [file]',
    summary: 'write the database, with its archive, as JSON lines; also while a daemon runs',
    group: 'Change records',
    examples: [
      ['filesync export backup.jsonl', 'into a new file that this user alone may read'],
      ['filesync export | gzip > backup.jsonl.gz', 'to standard output'],
    ],
    load: async () => (await import('./export.js')).exportDatabase,
  },
  {
    usage: 'import <file>',
    summary: 'fill an empty database with what export has written; --merge adds what is missing',
    group: 'Change records',
    examples: [
      ['filesync import backup.jsonl', 'while no daemon runs'],
      ['filesync import --merge backup.jsonl', 'the records that are there stay as they are'],
    ],
    load: async () => (await import('./import.js')).importDatabase,
  },
  {
    usage: 'sim [dir]',
    summary: 'a simulated autopilot: a MAVLink FTP server over UDP on a folder (SIGUSR1 arms and disarms it)',
    group: 'Try without a vehicle',
    examples: [
      ['filesync sim ./logs', 'a PX4 whose logs are those in ./logs'],
      ['filesync sim ./logs --like ardupilot --loss 0.05 --delay 25', 'an ArduPilot over a bad link'],
      [
        'filesync sim --replay trace.jsonl',
        'the vehicle of a field report (FILESYNC_TRACE=mavlink:trace.jsonl)',
      ],
      ['kill -USR1 PID', 'arms it, or disarms it'],
    ],
    load: async () => (await import('./sim.js')).sim,
  },
  {
    usage: 'demo',
    summary:
      'the main job on embedded servers: simulated autopilot -> local -> FTP server and Flight Review page',
    group: 'Try without a vehicle',
    examples: [
      ['filesync demo', 'with two flight logs of the package'],
      ['filesync demo --logs ~/flights', 'with your own'],
      ['filesync demo --web', 'keeps running, with the web page'],
    ],
    load: async () => (await import('./demo.js')).demo,
  },
];

/** `retry` of `retry [id..]`. */
export const nameOf = ({ usage }: ListedCommand): string => usage.split(' ', 1)[0] ?? usage;
