import { useEffect } from 'preact/hooks';
import { DeviceBadge, sinceOf } from './device-line.js';
import { on } from './events.js';
import { duration, moment, rate } from './format.js';
import { useLoaded } from './loaded.js';
import { place } from './router.js';
import { Spark } from './spark.js';
import { now, status } from './store.js';
import { TEXT } from './strings.js';
import { Empty, TableHead } from './ui.js';
import type { Device, Link, LinkFigures, Listing } from './types.js';

/** An hour of samples, one each 10 s. */
const MAX_SAMPLES = 360;
/** Listings come with no event of their own: they are asked for again so often. */
const LISTINGS_MS = 30_000;

export function Devices() {
  const devices = status.value?.devices;
  return (
    <>
      <div class="screen-head">
        <h1>{TEXT.devices.title}</h1>
      </div>
      {devices?.length === 0 && (
        <Empty icon="devices" title={TEXT.devices.empty} text={TEXT.devices.emptyText} />
      )}
      {!devices && <p class="muted loading">{TEXT.files.loading}</p>}
      <div class="device-cards">
        {devices?.map(device => (
          <DeviceCard key={device.name} device={device} />
        ))}
      </div>
    </>
  );
}

function useLink(name: string): Link | undefined {
  const { value, source } = useLoaded<Link>(`/devices/${encodeURIComponent(name)}/link`, useTick());
  useEffect(
    () =>
      on('link', ({ device, sample }) => {
        const before = source.value;
        if (device !== name || !before) return;
        source.value = { ...before, samples: [...before.samples, sample].slice(-MAX_SAMPLES) };
      }),
    [name],
  );
  return value;
}

/** Changes with the time. */
function useTick(): number {
  return Math.floor(now.value / LISTINGS_MS);
}

function DeviceCard({ device }: { device: Device }) {
  const link = useLink(device.name);
  const isCurrent = place.value.id === device.name;
  const last = link?.samples.at(-1);
  return (
    <article class={`card device ${isCurrent ? 'current' : ''}`} id={`device-${device.name}`}>
      <div class="device-head">
        <h2>{device.name}</h2>
        <DeviceBadge device={device} />
      </div>
      <p class="line-text">{[device.type, sinceOf(device)].filter(Boolean).join(' · ')}</p>
      {device.reason !== '' && <p class="reason-text">{device.reason}</p>}
      <Figures figures={device.link ?? last ?? null} />
      {link && link.samples.length > 1 && <Spark name={device.name} samples={link.samples} />}
      {link && link.listings.length > 0 && <Listings listings={link.listings} />}
    </article>
  );
}

function Figures({ figures }: { figures: LinkFigures | null }) {
  if (!figures) return <p class="muted small no-figures">{TEXT.devices.noFigures}</p>;
  const { bytes_per_second: speed = null, loss = null, rtt_ms: rtt = null } = figures;
  const shown = [
    [TEXT.devices.rate, speed === null ? '–' : rate(speed)],
    [TEXT.devices.loss, loss === null ? '–' : `${(100 * loss).toFixed(1)} %`],
    [TEXT.devices.rtt, rtt === null ? '–' : `${Math.round(rtt)} ms`],
  ] as const;
  return (
    <dl class="figures">
      {shown.map(([name, text]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{text}</dd>
        </div>
      ))}
    </dl>
  );
}

function Listings({ listings }: { listings: readonly Listing[] }) {
  const { columns } = TEXT.devices;
  const heads = [columns.at, columns.files, columns.fresh, columns.whole, columns.took];
  return (
    <details class="listings">
      <summary>{TEXT.devices.listings}</summary>
      <table>
        <TableHead words={heads} />
        <tbody>
          {[...listings].reverse().map(({ at, files, new_files: fresh, complete, seconds }) => (
            <tr key={at}>
              <td>{moment(at)}</td>
              <td>{files.toLocaleString('en')}</td>
              <td>{fresh.toLocaleString('en')}</td>
              <td>{complete ? TEXT.devices.whole : TEXT.devices.part}</td>
              <td>{seconds < 10 ? `${seconds.toFixed(1)} s` : duration(seconds)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </details>
  );
}
