import { GetObjectCommand, HeadObjectCommand, S3Client } from '@aws-sdk/client-s3';
import type { DeviceContext } from '../../config/definition.js';
import { FileSyncError, throwIfAborted, type ErrorDetails } from '../../errors.js';
import type { Clock } from '../../ports.js';
import { proxyFor, type Proxy } from '../proxy.js';
import { maskedMessage } from '../server-words.js';
import { webAgent } from '../web-client/agent.js';
import type { RequestScope } from '../web-client/scope.js';
import { codeOf, statusOf, toS3Error } from './errors.js';
import { S3Handler } from './handler.js';
import { endpointOf, type S3Options } from './options.js';

/** What a HEAD request tells of an object. */
export interface S3Object {
  /** Bytes. */
  readonly size: number;
  /** Without its quotes. */
  readonly etag: string;
  /** ms since the Unix epoch. */
  readonly modified?: number;
  /** Of our own objects, hex. */
  readonly sha256?: string;
  /** Its ETag is no hash of its bytes, since the server encrypts it with a key of its own. */
  readonly hasOpaqueEtag: boolean;
}

export interface SendOptions {
  readonly abortSignal: AbortSignal;
}

/** Differences between the clocks from which on a person is told; ms. Servers refuse requests from 15 minutes on. */
const MAX_SILENT_OFFSET_MS = 5 * 60_000;

/** One bucket: signs requests, keeps connections, and rejects with FileSyncError only. */
export class S3Bucket {
  readonly url: URL;
  readonly bucket: string;
  readonly #options: S3Options;
  readonly #context: DeviceContext;
  readonly #client: S3Client;
  readonly #agent: ReturnType<typeof webAgent>;
  readonly #closed = new AbortController();
  readonly #secrets = new Set<string>();

