import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { DESK, inWindow } from './window.js';

const DIST = join(import.meta.dirname, '../../dist/page');
/** Of the first load, and of the plot. */
const MAX_BYTES = 30_000;

const gzipped = async (name: string): Promise<number> => (await readFile(join(DIST, `${name}.gz`))).length;
const sum = (numbers: readonly number[]): number => numbers.reduce((all, one) => all + one, 0);

describe('the bundle of the page', () => {
  it('has a first load of at most 30 KB compressed, and the other screens and the plot apart', async () => {
    const names = await readdir(DIST);
    const apart = names.filter(name => /^(plot|screens)-\w+\.js$/.test(name));
    assert.equal(apart.length, 2, names.join(', '));
    const first = names.filter(name => !/\.(gz|br|map)$/.test(name) && !apart.includes(name));
    const sizes = await Promise.all(first.map(gzipped));
    assert.ok(sum(sizes) <= MAX_BYTES, `${sum(sizes)} bytes of ${first.join(', ')}`);
    for (const name of apart) assert.ok((await gzipped(name)) <= MAX_BYTES, name);
  });

  it('has a brotli and a gzip form of the same bytes beside each file', async () => {
    const names = (await readdir(DIST)).filter(name => !/\.(gz|br|map)$/.test(name));
    for (const name of names) {
      const bytes = await readFile(join(DIST, name));
      assert.ok(gunzipSync(await readFile(join(DIST, `${name}.gz`))).equals(bytes), name);
      assert.ok(brotliDecompressSync(await readFile(join(DIST, `${name}.br`))).equals(bytes), name);
    }
  });

  it('has the place of the verdict, no style or script within the HTML, and hashes in names', async () => {
    const html = await readFile(join(DIST, 'index.html'), 'utf8');
    assert.equal(html.split('<!--verdict-->').length, 2);
    assert.doesNotMatch(html, /<style|style=|<script(?![^>]* src=)|\son\w+=/);
    const names = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, name]) => name ?? '');
    assert.ok(names.length >= 5);
    for (const name of names) assert.match(name, /^\/[a-z]+-[A-Z0-9]{8}\.(js|css|svg)$/);
  });

  it('asks no other host for anything, and for the plot only when it is wanted', async () => {
    await inWindow(DESK, async (page, { url }) => {
      const asked: string[] = [];
      page.on('request', request => asked.push(request.url()));
      await page.goto(`${url}#/file/000000000002`);
      await page.getByRole('button', { name: 'Show altitude' }).waitFor();
      assert.ok(!asked.some(address => address.includes('/plot-')));
      await page.getByRole('button', { name: 'Show altitude' }).click();
      await page.locator('canvas').nth(2).waitFor();
      assert.ok(asked.some(address => address.includes('/plot-')));
      assert.deepEqual([...new Set(asked.map(address => new URL(address).origin))], [new URL(url).origin]);
    });
  });
});
