import { duration, moment, rate, webAddress } from './format.js';
import { Icon, type IconName } from './icons.js';
import { status } from './store.js';
import { TEXT } from './strings.js';
import type { ComponentChildren } from 'preact';
import { Progress, Section, type Tone } from './ui.js';
import type { File } from './types.js';

/** Source, this computer and every target, with what each has, and what each step waits for. */
export function Way({ file }: { file: File }) {
  return (
    <Section title={TEXT.file.way}>
      <ol class="card way">
        <Source file={file} />
        <Here file={file} />
        {file.targets.map(delivery => (
          <Target key={delivery.target} file={file} delivery={delivery} />
        ))}
      </ol>
    </Section>
  );
}

const Stop = ({ tone, icon, title, children }: StopProps) => (
  <li class={`stop ${tone}`}>
    <span class="stop-icon">
      <Icon name={icon} />
    </span>
    <div class="stop-body">
      <h3>{title}</h3>
      {children}
    </div>
  </li>
);
interface StopProps {
  readonly tone: Tone;
  readonly icon: IconName;
  readonly title: string;
  readonly children: ComponentChildren;
}

function Source({ file }: { file: File }) {
  const { device, on_source: there, removed_at: removed, found_at: found } = file;
  const text = there
    ? TEXT.file.onSource
    : removed === null
      ? TEXT.file.offSource
      : TEXT.file.removedAt(moment(removed));
  return (
    <Stop tone={there ? 'ok' : 'off'} icon={there ? 'check' : 'skip'} title={device}>
      <p>{text}</p>
      <p class="muted small">{TEXT.file.foundAt(moment(found))}</p>
      <Waits file={file} stages={['remove']} />
    </Stop>
  );
}

function Here({ file }: { file: File }) {
  const { kept, fetched_at: fetched, failed_attempts: attempts, state } = file;
  const [tone, icon, text] = hereOf(file);
  return (
    <Stop tone={tone} icon={icon} title={TEXT.file.here}>
      <p>{text}</p>
      {kept && file.sha256 !== '' && (
        <p class="muted small hash">
          {TEXT.file.sha256} {file.sha256}
        </p>
      )}
      {attempts > 0 && fetched === null && <p class="small">{TEXT.file.attempts(attempts)}</p>}
      {state === 'DOWNLOADING' && <Moving id={file.id} target="" />}
      <Waits file={file} stages={['fetch', 'recover', 'evict']} />
    </Stop>
  );
}

function hereOf({ kept, fetched_at: fetched, state }: File): [Tone, IconName, string] {
  if (kept)
    return ['ok', 'check', fetched === null ? TEXT.states.DOWNLOADED : TEXT.file.fetchedAt(moment(fetched))];
  if (state === 'DOWNLOADING') return ['run', 'down', TEXT.states.DOWNLOADING];
  if (fetched !== null) return ['off', 'skip', TEXT.file.evicted];
  return [state === 'FAILED' ? 'bad' : 'wait', state === 'FAILED' ? 'fail' : 'clock', TEXT.file.notHere];
}

type Delivery = File['targets'][number];
const DELIVERY_TONES: Readonly<Record<Delivery['state'], readonly [Tone, IconName]>> = {
  PENDING: ['wait', 'clock'],
  SENDING: ['run', 'up'],
  COMMITTING: ['run', 'up'],
  DONE: ['ok', 'check'],
  FAILED: ['bad', 'fail'],
};

function Target({ file, delivery }: { file: File; delivery: Delivery }) {
  const { target, state, verified, updated_at: updated, reason, failed_attempts: attempts } = delivery;
  const [tone, icon] = DELIVERY_TONES[state];
  const isWaiting = file.waiting.some(wait => wait.target === target);
  const proof = state === 'DONE' ? `, ${TEXT.file.proofs[verified]}` : '';
  return (
    <Stop tone={tone} icon={icon} title={target}>
      <p>
        {TEXT.file.deliveries[state]}
        {state === 'DONE' && updated !== null && ` ${moment(updated)}`}
        {proof}
      </p>
      {state !== 'DONE' && reason !== '' && !isWaiting && <p class="small">{reason}</p>}
      {state !== 'DONE' && attempts > 0 && <p class="muted small">{TEXT.file.attempts(attempts)}</p>}
      <Location delivery={delivery} />
      {state === 'SENDING' && <Moving id={file.id} target={target} />}
      <Waits file={file} stages={['deliver', 'stream']} target={target} />
    </Stop>
  );
}

function Location({ delivery: { location, path } }: { delivery: Delivery }) {
  const address = webAddress(location);
  if (address !== undefined)
    return (
      <p>
        <a class="out" href={address} target="_blank" rel="noopener noreferrer">
          {TEXT.file.open}
          <Icon name="out" />
        </a>
      </p>
    );
  const where = location || path;
  return where === '' ? null : <p class="muted small hash">{where}</p>;
}

function Moving({ id, target }: { id: string; target: string }) {
  const transfer = status.value?.transfers.find(one => one.id === id && one.target === target);
  if (!transfer) return null;
  const { percent, bytes_per_second: speed, seconds_left: left } = transfer;
  return (
    <>
      <Progress percent={percent} label={target || TEXT.file.here} />
      <p class="muted small">
        {Math.floor(percent)} %{speed > 0 && `, ${rate(speed)}`}
        {left !== null && `, ${TEXT.now.left(duration(left))}`}
      </p>
    </>
  );
}

function Waits({ file, stages, target = '' }: { file: File; stages: readonly string[]; target?: string }) {
  const waits = file.waiting.filter(
    wait => stages.includes(wait.stage) && (target === '' || wait.target === target),
  );
  return (
    <>
      {waits.map(({ stage, code, text, since, until }) => (
        <p key={stage + code} class="waits">
          <Icon name="clock" />
          <span>
            {text}
            <small>
              {since !== null && `${TEXT.now.since(moment(since))}, `}
              {until === null ? TEXT.file.later : TEXT.file.until(moment(until))}
            </small>
          </span>
        </p>
      ))}
    </>
  );
}
