import type { McapTypes } from '@mcap/core';
import type { FileFacts } from '../file-facts.js';
import { readBytes } from './read-bytes.js';
import type { FactReader, RandomAccess } from './reader.js';

type Footer = McapTypes.TypedMcapRecords['Footer'];

const MAGIC = Buffer.from([0x89, 0x4d, 0x43, 0x41, 0x50, 0x30, 0x0d, 0x0a]);
/** The footer (opcode, length, two offsets, checksum), and the magic once more. */
const FOOTER_BYTES = 1 + 8 + 20;
const END_BYTES = FOOTER_BYTES + MAGIC.length;
/** Profile and library. */
const HEADER_BYTES = 4096;
/** One offset for each of six kinds of records, 26 bytes each. */
const OFFSETS_BYTES = 1024;
/** 55 bytes, and ten for each channel. */
const STATISTICS_BYTES = 32 * 1024;
const STATISTICS = 0x0b;

/** What parses records, and the library with it, is loaded when there is a recording. */
type Records = typeof import('./mcap-records.js');

/**
 * MCAP recordings (https://mcap.dev/spec). Only the records that are needed are read, and parsed by the library: a summary has
 * half a kilobyte for each chunk, and hostile ones are as large as the file.
 */
export const mcap: FactReader = {
  format: 'mcap',
  ends: HEADER_BYTES + END_BYTES + OFFSETS_BYTES + STATISTICS_BYTES,
  matches: (_name, head) => MAGIC.equals(head.subarray(0, MAGIC.length)),
  async read(file, { signal }) {
    const records = await import('./mcap-records.js');
    const head = await readBytes(file, 0, HEADER_BYTES, signal);
    const header = records.find(head.subarray(MAGIC.length), 'Header');
    const summary = await readSummary(file, records, signal);
    return { format: 'mcap', ...(header?.profile && { profile: header.profile }), ...summary };
  },
};

async function readSummary(
  file: RandomAccess,
  records: Records,
  signal: AbortSignal,
): Promise<Partial<FileFacts>> {
  const end = await readBytes(file, file.size - END_BYTES, END_BYTES, signal);
  const footer = MAGIC.equals(end.subarray(FOOTER_BYTES)) ? records.find(end, 'Footer') : undefined;
  if (!footer) return { truncated: true, note: 'the recording was not ended: it has no summary' };
  const place = await statisticsPlace(file, footer, records, signal);
  const statistics = records.find(await readBytes(file, place, STATISTICS_BYTES, signal), 'Statistics');
  return statistics ? factsIn(statistics) : { note: 'it has no statistics' };
}

/** Where the statistics are, or the beginning of the summary. */
async function statisticsPlace(
  file: RandomAccess,
  footer: Footer,
  { recordsIn }: Records,
  signal: AbortSignal,
): Promise<number> {
  const bytes = await readBytes(file, Number(footer.summaryOffsetStart), OFFSETS_BYTES, signal);
  for (const record of recordsIn(bytes))
    if (record.type === 'SummaryOffset' && record.groupOpcode === STATISTICS)
      return Number(record.groupStart);
  // An offset of zero says that there is no summary.
  return Number(footer.summaryStart) || Infinity;
}

function factsIn(statistics: McapTypes.Statistics): Partial<FileFacts> {
  const { messageCount, channelCount, messageStartTime: start, messageEndTime: end } = statistics;
  const counts = { topics: channelCount, messages: Number(messageCount) };
  return messageCount === 0n
    ? counts
    : { start: Number(start) / 1e6, duration: Number(end - start) / 1e6, ...counts };
}
