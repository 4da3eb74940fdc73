import type { IncomingMessage } from 'node:http';
import { FileSyncError, type ErrorDetails, type ErrorKind } from '../../errors.js';
import type { ByteStream } from '../../ports.js';
import { watchedBytes } from '../web-client/body.js';
import { toRcloneError, type RemotePeer } from './errors.js';
import type { Answer, RcloneService, Scope } from './service.js';

/** What `rclone lsjson` shows of a file or folder. */
export interface RemoteItem {
  readonly name: string;
  readonly isFolder: boolean;
  /** Bytes; -1 for a document that exists only in the service's own form. */
  readonly size: number;
  /** ms since the Unix epoch; absent where the service keeps no times. */
  readonly modified?: number;
  /** By the names of rclone, lower-case hex; those that were asked for, as far as the service has them. */
  readonly hashes: Readonly<Record<string, string>>;
}

/** What a remote can do (`operations/fsinfo`). */
export interface RemoteInfo {
  readonly hashes: readonly string[];
  readonly keepsTimes: boolean;
  /** It renames, or copies, without this machine in between. */
  readonly moves: boolean;
  readonly isLocal: boolean;
  readonly tellsSpace: boolean;
}

/** Services without times say a century or so. */
const MAX_PRECISION_NS = 24 * 3600 * 1e9;

/** After these, what rclone has cached of the remote (its login, the identities of folders) may be out of date. */
const STALE_AFTER: ReadonlySet<ErrorKind> = new Set(['config', 'denied', 'not-found', 'unavailable']);

/** A remote of rclone, with all paths relative to its folder. */
export class RcloneRemote {
  /** NAME:path. */
  readonly remote: string;
  readonly service: RcloneService;
  readonly #peer: RemotePeer;
  #isStale = false;
  #info: RemoteInfo | undefined;

  constructor(remote: string, service: RcloneService, device: string) {
    this.remote = remote;
    this.service = service;
    const colon = remote.indexOf(':');
    const [name, folder] = [remote.slice(0, colon), remote.slice(colon + 1)];
    this.#peer = { device, name, folder, secrets: service.secrets };
  }

  /** Of the remote in the configuration of rclone. */
  get name(): string {
    return this.#peer.name;
  }

  /** Of the remote, without its name. */
  get root(): string {
    return this.#peer.folder;
  }

  /** Undefined before it was asked for. */
  get knownInfo(): RemoteInfo | undefined {
    return this.#info;
  }

