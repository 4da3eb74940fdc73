import { z } from 'zod';
import { defineDevice } from './definition.js';
import { DirectorySource } from './directory/source.js';
import { DirectoryTarget } from './directory/target.js';

/** A folder that this machine sees: its own, a mounted drive's, or a network share's. */
export const directory = defineDevice({
  type: 'directory',
  summary: 'Source and target: a folder on this machine, on a mounted drive or on a mounted share',
  options: z.object({
    path: z
      .string()
      .min(1)
      .describe(
        "the folder; a relative one starts at the configuration file's folder. A target's is made if it is missing, but not its parent",
      ),
  }),
  source: ({ path }, context) => new DirectorySource(context.resolvePath(path), context),
  target: ({ path }, context) => new DirectoryTarget(context.resolvePath(path), context),
});
