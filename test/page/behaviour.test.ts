import assert from 'node:assert/strict';
import type { Page } from 'playwright-core';
import { ago, fileOf, FILES, NOW, STATUS, VERDICTS } from './data.js';
import { DESK, inWindow, PHONE } from './window.js';

const HOSTILE = '<img src=x onerror="document.title=`broken`">.ulg';

const isLive = (page: Page) => page.getByText('Live', { exact: true }).waitFor();

describe('the page', () => {
  it('shows names, reasons and verdicts as text, whatever is in them', async () => {
    await inWindow(DESK, async (page, { script, url }) => {
      const reason = '<script>document.title="broken"</script>';
      const file = fileOf(1, { id: 'aaaaaaaaaaaa', path: HOSTILE, state: 'FAILED', reason });
      script.files = [file];
      script.status = { ...STATUS, verdict: { ...VERDICTS.ATTENTION, text: `${HOSTILE} failed` } };
      for (const fragment of ['#/now', '#/files', '#/file/aaaaaaaaaaaa']) {
        await page.goto(url + fragment);
        await page.getByText(HOSTILE).first().waitFor();
        assert.equal(await page.locator('img, main script').count(), 0);
      }
      assert.doesNotMatch(await page.title(), /broken/);
    });
  });

  it('makes links of web addresses only, and they do not learn where they were followed', async () => {
    await inWindow(DESK, async (page, { script, url }) => {
      const { targets } = FILES[1]!;
      const places = [
        'javascript:alert(1)',
        'ftp://archive/a',
        'https://user:word@example.org/',
        'https://example.org/a',
      ];
      const all = places.map((location, index) => ({ ...targets[1]!, target: `target${index}`, location }));
      script.files = [fileOf(1, { targets: all })];
      await page.goto(`${url}#/file/000000000001`);
      await page.getByText('target3').waitFor();
      const links = await page.locator('a[target=_blank]').evaluateAll(all => all.map(one => String(one)));
      assert.deepEqual(links, ['https://example.org/a']);
      assert.equal(await page.locator('a[target=_blank]').getAttribute('rel'), 'noopener noreferrer');
      assert.equal(await page.locator('a[href^="javascript"]').count(), 0);
    });
  });

  it('draws only the rows that are seen of 10,000, and loads others by cursor', async () => {
    await inWindow(PHONE, async (page, { script, url }) => {
      script.files = Array.from({ length: 10_000 }, (_, index) => fileOf(index, { found_at: ago(index) }));
      await page.goto(`${url}#/files`);
      await page.getByText('10,000 files').waitFor();
      await page.evaluate('scrollTo(0, document.documentElement.scrollHeight)');
      await page.locator('.file-item[aria-posinset="10000"] .file-row').waitFor();
      assert.ok((await page.locator('.file-item').count()) < 60);
    });
  });

  it('keeps what is searched for in its address, and finds it', async () => {
    await inWindow(PHONE, async (page, { url }) => {
      await page.goto(`${url}#/files`);
      await page.getByLabel('Search in paths').fill('dji_004');
      await page.getByLabel('State').selectOption('done');
      await page.getByText('2 files', { exact: true }).waitFor();
      assert.match(page.url(), /text=dji_004/);
      assert.match(page.url(), /state=done/);
      await page.reload();
      await page.getByText('2 files', { exact: true }).waitFor();
    });
  });

  it('shows the times of a verdict in the time zone of the phone, and its own buttons', async () => {
    await inWindow(
      PHONE,
      async (page, { script, url }) => {
        const text =
          '1 file FAILED (`filesync retry --failed` tries again); ' +
          'archive offline since 2026-05-03T12:01Z (refused); next attempt 2026-05-03T12:36Z';
        script.status = { ...STATUS, verdict: { ...VERDICTS.ATTENTION, text } };
        await page.goto(`${url}#/now`);
        await page
          .getByText(
            '1 file FAILED (“Retry all” tries again); archive offline since 21:01 (refused); next attempt 21:36',
          )
          .waitFor();
      },
      { timezoneId: 'Asia/Tokyo' },
    );
  });

  it('follows events, also after a lost connection, and asks for those that it missed', async () => {
    await inWindow(DESK, async (page, server) => {
      const { port } = server;
      await page.goto(`${server.url}#/now`);
      await isLive(page);
      server.send('counts', { ...STATUS, verdict: VERDICTS.SAFE });
      await page.getByText('You may switch it off').waitFor();
      await server.close();
      await page.getByText('No contact since').waitFor();
      await server.listen(port);
      await page.getByRole('button', { name: 'Try now' }).click();
      await isLive(page);
      assert.deepEqual(server.streamsFrom, ['', 'boot-1']);
      server.script.status = { ...STATUS, version: '9.9.9' };
      server.send('reset', {});
      await page.getByText('FileSync 9.9.9').waitFor();
    });
  });

  it('does not show the verdict from before a phone fell asleep as that of now', async () => {
    await inWindow(PHONE, async (page, { script, url }) => {
      script.status = { ...STATUS, verdict: VERDICTS.SAFE };
      await page.goto(`${url}#/now`);
      await isLive(page);
      await page.getByText('You may switch it off').waitFor();
      script.status = { ...STATUS, verdict: VERDICTS.WAIT };
      await page.clock.setFixedTime(NOW + 30_000);
      await page.getByText('No contact since').waitFor();
      await page.getByText('Keep it switched on').waitFor();
    });
  });

  it('never calls it safe without contact, and cannot change anything then', async () => {
    await inWindow(PHONE, async (page, server) => {
      server.script.status = { ...STATUS, verdict: VERDICTS.SAFE };
      await page.goto(`${server.url}#/now`);
      await page.getByText('You may switch it off').waitFor();
      await isLive(page);
      await server.close();
      await page.getByText('NO CONTACT', { exact: true }).last().waitFor();
      assert.equal(await page.getByText('You may switch it off').count(), 0);
      assert.match(await page.title(), /^NO CONTACT/);
      for (const name of ['Look for files', 'Pause', 'Retry all'])
        assert.ok(await page.getByRole('button', { name }).isDisabled(), name);
      await page.getByText('log100.ulg').first().waitFor();
    });
  });

  it('changes a file in the list when an event says so, and removes it when it is forgotten', async () => {
    await inWindow(PHONE, async (page, server) => {
      await page.goto(`${server.url}#/files`);
      await page.getByText('16 files').waitFor();
      server.send('file', { file: { ...FILES[2], state: 'DOWNLOADING', reason: '' } });
      await page.locator('.file-row', { hasText: 'sess006' }).getByText('Fetching').waitFor();
      server.send('forgotten', { id: FILES[2]!.id });
      await page.getByText('15 files').waitFor();
      assert.equal(await page.getByText('sess006').count(), 0);
    });
  });
});

