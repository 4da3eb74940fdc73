import { duration, moment, size } from './format.js';
import { Icon } from './icons.js';
import { link } from './router.js';
import { files, TEXT } from './strings.js';
import type { FlightView } from './types.js';
import { Badge, FLIGHT_TONES, Progress } from './ui.js';

export const timeOf = ({ started_at: started }: FlightView): string =>
  started === null ? TEXT.flights.noTime : moment(started);

export function FlightCard({ flight }: { flight: FlightView }) {
  const [tone, icon] = FLIGHT_TONES[flight.state];
  return (
    <a class="card flight" href={link('flight', flight.id)}>
      <span class="flight-head">
        <span class="line-title">{timeOf(flight)}</span>
        <Badge tone={tone} icon={icon} text={TEXT.flightStates[flight.state]} />
      </span>
      <span class="line-text">{figuresOf(flight)}</span>
      <Shares flight={flight} />
      {flight.missing.slice(0, 2).map(missing => (
        <span key={JSON.stringify(missing)} class={`line-note ${missing.state === 'FAILED' ? 'bad' : ''}`}>
          <Icon name={missing.state === 'FAILED' ? 'fail' : 'clock'} />
          {missingText(missing)}
        </span>
      ))}
    </a>
  );
}

export function figuresOf({
  vehicle,
  devices,
  duration_seconds: seconds,
  files: number,
  bytes,
}: FlightView): string {
  const parts = [
    vehicle || devices.join(', ') || TEXT.flights.vehicle,
    ...(seconds === null ? [] : [duration(seconds)]),
    files(number),
    size(bytes),
  ];
  return parts.join(' · ');
}

export const missingText = ({ device, text, files: number }: FlightView['missing'][number]): string =>
  `${files(number)}: ${[device, text].filter(Boolean).join(': ')}`;

export function Shares({ flight }: { flight: FlightView }) {
  return (
    <span class="shares">
      {flight.delivered.map(({ target, done, files: of }) => (
        <span key={target} class="share">
          <span class="share-name">{target}</span>
          <Progress percent={of === 0 ? 100 : (100 * done) / of} label={target} />
          <span class="share-count">{TEXT.flights.share(done, of)}</span>
        </span>
      ))}
    </span>
  );
}
