import { FileSyncError } from '../errors.js';
import type { ParameterSpec, ParameterValue } from './graph.js';

/** Whether a value can be taken, and if not, why. */
export type ParameterVerdict = { readonly taken: ParameterValue } | { readonly refused: string };

/** The rules of a node's parameters, the same in any graph. */
export class ParameterTable {
  readonly #specs = new Map<string, ParameterSpec<ParameterValue>>();

  /** The value at start: what was asked for, else the parameter's own. Throws `config` if that is refused. */
  declare<T extends ParameterValue>(spec: ParameterSpec<T>, asked: unknown): T {
    // Sound, because nothing is handed to it whose type `verdictOn` has not seen to be T.
    const general = spec as unknown as ParameterSpec<ParameterValue>;
    this.#specs.set(spec.name, general);
    if (asked === undefined) return spec.initial;
    const verdict = verdictOn(general, asked);
    if ('taken' in verdict) return verdict.taken as T;
    throw new FileSyncError('config', `parameter ${spec.name}: ${verdict.refused}`);
  }

  /** The verdict on a value that is set while the node runs; undefined if the parameter is not ours. */
  check(name: string, value: unknown): ParameterVerdict | undefined {
    const spec = this.#specs.get(name);
    if (!spec) return undefined;
    return spec.readOnly
      ? { refused: `${name} can only be set when the node starts` }
      : verdictOn(spec, value);
  }

  /** To be called once a value that was taken has been set. */
  changed(name: string, value: ParameterValue): void {
    this.#specs.get(name)?.changed?.(value);
  }
}

function verdictOn(spec: ParameterSpec<ParameterValue>, value: unknown): ParameterVerdict {
  const { name, initial } = spec;
  const given = typeof value === 'bigint' ? Number(value) : value;
  if (!isValue(given) || typeof given !== typeof initial)
    return { refused: `${name} must be a ${typeof initial}` };
  const reason = spec.refuse?.(given);
  return reason === undefined ? { taken: given } : { refused: reason };
}

const isValue = (value: unknown): value is ParameterValue =>
  typeof value === 'string' ||
  typeof value === 'boolean' ||
  (typeof value === 'number' && Number.isFinite(value));
