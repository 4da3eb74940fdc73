import type { ComponentChildren } from 'preact';
import { withLocalTimes } from './format.js';
import { Icon, type IconName } from './icons.js';
import { isLost, mayOperate } from './store.js';
import { TEXT } from './strings.js';
import type { File, FlightView } from './types.js';

/** `ok`: done. `run`: it moves. `wait`: it will. `bad`: a person has to act. `off`: nothing is to be done. */
export type Tone = 'ok' | 'run' | 'wait' | 'bad' | 'off';

export const STATE_TONES: Readonly<Record<File['state'], readonly [Tone, IconName]>> = {
  FOUND: ['wait', 'clock'],
  DOWNLOADED: ['wait', 'disk'],
  UPLOADED: ['ok', 'check'],
  REMOVED: ['ok', 'check'],
  PARTIAL: ['wait', 'part'],
  DOWNLOADING: ['run', 'down'],
  UPLOADING: ['run', 'up'],
  FAILED: ['bad', 'fail'],
  VANISHED: ['off', 'offline'],
  SKIPPED: ['off', 'skip'],
};

export const FLIGHT_TONES: Readonly<Record<FlightView['state'], readonly [Tone, IconName]>> = {
  COMPLETE: ['ok', 'check'],
  UNDER_WAY: ['run', 'refresh'],
  FAILED: ['bad', 'fail'],
  INCOMPLETE: ['off', 'part'],
};

/** A state: its colour, icon and word. */
export const Badge = ({ tone, icon, text }: { tone: Tone; icon: IconName; text: string }) => (
  <span class={`badge ${tone}`}>
    <Icon name={icon} />
    <span>{text}</span>
  </span>
);

export const StateBadge = ({ state }: { state: File['state'] }) => (
  <Badge tone={STATE_TONES[state][0]} icon={STATE_TONES[state][1]} text={TEXT.states[state]} />
);

interface ButtonProps {
  readonly icon?: IconName;
  readonly kind?: 'primary' | 'danger' | 'plain';
  /** Does not change anything on the server, so it works for those who may only look. */
  readonly harmless?: boolean;
  readonly disabled?: boolean;
  readonly onClick: () => void;
  readonly children: ComponentChildren;
}

/** Off without contact, and for those who may only look. */
export function Button({
  icon,
  kind = 'plain',
  harmless = false,
  disabled = false,
  onClick,
  children,
}: ButtonProps) {
  const why = harmless ? '' : offBecause();
  return (
    <button
      type="button"
      class={`button ${kind}`}
      disabled={disabled || why !== ''}
      onClick={onClick}
      {...(why !== '' && { title: why })}
    >
      {icon && <Icon name={icon} />}
      <span>{children}</span>
    </button>
  );
}

function offBecause(): string {
  if (isLost.value) return TEXT.actions.offline;
  return mayOperate.value ? '' : TEXT.actions.readOnly;
}

/** A text with `commands` between back quotes. */
export const Marked = ({ text }: { text: string }) => (
  <>
    {withButtons(withLocalTimes(text))
      .split('`')
      .map((part, index) => (index % 2 === 1 ? <code key={index}>{part}</code> : part))}
  </>
);

/** A person at the page has its buttons and no shell. */
export const withButtons = (text: string): string =>
  text.replace(/`([^`]*)`/g, (whole, command: string) => {
    const button = Object.hasOwn(TEXT.buttons, command) ? TEXT.buttons[command] : undefined;
    return button === undefined ? whole : `“${button}”`;
  });

export const Empty = ({ icon, title, text, children }: EmptyProps) => (
  <div class="empty">
    <Icon name={icon} />
    <h2>{title}</h2>
    {text && (
      <p>
        <Marked text={text} />
      </p>
    )}
    {children}
  </div>
);
interface EmptyProps {
  readonly icon: IconName;
  readonly title: string;
  readonly text?: string;
  readonly children?: ComponentChildren;
}

/** `percent`: 0 to 100. */
export const Progress = ({ percent, label }: { percent: number; label: string }) => (
  <progress class={`progress ${percent >= 100 ? 'full' : ''}`} max={100} value={percent} aria-label={label} />
);

export function Section({ title, count, children, more }: SectionProps) {
  return (
    <section class="section">
      <div class="section-head">
        <h2>
          {title}
          {count !== undefined && <span class="count">{count.toLocaleString('en')}</span>}
        </h2>
        {more}
      </div>
      {children}
    </section>
  );
}
interface SectionProps {
  readonly title: string;
  readonly count?: number;
  readonly children: ComponentChildren;
  readonly more?: ComponentChildren;
}

export const TableHead = ({ words }: { words: readonly string[] }) => (
  <thead>
    <tr>
      {words.map(word => (
        <th key={word} scope="col">
          {word}
        </th>
      ))}
    </tr>
  </thead>
);
