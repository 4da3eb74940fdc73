import type { FileRecord, Outgoing, SourceFile } from '../ports.js';
import type { Plan } from './plan.js';
import { render, renderPath, type TemplateValues } from './template.js';

/** What the description file (/etc/coex.conf) says. */
export interface Descriptions {
  values(): Promise<Readonly<Record<string, string>>>;
  /** Reports that a template names a key that the file does not have. */
  warnMissing(key: string): void;
}

export interface TemplateSurroundings {
  readonly hostname: string;
  readonly descriptionFile: Descriptions;
}

type Described = SourceFile & Pick<FileRecord, 'device' | 'foundAt'> & { readonly description?: string };

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

  /** The file's name on each of the plan's targets. */
  async paths(file: Described, plan: Plan): Promise<Record<string, string>> {
    const values = await this.#values(file);
    return Object.fromEntries(
      plan.targets.map(({ device, path }) => [device, renderPath(path, values, this.#warn)]),
    );
  }

  /** The file's name on a target that no rule names for it. */
  async pathOn(file: Described, plan: Plan | undefined, target: string): Promise<string> {
    const template = plan?.targets.find(({ device }) => device === target)?.path ?? '{device}/{file.path}';
    return renderPath(template, await this.#values(file), this.#warn);
  }

  /** What a target is told of a file, but for its bytes. */
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
    const { device, description, path, size, modified, foundAt } = file;
    return {
      file: { path, size, modified, foundAt },
      device,
      hostname: this.#around.hostname,
      coex: await this.#around.descriptionFile.values(),
      ...(description !== undefined && { description }),
    };
  }
}
