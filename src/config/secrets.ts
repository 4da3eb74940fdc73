import { readFileSync } from 'node:fs';
import { FileSyncError } from '../errors.js';
import type { SecretRef } from './options.js';
import { type Environment, resolvePath } from './paths.js';

export interface SecretSources {
  readonly env: Environment;
  /** Where relative paths start. */
  readonly folder: string;
  readonly readFile?: (path: string) => string;
}

/**
 * A secret's value; of a file its content without the line end. Throws `config` with the remedy, never with a value; a file
 * that cannot be read is a temporary error, since it may be made or mounted later.
 */
export function resolveSecret(ref: SecretRef, { env, folder, readFile = readText }: SecretSources): string {
  if (typeof ref === 'string') return ref;
  return 'env' in ref
    ? fromEnvironment(ref.env, env)
    : fromFile(resolvePath(folder, ref.file, env), readFile);
}

function fromEnvironment(name: string, env: Environment): string {
  const value = env[name];
  if (value !== undefined && value !== '') return value;
  const state = value === '' ? 'empty' : 'not set';
  throw new FileSyncError('config', `the environment variable ${name} is ${state}; set it to the secret`);
}

function fromFile(path: string, read: (path: string) => string): string {
  const value = readSecret(path, read).replace(/\r?\n$/, '');
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
