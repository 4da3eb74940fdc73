import { useEffect, useState } from 'preact/hooks';
import { moment, size } from './format.js';
import type { IconName } from './icons.js';
import { useLoaded } from './loaded.js';
import { TEXT } from './strings.js';
import { Badge, Empty, type Tone } from './ui.js';
import type { FleetPage, FleetVehicle } from './types.js';

/** The store is listed for each answer: it is asked again so often, while the screen is open. */
const INTERVAL_MS = 30_000;

const TONES: Readonly<Record<FleetVehicle['state'], readonly [Tone, IconName]>> = {
  OK: ['ok', 'check'],
  LATE: ['bad', 'clock'],
  FAILING: ['bad', 'alert'],
};
const URGENCY: Readonly<Record<FleetVehicle['state'], number>> = { LATE: 0, FAILING: 1, OK: 2 };

export function Fleet() {
  const [tick, setTick] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => setTick(before => before + 1), INTERVAL_MS);
    return () => clearInterval(timer);
  }, []);
  const { value } = useLoaded<FleetPage>('/fleet', tick);
  const vehicles = value && [...value.vehicles].sort((a, b) => URGENCY[a.state] - URGENCY[b.state]);
  return (
    <>
      <div class="screen-head">
        <h1>{TEXT.fleet.title}</h1>
      </div>
      {!value && <p class="muted loading">{TEXT.files.loading}</p>}
      {value && value.problem !== '' && <p class="line-note bad">{value.problem}</p>}
      {vehicles?.length === 0 && <Empty icon="fleet" title={TEXT.fleet.empty} text={TEXT.fleet.emptyText} />}
      <div class="device-cards">
        {vehicles?.map(vehicle => (
          <VehicleCard key={vehicle.object} vehicle={vehicle} />
        ))}
      </div>
      {value?.skipped.map(({ object, reason }) => (
        <p key={object} class="muted small">
          {TEXT.fleet.skipped(object, reason)}
        </p>
      ))}
    </>
  );
}

function VehicleCard({ vehicle }: { vehicle: FleetVehicle }) {
  const { state, waiting, failures, disk, version, verdict } = vehicle;
  const [tone, icon] = TONES[state];
  return (
    <article class="card device">
      <div class="device-head">
        <h2>{vehicle.object.replace(/(?:~new)?\.json$/, '')}</h2>
        <Badge tone={tone} icon={icon} text={TEXT.fleet.states[state]} />
      </div>
      <p class="line-text">{TEXT.fleet.reported(moment(vehicle.reported_at), version)}</p>
      <p class="reason-text">
        {waiting.files === 0
          ? TEXT.fleet.nothing
          : TEXT.fleet.waiting(waiting.files, size(waiting.bytes), moment(waiting.oldest_at))}
      </p>
      {disk && <p class="muted">{TEXT.fleet.free(size(disk.free))}</p>}
      {state !== 'OK' && <p>{verdict.text}</p>}
      {failures.map(({ device, text }) => (
        <p key={device + text} class="line-note bad">
          {device}: {text}
        </p>
      ))}
    </article>
  );
}
