import assert from 'node:assert/strict';
import { loadConfig } from '../../../src/config/load.js';
import { sharedDestinations } from '../../../src/config/vehicle-names.js';
import { deviceTypes } from '../../../src/devices/registry.js';

const DEVICES = `
  autopilot: { type: mavlink, url: "udp://0.0.0.0:14540@" }
  camera: { type: directory, path: /cam }
  archive: { type: ftp, host: nas.local }
  site: { type: http, url: "http://site.local/" }`;

const load = (rules: string, top = '') =>
  loadConfig('/x/filesync.yaml', {
    ...{ env: {}, deviceTypes },
    readFile: async () => `devices:${DEVICES}\nrules:\n${rules}\n${top}`,
  });

const rule = (from: string, to: string, path: string) =>
  `  - { from: ${from}, to: [${to}], path: "${path}" }`;

describe('names of vehicles', () => {
  it('are missed where several vehicles would deliver to one server', async () => {
    const warned = async (to: string, path: string) =>
      sharedDestinations(await load(rule('camera', to, path)), 'drone7').length;
    assert.equal(await warned('archive', '{device}/{file.path}'), 1);
    for (const own of ['{vehicle}/{file.path}', '{log.start|file.date}/{file.name}', 'drone7/{file.path}'])
      assert.equal(await warned('archive', own), 0, own);
    assert.equal(await warned('site', '{file.path}'), 0);
  });

  it('of an autopilot need one', async () => {
    const uid = '{vehicle.uid}/{file.path}';
    await assert.rejects(load(rule('camera', 'archive', uid)), /no rule takes files from an autopilot/);
    await load(rule('camera', 'archive', '{vehicle.uid|vehicle}/{file.path}'));
    await load([rule('camera', 'archive', uid), rule('autopilot', 'archive', uid)].join('\n'));
  });

  it('are apart from the place of a fleet', async () => {
    const rules = rule('camera', 'archive', '{vehicle}/{file.path}');
    await assert.rejects(load(rules, 'fleet: { to: site }'), /cannot be both source and target/);
    await assert.rejects(load(rules, 'fleet: { to: archiv }'), /did you mean "archive"/);
    await assert.rejects(load(rules, 'fleet: { to: archive, every: 10ms }'), /at least 1000ms/);
    assert.equal((await load(rules, 'fleet: { to: archive }')).fleet?.every, 600_000);
  });
});
