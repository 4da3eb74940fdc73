import { withAdmin } from './admin.js';
import { common, defineCommand } from './command.js';
import { plain, table } from './print.js';
import { ExitCode } from './shell.js';

export const status = defineCommand({
  options: { config: common.config, json: common.json },
  async run(args, shell) {
    const now = await withAdmin(shell, args.config, admin => admin.status());
    if (args.json) {
      shell.print(JSON.stringify(now));
      return ExitCode.DONE;
    }
    shell.print(
      now.running ? 'daemon: running' : 'daemon: not running (`filesync check` probes the devices)',
    );
    if (now.database !== undefined) shell.print(`database: ${plain(now.database)}`);
    const devices = now.devices.map(({ name, type, available, armed, reason }) => {
      return [name, type, available ? 'available' : 'offline', armed ? 'ARMED' : '', plain(reason)];
    });
    for (const line of table(devices)) shell.print(`  ${line}`);
    const counts = Object.entries(now.counts).map(([state, count]) => `${count} ${state}`);
    shell.print(`files: ${counts.join(', ') || 'none yet'}`);
    return ExitCode.DONE;
  },
});
