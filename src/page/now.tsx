import { act, edit } from './edits.js';
import { DeviceLine } from './device-line.js';
import { useLoaded } from './loaded.js';
import { FileRow } from './file-row.js';
import { FlightCard } from './flight-card.js';
import { flights, useFlights } from './flight-list.js';
import { duration, moment, nameOf, rate, size } from './format.js';
import { link } from './router.js';
import { isLost, loadError, status, verdict } from './store.js';
import { files, TEXT } from './strings.js';
import { Icon, type IconName } from './icons.js';
import { Button, Empty, Progress, Section } from './ui.js';
import { VerdictPanel } from './verdict.js';
import type { FilePage, Status, TransferView, WaitingGroup } from './types.js';

const SHOWN_FAILURES = 5;
const SHOWN_FLIGHTS = 3;

export function Now() {
  const known = status.value;
  return (
    <div class="now">
      <h1 class="hidden">{TEXT.nav.now}</h1>
      <VerdictPanel />
      {known ? <Details known={known} /> : <NotYet />}
    </div>
  );
}

function NotYet() {
  if (loadError.value !== '' && !isLost.value)
    return <Empty icon="alert" title={TEXT.error.load} text={loadError.value} />;
  return verdict.value || isLost.value ? null : <p class="muted loading">{TEXT.files.loading}</p>;
}

function Details({ known }: { known: Status }) {
  return (
    <div class="now-columns">
      <div>
        <Actions paused={known.paused} />
        <Problems known={known} />
        <Failures failed={known.counts.FAILED ?? 0} />
        <Running transfers={known.transfers} />
        <Waiting groups={known.waiting} />
        <Latest />
      </div>
      <div>
        <Section title={TEXT.now.devices} more={<a href={link('devices')}>{TEXT.now.all}</a>}>
          {known.devices.length === 0 && <p class="card muted">{TEXT.now.noDevices}</p>}
          <ul class="card rows">
            {known.devices.map(device => (
              <li key={device.name}>
                <DeviceLine device={device} />
              </li>
            ))}
          </ul>
        </Section>
        <Totals known={known} />
      </div>
    </div>
  );
}

const Actions = ({ paused }: { paused: boolean }) => (
  <div class="buttons">
    <Button icon="refresh" onClick={() => void act('POST', '/rescan')}>
      {TEXT.actions.rescan}
    </Button>
    <Button icon="up" onClick={() => void act('POST', '/push')}>
      {TEXT.actions.push}
    </Button>
    <Button
      icon={paused ? 'play' : 'pause'}
      kind={paused ? 'primary' : 'plain'}
      onClick={() => void act('PUT', '/paused', { paused: !paused })}
    >
      {paused ? TEXT.actions.resume : TEXT.actions.pause}
    </Button>
  </div>
);

function Problems({ known }: { known: Status }) {
  const { database, configuration, notifications, paused, running } = known;
  const lines = [
    ...(running ? [] : [TEXT.now.notRunning]),
    ...(paused ? [TEXT.now.paused] : []),
    ...(database === '' ? [] : [TEXT.now.database(database)]),
    ...(configuration === '' ? [] : [TEXT.now.configuration(configuration)]),
    ...notifications.map(({ to, reason }) => TEXT.now.notification(to, reason)),
  ];
  if (lines.length === 0) return null;
  return (
    <Section title={TEXT.now.problems}>
      <ul class="card rows">
        {lines.map(line => (
          <li key={line} class="line bad">
            <Icon name="alert" />
            <span>{line}</span>
          </li>
        ))}
      </ul>
    </Section>
  );
}

function Running({ transfers }: { transfers: readonly TransferView[] }) {
  if (transfers.length === 0) return null;
  return (
    <Section title={TEXT.now.running} count={transfers.length}>
      <ul class="card rows">
        {transfers.map(transfer => (
          <li key={`${transfer.id} ${transfer.target}`}>
            <Transfer transfer={transfer} />
          </li>
        ))}
      </ul>
    </Section>
  );
}

