import { Button, Marked } from './ui.js';
import { clockTime, duration } from './format.js';
import { reconnect } from './connection.js';
import { contact, isLost, now, verdict, type KnownVerdict } from './store.js';
import { TEXT } from './strings.js';
import type { Verdict } from './types.js';

/** The verdict that the server has rendered into the page: it is there before any script runs. */
export function renderedVerdict(): KnownVerdict | undefined {
  const rendered = document.querySelector<HTMLElement>('.verdict');
  const code = rendered?.dataset['code'];
  if (!rendered || (code !== 'SAFE' && code !== 'WAIT' && code !== 'ATTENTION')) return undefined;
  const seconds = rendered.dataset['seconds'] ?? '';
  const text = rendered.querySelector('.verdict-text')?.textContent ?? '';
  return { code, text, seconds_left: seconds === '' ? null : Number(seconds), received: Date.now() };
}

/** What is left of the seconds that the server named. */
export const secondsLeft = ({ seconds_left: seconds, received }: KnownVerdict): number | null =>
  seconds === null ? null : Math.max(1, seconds - Math.max(0, now.value - received) / 1000);

/** The answer to the one question, as large as the screen allows. */
export function VerdictPanel() {
  if (isLost.value) return <Stale />;
  const known = verdict.value;
  if (!known)
    return <section class="verdict" data-code="UNKNOWN" aria-label={TEXT.verdict.label} aria-busy="true" />;
  return (
    <section class="verdict" data-code={known.code} aria-label={TEXT.verdict.label}>
      <span class="verdict-icon" aria-hidden="true" />
      <div class="verdict-body">
        <div aria-live="polite">
          <p class="verdict-word">{known.code}</p>
          <h1 class="verdict-title">{TEXT.verdict.titles[known.code]}</h1>
        </div>
        <TimeLeft known={known} />
        <p class="verdict-text">
          <Marked text={known.text} />
        </p>
      </div>
    </section>
  );
}

function TimeLeft({ known }: { known: KnownVerdict }) {
  const left = known.code === 'SAFE' ? null : secondsLeft(known);
  return left === null ? null : <p class="verdict-time">{TEXT.verdict.left(duration(left))}</p>;
}

/** What is known of the contact, in a heading and a sentence. */
function contactWords(): { readonly title: string; readonly text: string } {
  const { value } = contact;
  if (value.state !== 'lost') return { title: '', text: '' };
  const { since, reason } = value;
  const never = reason === '' ? TEXT.contact.never : TEXT.contact.noAnswer;
  const title = since === undefined ? never : TEXT.contact.lost(clockTime(since));
  const next = since === undefined ? TEXT.contact.retries : TEXT.contact.old;
  return { title, text: reason === '' ? next : `${TEXT.contact.refused(reason)}. ${next}` };
}

/** Without contact no answer is right, least of all SAFE. */
function Stale() {
  const { title, text } = contactWords();
  const known = verdict.value;
  return (
    <section class="verdict" data-code="STALE" aria-label={TEXT.verdict.label}>
      <span class="verdict-icon" aria-hidden="true" />
      <div class="verdict-body">
        <div aria-live="polite">
          <p class="verdict-word">{TEXT.verdict.stale}</p>
          <h1 class="verdict-title">{title}</h1>
        </div>
        {known && (
          <p class="verdict-text">
            <Marked text={TEXT.verdict.staleText(known.code, known.text)} />
          </p>
        )}
        <p class="verdict-text">{text}</p>
        <Button icon="refresh" harmless onClick={reconnect}>
          {TEXT.contact.again}
        </Button>
      </div>
    </section>
  );
}

/** The verdict in a line, for the other screens. */
export function VerdictChip() {
  const known = verdict.value;
  const code: Verdict['code'] | 'STALE' | undefined = isLost.value ? 'STALE' : known?.code;
  if (!code) return null;
  const left = known && code === 'WAIT' ? secondsLeft(known) : null;
  return (
    <a class="chip" data-code={code} href="#/now">
      <span class="verdict-icon" aria-hidden="true" />
      <span class="hidden">{TEXT.verdict.label} </span>
      <span>{words(code)}</span>
      {left !== null && <span class="chip-time">{duration(left)}</span>}
    </a>
  );
}

const words = (code: string): string => (code === 'STALE' ? TEXT.verdict.stale : code);

/** A line on every screen but Now, where the verdict says it. */
export function ContactLine() {
  if (!isLost.value) return null;
  const { title, text } = contactWords();
  return (
    <div class="contact-line" role="status">
      <p>
        <strong>{title}</strong> {text}
      </p>
      <Button icon="refresh" harmless onClick={reconnect}>
        {TEXT.contact.again}
      </Button>
    </div>
  );
}
