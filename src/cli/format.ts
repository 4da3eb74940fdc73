import { file as shape, type File } from '../api/schema.js';
import { suggest } from '../config/nearest.js';
import { FileSyncError } from '../errors.js';
import { plain } from './print.js';

const PLACEHOLDER = /\{([^{}]*)\}/g;

/** Fills `{name}` with the fields of a file; `{targets}` with the state of each target. Throws `config` for other names. */
export function formatter(template: string): (file: File) => string {
  const known = Object.keys(shape.shape);
  for (const [, name = ''] of template.matchAll(PLACEHOLDER))
    if (!known.includes(name))
      throw new FileSyncError('config', `--format {${name}}: ${suggest(name, known)}`);
  return file =>
    template.replace(PLACEHOLDER, (_all, name: string) => plain(textOf(file, name as keyof File)));
}

function textOf(file: File, name: keyof File): string {
  if (name === 'targets') return file.targets.map(({ target, state }) => `${target}:${state}`).join(',');
  if (name === 'waiting') return file.waiting.map(({ text }) => text).join('; ');
  if (name === 'facts') return file.facts ? JSON.stringify(file.facts) : '';
  return String(file[name] ?? '');
}
