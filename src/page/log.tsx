import { useEffect, useState } from 'preact/hooks';
import { diagnostics } from './diagnostics.js';
import { on } from './events.js';
import { Search, Select } from './files.js';
import { clockTime } from './format.js';
import { Icon, type IconName } from './icons.js';
import { useLoaded } from './loaded.js';
import { say } from './store.js';
import { TEXT } from './strings.js';
import { Button, Empty } from './ui.js';
import type { LogEntry, LogPage } from './types.js';

const MAX_ENTRIES = 1000;
/** New lines are collected for so long. */
const COLLECT_MS = 250;
const ORDER = ['debug', 'info', 'warn', 'error'] as const;
type Level = (typeof ORDER)[number];

function useLog(): readonly LogEntry[] | undefined {
  const { value, source } = useLoaded<LogPage>('/log');
  useEffect(() => {
    let fresh: LogEntry[] = [];
    const timer = setInterval(() => {
      if (fresh.length === 0 || !source.value) return;
      const { entries } = source.value;
      const last = entries.at(-1)?.n ?? 0;
      source.value = { entries: [...entries, ...fresh.filter(({ n }) => n > last)].slice(-MAX_ENTRIES) };
      fresh = [];
    }, COLLECT_MS);
    const end = on('log', ({ entry }) => fresh.push(entry));
    return () => {
      clearInterval(timer);
      end();
    };
  }, []);
  return value?.entries;
}

export function LogScreen() {
  const entries = useLog();
  const [level, setLevel] = useState<Level>('info');
  const [text, setText] = useState('');
  const [byHand, setByHand] = useState('');
  const shown = entries?.filter(entry => isShown(entry, level, text.toLowerCase())).reverse();
  return (
    <>
      <div class="screen-head">
        <h1>{TEXT.log.title}</h1>
        <Button harmless icon="copy" onClick={() => void copy(entries ?? [], setByHand)}>
          {TEXT.log.copy}
        </Button>
      </div>
      {byHand !== '' && <ByHand text={byHand} />}
      <div class="filter" role="search">
        <Search text={text} label={TEXT.log.search} onChange={setText} />
        <Select
          label={TEXT.log.level}
          value={level}
          options={ORDER.map(key => [key, TEXT.log.levels[key]])}
          onChange={next => setLevel(next as Level)}
        />
      </div>
      {!shown && <p class="muted loading">{TEXT.files.loading}</p>}
      {shown?.length === 0 && <Empty icon="log" title={TEXT.log.empty} />}
      {shown && shown.length > 0 && <Lines entries={shown} />}
    </>
  );
}

const isShown = (entry: LogEntry, level: Level, text: string): boolean =>
  ORDER.indexOf(entry.level) >= ORDER.indexOf(level) && entry.text.toLowerCase().includes(text);

const ICONS: Readonly<Record<Level, IconName>> = { debug: 'dot', info: 'dot', warn: 'alert', error: 'fail' };

/** The newest first. */
const Lines = ({ entries }: { entries: readonly LogEntry[] }) => (
  <ol class="card log">
    {entries.map(({ n, at, level, text }) => (
      <li key={n} class={`log-line ${level}`}>
        <time dateTime={at}>{clockTime(at)}</time>
        <Icon name={ICONS[level]} />
        <span class="log-text">
          {level !== 'info' && level !== 'debug' && <strong>{TEXT.log.words[level]}: </strong>}
          {text}
        </span>
      </li>
    ))}
  </ol>
);

/** Without https or loopback, browsers do not let a page write to the clipboard. */
async function copy(entries: readonly LogEntry[], byHand: (text: string) => void): Promise<void> {
  const text = diagnostics(entries);
  try {
    await navigator.clipboard.writeText(text);
    say(TEXT.log.copied);
  } catch {
    byHand(text);
  }
}

const ByHand = ({ text }: { text: string }) => (
  <label class="by-hand">
    <span>{TEXT.log.copyByHand}</span>
    <textarea readOnly rows={8} value={text} onFocus={event => event.currentTarget.select()} />
  </label>
);
