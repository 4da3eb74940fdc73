import { stat } from 'node:fs/promises';
import { RemoteApi } from '../api/client.js';
import { controlSocket } from '../api/socket.js';
import { readExport, type ExportLine } from '../db/export-format.js';
import { openStore } from '../db/store.js';
import { FileSyncError, throwIfAborted } from '../errors.js';
import type { FileRecord } from '../ports.js';
import { imported } from '../record/imported.js';
import { Records } from '../record/records.js';
import { common, defineCommand } from './command.js';
import { configFor, loggerFor } from './setup.js';
import { ExitCode, type Shell } from './shell.js';

/** Records that are written together. */
const BATCH = 256;

export const importDatabase = defineCommand({
  endsCleanly: true,
  options: {
    config: common.config,
    json: common.json,
    merge: {
      type: 'boolean' as const,
      default: false,
      describe: 'add what is missing to a database that has records; none of them is changed',
    },
  },
  build: yargs =>
    yargs.positional('file', { type: 'string', demandOption: true, describe: 'what `export` has written' }),
  async run(args, shell) {
    const path = args['file'] as string;
    const config = await configFor(shell, args.config);
    await checkAll(path, shell);
    if (await RemoteApi.connect(controlSocket(config.database)))
      throw new FileSyncError('config', 'a daemon uses this database: stop it, import, then start it again');
    const { clock } = shell;
    const store = await openStore(config.database, {
      ...{ clock, modes: config.modes, logger: loggerFor(shell, 'warn') },
    });
    const records = new Records(store, clock);
    try {
      if (!args.merge) await refuseRecords(records, config.devices.keys());
      const { added, kept } = await new Import(records, shell.stopped).all(path);
      if (args.json) shell.print(JSON.stringify({ added, kept }));
      else shell.print(`${added} records added, ${kept} were there already and stay as they are`);
    } finally {
      await records.close();
    }
    return ExitCode.DONE;
  },
});

/** Nothing is changed unless the whole file is right. */
async function checkAll(path: string, { stopped }: Shell): Promise<void> {
  const found = await stat(path).catch((cause: NodeJS.ErrnoException) => {
    throw new FileSyncError(
      'config',
      `${path} cannot be read (${cause.code}): name what export has written`,
      {
        cause,
      },
    );
  });
  if (!found.isFile()) throw new FileSyncError('config', `${path} is no file: name what export has written`);
  for await (const _line of readExport(path)) throwIfAborted(stopped);
}

async function refuseRecords(records: Records, devices: Iterable<string>): Promise<void> {
  let isEmpty = [...devices].every(device => records.source(device) === undefined);
  for (const _record of records.all()) isEmpty = false;
  if (isEmpty) for await (const _record of records.archived()) isEmpty = false;
  if (isEmpty) return;
  const remedy = '--merge adds what is missing and changes nothing else';
  throw new FileSyncError('config', `the database has records already: ${remedy}`);
}

class Import {
  readonly #records: Records;
  readonly #signal: AbortSignal;
  /** Of the archive, which is read only once. */
  readonly #archived = new Set<string>();
  #batch: ExportLine[] = [];
  #added = 0;
  #kept = 0;

  constructor(records: Records, signal: AbortSignal) {
    this.#records = records;
    this.#signal = signal;
  }

  async all(path: string): Promise<{ added: number; kept: number }> {
    for await (const { id } of this.#records.archived()) this.#archived.add(id);
    for await (const line of readExport(path)) {
      throwIfAborted(this.#signal);
      if (this.#batch.push(line) >= BATCH) await this.#write();
    }
    await this.#write();
    return { added: this.#added, kept: this.#kept };
  }

  async #write(): Promise<void> {
    const lines = this.#batch;
    this.#batch = [];
    const archived: string[] = [];
    const writing = lines.map(async line => {
      if ('source' in line && !this.#records.source(line.source.device))
        await this.#records.putSource(line.source);
      const record = 'record' in line ? line.record : 'archived' in line ? line.archived : undefined;
      if (record && (await this.#add(record)) && 'archived' in line) archived.push(record.id);
    });
    await Promise.all(writing);
    if (archived.length > 0) await this.#records.archive(archived);
  }

  /** False if there is such a record: it stays as it is. */
  async #add(record: FileRecord): Promise<boolean> {
    const { id } = record;
    if (this.#records.get(id) || this.#archived.has(id)) {
      this.#kept++;
      return false;
    }
    this.#added++;
    await this.#records.commit(id, { type: 'Found', record: imported(record) });
    return true;
  }
}
