import type { Socket } from 'node:net';
import { posix } from 'node:path';
import axios from 'axios';
import type { Observable } from 'rxjs';
import type { SecretRef } from '../../config/options.js';
import { FileSyncError, throwIfAborted, toFileSyncError, type ErrorDetails } from '../../errors.js';
import type {
  Availability,
  Checksum,
  Outgoing,
  Receipt,
  Target,
  TargetCapabilities,
  TargetStat,
  WriteEvents,
} from '../../ports.js';
import type { DeviceContext } from '../../config/definition.js';
import { CONNECTION_RESET, isCertificateRefused } from '../../system/connection-errors.js';
import { pollAvailability } from '../availability.js';
import { connectTo, webTrouble } from '../network.js';
import { flushed } from '../send-queue.js';
import { checkTargetPath } from '../target-path.js';
import { readTls, type TlsFiles } from '../tls-options.js';
import type { ErrorTable } from '../error-table.js';
import { unknownOutcome, locationIn } from './answer.js';
import { UploadForm } from './form.js';
import { beginningOf, exchange, type Reply } from './exchange.js';
import type { Login } from './credentials.js';
import { SiteLogin } from './login.js';
import { agentFor, post } from './post.js';
import { bareHost, isLoopback, proxyFor } from '../proxy.js';
import { masked } from '../../system/masked.js';
import { secretFields } from '../server-words.js';
import type { Success } from './success.js';

const PROBE_INTERVAL_MS = 15_000;

/** After the name of a server that is reached by plain http. */
const OPEN =
  ', but http:// is not encrypted, and a login page of a network in between could answer in its place: use https://, or set success';

const PROBE_TIMEOUT_MS = 10_000;

/** A shorter value of a query is no secret, and would be found in any text. */
const MIN_SECRET_LENGTH = 6;

/** A server to which each file is uploaded by one multipart/form-data request. */
export interface UploadSite {
  readonly url: URL;
  /** A template of the whole address, where it differs from file to file; its host is that of `url`. */
  readonly address?: string;
  /** Default: a form. */
  readonly body?: 'form' | 'raw';
  readonly method: 'POST' | 'PUT';
  readonly fileField: string;
  /** Templates. */
  readonly fields: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, SecretRef>>;
  readonly tls: TlsFiles;
  /** Reads user and password. */
  readonly login?: () => Login | undefined;
  /** ms without a byte moving. */
  readonly timeout: number;
  readonly onLostAnswer: 'resend' | 'hold';
  /** How the site says that it has stored a file; absent: by the status. */
  readonly success?: Success | undefined;
  /** The location in the body of an answer; default: its `url` or `location`, or the header. */
  readonly locate?: (body: string) => URL | undefined;
  readonly refusals?: ErrorTable['codes'];
  /** A success always has such a location of the file; an answer without one is not the server's. */
  readonly isFile?: (location: URL) => boolean;
  /** Throws for a file that the server would refuse, before anything is sent. */
  readonly check?: (file: Outgoing, fields: Readonly<Record<string, string>>) => Promise<void>;
}

/** Uploads each file by one HTTP request, whose answer is the only proof of the delivery. */
export class HttpTarget implements Target {
  readonly capabilities: TargetCapabilities;
  readonly availability: Observable<Availability>;
  readonly #site: UploadSite;
  readonly #context: DeviceContext;
  readonly #closed = new AbortController();
  readonly #login: SiteLogin;

