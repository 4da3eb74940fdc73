import type { LiveApi } from '../api/api.js';
import type { Status } from '../api/schema.js';
import { FileState, type Clock } from '../ports.js';
import type { Counters } from './counters.js';
import { processFamilies } from './process.js';
import { metricsTextOf, type Family, type Sample } from './text.js';

/** How many steps are queued, running or waiting for another attempt. */
interface Pending {
  readonly finds: number;
  readonly downloads: number;
  readonly uploads: number;
}

export interface MetricsParts {
  readonly counters: Counters;
  readonly pending: () => Promise<Pending>;
  /** When the first of the unfinished files was found, ms since the Unix epoch. */
  readonly oldestUnfinished: () => number | undefined;
  readonly clock: Pick<Clock, 'now'>;
}

/** What Prometheus asks for. */
export class Metrics {
  readonly #parts: MetricsParts;
  /** Those who ask at the same time get the same answer. */
  #asked: Promise<string> | undefined;

  constructor(parts: MetricsParts) {
    this.#parts = parts;
  }

  /** Counts an answer of the web server; see `Counters.requested`. */
  requested(route: string, code: number): void {
    this.#parts.counters.requested(route, code);
  }

  /** The content of METRICS_CONTENT_TYPE. */
  text(api: Pick<LiveApi, 'status'>): Promise<string> {
    this.#asked ??= this.#text(api).finally(() => (this.#asked = undefined));
    return this.#asked;
  }

  async #text(api: Pick<LiveApi, 'status'>): Promise<string> {
    const { clock, counters, pending, oldestUnfinished } = this.#parts;
    const asked = [api.status(), pending(), processFamilies(clock.now())] as const;
    const [status, queued, ofProcess] = await Promise.all(asked);
    const oldest = oldestUnfinished();
    return metricsTextOf([
      ...stateFamilies(status),
      ...deviceFamilies(status),
      gauge(
        'filesync_queue_tasks',
        'Steps that are queued, running or waiting for another attempt, by kind (scan, download, upload).',
        tasks(queued),
      ),
      gauge(
        'filesync_oldest_unfinished_timestamp_seconds',
        'When the first of the unfinished files was found, seconds since the Unix epoch; absent while there is none.',
        oldest === undefined ? [] : [{ value: oldest / 1000 }],
      ),
      ...counters.families,
      ...ofProcess,
    ]);
  }
}

const gauge = (name: string, help: string, samples: readonly Sample[]): Family => ({
  ...{ name, help, type: 'gauge', samples },
});

const tasks = ({ finds, downloads, uploads }: Pending): Sample[] =>
  Object.entries({ scan: finds, download: downloads, upload: uploads }).map(([kind, value]) => ({
    labels: { kind },
    value,
  }));

const CODES = ['SAFE', 'WAIT', 'ATTENTION'] as const;
const flag = (holds: boolean): number => (holds ? 1 : 0);

function stateFamilies({ version, counts, paused, verdict, disk }: Status): Family[] {
  const states = Object.keys(FileState) as (keyof typeof FileState)[];
  return [
    gauge('filesync_build_info', 'The version of the program; always 1.', [
      { labels: { version }, value: 1 },
    ]),
    gauge(
      'filesync_files',
      'Files in the database, by state.',
      states.map(state => ({ labels: { state }, value: counts[state] ?? 0 })),
    ),
    gauge('filesync_paused', '1 while a person has stopped all work.', [{ value: flag(paused) }]),
    gauge(
      'filesync_verdict',
      '1 for the answer to whether the vehicle may be switched off (SAFE, WAIT, ATTENTION), 0 for the others.',
      CODES.map(code => ({ labels: { code }, value: flag(verdict.code === code) })),
    ),
    gauge(
      'filesync_local_free_bytes',
      'Free space of the file system with the local copies.',
      disk ? [{ value: disk.free }] : [],
    ),
  ];
}

type Device = Status['devices'][number];

function deviceFamilies({ devices }: Status): Family[] {
  const each = (value: (device: Device) => number | null | undefined): Sample[] =>
    devices.flatMap(device => {
      const found = value(device);
      return found === null || found === undefined ? [] : [{ labels: { device: device.name }, value: found }];
    });
  const up = devices.map(({ name, type, available }) => ({
    ...{ labels: { device: name, type }, value: flag(available) },
  }));
  const rtt = ({ link }: Device) => (typeof link?.rtt_ms === 'number' ? link.rtt_ms / 1000 : undefined);
  return [
    gauge('filesync_device_up', '1 while the device can be reached.', up),
    gauge(
      'filesync_device_armed',
      '1 while the vehicle of the device is armed.',
      each(({ armed }) => flag(armed)),
    ),
    gauge(
      'filesync_link_rate_bytes_per_second',
      'Bytes of files that moved to and from the device in the last ten seconds of a transfer.',
      each(({ link }) => link?.bytes_per_second),
    ),
    gauge(
      'filesync_link_loss_ratio',
      'Share of the requests to the device that were lost, 0 to 1; absent where it is not measured.',
      each(({ link }) => link?.loss),
    ),
    gauge(
      'filesync_link_rtt_seconds',
      'From a request to its answer; absent where it is not measured.',
      each(rtt),
    ),
  ];
}
