import { setImmediate } from 'node:timers/promises';
import type { Config } from '../../src/config/config.js';
import { DescriptionFile } from '../../src/config/description-file.js';
import { makeDevices } from '../../src/compose.js';
import { openStore } from '../../src/db/store.js';
import { directory } from '../../src/devices/directory.js';
import { withBoth } from '../../src/devices/guard.js';
import { Engine } from '../../src/engine/engine.js';
import { LocalStorage } from '../../src/local/storage.js';
import type { FileRecord, Logger } from '../../src/ports.js';
import { Planner } from '../../src/rules/plan.js';
import { TemplateContext } from '../../src/rules/template-context.js';
import { passPolicy } from '../../src/system/back-off.js';
import { PRIVATE_MODES } from '../../src/system/file-modes.js';
import { RecordingLogger } from '../fakes/recording-logger.js';
import { VirtualClock } from '../fakes/virtual-clock.js';
import { systemError, type CrashFs } from '../model/crash-fs.js';
import { mount, realCallsUnderWay, takeServers, unmount } from '../model/disk-mount.js';
import { Activity, ProcessLife } from '../model/process-life.js';
import type { Plan } from './plan.js';

/** What a killed process still asks for fails, so that it gives back the slots for calls, which all processes share. */
class EndedLife extends ProcessLife {
  isOver = false;

  override kill(): void {
    this.isOver = true;
  }

  override async alive(): Promise<void> {
    if (this.isOver) throw systemError('EIO', 'the process was killed');
  }
}

/** How often the machine has booted, and what its clock says then. */
export interface Boot {
  readonly number: number;
  /** ms since the Unix epoch. */
  readonly wall: number;
}

export interface Ended {
  readonly outcome: 'complete' | 'killed';
  /** What the database says at the end of a complete pass. */
  readonly records: readonly FileRecord[];
  readonly log: readonly string[];
}

/** Turns without anything under way, after which time passes. */
const QUIET_TURNS = 4;
/** Virtual time after which a pass does not end. */
const MAX_PASS_MS = 24 * 3_600_000;

/**
 * One process: the real engine with the real folder source, local storage, folder target and database on the simulated
 * file system makes one pass. `killAt`: the change of the file system, counted from 1, after which the process is killed.
 */
export async function runProcess(fs: CrashFs, plan: Plan, boot: Boot, killAt = Infinity): Promise<Ended> {
  const activity = new Activity();
  const life = new EndedLife(activity);
  const folder = mount({ fs, life });
  const clock = clockOf(boot);
  const logger = new RecordingLogger();
  killAfter(fs, killAt, life);
  takeServers();
  const pass = passOn(folder, { plan, clock, logger });
  const ended = await driven(pass.done, { activity, clock, life }).catch((error: unknown) => {
    if (!life.isOver) throw error;
    return 'killed' as const;
  });
  life.kill();
  await pass.end();
  for (const server of takeServers()) server.close();
  unmount(folder);
  const log = logger.entries.map(({ level, message }) => `${level} ${message}`);
  return ended === 'killed'
    ? { outcome: 'killed', records: [], log }
    : { outcome: 'complete', records: ended, log };
}

function clockOf({ number, wall }: Boot): VirtualClock {
  const clock = new VirtualClock(wall);
  for (let boots = 1; boots < number; boots++) clock.reboot();
  return clock;
}

function killAfter(fs: CrashFs, killAt: number, life: EndedLife): void {
  const { onChange } = fs;
  let changes = 0;
  fs.onChange = (operation, path) => {
    if (life.isOver) return;
    onChange(operation, path);
    if (++changes === killAt) life.kill();
  };
}

interface Parts {
  readonly plan: Plan;
  readonly clock: VirtualClock;
  readonly logger: Logger;
}

/** A pass that has begun; `end` leaves the engine as it is after a kill. */
function passOn(folder: string, parts: Parts) {
  let engine: Engine | undefined;
  const work = async (): Promise<readonly FileRecord[]> => {
    engine = await engineOn(folder, parts);
    await engine.pass();
    const records = [...engine.records.all()];
    await engine.stop();
    return records;
  };
  const end = async (): Promise<void> => {
    engine?.stop().catch(() => undefined);
    await setImmediate();
    parts.clock.forgetSleepers();
  };
  return { done: work(), end };
}

async function engineOn(folder: string, { plan, clock, logger }: Parts): Promise<Engine> {
  const config = configOf(folder, plan);
  const services = { clock, logger, env: {}, hostname: 'pi' };
  const store = await openStore(config.database, { clock, logger, compactAfter: 8 });
  return new Engine({
    ...{ clock, logger, store, useBoth: withBoth, random: () => 0.5, policy: passPolicy },
    devices: await makeDevices(config, services, 'without'),
    local: new LocalStorage(config.local, { boot: clock.boot }),
    planner: new Planner(config.rules),
    templates: new TemplateContext({
      hostname: 'pi',
      descriptionFile: new DescriptionFile(config.descriptionFile, logger),
    }),
    ...{ interval: config.interval, keepRecords: config.keepRecords },
  });
}

function configOf(folder: string, plan: Plan): Config {
  const device = (name: string) =>
    [name, { name, type: directory, options: { path: `${folder}/${name}`, timeout: 30_000 } }] as const;
  return {
    ...{ file: `${folder}/filesync.yaml`, folder, descriptionFile: `${folder}/coex.conf` },
    ...{ local: `${folder}/local`, database: `${folder}/db.json` },
    devices: new Map([device('card'), device('archive')]),
    ...{ rules: [plan.rule], interval: 10_000, minFree: { bytes: 0 }, modes: PRIVATE_MODES },
    ...{ keepRecords: Infinity, facts: false, notify: [], warnings: [] },
  };
}

interface Driving {
  readonly activity: Activity;
  readonly clock: VirtualClock;
  readonly life: EndedLife;
}

/** Time passes only while nothing else happens. Resolves with what the work does, or when the process is killed. */
async function driven<Value>(
  work: Promise<Value>,
  { activity, clock, life }: Driving,
): Promise<Value | 'killed'> {
  let isDone = false;
  const done = work.finally(() => (isDone = true));
  done.catch(() => undefined);
  for (let quiet = 0; !isDone && !life.isOver;) {
    await setImmediate();
    quiet = activity.running + realCallsUnderWay() > 0 ? 0 : quiet + 1;
    if (quiet < QUIET_TURNS) continue;
    quiet = 0;
    if (clock.monotonic() > MAX_PASS_MS) throw new Error('the pass does not end');
    await clock.advance(clock.nextWake ?? 0);
  }
  return life.isOver ? 'killed' : done;
}
