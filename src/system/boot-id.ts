import { readFileSync } from 'node:fs';

/** The kernel's id of this boot (random(4)); empty where it cannot be read. */
export function readBootId(path = '/proc/sys/kernel/random/boot_id'): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return '';
  }
}

export const bootId = readBootId();
