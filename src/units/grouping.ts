import type { FileRecord } from '../ports.js';
import { Planner } from '../rules/plan.js';
import type { Rule } from '../rules/rule.js';
import { kindOf, unitOf, type Together, type UnitKind, type UnitOfFile } from '../rules/together.js';

/** A number of units of one kind, and of their files. */
export interface UnitCount {
  readonly kind: UnitKind;
  units: number;
  files: number;
}

type Rules = Pick<Planner, 'plan' | 'hasUnits'>;

/** A file's unit by today's rules. */
export interface FileUnit {
  readonly unit: UnitOfFile;
  readonly together: Together;
  /** The same for all files of the unit, and for those of no other one on any device. */
  readonly key: string;
}

/** Undefined: the file is in no unit. */
export function fileUnit(
  rules: Rules,
  { device, path }: Pick<FileRecord, 'device' | 'path'>,
): FileUnit | undefined {
  const together = rules.hasUnits ? rules.plan(device, path)?.together : undefined;
  const unit = unitOf(path, together);
  return unit && together && { unit, together, key: `${device}\0${unit.key}` };
}

/** Which files are one unit, by the rules alone. */
export class Grouping {
  readonly #planner: Rules;

  /** The rules of the planner may change. */
  constructor(planner: Rules) {
    this.#planner = planner;
  }

  static by(rules: readonly Rule[]): Grouping {
    return new Grouping(new Planner(rules));
  }

  /** The ids and those of the other files of their units. */
  withUnits(ids: readonly string[], records: () => Iterable<FileRecord>): readonly string[] {
    if (!this.#planner.hasUnits) return ids;
    const wanted = new Set(ids);
    const all = [...records()];
    const keyOf = (record: FileRecord) => fileUnit(this.#planner, record)?.key;
    const keys = new Set(all.filter(({ id }) => wanted.has(id)).flatMap(record => keyOf(record) ?? []));
    const others = all.filter(record => !wanted.has(record.id) && keys.has(keyOf(record) ?? ''));
    return [...ids, ...others.map(({ id }) => id)];
  }

  /** How many units the files belong to; those of none are left out. */
  count(records: Iterable<FileRecord>): UnitCount[] {
    if (!this.#planner.hasUnits) return [];
    const counts = new Map<UnitKind, UnitCount>();
    const seen = new Set<string>();
    for (const record of records) {
      const found = fileUnit(this.#planner, record);
      if (!found) continue;
      const kind = kindOf(found.together);
      const one = counts.get(kind) ?? { kind, units: 0, files: 0 };
      counts.set(kind, one);
      one.files += 1;
      if (!seen.has(found.key)) one.units += 1;
      seen.add(found.key);
    }
    return [...counts.values()];
  }
}
