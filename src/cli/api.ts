import type { Api } from '../api/api.js';
import { RemoteApi } from '../api/client.js';
import type { EditResult, Selection } from '../api/schema.js';
import { controlSocket } from '../api/socket.js';
import type { Config } from '../config/config.js';
import { FileSyncError } from '../errors.js';
import { common, defineCommand, type Command } from './command.js';
import { plain } from './print.js';
import { configFor, loggerFor } from './setup.js';
import { ExitCode, report, type Shell } from './shell.js';

/** Calls `use` to query the database: through the daemon if one answers, else from the files, which are only read. */
export async function reading<T>(
  shell: Shell,
  configFile: string | undefined,
  use: (api: Api, config: Config) => Promise<T>,
): Promise<T> {
  const config = await configFor(shell, configFile);
  return readingAgain(shell, config, api => {
    warnOfDamage(shell, api);
    return use(api, config);
  });
}

/** As `reading`, with a configuration that is loaded already. Nothing is reported: a status says itself what is damaged. */
export async function readingAgain<T>(
  shell: Shell,
  config: Config,
  use: (api: Api) => Promise<T>,
): Promise<T> {
  return closing(await openToRead(shell, config), use);
}

/** Calls `use` to edit the database: through the daemon if one runs, else on the files themselves. */
export async function editing<T>(
  shell: Shell,
  configFile: string | undefined,
  use: (api: Api) => Promise<T>,
): Promise<T> {
  return editingAgain(shell, await configFor(shell, configFile), use);
}

/** As `editing`, with a configuration that is loaded already. */
export async function editingAgain<T>(
  shell: Shell,
  config: Config,
  use: (api: Api) => Promise<T>,
): Promise<T> {
  return closing(await openToEdit(shell, config), use);
}

async function closing<T>(api: Api, use: (api: Api) => Promise<T>): Promise<T> {
  try {
    return await use(api);
  } finally {
    await api.close();
  }
}

async function openToRead(shell: Shell, config: Config): Promise<Api> {
  const refused: { by?: FileSyncError } = {};
  const remote = await RemoteApi.connect(controlSocket(config.database)).catch((error: unknown) => {
    if (!(error instanceof FileSyncError) || error.kind !== 'denied') throw error;
    refused.by = error;
    return undefined;
  });
  if (remote) return remote;
  const { readDatabaseApi } = await import('../api/database-api.js');
  return readDatabaseApi(config, shell.clock).catch((error: unknown) => {
    throw refused.by ?? error;
  });
}

/** A damaged database must not pass for an empty one. */
export function warnOfDamage(shell: Shell, { problem }: { readonly problem?: string | undefined }): void {
  if (problem !== undefined) report(shell, 'warn', `the database: ${problem}`);
}

async function openToEdit(shell: Shell, config: Config): Promise<Api> {
  const remote = await RemoteApi.connect(controlSocket(config.database));
  if (remote) return remote;
  const { openDatabaseApi } = await import('../api/database-api.js');
  return openDatabaseApi(config, shell.clock, loggerFor(shell, 'warn'));
}

interface EditCommand {
  /** Printed behind each id. */
  readonly verb: string;
  readonly edit: (api: Api, which: Selection) => Promise<EditResult>;
}

/** A command that edits the records whose ids are its arguments. */
export function editCommand({ verb, edit }: EditCommand): Command {
  return defineCommand({
    options: { config: common.config, json: common.json },
    build: yargs =>
      yargs.positional('id', { type: 'string', array: true, describe: 'ids, or unique beginnings of them' }),
    async run(args, shell) {
      const ids = args['id'] as string[];
      const result = await editing(shell, args.config, api => edit(api, { ids }));
      return reportEdit(shell, args.json, verb, result);
    },
  });
}

/** Prints the result of an edit; returns the exit code. */
export function reportEdit(shell: Shell, json: boolean, verb: string, result: EditResult): number {
  if (json) shell.print(JSON.stringify(result));
  else for (const id of result.changed) shell.print(`${id} ${verb}`);
  for (const { id, reason } of result.refused) report(shell, 'error', plain(`${id}: ${reason}`));
  return result.refused.length > 0 ? ExitCode.INCOMPLETE : ExitCode.DONE;
}
