import { reading } from './api.js';
import { common, defineCommand } from './command.js';
import { ExitCode } from './shell.js';

export const push = defineCommand({
  options: { config: common.config, json: common.json },
  async run(args, shell) {
    const result = await reading(shell, args.config, api => api.push());
    shell.print(args.json ? JSON.stringify(result) : result.message);
    return ExitCode.DONE;
  },
});
