import type { Engine } from '../../engine/engine.js';
import type { Clock, Logger } from '../../ports.js';
import type { LiveLines } from './live-lines.js';
import { ProgressLog } from './progress-log.js';
import { ProgressView } from './progress-view.js';

export interface ProgressParts {
  readonly engine: Engine;
  /** Undefined: progress is logged. */
  readonly live: LiveLines | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  /** One pass is made: the line of all work is there from the beginning to the end. */
  readonly isPass: boolean;
}

/** Shows the running transfers of an engine on the terminal, or logs them now and then, until it is disposed of. */
export function showProgress(parts: ProgressParts): Disposable {
  const { live, isPass } = parts;
  return live ? new ProgressView({ ...parts, live, always: isPass }) : new ProgressLog(parts);
}