describe('a person at the page', () => {
  it('logs in, and a wrong password is told', async () => {
    await inWindow(PHONE, async (page, { script, url }) => {
      script.login = true;
      await page.goto(url);
      await page.getByLabel('Password').fill('guess');
      await page.keyboard.press('Enter');
      await page.getByText('That is not the password').waitFor();
      await page.getByLabel('Password').fill('open');
      await page.keyboard.press('Enter');
      await page.getByText('Keep it switched on').waitFor();
    });
  });

  it('selects files and forgets them, after a question', async () => {
    await inWindow(PHONE, async (page, { url, writes }) => {
      await page.goto(`${url}#/files`);
      await page.getByLabel('Select DJI_0042.JPG').check();
      await page.getByLabel('Select DJI_0041.JPG').check();
      await page.getByRole('toolbar').getByRole('button', { name: 'Forget' }).click();
      assert.deepEqual(writes, []);
      await page.getByRole('dialog').getByRole('button', { name: 'Forget' }).click();
      await page.getByText('Done for 2 files').waitFor();
      assert.deepEqual(writes, ['POST /files/forget {"ids":["000000000004","000000000005"]}']);
    });
  });

  it('retries, pauses, rescans and delivers, each with one request', async () => {
    await inWindow(DESK, async (page, { url, writes }) => {
      await page.goto(`${url}#/now`);
      for (const name of ['Retry all', 'Pause', 'Look for files', 'Deliver now'])
        await Promise.all([
          page.waitForResponse(response => response.request().method() !== 'GET'),
          page.getByRole('button', { name }).click(),
        ]);
      assert.deepEqual(writes.toSorted(), [
        ...[
          'POST /files/retry {"all":true}',
          'POST /push {}',
          'POST /rescan {}',
          'PUT /paused {"paused":true}',
        ],
      ]);
    });
  });

  it('who may only look cannot press what changes something', async () => {
    await inWindow(DESK, async (page, { script, url }) => {
      script.mayOperate = false;
      await page.goto(`${url}#/now`);
      await isLive(page);
      const button = page.getByRole('button', { name: 'Pause' });
      assert.ok(await button.isDisabled());
      assert.equal(await button.getAttribute('title'), 'This login may only look');
    });
  });

  it('goes from the verdict to a file by the keyboard alone', async () => {
    await inWindow(DESK, async (page, { url }) => {
      await page.goto(`${url}#/now`);
      await isLive(page);
      await page.keyboard.press('Tab');
      assert.equal(await focused(page), 'Skip to the content');
      for (const name of ['FileSync', 'Now', 'Flights']) {
        await page.keyboard.press('Tab');
        assert.equal(await focused(page), name);
      }
      await page.keyboard.press('Enter');
      await page.getByRole('link', { name: 'Files', exact: true }).press('Enter');
      await page.getByText('16 files').waitFor();
      await page.locator('.file-row').first().focus();
      await page.keyboard.press('ArrowDown');
      await page.keyboard.press('ArrowDown');
      await page.keyboard.press('Enter');
      await page.getByRole('heading', { name: 'log100.ulg' }).waitFor();
      await page.getByText('check its SD card').first().waitFor();
      await page.getByRole('button', { name: 'Back' }).press('Enter');
      await page.getByText('16 files').waitFor();
    });
  });

  it('copies diagnostics without the user part of an address', async () => {
    const permissions = ['clipboard-read', 'clipboard-write'];
    await inWindow(
      DESK,
      async (page, { url }) => {
        await page.goto(`${url}#/log`);
        await page.getByText('heartbeat of system 1').waitFor();
        await page.getByRole('button', { name: 'Copy diagnostics' }).click();
        await page.getByText('without secrets').waitFor();
        const text: string = await page.evaluate('navigator.clipboard.readText()');
        assert.match(text, /"version": "0.1.0"/);
        assert.match(text, /ftp:\/\/\*\*\*@192.168.0.10:21/);
        assert.doesNotMatch(text, /backup@/);
      },
      { permissions },
    );
  });

  it('prints the receipt and nothing else', async () => {
    await inWindow(DESK, async (page, { url }) => {
      await page.goto(`${url}#/file/000000000002`);
      await page.getByRole('button', { name: 'Delivery receipt' }).click();
      await page.getByText('Issued 12:34').waitFor();
      await page.emulateMedia({ media: 'print' });
      const seen = await page.locator('body').innerText();
      assert.match(seen, /^sess007\/log101\.ulg/);
      assert.doesNotMatch(seen, /Where it is|What the file says|Flights|Forget/);
    });
  });
});

const focused = (page: Page): Promise<string> => page.evaluate('document.activeElement.textContent');
