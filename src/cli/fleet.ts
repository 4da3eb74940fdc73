import type { Config, DeviceConfig } from '../config/config.js';
import { isStore, NO_STORE } from '../config/fleet-check.js';
import { suggest } from '../config/nearest.js';
import { FileSyncError, toFileSyncError } from '../errors.js';
import { FleetReader, type FleetView } from '../fleet/reader.js';
import { untilAborted, withDeadline } from '../system/deadline.js';
import { common, defineCommand, logging } from './command.js';
import { openToRead } from './fleet-store.js';
import { fleetTable } from './fleet-table.js';
import { plain } from './print.js';
import { configFor, loggerFor } from './setup.js';
import { ExitCode, report, signalExitCode, type Shell } from './shell.js';

/** Between two looks of `--watch`: each lists the folder. */
const WATCH_INTERVAL_MS = 30_000;
const MAX_READING_MS = 120_000;
const CLEAR_SCREEN = '\u001b[H\u001b[J';

export const fleet = defineCommand({
  options: {
    config: common.config,
    json: { type: 'boolean', default: false, describe: 'print JSON lines: an object a vehicle' },
    watch: { type: 'boolean', default: false, describe: 'again every 30 s, until Ctrl-C' },
    'log-level': { ...logging['log-level'], default: 'error' as const },
    'log-format': common.logFormat,
  },
  build: yargs =>
    yargs.positional('device', { type: 'string', describe: 'device of the configuration with the status' }),
  async run(args, shell) {
    const config = await configFor(shell, args.config);
    const device = storeIn(config, args['device'] as string);
    const reader = new FleetReader(shell.clock);
    const logger = loggerFor(shell, args.logLevel);
    const read = () => view(reader, device, { config, services: { ...shell, logger }, locks: new Map() });
    const show = ({ vehicles }: FleetView) =>
      args.json ? vehicles.map(vehicle => JSON.stringify(vehicle)) : fleetTable(vehicles, shell);
    if (args.watch) return watch(shell, read, show);
    const found = await read();
    for (const line of show(found)) shell.print(line);
    reportSkipped(found, shell);
    return ExitCode.DONE;
  },
});

type Context = Parameters<typeof openToRead>[1] & { readonly services: Shell };

async function view(reader: FleetReader, device: DeviceConfig, context: Context): Promise<FleetView> {
  const { clock, stopped: signal } = context.services;
  const work = async (over: AbortSignal): Promise<FleetView> => {
    await using store = await openToRead(device, context, over);
    return await reader.read(store, over);
  };
  return withDeadline(work, { signal, ms: MAX_READING_MS, clock });
}

function storeIn(config: Config, name: string): DeviceConfig {
  const device = config.devices.get(name);
  if (!device) {
    const known = suggest(name, [...config.devices.keys()]);
    throw new FileSyncError('config', `no device is called ${plain(name)}; ${known}`);
  }
  if (!isStore(device.type))
    throw new FileSyncError('config', `${name} (type ${device.type.type}) ${NO_STORE}`);
  return device;
}

/** On a terminal the screen is drawn again; elsewhere what has changed is printed again. A store that fails is asked again. */
async function watch(
  shell: Shell,
  read: () => Promise<FleetView>,
  show: (found: FleetView) => readonly string[],
): Promise<number> {
  let before = '';
  while (!shell.stopped.aborted) {
    const found = await read().catch((thrown: unknown) => {
      const error = toFileSyncError(thrown);
      if (!error.temporary) throw error;
      if (!shell.stopped.aborted) report(shell, 'warn', plain(error.message));
      return undefined;
    });
    if (shell.stopped.aborted) break;
    const text = found ? show(found).join('\n') : before;
    if (text !== before) shell.print(shell.outputColumns === undefined ? text : CLEAR_SCREEN + text);
    if (found && text !== before) reportSkipped(found, shell);
    before = text;
    await untilAborted(shell.stopped, over => shell.clock.sleep(WATCH_INTERVAL_MS, over));
  }
  return signalExitCode(shell.stopped);
}

function reportSkipped({ skipped }: FleetView, shell: Shell): void {
  for (const { object, reason } of skipped)
    report(shell, 'warn', `${plain(object)} is skipped: ${plain(reason)}`);
}
