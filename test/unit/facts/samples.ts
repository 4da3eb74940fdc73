import { readFileSync } from 'node:fs';
import type { FileFacts } from '../../../src/file-facts.js';

export interface Sample {
  readonly name: string;
  readonly bytes: Buffer;
  /** With the position. */
  readonly facts: FileFacts;
}

const data = (name: string): Buffer => readFileSync(new URL(`../../data/${name}`, import.meta.url));

const sample = (name: string, facts: FileFacts): Sample => ({ name, bytes: data(name), facts });

const PX4 = {
  format: 'ulog',
  vehicle: '0035002B3434511732343031',
  firmware: 'PX4 v1.6.0 dev f54a6c2999e1',
  hardware: 'PX4FMU_V4PRO',
  airframe: '4001',
  ...{ errors: 0, warnings: 1, dropouts: 0, dropoutMs: 0 },
} as const;

const MORNING = Date.UTC(2026, 6, 2, 9, 30);
const SYDNEY = { latitude: -33.8587528, longitude: 151.2112639, altitude: 123.4 };

/** At least one of every format. Figures of the flight logs: those of pyulog (docs/FACTS.md). */
export const SAMPLES: readonly Sample[] = [
  sample('flight-appended.ulg', { ...PX4, duration: 9780, appended: true }),
  sample('flight-cut.ulg', { ...PX4, duration: 3851, truncated: true, appended: true }),
  sample('flight.bin', {
    format: 'ardupilot',
    start: Date.UTC(2026, 6, 2, 9, 30, 7, 400),
    duration: 20_000,
    vehicle: '003B00363138511333343733',
    firmware: 'ArduCopter V4.5.7 (2a3dc4b7)',
    hardware: 'CubeOrange',
    airframe: 'QUAD/X',
    ...{ errors: 1, dropouts: 3 },
    position: { latitude: 47.3977419, longitude: 8.5455939, altitude: 488.1 },
  }),
  sample('bag.mcap', {
    format: 'mcap',
    start: MORNING,
    duration: 30_000,
    profile: 'ros2',
    topics: 2,
    messages: 31,
  }),
  sample('bag/metadata.yaml', {
    ...{ format: 'rosbag2', start: MORNING, duration: 30_000, profile: 'ros2', topics: 2, messages: 31 },
  }),
  sample('photo.jpg', {
    ...{ format: 'jpeg', start: MORNING + 12_250, camera: 'DJI FC7303', radiometric: false },
    position: SYDNEY,
  }),
  sample('thermal.jpg', {
    ...{ format: 'jpeg', start: MORNING + 12_000, camera: 'FLIR Duo Pro R', radiometric: true },
    position: SYDNEY,
  }),
  sample('photo.tif', {
    ...{ format: 'tiff', camera: 'MicaSense RedEdge-M', note: 'the time zone of its camera is not known' },
  }),
];
