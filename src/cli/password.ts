import { SCOPES, type Scope } from '../config/web.js';
import { FileSyncError } from '../errors.js';
import { MAX_PASSWORD_LENGTH } from '../api/schema-session.js';
import { hashPassword, MIN_PASSWORD_LENGTH } from '../web/passwords.js';
import { hashToken, makeToken } from '../web/tokens.js';
import { defineCommand } from './command.js';
import { ExitCode, type Shell } from './shell.js';

export const password = defineCommand({
  options: {
    token: {
      type: 'string' as const,
      requiresArg: true,
      describe: 'make a token of that name for a program, in place of a password',
    },
    scopes: {
      type: 'string' as const,
      requiresArg: true,
      describe: `what the token is for, separated by commas: ${SCOPES.join(', ')} (default: read)`,
    },
  },
  async run(args, shell) {
    if (args.token !== undefined) return printToken(args.token, args.scopes ?? 'read', shell);
    if (args.scopes !== undefined)
      throw new FileSyncError('config', 'only tokens have scopes: name the token with --token NAME');
    shell.print(await hashPassword(await newPassword(shell)));
    return ExitCode.DONE;
  },
});

/** Two equal ones from a person at a terminal, or one line of standard input. */
async function newPassword(shell: Shell): Promise<string> {
  // Standard output may be the file that the hash goes to.
  const conversation = shell.conversation('stderr');
  if (!conversation) return checked((await textOf(shell.input())).replace(/\r?\n$/, ''));
  const { Prompt } = await import('./init/prompt.js');
  const prompt = new Prompt(conversation);
  try {
    const first = checked(await prompt.secret('Password'));
    if ((await prompt.secret('The same again')) === first) return first;
    throw new FileSyncError('config', 'the two passwords differ: run `filesync password` again');
  } finally {
    prompt.close();
  }
}

/** All of it, or enough to see that it is too long. */
async function textOf(input: NodeJS.ReadableStream): Promise<string> {
  let text = '';
  for await (const chunk of input.setEncoding('utf8')) {
    text += String(chunk);
    if (text.length > 2 * MAX_PASSWORD_LENGTH) break;
  }
  return text;
}

function checked(password: string): string {
  const { length } = password;
  if (length >= MIN_PASSWORD_LENGTH && length <= MAX_PASSWORD_LENGTH && !/\p{Cc}/u.test(password))
    return password;
  throw new FileSyncError(
    'config',
    `a password must be one line of ${MIN_PASSWORD_LENGTH} to ${MAX_PASSWORD_LENGTH} characters`,
  );
}

function printToken(name: string, scopes: string, shell: Shell): number {
  const chosen = scopes.split(',').map(scope => scope.trim());
  const unknown = chosen.find(scope => !SCOPES.includes(scope as Scope));
  if (unknown !== undefined)
    throw new FileSyncError('config', `--scopes: "${unknown}" must be one of ${SCOPES.join(', ')}`);
  if (!/^[\w.-]{1,64}$/.test(name))
    throw new FileSyncError('config', '--token: a name must be up to 64 letters, digits, _ . and -');
  const token = makeToken();
  shell.print(`token, shown only now: ${token}`);
  shell.print(
    `for web.tokens: - { name: ${name}, hash: "${hashToken(token)}", scopes: [${chosen.join(', ')}] }`,
  );
  return ExitCode.DONE;
}
