import { ardupilot } from './ardupilot.js';
import { jpeg } from './jpeg.js';
import { mcap } from './mcap.js';
import type { FactReader } from './reader.js';
import { rosbag2 } from './rosbag2.js';
import { tiff } from './tiff.js';
import { ulog } from './ulog.js';

/** Every format that is read: the first reader that matches a file reads it. */
export const FACT_READERS: readonly FactReader[] = [ulog, ardupilot, mcap, rosbag2, jpeg, tiff];
