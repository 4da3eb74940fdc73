import { toFileSyncError } from '../errors.js';
import { drainingNodeClass } from './draining-node.js';
import type { ParameterValue } from './graph.js';
import { ParameterTable } from './parameters.js';
import type {
  Rclnodejs,
  RclHandler,
  RclListener,
  RclNode,
  RclParameter,
  RclPublisher,
  RclResult,
  RclSubscription,
} from './rclnodejs.js';

export interface GuardedNode extends RclNode {
  readonly table: ParameterTable;
}

type GuardedNodeClass = new (...parameters: ConstructorParameters<Rclnodejs['Node']>) => GuardedNode;

/**
 * The library's node with two fixes. A callback that throws would abort the process: every callback is wrapped, those
 * of the parameter services that the library adds included. And our own table checks edits of parameters, since its
 * answers say what is wrong.
 */
export function guardedNodeClass(rcl: Rclnodejs): GuardedNodeClass {
  return class extends drainingNodeClass(rcl) implements GuardedNode {
    readonly table = new ParameterTable();

    /** The library puts the parameters' events into the node's namespace, where no tool expects them. */
    override createPublisher(type: string, topic: string, ...rest: readonly object[]): RclPublisher {
      return super.createPublisher(type, topic === EVENTS ? `/${EVENTS}` : topic, ...rest);
    }

    override createService(type: string, name: string, ...rest: readonly (object | RclHandler)[]): object {
      const guarded = rest.map(one => (isFunction<RclHandler>(one) ? guardedHandler(this, one) : one));
      return super.createService(type, name, ...guarded);
    }

    override createSubscription(
      type: string,
      topic: string,
      ...rest: readonly (object | RclListener)[]
    ): RclSubscription {
      const guarded = rest.map(one => (isFunction<RclListener>(one) ? guardedListener(this, one) : one));
      return super.createSubscription(type, topic, ...guarded);
    }

    override setParametersAtomically(parameters: readonly RclParameter[]): RclResult {
      return setChecked(rcl, this.table, parameters, values => super.setParametersAtomically(values));
    }
  };
}

const EVENTS = 'parameter_events';

const isFunction = <F extends object>(one: object): one is F => typeof one === 'function';

/** A caller always gets an answer, if only an empty one. */
function guardedHandler(node: RclNode, handler: RclHandler): RclHandler {
  return async (request, response) => {
    try {
      await handler(request, response);
    } catch (thrown) {
      logError(node, thrown);
      if (!response.sent) response.send(response.template);
    }
  };
}

function guardedListener(node: RclNode, listener: RclListener): RclListener {
  return message => {
    try {
      listener(message);
    } catch (thrown) {
      logError(node, thrown);
    }
  };
}

function logError(node: RclNode, thrown: unknown): void {
  node.getLogger().error(toFileSyncError(thrown).message);
}

/** All or none. Parameters that are not in the table are the library's own. */
function setChecked(
  rcl: Rclnodejs,
  table: ParameterTable,
  parameters: readonly RclParameter[],
  set: (parameters: readonly RclParameter[]) => RclResult,
): RclResult {
  const taken: RclParameter[] = [];
  for (const parameter of parameters) {
    const verdict = table.check(parameter.name, parameter.value);
    if (verdict && 'refused' in verdict) return { successful: false, reason: verdict.refused };
    taken.push(verdict ? toParameter(rcl, parameter.name, verdict.taken) : parameter);
  }
  const result = set(taken);
  if (result.successful) for (const { name, value } of taken) table.changed(name, value as ParameterValue);
  return result;
}

export function toParameter(rcl: Rclnodejs, name: string, value: ParameterValue): RclParameter {
  return new rcl.Parameter(name, parameterType(rcl, value), value);
}

function parameterType({ ParameterType }: Rclnodejs, value: ParameterValue): number {
  if (typeof value === 'string') return ParameterType.PARAMETER_STRING;
  return typeof value === 'boolean' ? ParameterType.PARAMETER_BOOL : ParameterType.PARAMETER_DOUBLE;
}
