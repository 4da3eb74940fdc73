import { render } from 'preact';
import { App, loadScreens } from './app.js';
import { follow } from './connection.js';
import { verdict } from './store.js';
import { renderedVerdict } from './verdict.js';

verdict.value = renderedVerdict();
const page = document.getElementById('page');
if (page) {
  page.replaceChildren();
  render(<App />, page);
  void follow();
  addEventListener('load', () => void loadScreens().catch(() => undefined));
}
