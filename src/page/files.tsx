import { useEffect, useRef, useState } from 'preact/hooks';
import { edit, toForget } from './edits.js';
import { items, loadTo, newer, reload, selected, show, total } from './file-list.js';
import { FileRow } from './file-row.js';
import { nameOf } from './format.js';
import { Icon } from './icons.js';
import { link, place, replace } from './router.js';
import { status } from './store.js';
import { TEXT } from './strings.js';
import { Button, Empty } from './ui.js';
import { useRows } from './virtual.js';
import type { File } from './types.js';

/** Typed letters are collected for so long. */
const TYPING_MS = 250;

export const Tabs = ({ current }: { current: 'flights' | 'files' }) => (
  <div class="tabs">
    <a href={link('flights')} aria-current={current === 'flights' ? 'page' : undefined}>
      {TEXT.flights.tab}
    </a>
    <a href={link('files')} aria-current={current === 'files' ? 'page' : undefined}>
      {TEXT.files.tab}
    </a>
  </div>
);

const filterOf = (query: URLSearchParams) => ({
  group: query.get('state') ?? '',
  device: query.get('device') ?? '',
  text: query.get('text') ?? '',
});

export function Files() {
  const filter = filterOf(place.value.query);
  useEffect(() => show(filter), [place.value]);
  const isFiltered = Object.values(filter).some(value => value !== '');
  return (
    <>
      <div class="screen-head">
        <h1>{TEXT.files.title}</h1>
        <Tabs current="files" />
      </div>
      <FilterBar />
      <p class="muted small total" role="status">
        {total.value !== undefined && total.value > 0 && TEXT.files.total(total.value)}
      </p>
      {total.value === undefined && <p class="muted loading">{TEXT.files.loading}</p>}
      {total.value === 0 && <None isFiltered={isFiltered} />}
      {newer.value > 0 && (
        <Button harmless kind="primary" icon="refresh" onClick={reload}>
          {TEXT.files.newer(newer.value)}
        </Button>
      )}
      <List />
      <SelectionBar />
    </>
  );
}

const None = ({ isFiltered }: { isFiltered: boolean }) =>
  isFiltered ? (
    <Empty icon="search" title={TEXT.files.none}>
      <Button harmless onClick={() => replace(link('files'))}>
        {TEXT.files.clear}
      </Button>
    </Empty>
  ) : (
    <Empty icon="flights" title={TEXT.files.empty} text={TEXT.files.emptyText} />
  );

function change(part: Record<string, string>): void {
  const before = Object.fromEntries(place.value.query);
  replace(link('files', '', { ...before, ...part }));
}

function FilterBar() {
  const { group, device, text } = filterOf(place.value.query);
  const devices = status.value?.devices ?? [];
  return (
    <div class="filter" role="search">
      <Search text={text} label={TEXT.files.search} onChange={next => change({ text: next })} />
      <Select
        label={TEXT.files.state}
        value={group}
        options={Object.entries(TEXT.groups).map(([key, word]) => [key === 'all' ? '' : key, word])}
        onChange={state => change({ state })}
      />
      <Select
        label={TEXT.files.device}
        value={device}
        options={[['', TEXT.files.anyDevice], ...devices.map(({ name }): [string, string] => [name, name])]}
        onChange={next => change({ device: next })}
      />
    </div>
  );
}

export function Search({ text, label, onChange }: SearchProps) {
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const typed = (value: string) => {
    clearTimeout(timer.current);
    timer.current = setTimeout(() => onChange(value), TYPING_MS);
  };
  return (
    <label class="search">
      <Icon name="search" />
      <span class="hidden">{label}</span>
      <input
        type="search"
        placeholder={label}
        defaultValue={text}
        autocomplete="off"
        spellcheck={false}
        onInput={event => typed(event.currentTarget.value)}
      />
    </label>
  );
}
interface SearchProps {
  readonly text: string;
  readonly label: string;
  readonly onChange: (text: string) => void;
}

export const Select = ({ label, value, options, onChange }: SelectProps) => (
  <label class="select">
    <span class="hidden">{label}</span>
    <select value={value} onChange={event => onChange(event.currentTarget.value)}>
      {options.map(([key, word]) => (
        <option key={key} value={key}>
          {word}
        </option>
      ))}
    </select>
  </label>
);
interface SelectProps {
  readonly label: string;
  readonly value: string;
  readonly options: readonly (readonly [string, string])[];
  readonly onChange: (value: string) => void;
}

function List() {
  const count = total.value ?? 0;
  const { list, first, last, rowPixels } = useRows(count);
  const [, redraw] = useState(0);
  useEffect(() => {
    if (last > items.value.length) void loadTo(last - 1).then(() => redraw(value => value + 1));
  }, [last, items.value]);
  if (count === 0) return null;
  const rows = Array.from({ length: last - first }, (_, index) => first + index);
  return (
    <ul ref={list} class="card file-list" style={{ height: `${count * rowPixels}px` }} onKeyDown={moveFocus}>
      {rows.map(index => (
        <li
          key={items.value[index]?.id ?? index}
          class="file-item"
          aria-setsize={count}
          aria-posinset={index + 1}
          style={{ transform: `translateY(${index * rowPixels}px)` }}
        >
          <Item file={items.value[index]} />
        </li>
      ))}
    </ul>
  );
}

function Item({ file }: { file: File | undefined }) {
  if (!file) return <span class="skeleton" aria-hidden="true" />;
  return (
    <>
      <label class="tick">
        <input
          type="checkbox"
          checked={selected.value.has(file.id)}
          aria-label={TEXT.files.select(nameOf(file.path))}
          onChange={() => toggle(file.id)}
        />
      </label>
      <FileRow file={file} />
    </>
  );
}

function toggle(id: string): void {
  const next = new Set(selected.value);
  if (!next.delete(id)) next.add(id);
  selected.value = next;
}

/** The arrow keys go from file to file. */
function moveFocus(event: KeyboardEvent): void {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const item = document.activeElement?.closest('.file-item');
  if (step === undefined || !item) return;
  const position = Number(item.getAttribute('aria-posinset')) + step;
  const next = document.querySelector<HTMLElement>(`.file-item[aria-posinset="${position}"] .file-row`);
  if (!next) return;
  event.preventDefault();
  next.focus();
}

function SelectionBar() {
  const ids = [...selected.value];
  if (ids.length === 0) return null;
  const all = (act: 'fetch' | 'retry' | 'first') => () => void edit(act, { ids });
  return (
    <div class="selection" role="toolbar" aria-label={TEXT.files.selected(ids.length)}>
      <strong>{TEXT.files.selected(ids.length)}</strong>
      <div class="buttons">
        <Button icon="down" onClick={all('fetch')}>
          {TEXT.actions.fetch}
        </Button>
        <Button icon="refresh" onClick={all('retry')}>
          {TEXT.actions.retry}
        </Button>
        <Button icon="first" onClick={all('first')}>
          {TEXT.actions.first}
        </Button>
        <Button icon="trash" onClick={() => (toForget.value = ids)}>
          {TEXT.actions.forget}
        </Button>
      </div>
      <button
        type="button"
        class="button icon-only"
        aria-label={TEXT.files.clear}
        onClick={() => (selected.value = new Set())}
      >
        <Icon name="close" />
      </button>
    </div>
  );
}
