import type { EditResult } from '../api/admin.js';
import type { StoreAdmin } from '../api/store-admin.js';
import type { Edit } from '../record/events.js';
import { newRecord } from '../record/record.js';
import type { Engine } from '../engine/engine.js';
import { parseState } from '../record/state.js';
import type { FileRecord } from '../ports.js';
import type { Closable, Graph } from './graph.js';
import {
  services,
  type Answer,
  type FileResponse,
  type FileStateMessage,
  type ListFilesRequest,
  type ListFilesResponse,
  type RetryResponse,
  type SetFileRequest,
} from './interfaces.js';
import { toFileState, viewToFileState } from './messages.js';

const DEFAULT_PAGE_SIZE = 100;
const MAX_PAGE_SIZE = 1000;

const DONE: Answer = { success: true, message: '' };
const refused = (message: string): Answer => ({ success: false, message });

/** Serves the database and the engine to other nodes until closed. */
export function serveDatabase(graph: Graph, engine: Engine, admin: StoreAdmin): Closable {
  const served = [
    graph.serve(services.listFiles, '~/list_files', request => listFiles(admin, request)),
    graph.serve(services.getFile, '~/get_file', ({ id }) => fileResponse(admin.look(id))),
    graph.serve(services.setFile, '~/set_file', request => setFile(engine, admin, request)),
    graph.serve(services.forgetFile, '~/forget_file', async ({ id }) => answerTo(await admin.forget([id]))),
    graph.serve(services.retry, '~/retry', ({ id }) => retry(admin, id)),
    graph.serve(services.fetchFile, '~/fetch_file', async ({ id }) => answerTo(await admin.fetch([id]))),
    graph.serve(services.first, '~/first', async ({ ids }) => answerTo(await admin.first(ids))),
    graph.serve(services.trigger, '~/rescan', () => rescan(engine)),
    graph.serve(services.setBool, '~/pause', ({ data }) => pause(engine, data)),
  ];
  return { close: () => served.forEach(one => one.close()) };
}

async function listFiles(admin: StoreAdmin, request: ListFilesRequest): Promise<ListFilesResponse> {
  const { device, offset, limit } = request;
  const states = new Set<number>(request.states);
  const unknown = [...states].find(state => parseState(String(state)) === undefined);
  if (unknown !== undefined) return { ...refused(`there is no state ${unknown}`), files: [], total: 0 };
  const all = await admin.files(device === '' ? {} : { device });
  const matching = states.size === 0 ? all : all.filter(record => states.has(record.state));
  const end = offset + Math.min(limit || DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE);
  const files = matching.slice(offset, end).map(record => viewToFileState(record));
  return { ...DONE, files, total: matching.length };
}

async function setFile(engine: Engine, admin: StoreAdmin, request: SetFileRequest): Promise<FileResponse> {
  const edit = editOf(request);
  if (typeof edit === 'string') return refusedEdit(admin, request.id, edit);
  const result = await admin.edit(request.id, edit, device => engine.isTarget(device));
  return typeof result === 'string' ? refusedEdit(admin, request.id, result) : fileResponse(result);
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

function refusedEdit(admin: StoreAdmin, id: string, reason: string): FileResponse {
  return { ...fileResponse(admin.look(id)), ...refused(reason) };
}

function fileResponse(found: FileRecord | string): FileResponse {
  if (typeof found === 'string') return { ...refused(found), file: NO_FILE };
  return { ...DONE, file: toFileState(found) };
}

/** What was refused; the others are done. */
function answerTo({ refused: not }: EditResult): Answer {
  return not[0] ? refused(not.map(({ id, reason }) => `${id}: ${reason}`).join('; ')) : DONE;
}

async function retry(admin: StoreAdmin, id: string): Promise<RetryResponse> {
  const { changed, refused: not } = await admin.retry(id === '' ? 'failed' : [id]);
  return { ...(not[0] ? refused(not[0].reason) : DONE), ids: changed };
}

function rescan(engine: Engine): Answer {
  engine.rescan();
  return engine.paused ? { ...DONE, message: 'paused: it is done when the work is resumed' } : DONE;
}

function pause(engine: Engine, on: boolean): Answer {
  engine.pause(on);
  return { ...DONE, message: on ? 'paused' : 'resumed' };
}

const NO_FILE: FileStateMessage = toFileState(
  newRecord({ id: '', device: '', path: '', size: 0, local: '', description: '', foundAt: 0 }, {}),
);
