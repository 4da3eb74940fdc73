import type { DatabaseApi } from '../api/database-api.js';
import type { Engine } from '../engine/engine.js';
import type { Clock } from '../ports.js';
import type { WhileArmed } from '../rules/rule.js';
import { publishDiagnostics } from './diagnostics.js';
import type { Closable, Graph } from './graph.js';
import { serveDatabase } from './services.js';
import { publishTopics } from './topics.js';

/** Less would be a busy loop. */
const MIN_INTERVAL_SECONDS = 0.05;
const MODES: readonly string[] = ['upload-only', 'pause', 'continue'] satisfies WhileArmed[];

export interface NodeParts {
  readonly graph: Graph;
  readonly engine: Engine;
  readonly api: DatabaseApi;
  /** What the configuration says, ms. */
  readonly interval: number;
  readonly clock: Clock;
  readonly hostname: string;
}

/** The file that the parameter names, or nothing where it is left to the usual places. */
export function declareConfig(graph: Graph): string | undefined {
  const description = 'configuration file; empty: the usual places';
  const file = graph.declare({ name: 'config', description, initial: '', readOnly: true });
  return file === '' ? undefined : file;
}

/** Shows the engine to the graph, and lets the graph steer it, until closed. */
export function exposeEngine(parts: NodeParts): Closable {
  const { graph, engine, api, interval, hostname } = parts;
  declareInterval(graph, engine, interval);
  declareWhileArmed(graph, engine);
  const published = publishTopics(parts);
  published.add(publishDiagnostics(parts, hostname));
  const served = serveDatabase(graph, api);
  return {
    close() {
      published.unsubscribe();
      served.close();
    },
  };
}

function declareInterval(graph: Graph, engine: Engine, configured: number): void {
  const apply = (seconds: number) => engine.setInterval(seconds === 0 ? configured : seconds * 1000);
  const initial = graph.declare({
    name: 'interval',
    description: 'pause between two scans of a source, seconds; 0: as the configuration says',
    initial: 0,
    refuse: seconds =>
      seconds === 0 || seconds >= MIN_INTERVAL_SECONDS
        ? undefined
        : `interval must be at least ${MIN_INTERVAL_SECONDS} s, or 0 for the configuration's`,
    changed: apply,
  });
  apply(initial);
}

function declareWhileArmed(graph: Graph, engine: Engine): void {
  const apply = (mode: string) => engine.setWhileArmed(mode === '' ? undefined : (mode as WhileArmed));
  const initial = graph.declare({
    name: 'while_armed',
    description: 'upload-only, pause or continue, whatever the rules say; empty: as each rule says',
    initial: '',
    refuse: mode =>
      mode === '' || MODES.includes(mode) ? undefined : `while_armed must be ${MODES.join(', ')} or empty`,
    changed: apply,
  });
  apply(initial);
}
