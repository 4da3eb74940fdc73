import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { Subject } from 'rxjs';
import type { Status } from '../../../src/api/schema.js';
import { FileSyncError } from '../../../src/errors.js';
import type { Traffic } from '../../../src/links/traffic.js';
import { Counters } from '../../../src/metrics/counters.js';
import { Metrics } from '../../../src/metrics/metrics.js';
import { metricsTextOf } from '../../../src/metrics/text.js';
import type { Change, FileRecord } from '../../../src/ports.js';
import type { Scan } from '../../../src/record/scan.js';
import { systemClock } from '../../../src/system/clock.js';
import { fileRecord } from '../../fakes/file-record.js';
import { findProgram } from '../../servers/program.js';

const DEVICE = { available: true, armed: false, reason: 'a secret reason', since: null };
const STATUS: Status = {
  ...{ version: '0.1.0', running: true, running_since: null, paused: false, database: '', configuration: '' },
  verdict: { code: 'WAIT', text: '1 file waits', seconds_left: 4 },
  devices: [
    {
      ...DEVICE,
      name: 'autopilot',
      type: 'mavlink',
      link: { bytes_per_second: 4e5, loss: 0.02, rtt_ms: 41 },
    },
    { ...DEVICE, name: 'archive', type: 'ftp', available: false, link: null },
  ],
  ...{ web: '', notifications: [], units: [], transfers: [], waiting: [] },
  counts: { FOUND: 3, UPLOADED: 12 },
  disk: { free: 5e9, total: 1e10 },
};

function counting() {
  const traffic = new Subject<Traffic>();
  const scans = new Subject<Scan>();
  const changes = new Subject<Change>();
  const counters = new Counters({ traffic, scans, changes });
  const metrics = new Metrics({
    ...{ counters, clock: systemClock, oldestUnfinished: () => 1_790_000_000_000 },
    pending: async () => ({ finds: 1, downloads: 2, uploads: 3 }),
  });
  const text = (status = STATUS) => metrics.text({ status: async () => status });
  const change = (before: Partial<FileRecord>, after: Partial<FileRecord>) =>
    changes.next({ id: '1', previous: fileRecord(1, before), record: fileRecord(1, after) });
  return { traffic, scans, metrics, text, change };
}

/** One of everything that is counted. */
async function everything(): Promise<string> {
  const { traffic, scans, metrics, text, change } = counting();
  traffic.next({ device: 'autopilot', direction: 'received', bytes: 1000 });
  traffic.next({ device: 'archive', direction: 'sent', bytes: 1500 });
  const scan = { device: 'autopilot', began: 0, files: 1, found: 0, growing: [], settledIn: 0 };
  scans.next({ ...scan, complete: true });
  scans.next({ ...scan, complete: false });
  scans.next({ ...scan, complete: false, error: new FileSyncError('denied', 'a secret path') });
  change({ copy: { state: 'fetching' } }, { copy: { state: 'whole' } });
  change(
    { copy: { state: 'fetching' } },
    { copy: { state: 'partial' }, failures: 1, reason: 'a secret reason' },
  );
  const to = (state: 'pending' | 'sending' | 'committing', failures = 0) => ({
    targets: { archive: { state, failures } },
  });
  change(to('committing'), { targets: { archive: { state: 'done', verified: 'hash' } } });
  change(to('sending'), to('pending', 1));
  metrics.requested('/files/{id}', 200);
  return text();
}

const valuesOf = (text: string): Map<string, string> =>
  new Map(
    text
      .split('\n')
      .filter(line => line !== '' && !line.startsWith('#'))
      .map(line => [line.slice(0, line.lastIndexOf(' ')), line.slice(line.lastIndexOf(' ') + 1)]),
  );

/** Rejects if it ends with an error: `check metrics` does so for what is against the conventions, too. */
async function promtool(args: readonly string[], input = ''): Promise<string> {
  const { path, env } = await findProgram('prometheus', 'usr/bin/promtool');
  return new Promise((resolve, reject) => {
    const child = execFile(path, args, { env }, (error, stdout, stderr) =>
      error ? reject(new Error(`${stdout}${stderr}`)) : resolve(stdout + stderr),
    );
    child.stdin?.end(input);
  });
}