  constructor(options: S3Options, context: DeviceContext) {
    this.url = new URL(endpointOf(options));
    this.bucket = options.bucket;
    this.#options = options;
    this.#context = context;
    const proxy = (): Proxy | undefined => this.#proxy;
    const { timeout } = options;
    const site = { url: this.url, timeout, tls: options, proxy, closed: this.#closed.signal };
    this.#agent = webAgent(site, context);
    this.#client = this.#newClient(
      new S3Handler({ agent: this.#agent, timeout, proxy, secrets: this.#secrets }, context),
    );
  }

  get host(): string {
    return this.url.host;
  }

  get clock(): Clock {
    return this.#context.clock;
  }

  get timeout(): number {
    return this.#options.timeout;
  }

  /** The key of a path below the prefix. */
  keyOf(path: string): string {
    return this.prefix + path;
  }

  /** With the slash at its end; empty for the whole bucket. */
  get prefix(): string {
    const { prefix } = this.#options;
    return prefix === '' || prefix.endsWith('/') ? prefix : `${prefix}/`;
  }

  /**
   * The answer to a request. One that is refused because this machine's clock is wrong is sent once more, by the server's time,
   * which the SDK has learned from the refusal.
   */
  async ask<Answer>(
    { signal, details }: RequestScope,
    send: (client: S3Client, options: SendOptions) => Promise<Answer>,
  ): Promise<Answer> {
    const attempt = async (): Promise<Answer> => {
      throwIfAborted(this.#closed.signal, this.#detailed(details));
      throwIfAborted(signal, this.#detailed(details));
      return send(this.#client, { abortSignal: signal });
    };
    try {
      await this.#learnSecrets();
      return await attempt().catch((error: unknown) => {
        if (!isClockCorrected(error)) throw error;
        return attempt();
      });
    } catch (error) {
      throw this.explain(error, { signal, details });
    }
  }

  /** Undefined if there is none. `forbidden`: the access key may not know; it is so, too, where it may not list the bucket. */
  async head(key: string, scope: RequestScope): Promise<S3Object | 'forbidden' | undefined> {
    const object = { Bucket: this.bucket, Key: key };
    const asked = await this.ask(scope, (client, options) =>
      client.send(new HeadObjectCommand(object), options).catch(unlessRefused),
    );
    if (asked === 'missing') return undefined;
    if (asked !== 'refused') return objectIn(asked);
    // Refusals of HEAD do not say why.
    return this.ask(scope, async (client, options) => {
      try {
        const { Body } = await client.send(new GetObjectCommand({ ...object, Range: 'bytes=0-0' }), options);
        (Body as { destroy?: () => void } | undefined)?.destroy?.();
        return 'forbidden' as const;
      } catch (error) {
        const code = codeOf(error);
        if (code === 'NoSuchKey') return undefined;
        if (code === 'AccessDenied') return 'forbidden' as const;
        throw error;
      }
    });
  }

  /** A sentence about this machine's clock, if it differs from the server's; else nothing. */
  get clockWords(): string {
    const offset = this.#client.config.systemClockOffset;
    if (Math.abs(offset) < MAX_SILENT_OFFSET_MS) return '';
    const minutes = Math.round(Math.abs(offset) / 60_000);
    const side = offset > 0 ? 'behind' : 'ahead of';
    return `; the clock of this machine is ${minutes} minutes ${side} the server's, which requests allow for: set it (timedatectl set-ntp true)`;
  }

  error(kind: FileSyncError['kind'], what: string, details: ErrorDetails): FileSyncError {
    const words = maskedMessage(what, this.#secrets);
    return new FileSyncError(kind, `${this.host} ${words}`, this.#detailed(details));
  }

  /** Translates the error of a request. */
  explain(thrown: unknown, { signal, details }: RequestScope): FileSyncError {
    const all = this.#detailed(details);
    if (signal.aborted || this.#closed.signal.aborted)
      return new FileSyncError('cancelled', 'cancelled', { ...all, cause: signal.reason });
    const { host, bucket } = this;
    const peer = {
      host,
      bucket,
      region: this.#options.region,
      secrets: this.#secrets,
      now: this.clock.now(),
    };
    return toS3Error(thrown, peer, all);
  }

  close(): void {
    this.#closed.abort();
    this.#client.destroy();
    this.#agent.destroy();
  }

  #newClient(requestHandler: S3Handler): S3Client {
    const { endpoint, region, path_style: forcePathStyle, profile } = this.#options;
    const credentials = this.#credentials();
    return new S3Client({
      ...(endpoint !== undefined && { endpoint }),
      ...{ region, forcePathStyle, requestHandler: { handle: requestHandler.handle.bind(requestHandler) } },
      ...(profile !== undefined && { profile }),
      ...(credentials && { credentials }),
      // Of buffers the SHA-256 is signed, which every server verifies; many refuse checksums in trailers.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      expectContinueHeader: false,
      // The engine alone retries.
      maxAttempts: 1,
    });
  }

  /** Read for each request: they may be renewed while the program runs. Undefined: the SDK looks for them. */
  #credentials() {
    const { access_key: name, secret_key: secret, session_token: token } = this.#options;
    if (name === undefined && secret === undefined) return undefined;
    const context = this.#context;
    return async () => {
      if (name === undefined || secret === undefined) throw halfCredentials(context.name);
      const key = { accessKeyId: context.secret(name), secretAccessKey: context.secret(secret) };
      return token === undefined ? key : { ...key, sessionToken: context.secret(token) };
    };
  }

  /** No message may contain them. */
  async #learnSecrets(): Promise<void> {
    const { secretAccessKey, sessionToken } = await this.#client.config.credentials();
    for (const secret of [secretAccessKey, sessionToken]) if (secret) this.#secrets.add(secret);
  }

  get #proxy(): Proxy | undefined {
    const proxy = proxyFor(this.url, this.#context.env);
    for (const secret of proxy?.secrets ?? []) this.#secrets.add(secret);
    return proxy;
  }

  #detailed(details: ErrorDetails): ErrorDetails {
    return { ...details, device: this.#context.name };
  }
}

interface Headed {
  readonly ContentLength?: number | undefined;
  readonly ETag?: string | undefined;
  readonly LastModified?: Date | undefined;
  readonly Metadata?: Readonly<Record<string, string>> | undefined;
  readonly ServerSideEncryption?: string | undefined;
  readonly SSECustomerAlgorithm?: string | undefined;
}

export function objectIn(head: Headed): S3Object {
  const modified = head.LastModified?.getTime();
  const sha256 = head.Metadata?.['sha256'];
  return {
    size: head.ContentLength ?? 0,
    etag: plainEtag(head.ETag),
    hasOpaqueEtag:
      (head.ServerSideEncryption ?? 'AES256') !== 'AES256' || head.SSECustomerAlgorithm !== undefined,
    ...(modified !== undefined && { modified }),
    ...(sha256 !== undefined && { sha256 }),
  };
}

export const plainEtag = (etag: string | undefined): string => (etag ?? '').replaceAll('"', '');

function unlessRefused(error: unknown): 'missing' | 'refused' {
  const status = statusOf(error);
  if (status === 404) return 'missing';
  if (status !== undefined && status < 500 && !isClockCorrected(error)) return 'refused';
  throw error;
}

function halfCredentials(device: string): FileSyncError {
  const message = 'access_key and secret_key belong together: set both';
  return new FileSyncError('config', message, { device, temporary: true });
}

/** The SDK has learned how wrong this machine's clock is. */
const isClockCorrected = (error: unknown): boolean =>
  typeof error === 'object' &&
  error !== null &&
  '$metadata' in error &&
  (error.$metadata as { clockSkewCorrected?: boolean }).clockSkewCorrected === true;
