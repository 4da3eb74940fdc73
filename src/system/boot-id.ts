import { readFileSync } from 'node:fs';

/** One boot of the machine, as the kernel names it (random(4), proc); empty where it cannot be read. */
export function readBootId(path = '/proc/sys/kernel/random/boot_id'): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return '';
  }
}

/** Of the boot in which this program runs. */
export const bootId = readBootId();
