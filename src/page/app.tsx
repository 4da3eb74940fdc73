import { signal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { edit, toForget } from './edits.js';
import { Icon, type IconName } from './icons.js';
import { Login, logout } from './login.js';
import { Now } from './now.js';
import { link, place } from './router.js';
import { ask } from './net.js';
import { contact, hasFleet, isLost, needsLogin, session, toast, verdict } from './store.js';
import { TEXT } from './strings.js';
import { Button } from './ui.js';
import type { FleetPage } from './types.js';
import { ContactLine, VerdictChip } from './verdict.js';

const TABS: readonly { screen: string; icon: IconName; text: string; holds: readonly string[] }[] = [
  { screen: 'now', icon: 'now', text: TEXT.nav.now, holds: ['now'] },
  {
    screen: 'flights',
    icon: 'flights',
    text: TEXT.nav.flights,
    holds: ['flights', 'files', 'file', 'flight'],
  },
  { screen: 'devices', icon: 'devices', text: TEXT.nav.devices, holds: ['devices'] },
  { screen: 'fleet', icon: 'fleet', text: TEXT.nav.fleet, holds: ['fleet'] },
  { screen: 'log', icon: 'log', text: TEXT.nav.log, holds: ['log'] },
];

export function App() {
  useTitle();
  useEffect(() => void (session.value && askForFleet()), [session.value]);
  if (needsLogin.value) return <Login />;
  const isNow = screenOf(place.value.screen) === 'now';
  return (
    <>
      <a class="skip" href="#screen" onClick={toScreen}>
        {TEXT.skip}
      </a>
      <header class="top">
        <a class="brand" href="#/now">
          {TEXT.app}
        </a>
        <Nav />
        {isNow ? <Live /> : <VerdictChip />}
      </header>
      <main class={`screen ${isLost.value ? 'lost' : ''}`} id="screen" tabIndex={-1}>
        {!isNow && <ContactLine />}
        {isNow ? <Now /> : <Other screen={place.value.screen} id={place.value.id} />}
      </main>
      <Toast />
      <ForgetDialog />
    </>
  );
}

/** Without an answer there is no such screen. */
const askForFleet = (): Promise<unknown> =>
  ask<FleetPage>('GET', '/fleet').then(
    ({ configured }) => (hasFleet.value = configured),
    () => undefined,
  );

const screenOf = (name: string): string => TABS.find(({ holds }) => holds.includes(name))?.screen ?? 'now';

type Screens = typeof import('./screens.js');
const screens = signal<Screens | undefined>(undefined);

/** Loads the other screens; they stay, so that they are there without contact too. */
export async function loadScreens(): Promise<void> {
  if (!screens.value) screens.value = await import('./screens.js');
}

function Other({ screen, id }: { screen: string; id: string }) {
  const state = contact.value.state;
  useEffect(() => void loadScreens().catch(() => undefined), [state]);
  const loaded = screens.value;
  return loaded ? (
    <loaded.Screen screen={screen} id={id} />
  ) : (
    <p class="muted loading">{TEXT.files.loading}</p>
  );
}

function Nav() {
  const current = screenOf(place.value.screen);
  return (
    <nav class="nav" aria-label={TEXT.nav.label}>
      {TABS.filter(({ screen }) => screen !== 'fleet' || hasFleet.value).map(({ screen, icon, text }) => (
        <a key={screen} href={link(screen)} aria-current={screen === current ? 'page' : undefined}>
          <Icon name={icon} />
          <span>{text}</span>
        </a>
      ))}
    </nav>
  );
}

/** Whether what is shown is what is. */
function Live() {
  const { state } = contact.value;
  const text = { live: TEXT.contact.live, connecting: TEXT.contact.connecting, lost: TEXT.contact.never }[
    state
  ];
  return (
    <span class={`live ${state}`}>
      <span class="live-dot" aria-hidden="true" />
      {text}
      {session.value?.login && (
        <button type="button" class="text-button" onClick={() => void logout()}>
          {TEXT.actions.logout}
        </button>
      )}
    </span>
  );
}

const Toast = () => (
  <div class="toast-place" role="status" aria-live="polite">
    {toast.value && <p class={`toast ${toast.value.bad ? 'bad' : ''}`}>{toast.value.text}</p>}
  </div>
);

/** A link to a fragment would change the screen. */
function toScreen(event: Event): void {
  event.preventDefault();
  document.getElementById('screen')?.focus();
}

function useTitle(): void {
  const code = verdict.value?.code;
  const noContact = isLost.value;
  useEffect(() => {
    const word = noContact ? TEXT.verdict.stale : code;
    document.title = word ? `${word} · ${TEXT.app}` : TEXT.app;
  }, [code, noContact]);
}

function ForgetDialog() {
  const dialog = useRef<HTMLDialogElement>(null);
  const ids = toForget.value;
  useEffect(() => {
    if (ids) dialog.current?.showModal();
    else dialog.current?.close();
  }, [ids]);
  const close = () => (toForget.value = undefined);
  const confirm = () => {
    void edit('forget', { ids: ids ?? [] });
    close();
  };
  return (
    <dialog ref={dialog} class="dialog" aria-labelledby="forget-title" onClose={close}>
      <h2 id="forget-title">{TEXT.forget.title(ids?.length ?? 0)}</h2>
      <p>{TEXT.forget.text}</p>
      <div class="buttons">
        <Button harmless onClick={close}>
          {TEXT.actions.keep}
        </Button>
        <Button kind="danger" icon="trash" onClick={confirm}>
          {TEXT.actions.forget}
        </Button>
      </div>
    </dialog>
  );
}
