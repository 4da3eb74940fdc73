import { createReadStream } from 'node:fs';
import { StringDecoder } from 'node:string_decoder';
import * as z from 'zod';
import { FileSyncError } from '../errors.js';
import type { FileRecord, SourceRecord, Store } from '../ports.js';
import { count, fileRecord, sourceRecord } from './schema.js';

/** The version of the format: another one is refused. */
export const EXPORT_VERSION = 1;
/** Longer lines are no export of ours. */
const MAX_LINE_LENGTH = 4 * 1024 * 1024;

/** Each part of a name is one: such a name cannot leave the folder of the local copies. */
const isBelow = ({ local }: FileRecord): boolean =>
  !local.includes('\0') && local.split('/').every(part => part !== '' && part !== '.' && part !== '..');

const record = fileRecord.refine(isBelow, { error: 'local: leads out of the local folder' });
const counts = { sources: count, records: count, archived: count };

/** The first line. */
export const exportHeader = z.strictObject({
  filesync: z.literal('export'),
  version: z.literal(EXPORT_VERSION),
  exported_at: z.iso.datetime(),
});

/** Every other line: what is known of a source, a record, a record of the archive, or, at the end, how many there are. */
export const exportLine = z.union([
  z.strictObject({ source: sourceRecord }),
  z.strictObject({ record }),
  z.strictObject({ archived: record }),
  z.strictObject({ end: z.strictObject(counts) }),
]);
export type ExportLine = z.output<typeof exportLine>;

/** The content of a database as lines without their ends. `devices`: the sources that may have a record of their own. */
export async function* exportLines(
  store: Store,
  devices: Iterable<string>,
  now: number,
): AsyncGenerator<string> {
  const end = { sources: 0, records: 0, archived: 0 };
  const names = new Set(devices);
  yield JSON.stringify({
    filesync: 'export',
    version: EXPORT_VERSION,
    exported_at: new Date(now).toISOString(),
  });
  for (const one of store.all()) {
    names.add(one.device);
    end.records++;
    yield JSON.stringify({ record: one });
  }
  for await (const one of store.archived()) {
    end.archived++;
    yield JSON.stringify({ archived: one });
  }
  for (const name of names) {
    const source: SourceRecord | undefined = store.source(name);
    if (!source) continue;
    end.sources++;
    yield JSON.stringify({ source });
  }
  yield JSON.stringify({ end });
}

/**
 * Reads an export, line by line. Throws `config` at the first line that is wrong, where its end is missing, and where anything
 * follows that.
 */
export async function* readExport(path: string): AsyncGenerator<ExportLine> {
  const seen = { sources: 0, records: 0, archived: 0 };
  const ids = new Set<string>();
  let number = 0;
  let isOver = false;
  for await (const text of linesOf(path)) {
    number++;
    if (isOver) throw wrong(path, number, 'nothing may follow the last line');
    const value = parsed(text);
    if (number === 1) check(exportHeader, value, path, number);
    else {
      const line = check(exportLine, value, path, number);
      isOver = 'end' in line;
      if ('end' in line) checkCounts(line.end, seen, path, number);
      else tally(line, seen, ids, path, number);
      yield line;
    }
  }
  if (!isOver) throw wrong(path, number + 1, 'the end is missing: the file is not whole');
}

type Counts = z.output<z.ZodObject<typeof counts>>;
type Tally = { -readonly [Key in keyof Counts]: number };

function tally(line: ExportLine, seen: Tally, ids: Set<string>, path: string, number: number): void {
  if ('source' in line) seen.sources++;
  const one = 'record' in line ? line.record : 'archived' in line ? line.archived : undefined;
  if (!one) return;
  if (ids.has(one.id)) throw wrong(path, number, `the record ${one.id} is there twice`);
  ids.add(one.id);
  if ('record' in line) seen.records++;
  else seen.archived++;
}

function checkCounts(end: Counts, seen: Counts, path: string, number: number): void {
  for (const key of ['sources', 'records', 'archived'] as const)
    if (end[key] !== seen[key])
      throw wrong(path, number, `${seen[key]} ${key} instead of ${end[key]}: the file is not whole`);
}

function check<Value>(shape: z.ZodType<Value>, value: unknown, path: string, number: number): Value {
  const { data, error } = shape.safeParse(value);
  if (!error) return data;
  const what = number === 1 ? `this is no export of version ${EXPORT_VERSION}` : problemOfLine(error);
  throw wrong(path, number, what);
}

/** Of the alternatives that a line may be, the one whose key it has. */
function problemOfLine({ issues: [issue] }: z.ZodError): string {
  const inner = issue?.code === 'invalid_union' ? issue.errors.flat() : [];
  const [worst = issue] = inner.filter(({ path }) => path.length > 1);
  return `${worst?.path.join('.') ?? ''}: ${worst?.message ?? 'not a line of an export'}`.replace(/^: /, '');
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function wrong(path: string, line: number, what: string): FileSyncError {
  return new FileSyncError('config', `${path}:${line}: ${what.slice(0, 300)}; nothing was imported`);
}

async function* linesOf(path: string): AsyncGenerator<string> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  let number = 0;
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    const lines = (rest + decoder.write(chunk)).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      number++;
      yield line;
    }
    if (rest.length > MAX_LINE_LENGTH) throw wrong(path, number + 1, 'the line is too long');
  }
  rest += decoder.end();
  if (rest !== '') yield rest;
}
