import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { firstValueFrom, filter } from 'rxjs';
import { stringify } from 'yaml';
import { compose } from '../../../src/compose.js';
import { loadConfig } from '../../../src/config/load.js';
import { deviceTypes } from '../../../src/devices/registry.js';
import type { Engine } from '../../../src/engine/engine.js';
import { daemonPolicy } from '../../../src/system/back-off.js';
import { temporaryFolder } from '../../conformance/temp-folder.js';
import { RecordingLogger } from '../../fakes/recording-logger.js';
import { FastClock } from './fast-clock.js';
import { NameService } from './name-service.js';
import type { Subject } from './subject.js';
import { SUBJECTS, type SubjectName } from './subjects.js';

/** The daemon's engine as its configuration makes it, between the device under trial and a plain folder. */
export interface Scene {
  readonly subject: Subject;
  readonly source: Subject;
  readonly target: Subject;
  readonly engine: Engine;
  readonly clock: FastClock;
  readonly names: NameService;
  readonly logger: RecordingLogger;
  /** Holds `local` and `database`. */
  readonly home: string;
  close(): Promise<void>;
}

export async function openScene(name: SubjectName): Promise<Scene> {
  const home = await temporaryFolder();
  const names = new NameService();
  const subject = await SUBJECTS[name]();
  const other = await SUBJECTS[subject.end === 'source' ? 'directory, target' : 'directory, source']();
  const [source, target] = subject.end === 'source' ? [subject, other] : [other, subject];
  const [clock, logger] = [new FastClock(), new RecordingLogger()];
  const config = await configured(home.path, source, target);
  const { engine } = await compose(config, { clock, logger, env: {}, hostname: 'pi' }, daemonPolicy);
  await engine.start();
  const close = async (): Promise<void> => {
    await engine.stop();
    for (const each of [source, target]) await each.close();
    names.close();
    await home.remove();
  };
  await firstValueFrom(engine.devices.pipe(filter(all => all.every(({ available }) => available))));
  return { subject, source, target, engine, clock, names, logger, home: home.path, close };
}

async function configured(home: string, source: Subject, target: Subject) {
  for (const folder of ['local', 'database']) await mkdir(join(home, folder));
  const file = join(home, 'filesync.yaml');
  const rule = {
    ...{ from: 'source', to: ['target'], settle: '10s', path: '{file.path}' },
    ...{ delete_after: 0, after: { source: 'delete' } },
  };
  const config = {
    ...{ local: './local', database: './database/filesync.json', min_free: 0, interval: '10s' },
    ...{ devices: { source: source.options, target: target.options }, rules: [rule] },
  };
  await writeFile(file, stringify(config));
  return loadConfig(file, { env: {}, deviceTypes: source.deviceTypes ?? deviceTypes });
}
