import * as z from 'zod';
import type { LiveApi } from './api.js';
import { sendContent } from './content-answer.js';
import { sendEvents } from './event-stream.js';
import { openApi } from './openapi.js';
import { route, type Call, type Route } from './route.js';
import { FileSyncError } from '../errors.js';
import { fleetPage } from './schema-fleet.js';
import { fileChange, receipt } from './schema-files.js';
import * as schema from './schema.js';
import { link, logPage, logQuery, signals } from './schema-live.js';
import { event, eventQuery } from './schema-events.js';

/** The requests of the HTTP API: the same on the unix socket and on TCP, all below /api/v1. */
export const routes: readonly Route[] = [
  route('GET /status', 'Whether all is delivered, devices, transfers, what waits for what, counts.', {
    response: schema.status,
    answer: api => api.status(),
  }),
  route('GET /files', 'A page of at most 1,000 files, and the cursor of the next page.', {
    query: schema.fileQuery,
    response: schema.page,
    answer: (api, { query }) => api.files(query),
  }),
  route('GET /files/{id}', 'One file.', {
    response: schema.file,
    answer: (api, { params: { id = '' } }) => api.file(id),
  }),
  route('PATCH /files/{id}', 'Edits a record: its state, its description, its targets.', {
    body: fileChange,
    response: schema.editResult,
    answer: (api, { params: { id = '' }, body }) => api.change(id, body),
  }),
  route('DELETE /files/{id}', 'Deletes a record as `POST /files/forget` does; no file is touched.', {
    response: schema.editResult,
    answer: (api, { params: { id = '' } }) => forgetOne(api, id),
  }),
  route('GET /files/{id}/content', 'The local copy, or a range of it, as an attachment.', {
    type: 'application/octet-stream',
    response: z.string(),
    answer: async (api, call) => sendContent(await api.content(call.params['id'] ?? ''), call),
  }),
  route(
    'DELETE /files/{id}/content',
    'Has the local copy deleted; refused unless every target has the file.',
    {
      response: schema.editResult,
      answer: (api, { params: { id = '' } }) => api.evict(id),
    },
  ),
  route(
    'GET /files/{id}/receipt',
    'Which bytes came from where, which targets have them, and how that was proved.',
    {
      response: receipt,
      answer: (api, { params: { id = '' } }) => api.receipt(id),
    },
  ),
  route(
    'GET /files/{id}/signals',
    'Altitude, speed and battery of a flight, from the local copy of its log.',
    {
      response: signals,
      answer: async (api, { params: { id = '' }, response }) => {
        const left = new AbortController();
        response.once('close', () => left.abort());
        return api.signals(id, left.signal);
      },
    },
  ),
  route('GET /flights', 'A page of at most 1,000 flights, the newest first.', {
    query: schema.flightQuery,
    response: schema.flightPage,
    answer: (api, { query }) => api.flights(query),
  }),
  route('GET /fleet', 'All vehicles that report to the same store: who is late, who fails, what waits.', {
    response: fleetPage,
    answer: api => api.fleet(),
  }),
  route('POST /files/retry', 'Brings FAILED files back.', {
    body: schema.selection,
    response: schema.editResult,
    answer: (api, { body }) => api.retry(body),
  }),
  route('POST /files/forget', 'Deletes records; no file is touched. `all` is refused.', {
    body: schema.selection,
    response: schema.editResult,
    answer: (api, { body }) => api.forget(body),
  }),
  route('POST /files/first', 'Moves files to the front of their queues, the first named first.', {
    body: schema.selection,
    response: schema.editResult,
    answer: (api, { body }) => api.first(body),
  }),
  route('POST /files/fetch', 'Fetches and delivers files that the rules only list (SKIPPED).', {
    body: schema.selection,
    response: schema.editResult,
    answer: (api, { body }) => api.fetch(body),
  }),
  route('POST /files/cancel', 'Gives files up that are not delivered; `retry` resumes them.', {
    body: schema.selection,
    response: schema.editResult,
    answer: (api, { body }) => api.cancel(body),
  }),
  route(
    'POST /files/repair',
    'Has what `filesync verify` found missing or corrupt fetched or sent again; at most 1,000 of each.',
    {
      body: schema.repairs,
      response: schema.editResult,
      answer: (api, { body }) => api.repair(body),
    },
  ),
  route('POST /rescan', 'Scans every source at once.', {
    response: schema.action,
    answer: api => api.rescan(),
  }),
  route(
    'POST /push',
    'Delivers what is unfinished now, whatever `hours`, `over` and `unmetered` of its devices say.',
    { response: schema.action, answer: api => api.push() },
  ),
  route('PUT /paused', 'Stops all work, or resumes it.', {
    body: schema.pausing,
    response: schema.action,
    answer: (api, { body }) => api.pause(body.paused),
  }),
  route('GET /devices/{name}/link', 'Rate, loss and round trip time of the last hour, and the last scans.', {
    response: link,
    answer: (api, { params: { name = '' } }) => api.link(name),
  }),
  route('GET /log', 'The last lines of the log, oldest first.', {
    query: logQuery,
    response: logPage,
    answer: (api, { query }) => api.log(query),
  }),
  route('GET /events', 'Server-sent events: what changes, as it changes.', {
    type: 'text/event-stream',
    query: eventQuery,
    response: event,
    answer: async (api, call) => sendEvents(api, call, lastEventOf(call)),
  }),
  route('GET /openapi.json', 'This description.', {
    scope: 'none',
    response: z.object({ openapi: z.string() }).loose(),
    answer: async () => (description ??= openApi(routes)) as { openapi: string },
  }),
];

/** Made once, when it is asked for. */
let description: object | undefined;

const lastEventOf = ({ query, request }: Call<z.output<typeof eventQuery>>): string | undefined =>
  query.last_event_id ?? (request.headers['last-event-id'] as string | undefined);

/** One file must exist, where of many each is refused by itself. */
async function forgetOne(api: LiveApi, id: string): Promise<schema.EditResult> {
  const result = await api.forget({ ids: [id] });
  const [refused] = result.refused;
  if (refused) throw new FileSyncError('not-found', `${id}: ${refused.reason}`);
  return result;
}
