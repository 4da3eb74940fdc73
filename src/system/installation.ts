import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';

const MACHINE_ID = '/etc/machine-id';

/**
 * Sixteen hex digits that tell this installation of the program from those of other vehicles, from other configurations on this
 * machine, and from a copy of this machine under another name. They are the same after a lost database. See machine-id(5).
 */
export async function installationId(vehicle: string, database: string): Promise<string> {
  const machine = await readFile(MACHINE_ID, 'utf8').catch(() => '');
  return createHash('sha256')
    .update(JSON.stringify([vehicle, machine.trim(), database]))
    .digest('hex')
    .slice(0, 16);
}
