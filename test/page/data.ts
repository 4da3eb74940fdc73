import type { File, FlightView, Status } from '../../src/api/schema.js';
import type { FleetPage, FleetVehicle } from '../../src/api/schema-fleet.js';
import type { Link, LogEntry, SignalsView } from '../../src/api/schema-live.js';

// What a FileSync with two flights, a failed log and an offline archive would answer.

/** The time at which all of it is so. */
export const NOW = Date.parse('2026-05-03T12:34:00.000Z');
const MINUTE = 60_000;
export const ago = (minutes: number): string => new Date(NOW - minutes * MINUTE).toISOString();
const ahead = (minutes: number): string => ago(-minutes);

const hash = (seed: number): string =>
  Array.from({ length: 8 }, (_, index) =>
    ((seed + 1) * 2654435761 * (index + 7)).toString(16).slice(0, 8),
  ).join('');

type Delivery = File['targets'][number];
const delivery = (target: string, over: Partial<Delivery> = {}): Delivery => ({
  ...{ target, state: 'PENDING', path: '', location: '', verified: '', reason: '' },
  ...{ failed_attempts: 0, updated_at: null, ...over },
});
const done = (target: string, minutes: number, over: Partial<Delivery> = {}): Delivery =>
  delivery(target, { state: 'DONE', verified: 'hash', updated_at: ago(minutes), ...over });

export function fileOf(number: number, over: Partial<File> = {}): File {
  const path = over.path ?? `sess${String(number).padStart(3, '0')}/log100.ulg`;
  return {
    ...{
      id: number.toString(16).padStart(12, '0'),
      device: 'autopilot',
      path,
      size: 24_117_248 + number * 7919,
    },
    ...{
      modified: ago(60 + number),
      state: 'UPLOADED' as const,
      on_source: true,
      local: `autopilot/${path}`,
    },
    ...{ kept: true, sha256: hash(number), description: '', reason: '', failed_attempts: 0 },
    ...{ found_at: ago(55 + number), fetched_at: ago(54 + number), delivered_at: ago(52 + number) },
    ...{ removed_at: null, updated_at: ago(52 + number), waiting: [], facts: null },
    targets: [
      done('archive', 53 + number, { path: `autopilot/${path}` }),
      done('review', 52 + number, {
        verified: 'reply',
        location: `https://logs.example.org/plot_app?log=4f0c-${number}`,
      }),
    ],
    ...over,
  };
}

const OFFLINE = {
  ...{
    stage: 'deliver',
    target: 'archive',
    code: 'offline' as const,
    text: 'archive is offline (connection refused)',
  },
  ...{ since: ago(3), until: null },
};

export const FILES: readonly File[] = [
  fileOf(1, {
    ...{
      state: 'DOWNLOADING',
      kept: false,
      sha256: '',
      fetched_at: null,
      delivered_at: null,
      found_at: ago(1),
    },
    ...{ size: 96_468_992, targets: [delivery('archive'), delivery('review')] },
  }),
  fileOf(2, {
    ...{
      path: 'sess007/log101.ulg',
      state: 'PARTIAL',
      delivered_at: null,
      found_at: ago(14),
      fetched_at: ago(9),
    },
    facts: {
      ...{ format: 'ulog', start: ago(31), duration: 734, vehicle: '00010000000039373234510d00230041' },
      ...{
        firmware: 'PX4 v1.15.4 (99c40407)',
        hardware: 'PX4_FMU_V6C',
        airframe: '4001',
        errors: 0,
        warnings: 3,
      },
      ...{
        dropouts: 2,
        dropout_duration: 0.12,
        position: { latitude: 47.39774, longitude: 8.54559, altitude: 488 },
      },
    },
    targets: [
      delivery('archive', { reason: 'connection refused', failed_attempts: 2, updated_at: ago(1) }),
      done('review', 8, { verified: 'reply', location: 'https://logs.example.org/plot_app?log=4f0c8a52' }),
    ],
    waiting: [{ ...OFFLINE, until: ahead(2) }],
  }),
  fileOf(3, {
    ...{ path: 'sess006/log100.ulg', state: 'FAILED', kept: false, fetched_at: null, delivered_at: null },
    ...{
      reason: 'the autopilot reports a read error (errno 5) at byte 1048576: check its SD card',
      failed_attempts: 5,
    },
    ...{ size: 12_582_912, sha256: '', targets: [delivery('archive'), delivery('review')] },
  }),
  fileOf(4, {
    device: 'camera',
    path: 'DCIM/100MEDIA/DJI_0042.JPG',
    size: 8_912_896,
    targets: [done('archive', 40)],
  }),
  fileOf(5, {
    device: 'camera',
    path: 'DCIM/100MEDIA/DJI_0041.JPG',
    size: 9_012_224,
    targets: [done('archive', 41)],
  }),
  fileOf(6, {
    ...{
      device: 'camera',
      path: 'DCIM/100MEDIA/DJI_0040.MP4',
      size: 2_147_483_648,
      state: 'SKIPPED',
      kept: false,
    },
    ...{
      reason: 'larger than smaller_than: 2GB',
      fetched_at: null,
      delivered_at: null,
      targets: [],
      sha256: '',
    },
  }),
  fileOf(7, { state: 'REMOVED', on_source: false, removed_at: ago(30), path: 'sess005/log100.ulg' }),
  ...Array.from({ length: 9 }, (_, index) =>
    fileOf(8 + index, { path: `sess00${4 - (index >> 2)}/log10${index}.ulg` }),
  ),
];

