import type { DeviceType } from '../config/definition.js';
import { directory } from './directory.js';
import { disk } from './disk.js';
import { flightReview } from './flight-review.js';
import { ftp } from './ftp.js';
import { http } from './http.js';
import { mavlink } from './mavlink.js';
import { mavros } from './mavros.js';
import { s3 } from './s3.js';
import { sftp } from './sftp.js';
import { tus } from './tus.js';
import { webdav } from './webdav.js';

/** Every kind of device that the program supports. */
export const deviceTypes: readonly DeviceType[] = [
  directory,
  disk,
  mavlink,
  mavros,
  ftp,
  sftp,
  flightReview,
  http,
  webdav,
  tus,
  s3,
];
