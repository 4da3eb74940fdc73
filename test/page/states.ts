import type { Page } from 'playwright-core';
import { EMPTY_STATUS, FLEET, FLIGHTS, STATUS, VERDICTS } from './data.js';
import type { FixtureServer } from './fixture-server.js';

/** One screen in one state: how it comes about, and a text by which it is recognised. */
export interface State {
  readonly name: string;
  readonly fragment: string;
  readonly sees: string | RegExp;
  readonly prepare?: (server: FixtureServer) => void;
  /** What a person does then. */
  readonly act?: (page: Page, server: FixtureServer) => Promise<void>;
}

const QUIET = { transfers: [], waiting: [], counts: { UPLOADED: 11, REMOVED: 1 } };

/** Every screen and state of the page. */
export const STATES: readonly State[] = [
  {
    ...{ name: 'now-safe', fragment: '#/now', sees: 'You may switch it off' },
    prepare: ({ script }) => {
      const devices = STATUS.devices.map(device => ({ ...device, available: true, reason: '' }));
      script.status = { ...STATUS, ...QUIET, devices, verdict: VERDICTS.SAFE };
      script.flights = FLIGHTS.filter(({ state }) => state === 'COMPLETE');
    },
  },
  { name: 'now-wait', fragment: '#/now', sees: 'Keep it switched on' },
  {
    ...{ name: 'now-attention', fragment: '#/now', sees: 'This needs you' },
    prepare: ({ script }) =>
      (script.status = {
        ...STATUS,
        verdict: VERDICTS.ATTENTION,
        notifications: [
          { to: 'https://ntfy.example.org', reason: 'status 403', since: '2026-05-03T12:00:00.000Z' },
        ],
      }),
  },
  {
    ...{ name: 'now-paused', fragment: '#/now', sees: 'until you resume' },
    prepare: ({ script }) => (script.status = { ...STATUS, paused: true, transfers: [] }),
  },
  {
    ...{ name: 'now-empty', fragment: '#/now', sees: 'as soon as a device lists them' },
    prepare: ({ script }) => (script.status = EMPTY_STATUS),
  },
  {
    ...{ name: 'now-offline', fragment: '#/now', sees: 'No contact since 12:34:00' },
    act: async (page, server) => {
      await page.getByText('Live', { exact: true }).waitFor();
      await server.close();
    },
  },
  {
    ...{ name: 'now-error', fragment: '#/now', sees: 'the database is locked' },
    prepare: ({ script }) => (script.error = 'the database is locked'),
  },
  {
    name: 'login',
    fragment: '',
    sees: 'asks for a password',
    prepare: ({ script }) => (script.login = true),
  },
  { name: 'flights', fragment: '#/flights', sees: '13 of 14' },
  {
    ...{ name: 'flights-empty', fragment: '#/flights', sees: 'No flights yet' },
    prepare: ({ script }) => (script.status = EMPTY_STATUS),
  },
  { name: 'flight', fragment: '#/flight/000000000002', sees: 'DJI_0042.JPG' },
  {
    ...{ name: 'files', fragment: '#/files', sees: '1 selected' },
    act: page => page.getByLabel('Select log100.ulg').first().check(),
  },
  { name: 'files-none', fragment: '#/files?text=nothing', sees: 'No file matches' },
  {
    ...{ name: 'files-offline', fragment: '#/files', sees: 'No contact since 12:34:00' },
    act: async (page, server) => {
      await page.getByText('16 files').waitFor();
      await server.close();
    },
  },
  {
    ...{ name: 'file', fragment: '#/file/000000000002', sees: 'Issued 12:34' },
    act: async page => {
      await page.getByRole('button', { name: 'Show altitude' }).click();
      await page.locator('canvas').nth(2).waitFor();
      await page.getByRole('button', { name: 'Delivery receipt' }).click();
    },
  },
  { name: 'file-failed', fragment: '#/file/000000000003', sees: 'check its SD card' },
  { name: 'file-gone', fragment: '#/file/ffffffffffff', sees: 'not known any more' },
  {
    ...{ name: 'devices', fragment: '#/devices', sees: 'in part' },
    act: page => page.getByText('What it listed').first().click(),
  },
  {
    ...{ name: 'fleet', fragment: '#/fleet', sees: 'plane-1' },
    prepare: ({ script }) => (script.fleet = FLEET),
  },
  { name: 'log', fragment: '#/log', sees: 'read error' },
  {
    ...{ name: 'forget', fragment: '#/file/000000000002', sees: 'Forget 1 file?' },
    act: page => page.getByRole('button', { name: 'Forget' }).click(),
  },
];

export async function show(page: Page, server: FixtureServer, state: State): Promise<void> {
  state.prepare?.(server);
  await page.goto(server.url + state.fragment);
  await state.act?.(page, server);
  await page.getByText(state.sees).first().waitFor();
}
