import type { DatabaseApi } from '../api/database-api.js';
import { fileState, type EditResult } from '../api/schema.js';
import type { Edit } from '../record/events.js';
import { fileView } from '../api/views.js';
import { newRecord } from '../record/record.js';
import { parseState } from '../record/state.js';
import { FileState, type FileRecord } from '../ports.js';
import type { Closable, Graph } from './graph.js';
import {
  services,
  type ServiceResponse,
  type FileResponse,
  type FileStateMessage,
  type FlightsRequest,
  type FlightsResponse,
  type GetFileResponse,
  type ListFilesRequest,
  type ListFilesResponse,
  type ChangedResponse,
  type SetFileRequest,
} from './interfaces.js';
import { fromTime, toFileState, toFlight } from './messages.js';

const DEFAULT_PAGE_SIZE = 100;

const DONE: ServiceResponse = { success: true, message: '' };
const refused = (message: string): ServiceResponse => ({ success: false, message });

/** Serves the database to other nodes until closed. */
export function serveDatabase(graph: Graph, api: DatabaseApi): Closable {
  const served = [
    graph.serve(services.listFiles, '~/list_files', request => listFiles(api, request)),
    graph.serve(services.flights, '~/flights', request => flights(api, request)),
    graph.serve(services.getFile, '~/get_file', ({ id }) => getFile(api, api.recordOf(id))),
    graph.serve(services.setFile, '~/set_file', request => setFile(api, request)),
    graph.serve(services.forgetFile, '~/forget_file', async ({ id }) =>
      answerTo(await api.forget({ ids: [id] })),
    ),
    graph.serve(services.retry, '~/retry', async ({ id }) =>
      changedBy(await api.retry(id === '' ? { all: true } : { ids: [id] })),
    ),
    graph.serve(services.fetchFile, '~/fetch_file', async ({ id }) =>
      answerTo(await api.fetch({ ids: [id] })),
    ),
    graph.serve(services.first, '~/first', async ({ ids }) => answerTo(await api.first({ ids }))),
    graph.serve(services.cancel, '~/cancel', async ({ id }) => changedBy(await api.cancel({ ids: [id] }))),
    graph.serve(services.trigger, '~/rescan', async () => ({ ...DONE, ...(await api.rescan()) })),
    graph.serve(services.setBool, '~/pause', async ({ data }) => ({ ...DONE, ...(await api.pause(data)) })),
  ];
  return { close: () => served.forEach(one => one.close()) };
}

async function listFiles(api: DatabaseApi, request: ListFilesRequest): Promise<ListFilesResponse> {
  const { device, offset, limit } = request;
  const states = new Set<number>(request.states);
  const unknown = [...states].find(state => parseState(String(state)) === undefined);
  if (unknown !== undefined) return { ...refused(`there is no state ${unknown}`), files: [], total: 0 };
  const names = fileState.options.filter(name => states.has(FileState[name]));
  const page = await api.files({
    ...{ offset, limit: limit || DEFAULT_PAGE_SIZE },
    ...(device !== '' && { device }),
    ...(names.length > 0 && { state: names }),
  });
  return { ...DONE, files: page.files.map(file => toFileState(file)), total: page.total };
}

async function flights(api: DatabaseApi, request: FlightsRequest): Promise<FlightsResponse> {
  const { since, vehicle, offset, limit } = request;
  const from = fromTime(since);
  const page = await api.flights({
    ...{ offset, limit: limit || DEFAULT_PAGE_SIZE },
    ...(from !== 0 && { since: from }),
    ...(vehicle !== '' && { vehicle }),
  });
  return { ...DONE, flights: page.flights.map(toFlight), total: page.total };
}

async function setFile(api: DatabaseApi, request: SetFileRequest): Promise<FileResponse> {
  const edit = editOf(request);
  if (typeof edit === 'string') return refusedEdit(api, request.id, edit);
  const result = await api.edit(request.id, edit);
  return typeof result === 'string' ? refusedEdit(api, request.id, result) : fileResponse(api, result);
}

/** What is asked for, or what is wrong with it. */
function editOf(request: SetFileRequest): Edit | string {
  const state = parseState(String(request.state));
  if (request.set_state && state === undefined) return `there is no state ${request.state}`;
  const edit: Edit = {
    ...(request.set_state && state !== undefined && { state }),
    ...(request.set_description && { description: request.description }),
    ...(request.set_targets && { targets: [...new Set(request.targets)] }),
  };
  return Object.keys(edit).length > 0
    ? edit
    : 'nothing to set: set_state, set_description and set_targets are all false';
}

function refusedEdit(api: DatabaseApi, id: string, reason: string): FileResponse {
  return { ...fileResponse(api, api.recordOf(id)), ...refused(reason) };
}

function getFile(api: DatabaseApi, found: FileRecord | string): GetFileResponse {
  const facts = typeof found === 'string' ? null : api.view(found).facts;
  return { ...fileResponse(api, found), facts: facts ? JSON.stringify(facts) : '' };
}

function fileResponse(api: DatabaseApi, found: FileRecord | string): FileResponse {
  if (typeof found === 'string') return { ...refused(found), file: NO_FILE };
  return { ...DONE, file: toFileState(api.view(found)) };
}

/** What was refused; the others are done. */
function answerTo({ refused: not }: EditResult): ServiceResponse {
  return not[0] ? refused(not.map(({ id, reason }) => `${id}: ${reason}`).join('; ')) : DONE;
}

const changedBy = ({ changed, refused: not }: EditResult): ChangedResponse => ({
  ...(not[0] ? refused(not[0].reason) : DONE),
  ids: changed,
});

const NO_RECORD = { id: '', device: '', path: '', size: 0, local: '', description: '', foundAt: 0 };
const NO_FILE: FileStateMessage = toFileState(
  fileView(newRecord(NO_RECORD, {}), [], { now: () => 0, monotonic: () => 0 }),
);