function Transfer({ transfer }: { transfer: TransferView }) {
  const {
    id,
    device,
    path,
    target,
    bytes,
    size: whole,
    percent,
    bytes_per_second: speed,
    seconds_left: left,
  } = transfer;
  const way = target === '' ? TEXT.now.fetching : TEXT.now.sending(target);
  return (
    <a class="line run" href={link('file', id)}>
      <Icon name={target === '' ? 'down' : 'up'} />
      <span class="line-body">
        <span class="line-title">{nameOf(path)}</span>
        <span class="line-text">
          {device} {way}
        </span>
        <Progress percent={percent} label={`${nameOf(path)} ${way}`} />
        <span class="line-figures">
          <span>
            {size(bytes)} of {size(whole)}
          </span>
          {speed > 0 && <span>{rate(speed)}</span>}
          {left !== null && <span>{TEXT.now.left(duration(left))}</span>}
        </span>
      </span>
      <span class="line-percent">{Math.floor(percent)} %</span>
    </a>
  );
}

const WAIT_ICONS: Readonly<Record<string, IconName>> = {
  offline: 'offline',
  armed: 'shield',
  paused: 'pause',
};

function Waiting({ groups }: { groups: readonly WaitingGroup[] }) {
  if (groups.length === 0) return null;
  return (
    <Section title={TEXT.now.waiting}>
      <ul class="card rows">
        {groups.map(group => (
          <li key={JSON.stringify([group.device, group.stage, group.code, group.text])} class="line wait">
            <Icon name={WAIT_ICONS[group.code] ?? 'clock'} />
            <span class="line-body">
              <span class="line-title">
                {group.device}: {group.text}
              </span>
              <span class="line-text">{timesOf(group)}</span>
            </span>
            <span class="line-side">
              {files(group.files)}
              <small>{size(group.bytes)}</small>
            </span>
          </li>
        ))}
      </ul>
    </Section>
  );
}

/** The next question after the verdict: is the flight there? */
function Latest() {
  useFlights();
  const shown = flights.value?.slice(0, SHOWN_FLIGHTS) ?? [];
  if (shown.length === 0) return null;
  return (
    <Section title={TEXT.now.flights} more={<a href={link('flights')}>{TEXT.now.all}</a>}>
      <ul class="flights">
        {shown.map(flight => (
          <li key={flight.id}>
            <FlightCard flight={flight} />
          </li>
        ))}
      </ul>
    </Section>
  );
}

export function timesOf({ since, until }: Pick<WaitingGroup, 'since' | 'until'>): string {
  const parts = [
    ...(since === null ? [] : [TEXT.now.since(moment(since))]),
    ...(until === null ? [] : [TEXT.now.next(moment(until))]),
  ];
  return parts.join(', ') || TEXT.file.later;
}

function Failures({ failed }: { failed: number }) {
  const path = `/files?state=FAILED&sort=-updated_at&limit=${SHOWN_FAILURES}`;
  const page = useLoaded<FilePage>(failed > 0 ? path : undefined, failed);
  if (failed === 0) return null;
  return (
    <Section
      title={TEXT.now.failed}
      count={failed}
      more={
        <Button icon="refresh" kind="primary" onClick={() => void edit('retry', { all: true })}>
          {TEXT.actions.retryAll}
        </Button>
      }
    >
      <ul class="card rows">
        {page.value?.files.map(file => (
          <li key={file.id}>
            <FileRow file={file} />
          </li>
        ))}
        {failed > SHOWN_FAILURES && (
          <li class="line">
            <a href={link('files', '', { state: 'failed' })}>{TEXT.now.all}</a>
          </li>
        )}
      </ul>
    </Section>
  );
}

function Totals({ known }: { known: Status }) {
  const { counts, disk, version, running_since: since, units } = known;
  const shown = Object.entries(counts).filter(([, number]) => number > 0);
  return (
    <Section title={TEXT.now.files} more={<a href={link('files')}>{TEXT.now.all}</a>}>
      <div class="card totals">
        {shown.length === 0 && <p class="muted">{TEXT.files.emptyText}</p>}
        <dl class="counts">
          {shown.map(([state, number]) => (
            <div key={state}>
              <dt>{TEXT.states[state as keyof typeof TEXT.states]}</dt>
              <dd>{number.toLocaleString('en')}</dd>
            </div>
          ))}
        </dl>
        {units.map(({ kind, units: number, files: of }) => (
          <p key={kind} class="muted">
            {TEXT.now.units(kind, number, of)}
          </p>
        ))}
        {disk && (
          <p class="disk">
            <Progress percent={100 - (100 * disk.free) / Math.max(1, disk.total)} label={TEXT.file.here} />
            <span class="muted">{TEXT.now.disk(size(disk.free), size(disk.total))}</span>
          </p>
        )}
        <p class="muted small">{TEXT.now.version(version, moment(since))}</p>
      </div>
    </Section>
  );
}