const share = (target: string, ready: number, files: number, links: string[] = []) => ({
  ...{ target, done: ready, files, links },
});

export const FLIGHTS: readonly FlightView[] = [
  {
    ...{ id: '000000000002', state: 'UNDER_WAY', vehicle: 'x500-07', devices: ['autopilot', 'camera'] },
    ...{ started_at: ago(31), duration_seconds: 734, found_at: ago(14), files: 14, bytes: 141_557_760 },
    ids: ['000000000002', '000000000004', '000000000005'],
    delivered: [
      share('archive', 13, 14),
      share('review', 1, 1, ['https://logs.example.org/plot_app?log=4f0c8a52']),
    ],
    missing: [
      {
        ...{ state: 'PARTIAL', device: 'archive', code: 'offline', text: 'offline (connection refused)' },
        ...{ since: ago(3), until: ahead(2), files: 1, bytes: 24_117_248 },
      },
    ],
  },
  {
    ...{ id: '000000000003', state: 'FAILED', vehicle: 'x500-07', devices: ['autopilot'] },
    ...{ started_at: ago(95), duration_seconds: 311, found_at: ago(58), files: 1, bytes: 12_582_912 },
    ...{ ids: ['000000000003'], delivered: [share('archive', 0, 1), share('review', 0, 1)] },
    missing: [
      {
        ...{
          state: 'FAILED',
          device: 'autopilot',
          code: '',
          text: 'read error (errno 5): check its SD card',
        },
        ...{ since: ago(50), until: null, files: 1, bytes: 12_582_912 },
      },
    ],
  },
  ...[1500, 2950, 4400].map((minutes, index): FlightView => ({
    ...{ id: `00000000000${index + 8}`, state: 'COMPLETE', vehicle: 'x500-07', devices: ['autopilot'] },
    ...{
      started_at: ago(minutes),
      duration_seconds: 900 - index * 133,
      found_at: ago(minutes - 20),
      files: 1,
    },
    ...{ bytes: 31_457_280 + index * 1_048_576, ids: [`00000000000${index + 8}`], missing: [] },
    delivered: [
      share('archive', 1, 1),
      share('review', 1, 1, [`https://logs.example.org/plot_app?log=77ab-${index}`]),
    ],
  })),
];

type Device = Status['devices'][number];
const deviceOf = (name: string, type: string, over: object = {}): Device => ({
  ...{ name, type, available: true, armed: false, reason: '', since: ago(41), link: null },
  ...over,
});
const figures = (bytes: number | null, loss: number | null, rtt: number | null) => ({
  link: { bytes_per_second: bytes, loss, rtt_ms: rtt },
});

export const STATUS: Status = {
  ...{ version: '0.1.0', running: true, running_since: ago(190), paused: false },
  verdict: {
    ...{ code: 'WAIT', seconds_left: 134 },
    text: 'autopilot:sess008/log100.ulg is being fetched; 1 file waits for archive, which is offline since 12:31',
  },
  devices: [
    deviceOf('autopilot', 'mavlink', figures(412_000, 0.012, 48)),
    deviceOf('camera', 'disk', { since: ago(24) }),
    deviceOf('archive', 'ftp', {
      available: false,
      reason: 'connection refused (192.168.0.10:21)',
      since: ago(3),
    }),
    deviceOf('review', 'flight-review', figures(0, null, 31)),
  ],
  ...{ database: '', configuration: '', web: '', notifications: [], units: [] },
  counts: { DOWNLOADING: 1, PARTIAL: 1, FAILED: 1, UPLOADED: 11, REMOVED: 1, SKIPPED: 1 },
  transfers: [
    {
      ...{
        id: '000000000001',
        device: 'autopilot',
        path: 'sess008/log100.ulg',
        target: '',
        bytes: 41_287_680,
      },
      ...{ size: 96_468_992, percent: 42.8, bytes_per_second: 412_000, seconds_left: 134 },
    },
  ],
  waiting: [
    {
      ...{
        device: 'archive',
        stage: 'deliver',
        code: 'offline',
        text: 'offline (connection refused)',
        since: ago(3),
      },
      ...{ until: ahead(2), files: 1, bytes: 24_117_248 },
    },
  ],
  disk: { free: 21_474_836_480, total: 62_277_025_792 },
};

export const VERDICTS = {
  SAFE: { code: 'SAFE', text: 'all 12 files of autopilot and camera are delivered', seconds_left: null },
  WAIT: STATUS.verdict,
  ATTENTION: {
    ...{ code: 'ATTENTION', seconds_left: null },
    text: '1 file FAILED (`filesync files --state FAILED` says why, `filesync retry --failed` tries again)',
  },
} as const satisfies Record<string, Status['verdict']>;

