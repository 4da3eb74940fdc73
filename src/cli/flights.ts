import { allFlights, type Api } from '../api/api.js';
import type { FlightQuery, FlightView } from '../api/schema.js';
import type { Config } from '../config/config.js';
import { suggest } from '../config/nearest.js';
import { FileSyncError } from '../errors.js';
import { reading } from './api.js';
import { common, defineCommand } from './command.js';
import { flightTable } from './flight-table.js';
import { parseInstant } from './instant.js';
import { wantedLimit } from './limit.js';
import { ExitCode, type Shell } from './shell.js';

const text = { type: 'string', requiresArg: true } as const;

export const flights = defineCommand({
  options: {
    config: common.config,
    json: { type: 'boolean', default: false, describe: 'print JSON lines: an object a flight' },
    since: { ...text, describe: 'ended since then: 2h, 12:31, 2026-08-01, 2026-08-01T12:31' },
    vehicle: {
      ...text,
      describe: 'only that vehicle, as its logs name it (or the beginning), or only this source',
    },
    limit: { type: 'number', requiresArg: true, describe: 'so many flights at most, the newest' },
    all: { type: 'boolean', default: false, describe: 'with the archive: files delivered and gone long ago' },
  },
  async run(args, shell) {
    const query = queryOf(args, shell);
    return reading(shell, args.config, async (api, config) => {
      const found: FlightView[] = [];
      for await (const flight of allFlights(api, query)) found.push(flight);
      if (found.length === 0) await checkVehicle(api, config, args.vehicle);
      for (const line of args.json ? found.map(flight => JSON.stringify(flight)) : lines(found, query, shell))
        shell.print(line);
      return ExitCode.DONE;
    });
  },
});

interface Filters {
  readonly since?: string | undefined;
  readonly vehicle?: string | undefined;
  readonly limit?: number | undefined;
  readonly all: boolean;
}

function queryOf({ since, vehicle, limit, all }: Filters, { clock }: Shell): FlightQuery {
  return {
    ...(since !== undefined && { since: parseInstant(since, 'since', clock.now()) }),
    ...(vehicle !== undefined && { vehicle }),
    ...(limit !== undefined && { limit: wantedLimit(limit) }),
    ...(all && { archive: true }),
  };
}

function lines(found: readonly FlightView[], { since, vehicle }: FlightQuery, shell: Shell): string[] {
  if (found.length > 0) return flightTable(found, shell);
  return since === undefined && vehicle === undefined
    ? ['no flights yet: `filesync sync` or `filesync run` brings the files of the first one']
    : ['no such flight: without --since and --vehicle all are listed, with --all those of long ago too'];
}

/** A name that neither the configuration nor a log knows is a mistake, not an empty list. */
async function checkVehicle(api: Api, config: Config, vehicle: string | undefined): Promise<void> {
  if (vehicle === undefined || config.devices.has(vehicle)) return;
  const { total } = await api.flights({ vehicle, archive: true, limit: 1 });
  if (total > 0) return;
  const known = suggest(vehicle, [...config.devices.keys()]);
  throw new FileSyncError(
    'config',
    `no log names a vehicle ${vehicle}, and no device is called so; ${known}`,
  );
}