  constructor(site: UploadSite, context: DeviceContext) {
    const resend = site.onLostAnswer === 'resend';
    this.capabilities = { connections: 2, resume: false, stat: false, checksum: false, resend };
    this.#site = site;
    this.#context = context;
    this.#login = new SiteLogin(site.login ?? (() => undefined));
    const { clock, random } = context;
    const until = this.#closed.signal;
    this.availability = pollAvailability(signal => this.#probe(signal), {
      clock,
      random,
      interval: PROBE_INTERVAL_MS,
      until,
    });
  }

  async stat(path: string): Promise<TargetStat> {
    throw this.#unsupported('stat', path);
  }

  async checksum(path: string): Promise<Checksum> {
    throw this.#unsupported('checksum', path);
  }

  async write(...[file, path, offset, signal, events]: Parameters<Target['write']>): Promise<Receipt> {
    const details: ErrorDetails = { device: this.#context.name, operation: 'write', path };
    throwIfAborted(signal, details);
    checkTargetPath(path, details);
    if (offset > 0) throw this.#unsupported('write', path);
    const fields = await this.#fields(file);
    await this.#logIn(this.#urlFor(file), details, signal);
    const socket = await this.#connect(details, signal, this.#site.timeout);
    const form = this.#form(file, path, fields, events, socket);
    try {
      return { location: await this.#upload(form, file, socket, details, signal), verified: 'reply' };
    } catch (error) {
      throw this.#explain(error, form, details, signal);
    } finally {
      socket.destroy();
      await form.close();
    }
  }

  /** The answer to a GET of another page of the site, with the login. */
  async get(url: URL, details: ErrorDetails, signal: AbortSignal): Promise<{ status: number; body: string }> {
    await this.#logIn(url, details, signal);
    return this.#ask('GET', url, this.#login.header('GET', url), details, signal);
  }

  /** Ends the probes: no connection is kept open between uploads. */
  async close(): Promise<void> {
    this.#closed.abort();
  }

  /** Only connects: a request would be an upload, or an error in the server's log. */
  async #probe(signal: AbortSignal): Promise<Availability> {
    const details: ErrorDetails = { device: this.#context.name, operation: 'probe' };
    const socket = await this.#connect(details, signal, Math.min(this.#site.timeout, PROBE_TIMEOUT_MS));
    socket.destroy();
    const { url } = this.#site;
    const isOpen = url.protocol === 'http:' && !isLoopback(bareHost(url));
    return { available: true, reason: `${url.host} accepts connections${isOpen ? OPEN : ''}`, armed: false };
  }

  get #proxy() {
    return proxyFor(this.#site.url, this.#context.env);
  }

  /** Connects before the form is sent: the file cannot have arrived at a server that is offline. */
  async #connect(details: ErrorDetails, signal: AbortSignal, timeout: number): Promise<Socket> {
    const { url, tls } = this.#site;
    try {
      const material = await readTls(tls, this.#context);
      return await connectTo(url, { tls: material, timeout, signal, proxy: this.#proxy });
    } catch (error) {
      throw signal.aborted ? cancelled(signal, details) : this.#unavailable(error, details);
    }
  }

  async #fields(file: Outgoing): Promise<Record<string, string>> {
    const { fields: templates, check } = this.#site;
    const rendered = Object.entries(templates).map(([name, value]) => [name, file.render(value)] as const);
    const fields = Object.fromEntries(rendered);
    await check?.(file, fields);
    return fields;
  }

  #form(
    file: Outgoing,
    path: string,
    fields: Readonly<Record<string, string>>,
    events: WriteEvents,
    socket: Socket,
  ): UploadForm {
    const { name: device, clock } = this.#context;
    const { fileField, timeout } = this.#site;
    return new UploadForm({
      device,
      file,
      fileName: posix.basename(path),
      fileField,
      fields,
      events,
      body: this.#site.body ?? 'form',
      flushed: () => flushed(socket, timeout, clock),
      throwIfClosed: () => throwIfDestroyed(socket),
    });
  }

  /** Throws `denied` if the site refuses user and password, before the file is sent. */
  async #logIn(url: URL, details: ErrorDetails, signal: AbortSignal): Promise<void> {
    const refused = await this.#login.refusal(url, sent => this.#ask('HEAD', url, sent, details, signal));
    if (!refused) return;
    const message = `${url.host} refused the login: check user and password`;
    throw new FileSyncError('denied', message, details);
  }

  async #ask(
    method: 'HEAD' | 'GET',
    url: URL,
    authorization: string | undefined,
    details: ErrorDetails,
    signal: AbortSignal,
  ): Promise<Omit<Reply, 'body' | 'headers'> & { readonly body: string }> {
    const { timeout } = this.#site;
    const socket = await this.#connect(details, signal, timeout);
    const headers = this.#headers(authorization);
    const { logger, clock } = this.#context;
    const log = { logger, clock, secrets: this.#secrets(headers) };
    const agent = agentFor(url, socket);
    try {
      const sent = { url, method, headers, agent, proxy: this.#proxy, signal, log, timeout };
      const { status, header, body } = await exchange(sent);
      return { status, header, body: await beginningOf(body, clock, timeout) };
    } catch (error) {
      throw signal.aborted ? cancelled(signal, details) : this.#unavailable(error, details);
    } finally {
      socket.destroy();
    }
  }

  #mustLogIn(details: ErrorDetails): FileSyncError {
    const message = `${this.#site.url.host} asks for a login at the upload itself: the file is sent again with it`;
    return new FileSyncError('io', message, details);
  }

  async #upload(
    form: UploadForm,
    file: Outgoing,
    socket: Socket,
    details: ErrorDetails,
    signal: AbortSignal,
  ): Promise<string> {
    const { method, isFile, locate, success, refusals } = this.#site;
    const url = this.#urlFor(file);
    const authorization = this.#login.header(method, url);
    const headers = this.#headers(authorization);
    const proxy = this.#proxy;
    const secrets = this.#secrets(headers);
    const { logger, clock } = this.#context;
    const log = { logger, clock, secrets };
    const request = { url, method, headers, form, socket, proxy, signal, log, timeout: this.#site.timeout };
    const answer = await post(request);
    if (answer.status === 401 && this.#login.challenged(answer.challenge, authorization))
      throw this.#mustLogIn(details);
    const size = file.source.size;
    const now = clock.now();
    secrets.push(...deleteTokens(answer.body));
    const upload = { details, url, size, complete: form.committed, secrets, now, success, refusals };
    const outcome = unknownOutcome(answer, upload);
    if (outcome !== undefined) throw this.#lost(masked(outcome, secrets), details);
    const stored = locationIn(answer, upload);
    const location = locate ? locate(answer.body) : stored;
    if (!isFile || (location && isFile(location)))
      return masked(location?.href ?? url.origin + url.pathname, secrets);
    throw this.#lost(`answered ${answer.status} without the file's location`, details);
  }

  #headers(authorization: string | undefined): Record<string, string> {
    const headers = Object.entries(this.#site.headers);
    const configured = headers.map(([name, ref]) => [name, this.#context.secret(ref)] as const);
    return { ...Object.fromEntries(configured), ...(authorization !== undefined && { authorization }) };
  }

  #urlFor(file: Outgoing): URL {
    const { address, url } = this.#site;
    return address === undefined
      ? url
      : new URL(address.replace(PLACEHOLDER, each => escaped(file.render(each))));
  }

  /** Of the headers, the constant fields, the address and the proxy: what a server may repeat. */
  #secrets(headers: Readonly<Record<string, string>>): string[] {
    const { url, fields } = this.#site;
    const constant = Object.entries(fields).filter(([, template]) => !template.includes('{'));
    return [
      ...Object.values(headers).flatMap(value => [value, ...value.split(' ')]),
      ...secretFields(Object.fromEntries(constant)),
      ...[...url.searchParams.values()].filter(({ length }) => length >= MIN_SECRET_LENGTH),
      ...this.#login.secrets,
      ...(this.#proxy?.secrets ?? []),
    ];
  }

  #explain(error: unknown, form: UploadForm, details: ErrorDetails, signal: AbortSignal): FileSyncError {
    if (signal.aborted) return cancelled(signal, details);
    if (form.failure !== undefined) return toFileSyncError(form.failure, details);
    if (form.committed && !(error instanceof FileSyncError) && !isCertificateRefused(error))
      return this.#lost(endOf(error), details);
    return this.#unavailable(error, details);
  }

  /** The error of axios is not passed on as a cause: it holds the headers with their secrets. */
  #unavailable(error: unknown, details: ErrorDetails): FileSyncError {
    if (error instanceof FileSyncError) return error;
    const cause = axios.isAxiosError(error) ? error.cause : error;
    const message = `${this.#site.url.host} ${webTrouble(error)}`;
    return new FileSyncError('unavailable', message, { ...details, cause });
  }

  #lost(how: string, details: ErrorDetails): FileSyncError {
    const { resend } = this.capabilities;
    const remedy = resend ? 'it is sent again' : 'check there, then retry it, or set on_lost_answer: resend';
    const message = `${this.#site.url.host} ${how} after the whole file was sent; it may have arrived: ${remedy}`;
    return new FileSyncError('lost-answer', message, { ...details, temporary: resend });
  }

  #unsupported(operation: string, path: string): FileSyncError {
    const message = `${this.#site.url.host} supports uploads of whole files, and no queries about them`;
    return new FileSyncError('unsupported', message, { device: this.#context.name, operation, path });
  }
}

/** In a template, which has been checked: a name in braces, or two braces that stand for one. */
const PLACEHOLDER = /\{\{|\}\}|\{[^{}]*\}/g;

/** With one, anybody could delete the upload. */
const deleteTokens = (body: string): string[] =>
  [...body.matchAll(/"delete_?token"\s*:\s*"([^"]+)"/gi)].map(([, token = '']) => token);

/** As part of an address: only slashes keep their meaning. */
const escaped = (text: string): string => encodeURIComponent(text).replaceAll('%2F', '/');

function throwIfDestroyed({ destroyed, errored }: Socket): void {
  if (destroyed) throw errored ?? Object.assign(new Error('connection reset'), { code: 'ECONNRESET' });
}

/** How a connection ended after the whole file had been sent. */
function endOf(error: unknown): string {
  const code = axios.isAxiosError(error) ? (error.code ?? '') : '';
  if (code === 'ETIMEDOUT') return 'sent no answer';
  return code.startsWith('HPE_') ? 'sent an answer that is not HTTP' : CONNECTION_RESET;
}

const cancelled = (signal: AbortSignal, details: ErrorDetails): FileSyncError =>
  new FileSyncError('cancelled', 'cancelled', { ...details, cause: signal.reason });
