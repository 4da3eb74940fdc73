import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Place } from '../e2e/program.js';
import { openContext } from './browser.js';
import { DESK, seriousViolations, sharedBrowser } from './window.js';

describe('filesync demo --web', () => {
  it('shows two delivered flights, with proofs and receipts, and lets their files be saved', () =>
    Place.with(async place => {
      const program = place.start(['demo', '--web', '127.0.0.1:0']);
      await program.says(/web page: http:\/\/\S+/);
      const [, url = ''] = /web page: (http:\/\/\S+)/.exec(program.stdout + program.stderr) ?? [];
      const context = await openContext(await sharedBrowser(), DESK);
      try {
        const page = await context.newPage();
        const errors: string[] = [];
        page.on('pageerror', error => errors.push(error.message));
        page.on('console', message => errors.push(message.text()));
        await page.goto(url);
        const flights = page.locator('.flight', { hasText: 'Delivered' });
        await flights.nth(1).waitFor();
        await page.getByText('You may switch it off').waitFor();
        await flights.first().click();
        await page.locator('.file-row').click();
        await page.getByText("proven by the target's answer").waitFor();
        const saving = page.waitForEvent('download');
        await page.getByRole('link', { name: 'Save to this device' }).click();
        const saved = await readFile(await (await saving).path());
        const hash = createHash('sha256').update(saved).digest('hex');
        await page.getByRole('button', { name: 'Delivery receipt' }).click();
        await page.locator('.receipt').getByText(hash).waitFor();
        await page.getByRole('button', { name: 'Show altitude' }).click();
        await page.locator('canvas').first().waitFor();
        assert.deepEqual(await seriousViolations(page), []);
        await page.goto(`${url}#/devices`);
        await page.getByText('What it listed').first().waitFor();
        await page.goto(`${url}#/log`);
        await page.getByText('web page: http').waitFor();
        assert.deepEqual(errors, []);
      } finally {
        await context.close();
      }
      const { code } = await program.kill('SIGINT');
      assert.equal(code, 130);
    }));
});
