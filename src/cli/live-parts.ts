import { distinctUntilChanged, firstValueFrom, map, share, Subject, takeUntil } from 'rxjs';
import type { LiveParts } from '../api/live.js';
import type { Composed } from '../compose.js';
import { Counters } from '../metrics/counters.js';
import { Metrics } from '../metrics/metrics.js';
import { LinkHistory, type DeviceMeasure } from '../links/link-history.js';
import { SourceWatch } from '../links/source-watch.js';
import { trafficOf } from '../links/traffic.js';
import type { Clock } from '../ports.js';
import type { Records } from '../record/records.js';
import { isUnfinished } from '../record/state.js';
import { Signals } from '../signals/signals.js';
import { endOf } from '../system/rx.js';
import { LogRing } from '../system/log-ring.js';
import { SecretMask } from '../system/secret-mask.js';

/** What a daemon observes of itself, from before its engine is made. */
export class Observed {
  /** For `compose`. */
  readonly measures = new Subject<DeviceMeasure>();
  readonly mask = new SecretMask();
  readonly log: LogRing;
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.log = new LogRing(clock, this.mask);
  }

  /** What the Api of a running engine knows beside the database. It observes the engine from now on. */
  partsOf({ engine, local }: Pick<Composed, 'engine' | 'local'>): LiveParts {
    const clock = this.#clock;
    const { devices, scans, scanFailures, progress, records, pending } = engine;
    // The database is the last part of an engine to be closed.
    const traffic = trafficOf(progress, id => records.get(id)).pipe(
      takeUntil(endOf(records.changes)),
      share(),
    );
    const links = new LinkHistory({ traffic, scans, measures: this.measures, clock });
    const armed = devices.pipe(
      map(all => all.some(device => device.armed)),
      distinctUntilChanged(),
    );
    const signals = new Signals({ local, armed, clock });
    const metrics = new Metrics({
      counters: new Counters({ traffic, scans, changes: records.changes }),
      pending: () => firstValueFrom(pending),
      oldestUnfinished: () => oldestUnfinished(records),
      clock,
    });
    const sources = new SourceWatch({ devices, scans, failures: scanFailures });
    return { sources, links, log: this.log, signals, metrics };
  }
}

function oldestUnfinished(records: Records): number | undefined {
  let oldest: number | undefined;
  for (const record of records.all())
    if ((oldest === undefined || record.foundAt < oldest) && isUnfinished(record)) oldest = record.foundAt;
  return oldest;
}