  async info(scope: Scope): Promise<RemoteInfo> {
    return (this.#info ??= infoIn(await this.call('operations/fsinfo', { fs: this.remote }, scope)));
  }

  /** A file; undefined if there is none of that name. */
  async file(path: string, scope: Scope, hashTypes: readonly string[] = []): Promise<RemoteItem | undefined> {
    const opt = { filesOnly: true, noMimeType: true, showHash: hashTypes.length > 0, hashTypes };
    try {
      const answer = await this.call('operations/stat', { fs: this.remote, remote: path, opt }, scope);
      return isRecord(answer['item']) ? this.#itemIn(answer['item']) : undefined;
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  /** The content of a folder; undefined if it does not exist. */
  async folder(
    path: string,
    scope: Scope,
    only: 'all' | 'folders' = 'all',
  ): Promise<RemoteItem[] | undefined> {
    const opt = { noMimeType: true, dirsOnly: only === 'folders', noModTime: only === 'folders' };
    try {
      const { list } = await this.call('operations/list', { fs: this.remote, remote: path, opt }, scope);
      if (!Array.isArray(list))
        throw this.error('protocol', 'rclone lists nothing that is known', scope.details);
      return list.filter(isRecord).map(item => this.#itemIn(item));
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  /** The bytes of a file from `offset` on. */
  async *bytes(path: string, offset: number, scope: Scope): ByteStream {
    const reply = await this.#get(path, offset, scope);
    const { clock, timeout: limit } = this.service;
    try {
      yield* watchedBytes(reply, { limit, clock, signal: scope.signal });
    } catch (error) {
      throw this.service.explain(error, scope);
    }
  }

  async remove(path: string, scope: Scope): Promise<void> {
    await this.call('operations/deletefile', { fs: this.remote, remote: path }, scope);
  }

  /** Replaces nothing (`--ignore-existing`): where `to` exists, `from` is left as it is. */
  async move(from: string, to: string, scope: Scope): Promise<void> {
    const [srcFs, dstFs] = [this.remote, this.remote];
    await this.call('operations/movefile', { srcFs, srcRemote: from, dstFs, dstRemote: to }, scope);
  }

  /** A call of the API; rejects where rclone refuses it. */
  async call(method: string, params: object, scope: Scope): Promise<Record<string, unknown>> {
    if (this.#isStale) await this.#refresh(scope);
    const { status, text } = await this.service.call(method, params, scope);
    if (status >= 200 && status < 300) return this.#parsed(text, scope);
    throw this.#refusal({ status, text }, scope.details);
  }

  error(kind: ErrorKind, message: string, details: ErrorDetails): FileSyncError {
    return this.service.error(kind, message, details);
  }

  async #refresh(scope: Scope): Promise<void> {
    await this.service.call('fscache/clear', {}, scope);
    this.#isStale = false;
    this.#info = undefined;
  }

  async #get(path: string, offset: number, scope: Scope): Promise<IncomingMessage> {
    const names = path.split('/').map(encodeURIComponent).join('/');
    const headers = offset > 0 ? { Range: `bytes=${offset}-` } : {};
    const reply = await this.service.get(`/[${encodeURI(this.remote)}]/${names}`, headers, scope);
    const expected = offset > 0 ? 206 : 200;
    if (reply.statusCode === expected) return reply;
    const said = await beginningOf(reply);
    throw this.#refusal({ status: reply.statusCode ?? 0, text: said }, scope.details);
  }

  #refusal({ status, text }: Answer, details: ErrorDetails): FileSyncError {
    const said = saidIn(text) ?? `${status}`;
    const error = toRcloneError(said, this.#peer, details);
    this.#isStale ||= STALE_AFTER.has(error.kind);
    return error;
  }

  #parsed(text: string, { details }: Scope): Record<string, unknown> {
    try {
      const value: unknown = JSON.parse(text);
      if (isRecord(value)) return value;
    } catch {
      // Text that is no JSON is refused below, like any other value.
    }
    throw this.error('protocol', 'rclone gave an answer that is no JSON object', details);
  }

  #itemIn(item: Record<string, unknown>): RemoteItem {
    const { Name: name, IsDir: isFolder, Size: size, ModTime: time, Hashes: hashes } = item;
    const modified = this.#info?.keepsTimes === false ? NaN : Date.parse(String(time));
    return {
      name: typeof name === 'string' ? name : '',
      isFolder: isFolder === true,
      size: typeof size === 'number' ? size : -1,
      ...(Number.isFinite(modified) && { modified }),
      hashes: isRecord(hashes) ? textsIn(hashes) : {},
    };
  }
}

function infoIn({ Hashes, Precision, Features }: Record<string, unknown>): RemoteInfo {
  const features = isRecord(Features) ? Features : {};
  return {
    hashes: Array.isArray(Hashes) ? Hashes.map(String) : [],
    keepsTimes: typeof Precision === 'number' && Precision <= MAX_PRECISION_NS,
    moves: features['Move'] === true || features['Copy'] === true,
    isLocal: features['IsLocal'] === true,
    tellsSpace: features['About'] === true,
  };
}

function saidIn(text: string): string | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) && typeof value['error'] === 'string' ? value['error'] : undefined;
  } catch {
    return text.trim() || undefined;
  }
}

const textsIn = (from: Record<string, unknown>): Record<string, string> =>
  Object.fromEntries(Object.entries(from).map(([key, value]) => [key, String(value).toLowerCase()]));

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isMissing = (thrown: unknown): boolean =>
  thrown instanceof FileSyncError && thrown.kind === 'not-found';

/** Characters of a refusal that are read. */
const MAX_REFUSAL_LENGTH = 4096;

/** rclone may end the connection with it, since it has announced the file's own length. */
async function beginningOf(reply: IncomingMessage): Promise<string> {
  let text = '';
  try {
    for await (const piece of reply.setEncoding('utf8') as AsyncIterable<string>) {
      text += piece;
      if (text.length > MAX_REFUSAL_LENGTH) break;
    }
  } catch {
    // What has arrived says enough.
  }
  return text;
}
