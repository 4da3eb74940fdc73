import assert from 'node:assert/strict';
import { fleetObject } from '../../../src/api/schema-fleet.js';
import type { FlightView, Status } from '../../../src/api/schema.js';
import { parseObject, vehicleView } from '../../../src/fleet/parse.js';
import { contentOf, reportOf, type ReportParts } from '../../../src/fleet/report.js';

const NOW = Date.UTC(2026, 7, 1, 12);
const at = '2026-08-01T11:00:00.000Z';
const link = { bytes_per_second: 5, loss: null, rtt_ms: null };
const status = {
  ...{ version: '1.0.0', running: true, running_since: at, paused: false },
  verdict: { code: 'SAFE', text: 'all is delivered', seconds_left: null },
  devices: [
    { name: 'nas', type: 'ftp', available: false, armed: false, reason: 'login hunter22', since: at, link },
  ],
  ...{ database: '', configuration: '', web: '', notifications: [], counts: {}, units: [], transfers: [] },
  ...{ waiting: [], disk: { free: 500_000, total: 1_000_000 } },
} as Status;
const missing = { device: 'nas', code: '' as const, text: 'full\u001b[2J', since: null, until: null };
const flight = {
  ...{ id: '0123456789ab', state: 'FAILED', vehicle: '', devices: ['cam'], started_at: null },
  ...{ duration_seconds: null, found_at: at, files: 3, bytes: 60, ids: [], delivered: [] },
  missing: [
    { ...missing, state: 'FAILED', files: 2, bytes: 40 },
    { ...missing, state: 'DOWNLOADED', files: 1, bytes: 20 },
  ],
} as FlightView;

const parts: ReportParts = {
  ...{ vehicle: 'drone1', instance: '0123456789abcdef', uid: undefined, status, flights: [flight] },
  ...{ now: NOW, heartbeat: 3_600_000, every: 600_000 },
  mask: text => text.replaceAll('hunter22', '***'),
};

describe('the report of a vehicle', () => {
  it('follows the schema, counts what waits and what was given up, and has no secret and no escape', () => {
    const report = fleetObject.parse(reportOf(parts));
    assert.deepEqual(
      [report.waiting.files, report.waiting.bytes, report.waiting.oldest_at, report.waiting.flights_in_all],
      [1, 20, at, 1],
    );
    assert.deepEqual(report.failures, [{ device: 'nas', text: 'full [2J', files: 2, bytes: 40 }]);
    assert.equal(report.links[0]?.text, 'login ***');
    assert.equal(report.position, undefined);
    assert.equal(report.next_by, '2026-08-01T13:10:00.000Z');
  });

  it('changes with what waits, and not with the time, a rate or a little space', () => {
    const before = contentOf(reportOf(parts));
    const devices = status.devices.map(device => ({ ...device, since: null, link: null }));
    const later = { ...status, devices, disk: { free: 500_001, total: 1_000_000 } };
    assert.equal(contentOf(reportOf({ ...parts, now: NOW + 1, status: later })), before);
    assert.notEqual(contentOf(reportOf({ ...parts, flights: [] })), before);
    const full = { ...status, disk: { free: 0, total: 1_000_000 } };
    assert.notEqual(contentOf(reportOf({ ...parts, status: full })), before);
  });

  it('is late by the time of the store, or by its own where the store has none', () => {
    const object = reportOf({ ...parts, flights: [] });
    const file = { path: 'drone1.json', size: 1 };
    const due = 3_600_000 + 600_000 + 60_000;
    assert.equal(vehicleView(object, file, NOW + due).state, 'OK');
    assert.equal(vehicleView(object, file, NOW + due + 1).state, 'LATE');
    const modified = NOW + 10 * due;
    assert.equal(vehicleView(object, { ...file, modified }, modified + due).state, 'OK');
    assert.equal(vehicleView(reportOf(parts), file, NOW).state, 'FAILING');
  });

  it('is refused under the name of another vehicle', () => {
    const text = JSON.stringify(reportOf(parts));
    assert.equal(parseObject(text, 'drone1~abcdef.json').vehicle, 'drone1');
    assert.throws(() => parseObject(text, 'drone2.json'), /its name is not that of its vehicle/);
    assert.throws(() => parseObject('{}', 'drone1.json'), /its schema is not as docs/);
  });
});
