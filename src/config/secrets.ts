import { readFileSync } from 'node:fs';
import { FileSyncError } from '../errors.js';
import { isRecord } from './introspect.js';
import type { SecretRef } from './options.js';
import { type Environment, resolvePath } from './paths.js';

export interface SecretSources {
  readonly env: Environment;
  /** Where relative paths start. */
  readonly folder: string;
  /** Where the configuration names the secret: `devices.archive.password`. */
  readonly key?: string | undefined;
  readonly readFile?: (path: string) => string;
}

/**
 * A secret's value, without the line ends behind it. Throws `config` with the remedy, never with a value; a file that cannot
 * be read is a temporary error, since it may be made or mounted later. No secret may hold a control character: it would end
 * a command, or be no part of a header.
 */
export function resolveSecret(
  ref: SecretRef,
  { env, folder, key, readFile = readText }: SecretSources,
): string {
  if (typeof ref === 'string') return checked(ref, 'the secret', key);
  if ('env' in ref) return checked(fromEnvironment(ref.env, env), `the environment variable ${ref.env}`, key);
  const path = resolvePath(folder, ref.file, env);
  return checked(fromFile(path, readFile), `the secret's file ${path}`, key);
}

/** `devices.NAME.OPTION` of the option that holds this reference; undefined if none does. */
export function keyOfSecret(device: string, options: unknown, ref: SecretRef): string | undefined {
  const find = (value: unknown, path: string): string | undefined => {
    if (value === ref) return path;
    if (!isRecord(value)) return undefined;
    for (const [name, inner] of Object.entries(value)) {
      const found = find(inner, `${path}.${name}`);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  return find(options, `devices.${device}`);
}

function checked(value: string, place: string, key: string | undefined): string {
  const [character] = /\p{Cc}/u.exec(value) ?? [];
  if (character === undefined) return value;
  const where = key === undefined ? place : `${key}: ${place}`;
  const remedy = 'write the secret alone, on one line and as UTF-8';
  throw new FileSyncError('config', `${where} has ${named(character)} inside the secret: ${remedy}`);
}

/** The control character in words, with its code point. */
function named(character: string): string {
  const code = character.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0');
  return `${CONTROL_NAMES[character] ?? 'a control character'} (U+${code})`;
}

const CONTROL_NAMES: Readonly<Record<string, string>> = {
  '\0': 'a NUL',
  '\t': 'a tab',
  '\n': 'a line break',
  '\r': 'a carriage return',
  '\u001b': 'an escape character',
};

/** Editors and `echo` end a text with one, and some tools with several. */
const withoutLineEnds = (text: string): string => text.replace(/[\r\n]+$/, '');

function fromEnvironment(name: string, env: Environment): string {
  const value = env[name];
  const secret = withoutLineEnds(value ?? '');
  if (secret !== '') return secret;
  const state = value === undefined ? 'not set' : 'empty';
  throw new FileSyncError('config', `the environment variable ${name} is ${state}; set it to the secret`);
}

function fromFile(path: string, read: (path: string) => string): string {
  const value = withoutLineEnds(readSecret(path, read));
  if (value !== '') return value;
  throw new FileSyncError('config', `the secret's file ${path} is empty; write the secret into it`);
}

function readSecret(path: string, read: (path: string) => string): string {
  try {
    return read(path);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    const message = `the secret's file ${path} ${UNREADABLE[code] ?? `cannot be read (${code})`}`;
    throw new FileSyncError('config', message, { cause: error, temporary: true });
  }
}

const UNREADABLE: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist; create it with the secret as its content',
  EACCES: 'may not be read by this user; change its owner or rights',
  EISDIR: 'is a folder; name a file in it',
};

function readText(path: string): string {
  return readFileSync(path, 'utf8');
}
