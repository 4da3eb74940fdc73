import type { Options } from 'yargs';
import { commands, nameOf, type Example } from '../src/cli/commands.js';

// The command line as data, from the tables that the program itself reads, for the man page and the shells' completions.

/** What comes behind an option or a command: nothing, one of some words, a file, a folder, or text that no shell can know. */
export type Value =
  | { readonly kind: 'none' | 'file' | 'folder' | 'text' }
  | { readonly kind: 'words'; readonly words: readonly string[] };

export interface OptionInfo {
  readonly name: string;
  /** One letter. */
  readonly short?: string;
  readonly describe: string;
  /** As it is printed. */
  readonly fallback?: string;
  readonly value: Value;
  /** What stands for the value, `FILE`; '' if there is none. */
  readonly operand: string;
}

export interface CommandInfo {
  readonly name: string;
  /** In capitals, `[ID...]`; '' if there are none. */
  readonly operands: string;
  readonly operand: Value;
  readonly summary: string;
  readonly group: string;
  readonly options: readonly OptionInfo[];
  readonly examples: readonly Example[];
}

/** Options that name a file, respectively a folder. */
const FILES = new Set(['config', 'output', 'replay']);
const FOLDERS = new Set(['logs']);

export const HELP: OptionInfo = {
  name: 'help',
  short: 'h',
  describe: 'help, with examples',
  value: { kind: 'none' },
  operand: '',
};

export async function commandLine(): Promise<readonly CommandInfo[]> {
  return Promise.all(
    commands.map(async listed => {
      const { options } = await listed.load();
      const [, operands = ''] = /^\S+ (.*)$/.exec(listed.usage) ?? [];
      return {
        name: nameOf(listed),
        operands: operands.replace(/[<>]/g, '').replace('..', '...').toUpperCase(),
        operand: { kind: operands.includes('dir') ? 'folder' : operands === '' ? 'none' : 'text' },
        summary: listed.summary,
        group: listed.group,
        options: [...Object.entries(options).map(([name, option]) => infoOf(name, option)), HELP],
        examples: listed.examples,
      } as const;
    }),
  );
}

function infoOf(name: string, option: Options): OptionInfo {
  const { alias, describe = '' } = option;
  const fallback = fallbackOf(option);
  const value = valueOf(name, option);
  return {
    name,
    ...(typeof alias === 'string' && { short: alias }),
    describe,
    ...(fallback !== undefined && { fallback }),
    value,
    operand: operandOf(value, option),
  };
}

function fallbackOf({ default: value, defaultDescription }: Options): string | undefined {
  if (defaultDescription !== undefined) return defaultDescription;
  if (value === undefined || value === false) return undefined;
  return Array.isArray(value) ? value.join(' ') : String(value);
}

function operandOf(value: Value, { type }: Options): string {
  if (value.kind === 'none') return '';
  if (value.kind === 'words') return value.words.join('|');
  return type === 'number' ? 'NUMBER' : value.kind.toUpperCase();
}

function valueOf(name: string, { type, choices }: Options): Value {
  if (choices) return { kind: 'words', words: choices.map(String) };
  if (type === 'boolean') return { kind: 'none' };
  if (FILES.has(name)) return { kind: 'file' };
  return { kind: FOLDERS.has(name) ? 'folder' : 'text' };
}
