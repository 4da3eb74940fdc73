import { vehicleOf } from '../../compose.js';
import type { Config } from '../../config/config.js';
import { DescriptionFile } from '../../config/description-file.js';
import type { Logger } from '../../ports.js';
import { preview, type KnownFiles, type SourceListing, type Preview } from '../../preview/preview.js';
import { TemplateContext } from '../../rules/template-context.js';
import type { Shell } from '../shell.js';

/** What the rules of a configuration would do with these files. */
export function outlookOn(
  config: Config,
  known: KnownFiles,
  listings: ReadonlyMap<string, SourceListing>,
  { hostname, clock, logger }: Pick<Shell, 'hostname' | 'clock'> & { readonly logger: Logger },
): Promise<Preview> {
  const descriptionFile = new DescriptionFile(config.descriptionFile, logger);
  return preview({
    ...{ rules: config.rules, known, listings, now: clock.now(), publicPages: publicPagesOf(config) },
    templates: new TemplateContext({ hostname, vehicle: vehicleOf(config, { hostname }), descriptionFile }),
  });
}

function publicPagesOf({ devices }: Config): ReadonlyMap<string, string> {
  const pages = [...devices.values()].flatMap(({ name, type, options }) => {
    const page = type.publicPage?.(options);
    return page === undefined ? [] : [[name, page] as const];
  });
  return new Map(pages);
}
