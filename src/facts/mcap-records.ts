import { McapStreamReader, type McapTypes } from '@mcap/core';

type Record = McapTypes.TypedMcapRecord;

/** The first record of that type. */
export function find<Type extends Record['type']>(
  bytes: Buffer,
  type: Type,
): McapTypes.TypedMcapRecords[Type] | undefined {
  for (const record of recordsIn(bytes))
    if (record.type === type) return record as McapTypes.TypedMcapRecords[Type];
  return undefined;
}

/** The whole records with which the bytes begin, until one cannot be parsed. */
export function* recordsIn(bytes: Buffer): Generator<Record> {
  try {
    const reader = new McapStreamReader({ noMagicPrefix: true, validateCrcs: false });
    reader.append(bytes);
    for (let record = reader.nextRecord(); record; record = reader.nextRecord()) {
      yield record;
      if (record.type === 'Footer') return;
    }
  } catch {
    // What the library throws says that a record is damaged, or needs what is not there.
  }
}
