import { duration, moment, size } from './format.js';
import { TEXT } from './strings.js';
import { Section } from './ui.js';
import type { File } from './types.js';

type FactKey = keyof typeof TEXT.file.factNames;

export function Facts({ file }: { file: File }) {
  const known = Object.keys(TEXT.file.factNames).flatMap((key): [string, string][] => {
    const text = factText(file, key as FactKey);
    return text === '' ? [] : [[TEXT.file.factNames[key as FactKey], text]];
  });
  const rows: [string, string][] = [
    ...known,
    [TEXT.file.size, `${size(file.size)} (${file.size.toLocaleString('en')} B)`],
    ...(file.modified === null ? [] : [[TEXT.file.modified, moment(file.modified)] as [string, string]]),
    [TEXT.file.id, file.id],
  ];
  return (
    <Section title={TEXT.file.facts}>
      <dl class="card facts">
        {rows.map(([name, text]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{text}</dd>
          </div>
        ))}
      </dl>
    </Section>
  );
}

function factText({ facts }: File, key: FactKey): string {
  if (!facts) return '';
  if (key === 'position') return positionText(facts.position);
  const value = facts[key];
  if (value === undefined) return '';
  if (key === 'start') return moment(value);
  if (key === 'duration') return duration(Number(value));
  if (key === 'dropout_duration') return value === 0 ? '' : `${Number(value).toFixed(2)} s`;
  return typeof value === 'number' ? value.toLocaleString('en') : value;
}

function positionText(position: NonNullable<File['facts']>['position']): string {
  if (!position) return '';
  const { latitude, longitude, altitude } = position;
  const height = altitude === undefined ? '' : `, ${Math.round(altitude)} m`;
  return `${latitude.toFixed(5)}, ${longitude.toFixed(5)}${height}`;
}
