import { DatabaseApi, type Daemon } from '../../src/api/database-api.js';
import type { Clock } from '../../src/ports.js';
import type { Records } from '../../src/record/records.js';
import { systemClock } from '../../src/system/clock.js';

/** The Api of a database, with or without a daemon. */
export const databaseApi = (records: Records, daemon?: Daemon, clock: Clock = systemClock): DatabaseApi =>
  new DatabaseApi({ records, clock, local: '/', ...(daemon && { daemon }) });
