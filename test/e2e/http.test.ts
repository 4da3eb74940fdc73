import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { sample } from '../conformance/support.js';
import { put } from './parts.js';
import { Place } from './program.js';

/** A web server that takes every upload whole, and then answers with that status. */
async function serve(place: Place, status: number, headers: Record<string, string> = {}) {
  const seen = { uploads: 0 };
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      seen.uploads++;
      response.writeHead(status, headers).end('not now');
    });
  });
  place.use({ close: () => closed(server) });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return { seen, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/upload` };
}

async function closed(server: Server): Promise<void> {
  server.closeAllConnections();
  await once(server.close(), 'close');
}

/** One pass with one file of 300 kB for that address, which is that of each of these targets. */
async function syncTo(place: Place, url: string, sites = ['site']) {
  await mkdir(place.path('in'), { recursive: true });
  await writeFile(place.path('in/a.bin'), sample(300_000));
  const config = await place.configure({
    local: './data',
    devices: {
      in: { type: 'directory', path: './in' },
      ...Object.fromEntries(sites.map(name => [name, { type: 'http', url }])),
    },
    rules: [{ from: 'in', to: sites, settle: 0 }],
  });
  return place.run(['sync', '-c', config]);
}

describe('filesync sync to a web page', function () {
  this.timeout(120_000);

  it('that refuses whole files sends them a few times, not without end', () =>
    Place.with(async place => {
      const { seen, url } = await serve(place, 503);
      const { code, stdout, stderr } = await syncTo(place, url);
      assert.equal(code, 1, stdout + stderr);
      assert.equal(seen.uploads, 6);
      assert.match(stdout + stderr, /cannot take it now: 503 "not now"/);
    }));

  it('that refuses them under two names does so too: what happens at one is no reason to try the other again', () =>
    Place.with(async place => {
      const { seen, url } = await serve(place, 503);
      const { code, stdout, stderr } = await syncTo(place, url, ['site', 'mirror']);
      assert.equal(code, 1, stdout + stderr);
      assert.equal(seen.uploads, 12);
    }));

  it('that asks for a long pause gets one of 50 files, and the pass leaves the others at once', () =>
    Place.with(async place => {
      const { seen, url } = await serve(place, 503, { 'Retry-After': '3600' });
      for (let index = 0; index < 49; index++) await put(place.path(`in/${index}.bin`), sample(1000, index));
      const { code, stdout, stderr } = await syncTo(place, url);
      assert.equal(code, 1, stdout + stderr);
      assert.ok(seen.uploads >= 1 && seen.uploads <= 2, `${seen.uploads} uploads by two connections`);
    }));

  it('that asks for a pause each time gets a few of 50 files, not six attempts of each', () =>
    Place.with(async place => {
      const { seen, url } = await serve(place, 429);
      for (let index = 0; index < 49; index++) await put(place.path(`in/${index}.bin`), sample(1000, index));
      const { code, stdout, stderr } = await syncTo(place, url);
      assert.equal(code, 1, stdout + stderr);
      assert.ok(seen.uploads >= 6 && seen.uploads <= 12, `${seen.uploads} uploads by two connections`);
    }));

  it('that asks for a long pause leaves the file for the next pass', () =>
    Place.with(async place => {
      const { seen, url } = await serve(place, 503, { 'Retry-After': '3600' });
      const { code, stdout, stderr } = await syncTo(place, url);
      assert.equal(code, 1, stdout + stderr);
      assert.equal(seen.uploads, 1);
    }));
});
