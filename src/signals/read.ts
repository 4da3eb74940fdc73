import { readerOf } from '../facts/facts.js';
import type { RandomAccess } from '../facts/reader.js';
import { SignalCollector } from './collector.js';
import { without, type Result } from './result.js';

const FORMATS: ReadonlySet<string> = new Set(['ulog', 'ardupilot']);

/** What the file holds; bad contents are no error. */
export async function signalsOf(name: string, file: RandomAccess, signal: AbortSignal): Promise<Result> {
  const reader = await readerOf(name, file, signal);
  if (!reader || !FORMATS.has(reader.format)) return without('format');
  const samples = new SignalCollector();
  const { note } = await reader.read(file, { position: false, signal, samples });
  const signals = samples.signals();
  return signals.length === 0 && note === undefined ? without('empty') : { signals, note: note ?? '' };
}
