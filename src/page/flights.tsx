import { useEffect, useState } from 'preact/hooks';
import { on } from './events.js';
import { FileRow } from './file-row.js';
import { Tabs } from './files.js';
import { figuresOf, FlightCard, missingText, Shares, timeOf } from './flight-card.js';
import { cursor, flights, loadFlights, useFlights } from './flight-list.js';
import { nameOf, size, webAddress } from './format.js';
import { useLoaded } from './loaded.js';
import { Icon } from './icons.js';
import { timesOf } from './now.js';
import { link } from './router.js';
import { TEXT } from './strings.js';
import { Badge, Button, Empty, FLIGHT_TONES, Section } from './ui.js';
import type { File, FlightView } from './types.js';

/** Files of a flight that are loaded at a time. */
const SHOWN_FILES = 25;
export function Flights() {
  useFlights();
  const shown = flights.value;
  return (
    <>
      <div class="screen-head">
        <h1>{TEXT.flights.title}</h1>
        <Tabs current="flights" />
      </div>
      {!shown && <p class="muted loading">{TEXT.files.loading}</p>}
      {shown?.length === 0 && (
        <Empty icon="flights" title={TEXT.flights.empty} text={TEXT.flights.emptyText} />
      )}
      <ul class="flights">
        {shown?.map(flight => (
          <li key={flight.id}>
            <FlightCard flight={flight} />
          </li>
        ))}
      </ul>
      {cursor.value !== null && (
        <Button harmless onClick={() => void loadFlights(true)}>
          {TEXT.actions.more}
        </Button>
      )}
    </>
  );
}

export function FlightScreen({ id }: { id: string }) {
  useFlights();
  const flight = flights.value?.find(one => one.id === id);
  if (!flight) return flights.value ? <Gone /> : <p class="muted loading">{TEXT.files.loading}</p>;
  const [tone, icon] = FLIGHT_TONES[flight.state];
  return (
    <>
      <a class="back" href={link('flights')}>
        <Icon name="back" />
        {TEXT.flights.title}
      </a>
      <div class="screen-head">
        <h1>{TEXT.flights.at(timeOf(flight))}</h1>
        <Badge tone={tone} icon={icon} text={TEXT.flightStates[flight.state]} />
      </div>
      <p class="muted">{figuresOf(flight)}</p>
      <div class="card pad">
        <Shares flight={flight} />
        <Links flight={flight} />
      </div>
      <Missing flight={flight} />
      <FilesOf ids={flight.ids} />
    </>
  );
}

function Gone() {
  useEffect(() => {
    if (cursor.value !== null) void loadFlights(true);
  }, [cursor.value]);
  return <Empty icon="flights" title={TEXT.flights.gone} />;
}

function Links({ flight }: { flight: FlightView }) {
  const links = flight.delivered.flatMap(({ target, links }) =>
    links.flatMap(text => {
      const address = webAddress(text);
      return address === undefined ? [] : [{ target, address }];
    }),
  );
  return (
    <ul class="links">
      {links.map(({ target, address }) => (
        <li key={address}>
          <a href={address} target="_blank" rel="noopener noreferrer">
            <Icon name="out" />
            {target}: {nameOf(address)}
          </a>
        </li>
      ))}
    </ul>
  );
}

function Missing({ flight }: { flight: FlightView }) {
  if (flight.missing.length === 0) return null;
  return (
    <Section title={TEXT.flights.notYet}>
      <ul class="card rows">
        {flight.missing.map(missing => (
          <li key={JSON.stringify(missing)} class={`line ${missing.state === 'FAILED' ? 'bad' : 'wait'}`}>
            <Icon name={missing.state === 'FAILED' ? 'fail' : 'clock'} />
            <span class="line-body">
              <span class="line-title">{missingText(missing)}</span>
              <span class="line-text">{timesOf(missing)}</span>
            </span>
            <span class="line-side">{size(missing.bytes)}</span>
          </li>
        ))}
      </ul>
    </Section>
  );
}

function FilesOf({ ids }: { ids: readonly string[] }) {
  const [shown, setShown] = useState(SHOWN_FILES);
  return (
    <Section title={TEXT.flights.filesOf} count={ids.length}>
      <ul class="card rows">
        {ids.slice(0, shown).map(id => (
          <li key={id}>
            <FileOf id={id} />
          </li>
        ))}
      </ul>
      {ids.length > shown && (
        <Button harmless onClick={() => setShown(shown + SHOWN_FILES)}>
          {TEXT.actions.more}
        </Button>
      )}
    </Section>
  );
}

function FileOf({ id }: { id: string }) {
  const { value, source } = useLoaded<File>(`/files/${encodeURIComponent(id)}`);
  useEffect(() => on('file', ({ file }) => file.id === id && (source.value = file)), [id]);
  return value ? <FileRow file={value} /> : <span class="skeleton" aria-hidden="true" />;
}
