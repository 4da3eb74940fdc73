import { createHmac } from 'node:crypto';
import { basename } from 'node:path';
import { contentTypeOf, fillNotice, isJsonType, valuesFor } from '../config/notice-template.js';
import type { NotifyConfig } from '../config/notify.js';
import { resolvePath } from '../config/paths.js';
import { resolveSecret } from '../config/secrets.js';
import type { SecretRef } from '../config/options.js';
import { serverWords } from '../devices/server-words.js';
import { FileSyncError } from '../errors.js';
import type { Clock, Logger } from '../ports.js';
import { runChild } from '../system/child.js';
import { withDeadline } from '../system/deadline.js';
import type { Message } from './message.js';
import type { PostedNotice } from './post.js';

/** One attempt to send a message may take so long in all. */
const MAX_ATTEMPT_MS = 30_000;
/** Silence of a server. */
const TIMEOUT_MS = 15_000;
/** Shorter parts of an address are words rather than secrets. */
const MIN_SECRET_PART_LENGTH = 8;

export interface TransportServices {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where relative paths of the configuration start. */
  readonly folder: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Takes each secret that is read. */
  readonly mask?: { add(secret: string): void };
}

/** The way to one receiver. */
export interface Transport {
  /** The entry of the configuration and the receiver, without secrets: `notify[0] (ntfy.sh)`. */
  readonly to: string;
  /** One attempt. Resolves to the answer for a person; rejects with FileSyncError, without secrets. */
  send(message: Message, signal: AbortSignal): Promise<string>;
}

/** Secrets are read for each message: they may be renewed while the program runs. */
export function transportOf(entry: NotifyConfig, services: TransportServices): Transport {
  const { clock } = services;
  const to = `${entry.name} (${receiverOf(entry)})`;
  const work = entry.command ? runCommand : postNotice;
  const late = () => new FileSyncError('timeout', `no answer within ${MAX_ATTEMPT_MS / 1000} s`);
  return {
    to,
    send: (message, signal) =>
      withDeadline(over => work(entry, message, services, over), { signal, clock, late, ms: MAX_ATTEMPT_MS }),
  };
}

function receiverOf({ url, command }: NotifyConfig): string {
  if (typeof url === 'string') return new URL(url).host;
  if (command) return basename(command[0] ?? '');
  return 'url from a secret';
}

// ---- HTTP -------------------------------------------------------------------------------------------------

async function postNotice(
  entry: NotifyConfig,
  message: Message,
  services: TransportServices,
  signal: AbortSignal,
): Promise<string> {
  const notice = noticeOf(entry, message, services);
  const { post } = await import('./post.js');
  return post(notice, { ...services, timeout: TIMEOUT_MS }, signal);
}

function noticeOf(entry: NotifyConfig, message: Message, services: TransportServices): PostedNotice {
  const { name, method, body: template, secret } = entry;
  const read = (ref: SecretRef, option: string) => {
    const value = resolveSecret(ref, { ...services, key: `${name}.${option}` });
    if (typeof ref !== 'string') services.mask?.add(value);
    return value;
  };
  const url = addressOf(name, read(entry.url ?? '', 'url').replaceAll('{id}', message.values.id));
  const headers = Object.fromEntries(
    Object.entries(entry.headers).map(([header, ref]) => [header, read(ref, `headers.${header}`)]),
  );
  for (const [header, value] of Object.entries(headers)) checkHeader(`${name}.headers.${header}`, value);
  const named = Object.keys(headers).find(header => header.toLowerCase() === 'content-type');
  const type = contentTypeOf(template, named === undefined ? undefined : headers[named]);
  const body = Buffer.from(fillNotice(template, valuesFor(type, message.values), isJsonType(type)));
  const key = secret === undefined ? undefined : read(secret, 'secret');
  return {
    ...{ url, method, body },
    headers: {
      ...headers,
      ...(named === undefined && { 'Content-Type': type }),
      'Content-Length': String(body.length),
      ...(key !== undefined && { [SIGNATURE_HEADER]: signatureOf(body, key) }),
    },
    secrets: [...secretsOf(url, headers), ...(key === undefined ? [] : [key])],
  };
}

const SIGNATURE_HEADER = 'X-Signature-256';

/** As GitHub signs webhooks (X-Hub-Signature-256): HMAC-SHA256 of the bytes of the body, in lower-case hex. */
export const signatureOf = (body: Uint8Array, key: string): string =>
  `sha256=${createHmac('sha256', key).update(body).digest('hex')}`;

function addressOf(name: string, text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '') return url;
  const remedy = 'write an address like https://example.org/hook, without user and password';
  throw new FileSyncError('config', `${name}.url: the secret is no web address: ${remedy}`);
}

/** RFC 9110 section 5.5; Node refuses what is beyond Latin-1. */
function checkHeader(key: string, value: string): void {
  if (/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) return;
  throw new FileSyncError('config', `${key}: a header takes no such characters; put that text into body`);
}

/** Values of headers as a whole and in their parts, and the address behind the host: many services have their token there. */
function secretsOf({ pathname, searchParams }: URL, headers: Readonly<Record<string, string>>): string[] {
  const parts = [...pathname.split('/'), ...searchParams.values()].map(decoded);
  const values = Object.entries(headers).flatMap(([name, value]) =>
    /^(content-type|title|tags|priority|accept)$/i.test(name) ? [] : [value, ...value.split(' ')],
  );
  return [...values, ...parts].filter(({ length }) => length >= MIN_SECRET_PART_LENGTH);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

// ---- a program --------------------------------------------------------------------------------------------

async function runCommand(
  { command = [], name }: NotifyConfig,
  { values }: Message,
  { env, folder }: TransportServices,
  signal: AbortSignal,
): Promise<string> {
  const [program = '', ...args] = command;
  const path = program.includes('/') ? resolvePath(folder, program, env) : program;
  const known = Object.entries(env).filter((each): each is [string, string] => each[1] !== undefined);
  const {
    code,
    signal: killed,
    stdout,
    stderr,
  } = await runChild(path, args, {
    ...{ env: Object.fromEntries(known), ms: MAX_ATTEMPT_MS, signal, input: `${values.json}\n` },
    remedy: `check ${name}.command, and name it with its path`,
    slow: `let ${name}.command end sooner, or leave slow work to a process of its own`,
  });
  if (code === 0) return `exit code 0 ${serverWords(stdout)}`.trim();
  const how = killed === undefined ? `ended with exit code ${code}` : `was ended by the signal ${killed}`;
  const said = serverWords(stderr);
  throw new FileSyncError('io', `${basename(program)} ${how}${said && `: "${said}"`}`);
}
