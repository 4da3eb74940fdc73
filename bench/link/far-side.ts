import { startSim, type SimOptions } from '../../src/sim/sim.js';
import { systemClock } from '../../src/system/clock.js';
import { RecordingLogger } from '../../test/fakes/recording-logger.js';
import { Emulator, type LinkConditions } from './emulator.js';

// The program that runs vehicles or links: their processor time is not the client's.

/** A command; the answer carries the same `id`. */
export type Order =
  | { readonly id: number; readonly open: 'vehicle'; readonly how: VehicleOrder }
  | { readonly id: number; readonly open: 'link'; readonly how: LinkConditions }
  | { readonly id: number; readonly close: number };

/** A simulated PX4 on a folder. */
export type VehicleOrder = Pick<SimOptions, 'folder'> & Partial<Pick<SimOptions, 'delay' | 'loss' | 'rate'>>;

interface Opened {
  readonly port: number;
  /** Returns the report. */
  close(): unknown;
}

const open = new Map<number, Opened>();

process.on('message', (order: Order) => void carryOut(order));
process.on('disconnect', () => process.exit());

async function carryOut(order: Order): Promise<void> {
  if ('close' in order) {
    const report = await open.get(order.close)?.close();
    open.delete(order.close);
    process.send?.({ id: order.id, result: report ?? {} });
    return;
  }
  const opened = order.open === 'link' ? await link(order.how) : await vehicle(order.how);
  open.set(order.id, opened);
  process.send?.({ id: order.id, result: opened.port });
}

async function link(how: LinkConditions): Promise<Opened> {
  const emulator = await Emulator.open(how);
  const close = () => {
    emulator.close();
    return emulator.report();
  };
  return { port: emulator.port, close };
}

async function vehicle(how: VehicleOrder): Promise<Opened> {
  const listen = { host: '127.0.0.1', port: 0 };
  const sim = await startSim({
    listen,
    like: 'px4',
    clock: systemClock,
    logger: new RecordingLogger(),
    ...how,
  });
  const close = async () => {
    const { requests } = sim.stats;
    await sim.close();
    return { requests };
  };
  return { port: sim.address.port, close };
}
