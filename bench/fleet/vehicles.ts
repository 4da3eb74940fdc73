import { subscribe } from 'node:diagnostics_channel';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { memoryUsage } from 'node:process';
import { stringify } from 'yaml';
import { compose } from '../../src/compose.js';
import { loadConfig } from '../../src/config/load.js';
import { deviceTypes } from '../../src/devices/registry.js';
import type { Engine } from '../../src/engine/engine.js';
import { FileState, type Logger } from '../../src/ports.js';
import { stateOf } from '../../src/record/state.js';
import { daemonPolicy } from '../../src/system/back-off.js';
import { FastClock } from '../../test/soak/fast-clock.js';
import { homeOf, logsOf, nameOf, type FleetPlan, type Report, type Share } from './plan.js';

// A process with a share of the vehicles: each is the daemon's engine with a database, local storage and name of its own. It
// reports until it is told to stop, or killed.

const REPORT_MS = 1_000;

const SILENT: Logger = { log: () => undefined, isEnabled: () => false, child: () => SILENT };

async function startVehicle(plan: FleetPlan, vehicle: number, clock: FastClock): Promise<Engine> {
  const home = homeOf(plan, vehicle);
  await mkdir(home, { recursive: true });
  const file = join(home, 'filesync.yaml');
  const config = {
    ...{ local: './data', database: './filesync.json', min_free: 0, interval: '1h' },
    devices: { autopilot: { type: 'directory', path: logsOf(plan, vehicle) }, store: plan.device },
    rules: [{ from: 'autopilot', to: ['store'], settle: 0, path: '{hostname}/{file.path}' }],
  };
  await writeFile(file, stringify(config));
  const services = { clock, logger: SILENT, env: {}, hostname: nameOf(vehicle) };
  const { engine } = await compose(await loadConfig(file, { env: {}, deviceTypes }), services, daemonPolicy);
  await engine.start();
  return engine;
}

async function main(plan: FleetPlan, { from, to }: Share): Promise<void> {
  let requests = 0;
  subscribe('http.client.request.start', () => void requests++);
  const baseline = memoryUsage.rss();
  const clock = new FastClock(plan.factor);
  const engines: Engine[] = [];
  const report = (): Report => {
    let [delivered, waits] = [0, ''];
    for (const engine of engines)
      for (const record of engine.records.all()) {
        if (stateOf(record) === FileState.UPLOADED) delivered++;
        else if (waits === '') waits = engine.waits(record)[0]?.reason ?? 'it is under way';
      }
    return { delivered, requests, baseline, rss: memoryUsage.rss(), waits };
  };
  const send = () => void (process.connected && process.send?.(report()));
  const reporting = setInterval(send, REPORT_MS);
  process.once('message', () => void stop());
  process.once('disconnect', () => process.exit());
  const stop = async (): Promise<void> => {
    clearInterval(reporting);
    await Promise.all(engines.map(engine => engine.stop()));
    process.disconnect();
  };
  for (let vehicle = from; vehicle < to; vehicle++) engines.push(await startVehicle(plan, vehicle, clock));
}

const [plan = '', share = ''] = process.argv.slice(2);
await main(JSON.parse(plan) as FleetPlan, JSON.parse(share) as Share);
