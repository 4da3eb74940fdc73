import { s3Remote, s3SourceBench, s3TargetBench, type S3Remote } from '../servers/rclone-s3.js';
import { startSwift, SWIFT_START_MS, type S3Server } from '../servers/s3-servers.js';
import { sourceConformance } from './source.js';
import { targetConformance } from './target.js';

describe('rclone, s3 on Swift', function () {
  // Each file is put by a process of its own.
  this.timeout(120_000);
  let server: S3Server;
  let place: S3Remote;
  before(async function () {
    this.timeout(SWIFT_START_MS);
    server = await startSwift();
    place = await s3Remote(server);
  });
  after(async () => {
    await place.remove();
    await server.stop();
  });
  sourceConformance('rclone, s3 on Swift', () => s3SourceBench(place));
  targetConformance('rclone, s3 on Swift', () => s3TargetBench(place));
});
