import { commandLine } from './command-line.js';
import { bashCompletion, fishCompletion, zshCompletion } from './completions.js';
import { manPage } from './man-page.js';

/** Text of every file that is made from the tables of the commands, by its path in the repository. */
export async function commandFiles(): Promise<Readonly<Record<string, string>>> {
  const commands = await commandLine();
  return {
    'packaging/man/filesync.1': manPage(commands),
    'packaging/completions/filesync.bash': bashCompletion(commands),
    'packaging/completions/_filesync': zshCompletion(commands),
    'packaging/completions/filesync.fish': fishCompletion(commands),
  };
}
