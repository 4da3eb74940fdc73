import { Subject, Subscription, type Observable } from 'rxjs';
import type { Clock, LinkMeasure } from '../ports.js';
import type { Scan } from '../record/scan.js';
import { after } from '../system/rx.js';
import type { Traffic } from './traffic.js';

const SAMPLE_INTERVAL_MS = 10_000;
const HISTORY_MS = 3_600_000;
const MAX_LISTINGS = 20;

interface Figures {
  readonly bytes_per_second: number | null;
  readonly loss: number | null;
  readonly rtt_ms: number | null;
}

interface Sample extends Figures {
  /** RFC 3339, UTC. */
  readonly at: string;
}

interface Listing {
  readonly at: string;
  readonly files: number;
  readonly new_files: number;
  readonly complete: boolean;
  readonly seconds: number;
}

interface DeviceLink {
  readonly samples: { readonly up: number; readonly sample: Sample }[];
  readonly listings: Listing[];
  /** Since the last sample. */
  bytes: number;
  answered: number;
  lost: number;
  /** ms, the mean of the last measurement. */
  roundTrip: number | null;
  /** Something was measured in the interval before. */
  active: boolean;
}

/** What a device has measured of its requests since it last reported. */
export interface DeviceMeasure extends LinkMeasure {
  readonly device: string;
}

export interface LinkHistoryParts {
  readonly traffic: Observable<Traffic>;
  readonly scans: Observable<Scan>;
  readonly measures: Observable<DeviceMeasure>;
  readonly clock: Clock;
}

/**
 * The figures of each device's link over the last hour, a sample each SAMPLE_INTERVAL_MS while something is measured; the last
 * one of such a time says that nothing moves any more. No timer runs while nothing is measured, or after the end of `traffic`.
 */
export class LinkHistory {
  readonly samples = new Subject<{ readonly device: string; readonly sample: Sample }>();
  readonly #clock: Clock;
  readonly #links = new Map<string, DeviceLink>();
  readonly #watching = new Subscription();
  /** Monotonic ms of the last sample. */
  #sampledAt = 0;
  #isTimed = false;

  constructor({ traffic, scans, measures, clock }: LinkHistoryParts) {
    this.#clock = clock;
    this.#watching.add(
      traffic.subscribe({
        next: ({ device, bytes }) => (this.#measured(device).bytes += bytes),
        complete: () => this.close(),
      }),
    );
    this.#watching.add(scans.subscribe(scan => this.#scanned(scan)));
    this.#watching.add(measures.subscribe(measure => this.#add(measure)));
  }

  close(): void {
    this.#watching.unsubscribe();
  }

  /** The latest figures; null for a device of which nothing was measured in the last hour. */
  figures(device: string): Figures | null {
    const last = this.#recent(device).at(-1);
    if (!last) return null;
    const { bytes_per_second, loss, rtt_ms } = last;
    return { bytes_per_second, loss, rtt_ms };
  }

  /** Oldest first. */
  of(device: string): { device: string; samples: Sample[]; listings: Listing[] } {
    return {
      device,
      samples: this.#recent(device),
      listings: [...(this.#links.get(device)?.listings ?? [])],
    };
  }

  #recent(device: string): Sample[] {
    const since = this.#clock.monotonic() - HISTORY_MS;
    return (this.#links.get(device)?.samples ?? [])
      .filter(({ up }) => up > since)
      .map(({ sample }) => sample);
  }

  #linkOf(device: string): DeviceLink {
    const known = this.#links.get(device);
    if (known) return known;
    const link = {
      samples: [],
      listings: [],
      bytes: 0,
      answered: 0,
      lost: 0,
      roundTrip: null,
      active: false,
    };
    this.#links.set(device, link);
    return link;
  }

  /** Something is measured: the next sample is due within the interval. */
  #measured(device: string): DeviceLink {
    if (!this.#isTimed) this.#startTimer();
    const link = this.#linkOf(device);
    link.active = true;
    return link;
  }

  #startTimer(): void {
    this.#isTimed = true;
    this.#sampledAt = this.#clock.monotonic();
    this.#sampleLater();
  }

  #sampleLater(): void {
    this.#watching.add(after(this.#clock, SAMPLE_INTERVAL_MS).subscribe(() => this.#sampleAll()));
  }

  #add({ device, answered, lost, roundTripMs }: DeviceMeasure): void {
    const link = this.#measured(device);
    link.answered += answered;
    link.lost += lost;
    link.roundTrip = roundTripMs;
  }

  /** Scans that have shown nothing new are one line: with one a second, they would hide all others. */
  #scanned({ device, began, files, found, complete, error }: Scan): void {
    const { listings } = this.#linkOf(device);
    if (!complete && found === 0 && !error) return;
    if (found === 0 && isSame(listings.at(-1), files, complete)) listings.pop();
    const ms = began === -Infinity ? 0 : Math.max(0, this.#clock.monotonic() - began);
    listings.push({ at: this.#now(), files, new_files: found, complete, seconds: ms / 1000 });
    if (listings.length > MAX_LISTINGS) listings.shift();
  }

  #now(): string {
    return new Date(this.#clock.now()).toISOString();
  }

  #sampleAll(): void {
    const [up, at] = [this.#clock.monotonic(), this.#now()];
    const seconds = Math.max(1, up - this.#sampledAt) / 1000;
    this.#sampledAt = up;
    this.#isTimed = [...this.#links.values()].some(({ active }) => active);
    for (const [device, link] of this.#links) this.#sample(device, link, up, at, seconds);
    if (this.#isTimed) this.#sampleLater();
  }

  #sample(device: string, link: DeviceLink, up: number, at: string, seconds: number): void {
    const { samples, bytes, answered, lost, roundTrip, active } = link;
    const isResting = (samples.at(-1)?.sample.bytes_per_second ?? 0) === 0;
    if (!active && isResting) return;
    const asked = answered + lost;
    const loss = asked > 0 ? lost / asked : null;
    const sample = { at, bytes_per_second: bytes / seconds, loss, rtt_ms: roundTrip };
    samples.push({ up, sample });
    while ((samples[0]?.up ?? up) <= up - HISTORY_MS) samples.shift();
    Object.assign(link, { bytes: 0, answered: 0, lost: 0, roundTrip: null, active: false });
    this.samples.next({ device, sample });
  }
}

/** The listing before has shown the same, and nothing new either. */
const isSame = (last: Listing | undefined, files: number, complete: boolean): boolean =>
  last?.new_files === 0 && last.files === files && last.complete === complete;
