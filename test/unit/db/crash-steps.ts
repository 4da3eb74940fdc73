import { isDeepStrictEqual } from 'node:util';
import type { FileRecord, SourceRecord } from '../../../src/ports.js';
import { fileRecord } from '../../fakes/file-record.js';

// The changes that the crash tests make, and what the database may hold after some of them.

export type Step =
  | { readonly put: FileRecord }
  | { readonly delete: string }
  | { readonly note: FileRecord; readonly soon?: 'soon' }
  | { readonly source: SourceRecord }
  | { readonly archive: FileRecord }
  /** A second goes by. */
  | 'second';

/** Long enough for several compactions. */
export const STEPS: readonly Step[] = [
  ...Array.from({ length: 28 }, (_, index) => stepsAt(index)).flat(),
  { put: fileRecord(6, { size: 28 }) },
];

function stepsAt(index: number): Step[] {
  const number = index % 7;
  const record = fileRecord(number, { size: index });
  const toArchive = fileRecord(100 + index, { size: index });
  if (index % 5 === 4) return [{ delete: record.id }];
  return [
    { put: record },
    ...(index % 3 === 0 ? [{ note: { ...record, reason: 'noted' } }] : []),
    ...(index % 6 === 1 ? [{ note: { ...record, reason: 'noted' }, soon: 'soon' as const }] : []),
    ...(index % 8 === 2 ? ['second' as const] : []),
    ...(index % 10 === 3 ? [{ source: { device: String(index % 4), scannedAt: index } }] : []),
    ...(index % 9 === 6 ? [{ put: toArchive }, { archive: toArchive }] : []),
  ];
}

export const DEVICES = ['0', '1', '2', '3'];

/** What the database holds. */
export interface Content {
  readonly records: readonly FileRecord[];
  readonly archived: readonly FileRecord[];
  readonly sources: readonly (SourceRecord | undefined)[];
}

/** What it may hold: of each record the last durable version, and those that were only noted since. */
export interface State {
  readonly records: ReadonlyMap<string, readonly Version[]>;
  readonly archived: readonly FileRecord[];
  readonly sources: ReadonlyMap<string, SourceRecord>;
}
interface Version {
  readonly record: FileRecord;
  readonly soon?: 'soon' | undefined;
}

/** The states after each number of steps, 0 included. */
export function statesFrom({ records, archived, sources }: Content): State[] {
  const start: State = {
    records: new Map(records.map(record => [record.id, [{ record }]])),
    archived,
    sources: new Map(sources.flatMap(source => (source ? [[source.device, source]] : []))),
  };
  const states = [start];
  for (const step of STEPS) states.push(stateAfter(states.at(-1) ?? start, step));
  return states;
}

function stateAfter(state: State, step: Step): State {
  const records = new Map(state.records);
  const forget = ({ id }: FileRecord) => state.archived.filter(record => record.id !== id);
  if (step === 'second') {
    const written = ([id, versions]: [string, readonly Version[]]) =>
      [id, versions.some(version => version.soon) ? versions.slice(-1) : versions] as const;
    return { ...state, records: new Map([...records].map(written)) };
  }
  if ('put' in step) {
    records.set(step.put.id, [{ record: step.put }]);
    return { ...state, records, archived: forget(step.put) };
  }
  if ('note' in step) {
    const noted = [...(records.get(step.note.id) ?? []), { record: step.note, soon: step.soon }];
    return { ...state, records: records.set(step.note.id, noted) };
  }
  if ('source' in step)
    return { ...state, sources: new Map(state.sources).set(step.source.device, step.source) };
  if ('delete' in step) {
    records.delete(step.delete);
    return { ...state, records };
  }
  records.delete(step.archive.id);
  return { ...state, records, archived: [...forget(step.archive), step.archive] };
}

export function allows(state: State, content: Content): boolean {
  const versions = [...state.records.values()];
  const sources = DEVICES.map(device => state.sources.get(device));
  return (
    isDeepStrictEqual([content.archived, content.sources], [state.archived, sources]) &&
    content.records.length === versions.length &&
    content.records.every((record, index) =>
      versions[index]?.some(version => isDeepStrictEqual(version.record, record)),
    )
  );
}
