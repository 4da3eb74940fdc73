import { readFile } from 'node:fs/promises';
import { parse } from 'yaml';
import { FileSyncError } from '../errors.js';
import { EVERY_NODE, type ParameterArgument } from './arguments.js';

// Parameters from the command line and from files, resolved as ROS's own client libraries do it. rclnodejs
// knows only `/**` and a node's bare name: what launch writes for a node with a namespace, and what `ros2 param dump`
// prints, would be ignored silently.

/** One value that was asked for. */
interface Override {
  /** Name of the nodes that it is meant for: `/drone1/filesync`, `/**`, `filesync`. */
  readonly node: string;
  readonly name: string;
  readonly value: unknown;
}

const VALUES = 'ros__parameters';

/** What the arguments ask for, in order. Throws `config` for a file that cannot be read or is no parameter file. */
export async function readOverrides(parameters: readonly ParameterArgument[]): Promise<readonly Override[]> {
  const overrides: Override[] = [];
  for (const one of parameters) {
    if ('file' in one) overrides.push(...(await fromFile(one.file)));
    else overrides.push({ ...one, value: parse(one.value) as unknown });
  }
  return overrides;
}

/** The values for one node by its full name; of several for one parameter the last counts. */
export function overridesFor(overrides: readonly Override[], node: string): ReadonlyMap<string, unknown> {
  const meant = overrides.filter(override => pattern(override.node).test(node));
  return new Map(meant.map(({ name, value }) => [name, value]));
}

async function fromFile(file: string): Promise<readonly Override[]> {
  try {
    return nodesOf(parse(await readFile(file, 'utf8')) as unknown, '');
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new FileSyncError('config', `the parameter file ${file} cannot be used: ${why}`, { cause });
  }
}

/** Nodes' names may be written as one key or as nested ones. */
function nodesOf(value: unknown, node: string): readonly Override[] {
  if (!isMap(value)) throw new Error(`there is no ${VALUES} below ${node || 'the top level'}`);
  return Object.entries(value).flatMap(([key, below]) =>
    key === VALUES ? valuesOf(below, '').map(one => ({ ...one, node })) : nodesOf(below, join(node, key)),
  );
}

/** Nested parameters have a dot in their name. */
function valuesOf(value: unknown, prefix: string): { readonly name: string; readonly value: unknown }[] {
  if (!isMap(value)) return prefix === '' ? [] : [{ name: prefix, value }];
  return Object.entries(value).flatMap(([key, below]) => valuesOf(below, prefix ? `${prefix}.${key}` : key));
}

const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const join = (outer: string, inner: string) =>
  outer === '' ? inner : `${outer.replace(/\/$/, '')}/${inner.replace(/^\//, '')}`;

/** `*` matches one part of a name, `**` for any number; a bare name is meant in every namespace. */
function pattern(node: string): RegExp {
  const full = node.startsWith('/') ? node : `${EVERY_NODE}/${node}`;
  const parts = full
    .split('/')
    .filter(Boolean)
    .map(part => PARTS.get(part) ?? `/${escape(part)}`);
  return new RegExp(`^${parts.join('')}$`);
}

const PARTS: ReadonlyMap<string, string> = new Map([
  ['*', '/\\w+'],
  ['**', '(?:/\\w+)*'],
]);

const escape = (text: string) => text.replace(/[^\w]/g, '\\$&');
