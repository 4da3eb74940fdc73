import type { Observable } from 'rxjs';
import { FileSyncError, type ErrorDetails } from '../../errors.js';
import { checksumOf } from '../../local/digest.js';
import type {
  Availability,
  ByteStream,
  Checksum,
  Outgoing,
  Receipt,
  Target,
  TargetCapabilities,
  TargetStat,
  Verification,
  WriteEvents,
} from '../../ports.js';
import { withDeadline } from '../../system/deadline.js';
import { pollAvailability } from '../availability.js';
import { outgoingBytes } from '../outgoing-bytes.js';
import { partName } from '../part-names.js';
import { checkTargetPath } from '../target-path.js';
import { PROBE_TEXT, probeByWriting, refusesName, type ProbeActs } from '../write-probe.js';
import { hashAmong, newRemoteDigest, type RemoteDigest } from './hashes.js';
import { Offers, type Offered } from './offers.js';
import type { RcloneRemote, RemoteItem } from './remote.js';
import type { Scope } from './service.js';

/** Each probe is a request to a service that counts them. */
const PROBE_INTERVAL_MS = 60_000;
/** A name that no file has: what is found out is whether the service answers. */
const NO_FILE = '.filesync-availability';

/** One upload in progress. */
interface Upload {
  readonly file: Outgoing;
  readonly path: string;
  /** Where it is sent to: beside `path`, or `path` itself where the remote can neither rename nor copy. */
  readonly part: string;
  readonly scope: Scope;
  readonly events: WriteEvents;
  /** Resolves when the commit has been announced; the first call announces it. */
  readonly commit: () => Promise<void>;
  /** The name of the hash that the remote reports, if it is known here. */
  readonly hash: string | undefined;
}

type Digests = ReadonlyMap<string, RemoteDigest>;

/**
 * Files are uploaded as `<name>.<token>.part`, verified (by a hash that the service reports, else by size, or by reading back) and
 * renamed, or copied by the service, where nothing of that name is. Where a remote can do neither, they are sent to their own name.
 * rclone cannot resume an upload: it is sent from the start, over its earlier part.
 */
export class RcloneTarget implements Target {
  readonly capabilities: TargetCapabilities = {
    connections: 2,
    resume: false,
    stat: true,
    checksum: 'sha256',
    resend: false,
  };
  readonly availability: Observable<Availability>;
  readonly #remote: RcloneRemote;
  readonly #device: string;
  readonly #readsBack: boolean;
  readonly #offers = new Offers();
  readonly #closed = new AbortController();
  /** Uploads that rclone has not ended yet, although nobody waits for them any more; by their part. */
  readonly #ending = new Map<string, Promise<unknown>>();
  #isClosed = false;

