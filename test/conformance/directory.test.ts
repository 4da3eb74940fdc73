import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { DirectorySource } from '../../src/devices/directory/source.js';
import { DirectoryTarget } from '../../src/devices/directory/target.js';
import { deviceContext } from '../fakes/device-context.js';
import { handOn } from './hand-on.js';
import { sourceConformance, type SourceBench } from './source.js';
import { targetConformance, type TargetBench } from './target.js';
import { temporaryFolder } from './temp-folder.js';

async function sourceBench(): Promise<SourceBench> {
  const home = await temporaryFolder();
  const root = join(home.path, 'inbox');
  await mkdir(root);
  const source = new DirectorySource(root, deviceContext());
  return {
    source,
    ...handOn(root),
    close: async () => {
      await source.close();
      await home.remove();
    },
  };
}

async function targetBench(): Promise<TargetBench> {
  const home = await temporaryFolder();
  const root = join(home.path, 'archive');
  await mkdir(root);
  const target = new DirectoryTarget(root, deviceContext());
  return {
    target,
    read: path => readFile(join(root, path)).catch(() => undefined),
    listAll: async () => {
      const entries = await readdir(home.path, { recursive: true, withFileTypes: true });
      return entries.map(entry => relative(home.path, join(entry.parentPath, entry.name)));
    },
    close: async () => {
      await target.close();
      await home.remove();
    },
  };
}

sourceConformance('directory, local file system', sourceBench);
targetConformance('directory, local file system', targetBench);
