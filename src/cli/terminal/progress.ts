import type { Engine } from '../../engine/engine.js';
import type { Clock, Logger } from '../../ports.js';
import type { LiveLines } from './live-lines.js';
import { ProgressLog } from './progress-log.js';
import { ProgressView } from './progress-view.js';
import { Transfers } from './transfers.js';

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
  const { engine, live, clock } = parts;
  const transfers = new Transfers(engine, clock);
  const shown: Disposable = live
    ? new ProgressView({ ...parts, live, transfers, always: parts.isPass })
    : new ProgressLog({ ...parts, transfers });
  return {
    [Symbol.dispose]: () => {
      shown[Symbol.dispose]();
      transfers.stop();
    },
  };
}
