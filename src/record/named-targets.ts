import type { Delivery, FileRecord } from '../ports.js';
import { without } from './fields.js';
import { hasBytes } from './state.js';

/** Targets that are named, each with the file's name there where that has been chosen. */
type NamedTargets = Readonly<Record<string, string | undefined>>;

/**
 * The record with the targets that are named, and with those of its others that `stays` takes. The deliveries to the rest are
 * remembered as `former`: one whose target is named again goes on as it was.
 */
export function withTargets(
  record: FileRecord,
  named: NamedTargets,
  stays: (delivery: Delivery) => boolean = () => false,
): FileRecord {
  const known = { ...record.former, ...record.targets };
  const others = Object.entries(record.targets).filter(([name, one]) => !(name in named) && stays(one));
  const wanted = Object.entries(named).map(([name, path]): [string, Delivery] => [
    name,
    known[name] ?? { state: 'pending', ...(path !== undefined && { path }) },
  ]);
  const targets = Object.fromEntries([...others, ...wanted]);
  const former = Object.entries(known).filter(([name]) => !(name in targets));
  return withFormer({ ...record, targets }, former);
}

/** A target was taken out before it got the file, is named again, and the bytes are still there. */
export const isOwed = (record: FileRecord, named: readonly string[]): boolean =>
  hasBytes(record) && named.some(name => record.former?.[name] !== undefined);

/** The delivery to a target of the record, or to a former one. */
export const deliveryTo = ({ targets, former }: FileRecord, target: string): Delivery | undefined =>
  targets[target] ?? former?.[target];

/** A delivery that is under way, or done, belongs to a target of the record. */
export function withDelivery(record: FileRecord, target: string, delivery: Delivery): FileRecord {
  const changed = { ...record, targets: { ...record.targets, [target]: delivery } };
  if (!record.former?.[target]) return changed;
  return withFormer(
    changed,
    Object.entries(record.former).filter(([name]) => name !== target),
  );
}

/** The record with the file's name on a target; the same object where it has one. */
export function withName(
  record: FileRecord,
  { target, path }: { readonly target: string; readonly path: string },
): FileRecord {
  const delivery = record.targets[target];
  return !delivery || delivery.path !== undefined
    ? record
    : withDelivery(record, target, { ...delivery, path });
}

/** The record with its deliveries as `change` returns them; the same object where it changes none. */
export function withDeliveries(
  record: FileRecord,
  change: (one: Delivery) => Delivery,
  which: readonly ('targets' | 'former')[] = ['targets'],
): FileRecord {
  const changed = which.flatMap(key => {
    const deliveries = record[key] ?? {};
    const entries = Object.entries(deliveries).map(([name, one]) => [name, change(one)] as const);
    return entries.some(([name, one]) => one !== deliveries[name])
      ? [[key, Object.fromEntries(entries)]]
      : [];
  });
  return changed.length === 0
    ? record
    : { ...record, ...(Object.fromEntries(changed) as Partial<FileRecord>) };
}

export const toPending = (delivery: Delivery): Delivery => ({
  ...{ state: 'pending', tried: true },
  ...(delivery.path !== undefined && { path: delivery.path }),
  ...failuresOf(delivery),
});

export const failuresOf = (delivery: Delivery | undefined): Pick<Delivery, 'failures'> =>
  delivery?.failures === undefined ? {} : { failures: delivery.failures };

export function sameDeliveries(a: FileRecord['targets'] = {}, b: FileRecord['targets'] = {}): boolean {
  const names = Object.keys(b);
  return names.length === Object.keys(a).length && names.every(name => a[name] === b[name]);
}

/** An attempt that is under way when its target is taken out is interrupted. */
const atRest = (delivery: Delivery): Delivery =>
  delivery.state === 'sending' ? toPending(delivery) : delivery;

function withFormer(record: FileRecord, former: readonly [string, Delivery][]): FileRecord {
  if (former.length === 0) return without(record, 'former');
  return { ...record, former: Object.fromEntries(former.map(([name, one]) => [name, atRest(one)])) };
}
