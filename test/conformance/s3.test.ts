import { CEPH_SKIPPED, CEPH_START_MS, startCeph } from '../servers/ceph-server.js';
import { s3SourceBench, s3TargetBench } from '../servers/s3-bench.js';
import { startSwift, SWIFT_START_MS, type S3Server } from '../servers/s3-servers.js';
import { sourceConformance } from './source.js';
import { targetConformance } from './target.js';

describe('OpenStack Swift', () => {
  let server: S3Server;
  before(async function () {
    this.timeout(SWIFT_START_MS);
    server = await startSwift();
  });
  after(() => server.stop());
  sourceConformance('s3, OpenStack Swift', () => s3SourceBench(server));
  targetConformance('s3, OpenStack Swift', () => s3TargetBench(server));
});

// 340 MB of programs: only where they are asked for.
if (!CEPH_SKIPPED)
  describe('Ceph RADOS Gateway', () => {
    let server: S3Server;
    before(async function () {
      this.timeout(CEPH_START_MS);
      server = await startCeph();
    });
    after(() => server.stop());
    sourceConformance('s3, Ceph RADOS Gateway', () => s3SourceBench(server));
    targetConformance('s3, Ceph RADOS Gateway', () => s3TargetBench(server));
  });
