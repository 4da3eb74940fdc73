import type { DeviceType } from './definition.js';
import { directory } from './directory.js';
import { mavlink } from './mavlink.js';

/** Every kind of device that the program knows, a line each. */
export const deviceTypes: readonly DeviceType[] = [directory, mavlink];
