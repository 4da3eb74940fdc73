import type { ComposeContext, Composed } from '../compose.js';
import type { Config } from '../config/config.js';
import { Notifier } from '../notify/notifier.js';

/** What tells people of the work of that engine. It is to be started before the engine is, and stopped before it. */
export function notifierOf({ engine, local }: Composed, config: Config, services: ComposeContext): Notifier {
  const { records, devices } = engine;
  const observed = { records, devices, space: () => local.space() };
  return new Notifier({ ...services, observed }, config);
}
