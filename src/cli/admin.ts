import type { Config } from '../config/config.js';
import type { Admin, EditResult } from '../api/admin.js';
import { RemoteAdmin } from '../api/client.js';
import { controlSocket } from '../api/socket.js';
import { common, defineCommand, type Command } from './command.js';
import { configFor, loggerFor } from './setup.js';
import { ExitCode, report, type Shell } from './shell.js';

/** Calls `use` with access to the database: through the daemon if one runs, else on the files themselves. */
export async function withAdmin<T>(
  shell: Shell,
  configFile: string | undefined,
  use: (admin: Admin) => Promise<T>,
): Promise<T> {
  const admin = await openAdmin(shell, await configFor(shell, configFile));
  try {
    return await use(admin);
  } finally {
    await admin.close();
  }
}

async function openAdmin(shell: Shell, config: Config): Promise<Admin> {
  const remote = await RemoteAdmin.connect(controlSocket(config.database));
  if (remote) return remote;
  const { openStoreAdmin } = await import('../api/store-admin.js');
  return openStoreAdmin(config.database, shell.clock, loggerFor(shell, 'warn'));
}

interface EditCommand {
  /** Printed behind each id. */
  readonly verb: string;
  readonly edit: (admin: Admin, ids: readonly string[]) => Promise<EditResult>;
}

/** A command that edits the records whose ids are its arguments. */
export function editCommand({ verb, edit }: EditCommand): Command {
  return defineCommand({
    options: { config: common.config, json: common.json },
    build: yargs =>
      yargs.positional('id', { type: 'string', array: true, describe: 'ids, or unique beginnings of them' }),
    async run(args, shell) {
      const result = await withAdmin(shell, args.config, admin => edit(admin, args['id'] as string[]));
      return reportEdit(shell, args.json, verb, result);
    },
  });
}

/** Prints the result of an edit; returns the exit code. */
export function reportEdit(shell: Shell, json: boolean, verb: string, result: EditResult): number {
  if (json) shell.print(JSON.stringify(result));
  else for (const id of result.changed) shell.print(`${id} ${verb}`);
  for (const { id, reason } of result.refused) report(shell, 'error', `${id}: ${reason}`);
  return result.refused.length > 0 ? ExitCode.INCOMPLETE : ExitCode.DONE;
}
