import type { Clock, FileRecord } from '../ports.js';
import type { SourceState } from '../record/fact-reading.js';
import type { Plan } from '../rules/plan.js';
import { needsFacts } from '../rules/template.js';

/** Its name on the target depends on its facts, and has not been chosen. */
export function awaitsName({ targets }: FileRecord, plan: Plan, target: string): boolean {
  const planned = plan.targets.find(({ device }) => device === target);
  return targets[target]?.path === undefined && planned !== undefined && needsFacts(planned.path);
}

/** It may be read from to learn something; never while its vehicle is armed, whatever `while_armed` says of files. */
export function isUsable(source: SourceState | undefined, clock: Pick<Clock, 'monotonic'>): boolean {
  if (!source?.available || source.armed) return false;
  return (source.quietUntil ?? -Infinity) <= clock.monotonic();
}

/** Whether the options of a device contain a template that needs facts. */
export const tellsFacts = (options: unknown): boolean => needsFacts(JSON.stringify(options) ?? '');