  constructor(remote: RcloneRemote, device: string, readsBack: boolean) {
    this.#remote = remote;
    this.#device = device;
    this.#readsBack = readsBack;
    const polling = { clock: remote.service.clock, interval: PROBE_INTERVAL_MS, until: this.#closed.signal };
    this.availability = pollAvailability(signal => this.#probe(signal), polling);
  }

  async stat(path: string, _token: string, signal: AbortSignal): Promise<TargetStat> {
    const found = await this.#remote.file(path, this.#scope('stat', path, signal));
    return { ...(found && { size: found.size }), partial: 0 };
  }

  async checksum(path: string, signal: AbortSignal): Promise<Checksum> {
    const scope = this.#scope('checksum', path, signal);
    const { hashes } = await this.#remote.info(scope);
    const found = await this.#remote.file(path, scope, hashes.includes('sha256') ? ['sha256'] : []);
    if (!found)
      throw this.#remote.error('not-found', `${this.#remote.name} has no file ${path}`, scope.details);
    const value = found.hashes['sha256'] ?? (await this.#read(path, scope));
    return { algorithm: 'sha256', value };
  }

  async write(...[file, path, offset, signal, events]: Parameters<Target['write']>): Promise<Receipt> {
    const scope = this.#scope('write', path, signal);
    if (offset > 0) throw this.#remote.error('unsupported', 'rclone cannot resume an upload', scope.details);
    const { moves, hashes } = await this.#remote.info(scope);
    const part = moves ? partName(path, file.token) : path;
    await withDeadline(this.#ending.get(part) ?? Promise.resolve(), { signal });
    if (await this.#remote.file(path, scope)) throw this.#exists(path, scope.details);
    let committed: Promise<void> | undefined;
    const commit = (): Promise<void> => (committed ??= events.committing());
    const upload = { file, path, part, scope, events, commit, hash: hashAmong(hashes) };
    const verified = await this.#verify(upload, await this.#send(upload));
    await commit();
    if (moves) await this.#publish(upload);
    return { location: this.#locationOf(path), verified };
  }

  /** A missing folder is not made: not every remote can remove it again. */
  async probe(signal: AbortSignal): Promise<void> {
    const scope = this.#scope('probe', '', signal);
    const { service, name, remote } = this.#remote;
    if (!(await this.#remote.folder('', scope, 'folders')))
      throw this.#remote.error(
        'not-found',
        `${name} has no such folder yet; it is made with the first file`,
        scope.details,
      );
    const place = { device: this.#device, root: remote, option: 'remote', clock: service.clock };
    await probeByWriting(this.#probeActs, place, signal);
  }

  refusesName(path: string, signal: AbortSignal): Promise<boolean> {
    return refusesName(this.#probeActs, path, signal);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#closed.abort();
    await this.#offers.close();
    await this.#remote.service.close();
  }

  get #probeActs(): ProbeActs {
    const scope = (signal: AbortSignal) => this.#scope('probe', '', signal);
    const text = Buffer.from(PROBE_TEXT);
    const bytes = async function* (): ByteStream {
      yield text;
    };
    return {
      write: (name, over) => this.#upload({ size: text.length, bytes }, name, scope(over)),
      rename: (from, to, over) => this.#remote.move(from, to, scope(over)),
      remove: (name, over) => this.#remote.remove(name, scope(over)),
    };
  }

  /** No probe while an operation is in progress: its outcome shows the same. */
  async #probe(signal: AbortSignal): Promise<Availability> {
    const scope = this.#scope('probe', '', signal);
    if (!this.#remote.service.isWorking) await this.#remote.file(NO_FILE, scope);
    return { available: true, reason: `${this.#remote.name}: reached by rclone`, armed: false };
  }

  async #send(upload: Upload): Promise<Digests> {
    const { file, part, scope, events, commit } = upload;
    const { size, modified = 0 } = file.source;
    const names = [upload.hash, this.#readsBack || file.readBack ? 'sha256' : undefined];
    let digests: Digests = new Map();
    const sending = {
      device: this.#device,
      progress: (sent: number) => events.progress(sent),
      ...(part === upload.path && { beforeLast: commit }),
    };
    const bytes = (): ByteStream => {
      digests = new Map(names.flatMap(name => (name === undefined ? [] : [[name, newRemoteDigest(name)]])));
      return hashing(outgoingBytes(file, 0, sending), digests);
    };
    await this.#upload({ size, bytes, ...(modified > 0 && { modified }) }, part, scope);
    return digests;
  }

  /** Lets rclone fetch the bytes. An error of the bytes themselves comes first: what rclone says of it is a consequence. */
  async #upload(offered: Offered, part: string, scope: Scope): Promise<void> {
    const offer = await this.#offers.add(offered);
    const params = { fs: this.#remote.remote, remote: part, url: offer.url };
    // Without the bytes rclone ends the upload by itself. Its answer tells when: only then the part is free for the next attempt.
    const patient = { ...scope, signal: this.#closed.signal };
    const uploading = this.#remote.call('operations/copyurl', params, patient);
    const ended = uploading.catch(ignore).then(() => this.#ending.delete(part));
    this.#ending.set(part, ended);
    try {
      await withDeadline(uploading, { signal: scope.signal });
    } catch (error) {
      if (!scope.signal.aborted && offer.failure instanceof FileSyncError) throw offer.failure;
      throw this.#remote.service.explain(error, scope);
    } finally {
      offer.close();
    }
  }

  async #verify(upload: Upload, sent: Digests): Promise<Verification> {
    const { file, part, scope, hash = '' } = upload;
    const held = await this.#held(upload);
    const told = held.hashes[hash] ?? '';
    if (told !== '') return this.#compare(upload, [hash, told], sent);
    if (!this.#readsBack && !file.readBack) return 'size';
    return this.#compare(upload, ['sha256', await this.#read(part, scope)], sent);
  }

  /** What the remote reports of the upload, which has the right size. */
  async #held(upload: Upload): Promise<RemoteItem> {
    const { file, part, scope, hash } = upload;
    const held = await this.#remote.file(part, scope, hash === undefined ? [] : [hash]);
    if (held?.size === file.source.size) return held;
    return this.#discard(upload, `${held?.size ?? 'no'} bytes`);
  }

  async #compare(
    upload: Upload,
    [name, held]: readonly [string, string],
    sent: Digests,
  ): Promise<Verification> {
    return held === sent.get(name)?.hex() ? 'hash' : this.#discard(upload, `the ${name} ${held}`);
  }

  /** It is ours: it was whole there, and is not what was sent. */
  async #discard({ file, part, scope }: Upload, has: string): Promise<never> {
    await this.#remote.remove(part, scope).catch(ignore);
    const message = `${this.#remote.name} has ${has} of ${file.source.path}, not those that were sent`;
    throw this.#remote.error('corrupt', message, scope.details);
  }

  async #publish({ part, path, scope }: Upload): Promise<void> {
    await this.#remote.move(part, path, scope);
    // Where a file of that name has appeared, rclone leaves both as they are.
    if (!(await this.#remote.file(part, scope))) return;
    await this.#remote.remove(part, scope).catch(ignore);
    throw this.#exists(path, scope.details);
  }

  async #read(path: string, scope: Scope): Promise<string> {
    return (await checksumOf(this.#remote.bytes(path, 0, scope), 'sha256')).value;
  }

  #exists(path: string, details: ErrorDetails) {
    return this.#remote.error('exists', `${this.#remote.name} has a file ${path} already`, details);
  }

  #locationOf(path: string): string {
    const { remote } = this.#remote;
    return remote.endsWith(':') || remote.endsWith('/') ? remote + path : `${remote}/${path}`;
  }

  #scope(operation: string, path: string, signal: AbortSignal): Scope {
    const details = { device: this.#device, operation, ...(path !== '' && { path }) };
    if (operation !== 'probe') checkTargetPath(path, details);
    return { signal, details };
  }
}

async function* hashing(bytes: ByteStream, digests: Digests): ByteStream {
  for await (const chunk of bytes) {
    for (const digest of digests.values()) digest.update(chunk);
    yield chunk;
  }
}

function ignore(): void {}
