import { numberField, type DataflashFormat } from './dataflash-formats.js';
import type { SampleSink, SignalName } from './reader.js';

interface Sampled {
  readonly signal: SignalName;
  /** Of several messages with the same signal, that of the lowest rank is plotted. */
  readonly rank: number;
  readonly field: string;
  /** The field with the number of the sensor: only the first one is plotted. */
  readonly instance?: string;
}

/** Which signals a message of ArduPilot has (libraries/AP_Logger/LogStructure.h). */
const MESSAGES: ReadonlyMap<string, readonly Sampled[]> = new Map([
  ['POS', [{ signal: 'altitude', rank: 0, field: 'Alt' }]],
  [
    'GPS',
    [
      { signal: 'altitude', rank: 1, field: 'Alt', instance: 'I' },
      { signal: 'speed', rank: 0, field: 'Spd', instance: 'I' },
    ],
  ],
  ['BARO', [{ signal: 'altitude', rank: 2, field: 'Alt', instance: 'I' }]],
  ['BAT', [{ signal: 'battery', rank: 0, field: 'RemPct', instance: 'Inst' }]],
]);

/** Hands on what a message has of the signals. */
export function sampleDataflash(
  payload: Buffer,
  format: DataflashFormat,
  seconds: number,
  sink: SampleSink,
): void {
  for (const { signal, rank, field, instance } of MESSAGES.get(format.name) ?? []) {
    const value = numberField(payload, format, field);
    const number = instance === undefined ? 0 : (numberField(payload, format, instance) ?? 0);
    if (value !== undefined && number === 0) sink.sample(signal, rank, seconds, value);
  }
}
