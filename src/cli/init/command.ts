import { dirname, join, resolve } from 'node:path';
import { loadConfig } from '../../config/load.js';
import { resolvePath } from '../../config/paths.js';
import { deviceTypes } from '../../devices/registry.js';
import { FileSyncError } from '../../errors.js';
import { vehicleName } from '../../rules/template.js';
import { defineCommand } from '../command.js';
import { exists } from '../../system/exists.js';
import { loggerFor } from '../setup.js';
import { ExitCode, report, type Conversation, type Shell } from '../shell.js';
import type { Answers } from './answers.js';
import { findDrives } from './drives.js';
import { listenOnUdp } from './heartbeats.js';
import { interview, type InterviewContext } from './interview.js';
import { Prompt } from './prompt.js';
import { render } from './render.js';
import { Secrets } from './secrets.js';
import { driveOffer, serialTools, vehicleOffers, type Found } from './sources.js';
import { existing, isUntouchedExample, writeConfiguration } from './write.js';

/** ms; heartbeats come once a second. */
const LISTEN_MS = 3_500;
/** Where autopilots and their simulators send MAVLink: to a companion computer, and to a ground station. */
const UDP_PORTS = [14_540, 14_550];
const UNITS = ['/lib/systemd/system/filesync.service', '/etc/systemd/system/filesync.service'];

export const init = defineCommand({
  options: {
    output: {
      type: 'string',
      requiresArg: true,
      describe:
        'file to write (default: ~/.config/filesync/filesync.yaml); only an unedited example of the package is replaced',
    },
    udp: {
      type: 'number',
      array: true,
      requiresArg: true,
      default: UDP_PORTS,
      describe: 'UDP ports on which heartbeats of autopilots are awaited',
    },
  },
  async run(args, shell) {
    const file = resolve(args.output ?? join(shell.home, '.config/filesync/filesync.yaml'));
    const ports = args.udp;
    if (!ports.every(port => Number.isInteger(port) && port > 0 && port < 65_536))
      throw new FileSyncError('config', '--udp: ports are numbers from 1 to 65535');
    const conversation = shell.conversation();
    if (conversation) return converse(shell, conversation, { file, ports });
    shell.print(render(exampleFor(await discover(shell, ports))).trimEnd());
    report(
      shell,
      'warn',
      'no terminal to ask questions on: this is an example for what was found; nothing was written',
    );
    return ExitCode.DONE;
  },
});

async function discover({ clock, stopped, env }: Shell, ports: readonly number[]): Promise<Found> {
  const listening = { ms: LISTEN_MS, clock, signal: stopped };
  const [udp, drives] = await Promise.all([listenOnUdp(ports, listening), findDrives(env['PATH'])]);
  return { udp, drives, hasRos: Boolean(env['ROS_DISTRO'] && env['AMENT_PREFIX_PATH']) };
}

/** All that was found, or else an autopilot where it is expected; the target is only an example. */
function exampleFor({ udp, drives }: Found): Answers {
  const offers = [...vehicleOffers(udp), ...drives.map((drive, index) => driveOffer(drive, index + 1))];
  const expected = {
    name: 'autopilot',
    comment: 'an example: no autopilot was heard and no drive was found',
    options: { type: 'mavlink', url: 'udp://0.0.0.0:14540@', root: '/fs/microsd/log' },
    include: ['**/*.ulg'],
  };
  const server = { host: 'ftp.example.org', user: 'drone', password: { env: 'ARCHIVE_PASSWORD' } };
  const target = {
    name: 'archive',
    comment: 'an example: name your own server',
    options: { type: 'ftp', ...server },
  };
  const sources = offers.map(({ source }) => source);
  return { sources: sources.length > 0 ? sources : [expected], target, begin: 'new' };
}

interface Wanted {
  readonly file: string;
  readonly ports: readonly number[];
}

async function converse(shell: Shell, conversation: Conversation, { file, ports }: Wanted): Promise<number> {
  if ((await exists(file)) && !(await isUntouchedExample(file))) throw existing(file);
  const prompt = new Prompt(conversation);
  try {
    prompt.say(`This writes ${file}. Ctrl-C ends it, and nothing is written.`);
    prompt.say(`Listening for autopilots on UDP ${ports.join(', ')}; nothing is sent ...`);
    const found = await discover(shell, ports);
    for (const { port, taken } of found.udp)
      if (taken)
        prompt.say(`  UDP port ${port} is in use by another program, such as MAVROS or a ground station`);
    const secrets = new Secrets(dirname(file), shell.env);
    const places = placesFor(file, shell.home);
    const context = contextOf(shell, { prompt, found, secrets, file, local: places.local });
    const text = render({ ...places, ...(await interview(context)) });
    const { warnings } = await loadConfig(file, { env: shell.env, deviceTypes, readFile: async () => text });
    for (const warning of warnings) report(shell, 'warn', warning);
    for (const path of await writeConfiguration(file, text, secrets)) prompt.say(`${path} is written`);
    for (const line of await nextSteps(file, shell)) prompt.say(line);
    return ExitCode.DONE;
  } finally {
    prompt.close();
  }
}

/** A service keeps its files below /var/lib, a user below the home; elsewhere they are beside the configuration. */
function placesFor(file: string, home: string): { readonly local?: string; readonly database?: string } {
  if (file.startsWith('/etc/')) return placesIn('/var/lib/filesync');
  return file.startsWith(join(home, '.config/')) ? placesIn('~/.local/share/filesync') : {};
}

const placesIn = (folder: string) => ({ local: `${folder}/data`, database: `${folder}/filesync.json` });

type Parts = Pick<InterviewContext, 'prompt' | 'found' | 'secrets'> & {
  readonly file: string;
  readonly local: string | undefined;
};

function contextOf(shell: Shell, { prompt, found, secrets, file, local }: Parts): InterviewContext {
  const { clock, env, stopped } = shell;
  const absolute = (path: string) => resolvePath(dirname(file), path, env);
  const logger = loggerFor(shell, 'error');
  const contextFor = (name: string) => ({
    random: Math.random,
    vehicle: vehicleName(shell.hostname),
    ...{ name, clock, env, logger, local: absolute(local ?? './data'), resolvePath: absolute },
    secret: secrets.resolve.bind(secrets),
  });
  return { prompt, found, secrets, serial: serialTools(clock, stopped), signal: stopped, contextFor };
}

async function nextSteps(file: string, { home }: Shell): Promise<readonly string[]> {
  const units = await Promise.all(UNITS.map(exists));
  if (file.startsWith('/etc/') && units.includes(true)) return SERVICE_STEPS;
  const usual = [join(home, '.config/filesync/filesync.yaml'), '/etc/filesync/filesync.yaml'];
  const named = usual.includes(file) ? '' : ` -c ${file}`;
  return [
    'Next:',
    `  filesync check${named}           # probes every device`,
    `  filesync sync --dry-run${named}  # what would be brought where`,
    `  filesync run${named}             # the daemon`,
  ];
}

/** A command that ran as another user than the service's would leave files that the service cannot write. */
const SERVICE_STEPS = [
  'Next:',
  '  sudo -u filesync filesync check            # probes every device, as the user of the service',
  '  sudo -u filesync filesync sync --dry-run   # what would be brought where',
  '  sudo systemctl enable --now filesync       # the daemon, as a service',
];
