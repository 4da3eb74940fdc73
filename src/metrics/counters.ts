import { Subscription, type Observable } from 'rxjs';
import type { Traffic } from '../links/traffic.js';
import type { Change, Delivery, FileRecord } from '../ports.js';
import type { Scan } from '../record/scan.js';
import { hasLocalCopy } from '../record/state.js';
import { Counter } from './counter.js';
import type { Family } from './text.js';

/** What is counted; labels are names of the configuration and words that are fixed, never ids, paths or texts. */
export interface CountedEvents {
  readonly traffic: Observable<Traffic>;
  readonly scans: Observable<Scan>;
  readonly changes: Observable<Change>;
}

type Result = 'ok' | 'failed';

/** Counts from the start of the program on. */
export class Counters {
  readonly #received = new Counter(
    'filesync_received_bytes_total',
    'Bytes of files that came from a source.',
  );
  readonly #sent = new Counter('filesync_sent_bytes_total', 'Bytes of files that were sent to a target.');
  readonly #transfers = new Counter(
    'filesync_transfers_total',
    'Transfers that ended, by device, direction (download, upload) and result (ok, failed); interrupted ones are not counted.',
  );
  readonly #deliveries = new Counter(
    'filesync_deliveries_total',
    'Files that a target has, by the proof of it (hash, size, reply).',
  );
  readonly #listings = new Counter(
    'filesync_listings_total',
    'Scans of a source, by result (complete, changes, failed).',
  );
  readonly #requests = new Counter(
    'filesync_http_requests_total',
    'Answers of the web server, by route and status code.',
  );
  readonly #counting = new Subscription();

  constructor({ traffic, scans, changes }: CountedEvents) {
    this.#counting.add(traffic.subscribe(one => this.#moved(one)));
    this.#counting.add(scans.subscribe(scan => this.#listed(scan)));
    this.#counting.add(changes.subscribe(change => this.#changed(change)));
  }

  close(): void {
    this.#counting.unsubscribe();
  }

  /** @param route as the table of routes has it, such as `/files/{id}`: never the path that was asked for */
  requested(route: string, code: number): void {
    this.#requests.add({ route, code: String(code) });
  }

  get families(): Family[] {
    return [
      this.#received,
      this.#sent,
      this.#transfers,
      this.#deliveries,
      this.#listings,
      this.#requests,
    ].map(counter => counter.family);
  }

  #moved({ device, direction, bytes }: Traffic): void {
    (direction === 'received' ? this.#received : this.#sent).add({ device }, bytes);
  }

  #listed({ device, complete, error }: Scan): void {
    this.#listings.add({ device, result: complete ? 'complete' : error ? 'failed' : 'changes' });
  }

  #changed({ record, previous }: Change): void {
    if (!record || !previous) return;
    const fetched = fetchResult(record, previous);
    if (fetched) this.#transfers.add({ device: record.device, direction: 'download', result: fetched });
    for (const [target, delivery] of Object.entries(record.targets))
      this.#delivery(target, delivery, previous.targets[target]);
  }

  #delivery(target: string, delivery: Delivery, before: Delivery | undefined): void {
    if (delivery === before || !before) return;
    const result = deliveryResult(delivery, before);
    if (result === 'ok') this.#deliveries.add({ target, verified: delivery.verified ?? 'reply' });
    const wasSent = before.state === 'sending' || before.state === 'committing';
    if (result && wasSent) this.#transfers.add({ device: target, direction: 'upload', result });
  }
}

function deliveryResult(now: Delivery, before: Delivery): Result | undefined {
  if (now.state === 'done') return before.state === 'done' ? undefined : 'ok';
  const isFailed = now.state === 'failed' || grows(now.failures, before.failures);
  return isFailed ? 'failed' : undefined;
}

function fetchResult(record: FileRecord, previous: FileRecord): Result | undefined {
  if (previous.copy.state !== 'fetching') return undefined;
  if (hasLocalCopy(record)) return 'ok';
  const isFailed = grows(record.failures, previous.failures) || grows(record.mismatches, previous.mismatches);
  return isFailed || record.givenUp === true ? 'failed' : undefined;
}

const grows = (now = 0, before = 0): boolean => now > before;
