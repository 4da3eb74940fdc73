import { fromOrigin } from '../errors.js';
import type { FileRecord, Outgoing, SourceFile } from '../ports.js';
import { hazardsIn, portablePath, type NameStyle } from '../system/portable-names.js';
import type { Plan, PlannedTarget } from './plan.js';
import { isFilledLater, needsUid, render, renderPath, type TemplateValues } from './template.js';

const AS_IS: Promise<NameStyle> = Promise.resolve('as-is');
const UNPLANNED: Pick<PlannedTarget, 'path' | 'names'> = { path: '{device}/{file.path}' };

/** What the description file (/etc/coex.conf) says. */
export interface Descriptions {
  values(): Promise<Readonly<Record<string, string>>>;
  /** Reports that a template names a key that the file does not have. */
  warnMissing(key: string): void;
}

export interface TemplateSurroundings {
  readonly hostname: string;
  /** Its name in a fleet; absent: made of that of this computer. */
  vehicle?: string;
  /** The unique id of the autopilot of a file's vehicle, as in `TemplateValues`. */
  readonly uidOf?: (device: string) => string | undefined;
  readonly descriptionFile: Descriptions;
}

type Described = SourceFile &
  Pick<FileRecord, 'device' | 'foundAt'> &
  Partial<Pick<FileRecord, 'description' | 'facts'>>;

/** Fills the templates of rules and devices for a file. */
export class TemplateContext {
  readonly #around: TemplateSurroundings;
  readonly #warn: (key: string) => void;

  constructor(around: TemplateSurroundings) {
    this.#around = around;
    this.#warn = key => around.descriptionFile.warnMissing(key);
  }

  /** The description with which a file is recorded when it is found. */
  async describe(file: Described, plan: Plan): Promise<string> {
    return render(plan.description, await this.#values(file), this.#warn);
  }

  /** The file's name on each of the plan's targets, where that does not depend on what becomes known later. */
  async pathsWhenFound(file: Described, plan: Plan): Promise<Record<string, string | undefined>> {
    const all = await this.paths(file, plan);
    const later = plan.targets.filter(({ path }) => isFilledLater(path));
    return { ...all, ...Object.fromEntries(later.map(({ device }) => [device, undefined])) };
  }

  /** The file's name on each of the plan's targets, as far as is known of it. */
  async paths(file: Described, plan: Plan): Promise<Record<string, string>> {
    const values = await this.#values(file);
    return Object.fromEntries(
      plan.targets.map(({ device, path, names }) => [device, renderPath(path, values, this.#warn, names)]),
    );
  }

  /** Why a name made of that template cannot be chosen yet; undefined if it can. */
  whyUnnamed(device: string, template: string): string | undefined {
    if (!needsUid(template) || this.#around.uidOf?.(device) !== undefined) return undefined;
    return 'its name there has {vehicle.uid}, and the autopilot has not said yet what it is called: switch it on, or use {vehicle}';
  }

  /** Changes the vehicle's name for files that are named from now on. */
  set vehicle(vehicle: string) {
    this.#around.vehicle = vehicle;
  }

  /**
   * The file's name on a target: the one that was chosen when the file was found, or is chosen now, in the style that the rule
   * asks for or the target needs.
   * @param needed which style the target needs for a path; undefined: it takes any name
   */
  async pathOn(
    record: FileRecord,
    plan: Plan | undefined,
    target: string,
    needed: (path: string) => Promise<NameStyle> | undefined,
  ): Promise<string> {
    const { path: template, names } = plan?.targets.find(({ device }) => device === target) ?? UNPLANNED;
    const values = await this.#values(record);
    const rendered = (style?: NameStyle): string => renderPath(template, values, this.#warn, style);
    const { path = rendered(names), tried = false } = record.targets[target] ?? {};
    const portable = portableFor(path, tried, rendered);
    if (portable === path) return path;
    const style = names ?? (await fromOrigin('target', needed(path) ?? AS_IS));
    return style === 'portable' ? portable : path;
  }

  /** What a target receives about a file, besides its bytes. */
  async about(record: FileRecord): Promise<Pick<Outgoing, 'source' | 'device' | 'description' | 'render'>> {
    const { device, description } = record;
    const values = await this.#values(record);
    return {
      source: record,
      device,
      description,
      render: template => render(template, values, this.#warn),
    };
  }

  async #values(file: Described): Promise<TemplateValues> {
    const { device, description, path, size, modified, foundAt, facts } = file;
    return {
      file: { path, size, modified, foundAt },
      facts,
      device,
      hostname: this.#around.hostname,
      ...(this.#around.vehicle !== undefined && { vehicle: this.#around.vehicle }),
      uid: this.#around.uidOf?.(device),
      coex: await this.#around.descriptionFile.values(),
      ...(description !== undefined && { description }),
    };
  }
}

/**
 * The path with portable names. One that has been tried, and that any target can hold, is kept: the target may have the file by
 * that name.
 */
function portableFor(path: string, tried: boolean, rendered: (style?: NameStyle) => string): string {
  const isAsRendered = path === rendered();
  if (hazardsIn(path).length === 0 && (tried || !isAsRendered)) return path;
  return isAsRendered ? rendered('portable') : portablePath(path);
}
