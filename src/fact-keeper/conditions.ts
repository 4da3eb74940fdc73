import type { Clock, FileRecord } from '../ports.js';
import type { SourceState } from '../record/fact-reading.js';
import type { Plan } from '../rules/plan.js';
import { isFilledLater, needsFacts } from '../rules/template.js';

/** The template of its name on the target, where that depends on what becomes known later and has not been chosen. */
export function awaitedName({ targets }: FileRecord, plan: Plan, target: string): string | undefined {
  const planned = plan.targets.find(({ device }) => device === target);
  const isOpen = targets[target]?.path === undefined && planned !== undefined && isFilledLater(planned.path);
  return isOpen ? planned.path : undefined;
}

/** It may be read from to learn something; never while its vehicle is armed, whatever `while_armed` says of files. */
export function isUsable(source: SourceState | undefined, clock: Pick<Clock, 'monotonic'>): boolean {
  if (!source?.available || source.armed) return false;
  return (source.quietUntil ?? -Infinity) <= clock.monotonic();
}

/** Whether the options of a device contain a template that needs facts. */
export const tellsFacts = (options: unknown): boolean => needsFacts(JSON.stringify(options) ?? '');