export const EMPTY_STATUS: Status = {
  ...STATUS,
  verdict: {
    code: 'WAIT',
    text: 'autopilot was not seen yet (no heartbeat): connect it',
    seconds_left: null,
  },
  devices: [deviceOf('autopilot', 'mavlink', { available: false, reason: 'no heartbeat', since: ago(2) })],
  ...{ counts: {}, transfers: [], waiting: [] },
};

export function linkOf(device: string): Link {
  const isFast = device === 'autopilot';
  const samples = Array.from({ length: isFast || device === 'review' ? 300 : 0 }, (_, index) => {
    const wave = Math.max(0, Math.sin(index / 21) + 0.35 * Math.sin(index / 3.1) + 0.2);
    return {
      at: new Date(NOW - (300 - index) * 10_000).toISOString(),
      bytes_per_second: Math.round(wave * (isFast ? 290_000 : 90_000)),
      loss: isFast ? 0.01 : null,
      rtt_ms: 40 + Math.round(10 * wave),
    };
  });
  const listings = Array.from(
    { length: device === 'archive' || device === 'review' ? 0 : 4 },
    (_, index) => ({
      ...{ at: ago(40 - index * 10), files: 14 + (index > 2 ? 1 : 0), new_files: index > 2 ? 1 : 0 },
      ...{ complete: index !== 1, seconds: 1.4 },
    }),
  );
  return { device, samples, listings };
}

export const LOG: readonly LogEntry[] = [
  ['info', 'engine: started, 4 devices, 2 rules'],
  ['info', 'autopilot: heartbeat of system 1, PX4, disarmed'],
  ['debug', 'autopilot: listed /log in 1.4 s, 14 files'],
  ['info', 'autopilot: sess007/log101.ulg found, 24.1 MB'],
  ['info', 'autopilot: sess007/log101.ulg fetched, 24.1 MB in 58 s, sha256 5f0c…'],
  ['error', 'autopilot: sess006/log100.ulg failed: read error (errno 5) at byte 1048576: check its SD card'],
  ['info', 'review: sess007/log101.ulg delivered, https://logs.example.org/plot_app?log=4f0c8a52'],
  ['warn', 'archive: offline (connection refused, ftp://backup@192.168.0.10:21), next attempt in 2 min'],
  ['info', 'autopilot: sess008/log100.ulg found, 96.5 MB'],
].map(([level, text], index) => ({
  ...{ n: index + 1, at: ago(190 - index * 23), level: level as LogEntry['level'], text: text! },
}));

export const SIGNALS: SignalsView = {
  note: '',
  signals: [
    {
      name: 'altitude',
      unit: 'm',
      points: curve(t => 60 * Math.sin(Math.PI * t) ** 0.5 + 3 * Math.sin(t * 40)),
    },
    {
      name: 'speed',
      unit: 'm/s',
      points: curve(t => Math.max(0, 9 * Math.sin(Math.PI * t) + 3 * Math.sin(t * 55))),
    },
    { name: 'battery', unit: '%', points: curve(t => 98 - 61 * t + Math.sin(t * 90)) },
  ],
};

function curve(of: (share: number) => number): [number, number][] {
  return Array.from({ length: 500 }, (_, index) => [(index * 734) / 499, of(index / 499)]);
}

const vehicleOf = (name: string, over: Partial<FleetVehicle> = {}): FleetVehicle => ({
  ...{ schema: 1, vehicle: name, instance: '0123456789abcdef', uid: null, version: '0.1.0', paused: false },
  ...{ time: ago(4), next_by: ahead(56), reported_at: ago(4), object: `${name}.json`, state: 'OK' },
  verdict: { code: 'SAFE', text: 'all 40 files delivered' },
  waiting: { files: 0, bytes: 0, oldest_at: null, flights_in_all: 0, flights: [] },
  ...{ failures: [], links: [], disk: { free: 12_000_000_000, total: 62_000_000_000 } },
  ...over,
});

/** Of three vehicles one is late, and one has a file that its target refuses. */
export const FLEET: FleetPage = {
  ...{ configured: true, device: 'store', read_at: ago(0), problem: '' },
  vehicles: [
    vehicleOf('copter-1'),
    vehicleOf('copter-2', {
      state: 'LATE',
      reported_at: ago(26 * 60),
      waiting: { files: 7, bytes: 310_000_000, oldest_at: ago(27 * 60), flights_in_all: 2, flights: [] },
      verdict: { code: 'WAIT', text: '7 files wait: store offline' },
    }),
    vehicleOf('plane-1', {
      ...{ state: 'FAILING', version: '0.0.9' },
      verdict: { code: 'ATTENTION', text: '1 file FAILED' },
      failures: [{ device: 'review', text: 'status 413 "too large"', files: 1, bytes: 90_000_000 }],
    }),
  ],
  skipped: [{ object: 'notes.txt', reason: 'it is not the status of a vehicle' }],
};