describe('metrics', function () {
  this.timeout(30_000);

  it('are what promtool accepts', async () => {
    await promtool(['check', 'metrics'], await everything());
    await promtool(
      ['check', 'metrics'],
      await counting().text({ ...STATUS, devices: [], counts: {}, disk: null }),
    );
    await assert.rejects(promtool(['check', 'metrics'], 'filesync_total_no_counter_total 1\n'));
  });

  it('count what has happened', async () => {
    const values = valuesOf(await everything());
    const expected = {
      'filesync_received_bytes_total{device="autopilot"}': '1000',
      'filesync_sent_bytes_total{device="archive"}': '1500',
      'filesync_transfers_total{device="autopilot",direction="download",result="ok"}': '1',
      'filesync_transfers_total{device="autopilot",direction="download",result="failed"}': '1',
      'filesync_transfers_total{device="archive",direction="upload",result="ok"}': '1',
      'filesync_transfers_total{device="archive",direction="upload",result="failed"}': '1',
      'filesync_deliveries_total{target="archive",verified="hash"}': '1',
      'filesync_listings_total{device="autopilot",result="complete"}': '1',
      'filesync_listings_total{device="autopilot",result="changes"}': '1',
      'filesync_listings_total{device="autopilot",result="failed"}': '1',
      'filesync_http_requests_total{route="/files/{id}",code="200"}': '1',
    };
    const counted = [...values].filter(([name]) => /^filesync_\w+_total\{/.test(name));
    assert.deepEqual(Object.fromEntries(counted), expected);
  });

  it('show the status', async () => {
    const values = valuesOf(await counting().text());
    const expected = {
      'filesync_build_info{version="0.1.0"}': '1',
      'filesync_files{state="FOUND"}': '3',
      'filesync_files{state="FAILED"}': '0',
      'filesync_verdict{code="WAIT"}': '1',
      'filesync_verdict{code="SAFE"}': '0',
      filesync_paused: '0',
      filesync_local_free_bytes: '5000000000',
      filesync_oldest_unfinished_timestamp_seconds: '1790000000',
      'filesync_queue_tasks{kind="download"}': '2',
      'filesync_device_up{device="autopilot",type="mavlink"}': '1',
      'filesync_device_up{device="archive",type="ftp"}': '0',
      'filesync_device_armed{device="autopilot"}': '0',
      'filesync_link_rate_bytes_per_second{device="autopilot"}': '400000',
      'filesync_link_loss_ratio{device="autopilot"}': '0.02',
      'filesync_link_rtt_seconds{device="autopilot"}': '0.041',
    };
    for (const [name, value] of Object.entries(expected)) assert.equal(values.get(name), value, name);
    assert.equal(values.has('filesync_link_loss_ratio{device="archive"}'), false);
  });

  it('show the process', async () => {
    const values = valuesOf(await counting().text());
    const age = Date.now() / 1000 - Number(values.get('process_start_time_seconds'));
    assert.ok(age >= 0 && Math.abs(age - process.uptime()) < 60, String(age));
    assert.ok(Number(values.get('process_resident_memory_bytes')) > 1e7);
    assert.ok(Number(values.get('process_cpu_seconds_total')) > 0);
    assert.ok(Number(values.get('process_open_fds')) > 2);
    assert.ok(Number(values.get('process_max_fds')) > 2);
  });

  it('name no file and no reason', async () => {
    assert.doesNotMatch(await everything(), /secret|\.ulg|000000000001/);
  });

  it('are all described in docs/METRICS.md, with their types', async () => {
    const names = [...(await everything()).matchAll(/^# TYPE (filesync_\w+) (\w+)$/gm)].map(
      ([, name, type]) => `${name} ${type}`,
    );
    const docs = await readFile('docs/METRICS.md', 'utf8');
    const described = [...docs.matchAll(/^\| `(filesync_\w+)` \| (\w+) \|/gm)].map(
      ([, name, type]) => `${name} ${type}`,
    );
    assert.deepEqual(described.sort(), names.sort());
  });

  it('escape what a label may hold', () => {
    const family = {
      name: 'a',
      help: 'b\\\n',
      type: 'gauge',
      samples: [{ labels: { c: 'd"\\\n' }, value: NaN }],
    } as const;
    assert.equal(metricsTextOf([family]), '# HELP a b\\\\\\n\n# TYPE a gauge\na{c="d\\"\\\\\\n"} NaN\n');
  });
});

describe('contrib, for metrics', function () {
  this.timeout(30_000);

  it('has alerts that promtool accepts, and that fire when they should', async () => {
    const checked = await promtool(['check', 'rules', 'contrib/prometheus/alerts.yml']);
    assert.match(checked, /5 rules found/);
    await promtool(['test', 'rules', 'contrib/prometheus/alerts-test.yml']);
  });

  it('asks for metrics that there are', async () => {
    const known = new Set([...(await everything()).matchAll(/^# TYPE (\w+)/gm)].map(([, name]) => name));
    for (const file of ['contrib/prometheus/alerts.yml', 'contrib/grafana/filesync.json']) {
      const used = (await readFile(file, 'utf8')).match(/\b(filesync|process)_\w+/g) ?? [];
      assert.ok(used.length > 3, file);
      assert.deepEqual(
        used.filter(name => !known.has(name)),
        [],
        file,
      );
    }
  });

  it('has a dashboard whose panels do not cover each other', async () => {
    const { panels } = JSON.parse(await readFile('contrib/grafana/filesync.json', 'utf8')) as {
      panels: { title: string; gridPos: { x: number; y: number; w: number; h: number } }[];
    };
    const taken = new Map<string, string>();
    for (const { title, gridPos: at } of panels)
      for (let x = at.x; x < at.x + at.w; x++)
        for (let y = at.y; y < at.y + at.h; y++) {
          assert.equal(taken.get(`${x} ${y}`), undefined, title);
          assert.ok(x < 24, title);
          taken.set(`${x} ${y}`, title);
        }
    assert.equal(new Set(panels.map(({ title }) => title)).size, panels.length);
  });
});
