import { readdir, readlink, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { serialTransport } from '../../mavlink/serial.js';
import type { Clock } from '../../ports.js';
import { HeartbeatListener, type Heard } from './heartbeats.js';

const BY_ID = '/dev/serial/by-id';
/** The name that Raspberry Pi OS has for the UART on the pins, whichever of its two it is. */
const UART = '/dev/serial0';
/** A radio's or a companion port's, the usual one of a cable, and a fast one. USB itself has none. */
const BAUD_RATES = [57_600, 115_200, 921_600] as const;
/** ms for each rate: heartbeats come once a second. */
const LISTEN_MS = 2_500;

/** Names that stay when other devices are plugged in. */
export async function serialPorts(folder = BY_ID, uart = UART): Promise<readonly string[]> {
  const names = await readdir(folder).catch(() => []);
  const hasUart = await realpath(uart).then(
    () => true,
    () => false,
  );
  return [...names.sort().map(name => join(folder, name)), ...(hasUart ? [uart] : [])];
}

/** Whether a process, as far as this user sees them, has the port open: its bytes would be taken from it. */
export async function isInUse(port: string, proc = '/proc'): Promise<boolean> {
  const device = await realpath(port);
  const processes = (await readdir(proc)).filter(name => /^\d+$/.test(name));
  for (const pid of processes) {
    const folder = join(proc, pid, 'fd');
    for (const fd of await readdir(folder).catch(() => []))
      if ((await readlink(join(folder, fd)).catch(() => '')) === device) return true;
  }
  return false;
}

/** Listens at each rate until an autopilot is heard; nothing is sent. Throws if the port cannot be opened. */
export async function listenOnSerial(
  path: string,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<{ readonly baudRate: number; readonly heard: Heard } | undefined> {
  for (const baudRate of BAUD_RATES) {
    const listener = new HeartbeatListener();
    const connection = await serialTransport({ path, baudRate }).connect(
      bytes => listener.receive(bytes),
      signal,
    );
    await clock.sleep(LISTEN_MS, signal).catch(() => undefined);
    await connection.close();
    const [heard] = listener.heard;
    if (heard) return { baudRate, heard };
  }
  return undefined;
}
