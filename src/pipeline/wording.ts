import { createHash } from 'node:crypto';
import { ChunkPool } from '../local/chunk-pool.js';
import type { LocalStorage } from '../local/storage.js';
import type { FileRecord, Outgoing, SourceFile } from '../ports.js';
import type { DescriptionFile } from '../rules/coex.js';
import type { Plan, Planner } from '../rules/plan.js';
import { render, renderPath, type TemplateValues } from '../rules/template.js';
import { verified } from './verified.js';

export interface WordingParts {
  readonly planner: Planner;
  readonly local: LocalStorage;
  readonly hostname: string;
  readonly descriptionFile: DescriptionFile;
}

/** Fills the templates of rules and devices for a file. */
export class Wording {
  readonly #parts: WordingParts;
  readonly #warn: (key: string) => void;

  constructor(parts: WordingParts) {
    this.#parts = parts;
    this.#warn = key => parts.descriptionFile.warnMissing(key);
  }

  /** The description with which a file is recorded when it is found. */
  async describe(device: string, file: SourceFile, plan: Plan, foundAt: number): Promise<string> {
    return render(plan.description, await this.#values({ ...file, device, foundAt }), this.#warn);
  }

  /** Where a file shall lie on a target. */
  async pathOn(record: FileRecord, target: string): Promise<string> {
    const plan = this.#parts.planner.plan(record.device, record.path);
    const template = plan?.targets.find(one => one.device === target)?.path ?? '{device}/{file.path}';
    return renderPath(template, await this.#values(record), this.#warn);
  }

  /** The local copy, as a target takes it. */
  async outgoing(record: FileRecord & { readonly sha256: string }): Promise<Outgoing> {
    const { sha256, local, size } = record;
    const pool = new ChunkPool();
    return {
      ...(await this.about(record)),
      token: tokenOf(record),
      sha256,
      open: offset => verified(this.#parts.local.open(local, 0, undefined, size, pool), offset, sha256),
      giveBack: chunk => pool.giveBack(chunk),
    };
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

  async #values(
    file: SourceFile & Pick<FileRecord, 'device' | 'foundAt'> & { description?: string },
  ): Promise<TemplateValues> {
    const { device, description, path, size, modified, foundAt } = file;
    const coex = await this.#parts.descriptionFile.values();
    const about = { path, size, modified, foundAt };
    return {
      file: about,
      device,
      hostname: this.#parts.hostname,
      coex,
      ...(description !== undefined && { description }),
    };
  }
}

/**
 * A copy that had to be fetched again has another local name, and so another token: what was sent of a damaged copy is
 * never continued.
 */
function tokenOf({ id, sha256, local }: FileRecord): string {
  return createHash('sha256')
    .update(JSON.stringify([id, sha256, local]))
    .digest('hex')
    .slice(0, 16);
}
