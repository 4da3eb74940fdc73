import { useState } from 'preact/hooks';
import { reconnect } from './connection.js';
import { ask, Problem } from './net.js';
import { needsLogin, report, session } from './store.js';
import { TEXT } from './strings.js';

export function Login() {
  const [password, setPassword] = useState('');
  const [wrong, setWrong] = useState('');
  const [busy, setBusy] = useState(false);
  const submit = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setWrong(await login(password));
    setBusy(false);
  };
  return (
    <main class="login" id="screen" tabIndex={-1}>
      <form class="card" onSubmit={event => void submit(event)}>
        <p class="brand">{TEXT.app}</p>
        <h1>{TEXT.login.title}</h1>
        <p class="muted">{TEXT.login.text}</p>
        <label class="field">
          <span>{TEXT.login.password}</span>
          <input
            type="password"
            name="password"
            autocomplete="current-password"
            required
            value={password}
            aria-invalid={wrong !== ''}
            aria-describedby="login-error"
            onInput={event => setPassword(event.currentTarget.value)}
          />
        </label>
        <p id="login-error" class="field-error" role="alert">
          {wrong}
        </p>
        <button type="submit" class="button primary" disabled={busy || password === ''}>
          <span>{TEXT.login.submit}</span>
        </button>
      </form>
    </main>
  );
}

/** Returns why it did not work, or nothing. */
async function login(password: string): Promise<string> {
  try {
    const { scopes } = await ask<{ scopes: string[] }>('POST', '/session', { password });
    session.value = { scopes, login: true };
    needsLogin.value = false;
    reconnect();
    return '';
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    if (error.status === 429) return TEXT.login.many;
    return error.status === 401 || error.status === 403 ? TEXT.login.wrong : error.message;
  }
}

export async function logout(): Promise<void> {
  try {
    await ask('DELETE', '/session');
    location.reload();
  } catch (error) {
    report(error);
  }
}
