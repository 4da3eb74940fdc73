import { FileSyncError, type ErrorDetails, type ErrorKind } from '../../errors.js';
import { connectionErrorText } from '../../system/connection-errors.js';
import type { Meaning } from '../error-table.js';
import { maskedMessage, serverWords } from '../server-words.js';

/** A server, as error messages need it. */
export interface SftpPeer {
  readonly device: string;
  readonly host: string;
  readonly user: string;
  /** Those that are in use; more may be added at each login. */
  readonly secrets: Iterable<string>;
}

/** Status codes (draft-ietf-secsh-filexfer-13 section 9.1); OpenSSH sends those up to 8 alone. */
export const STATUS = {
  EOF: 1,
  NO_SUCH_FILE: 2,
  DENIED: 3,
  FAILURE: 4,
  UNSUPPORTED: 8,
  NO_SUCH_PATH: 10,
  EXISTS: 11,
  NO_SPACE: 14,
  QUOTA: 15,
} as const;

const RIGHTS = 'give the user the right to write, make folders and rename there';
const RIGHTS_TO_READ = 'give the user the right to list, read and (for after: delete) remove there';
const FULL: Meaning = ['no-space', 'free space on the server, or raise its quota'];
const GONE: Meaning = ['io', 'something was removed there meanwhile'];
const UNKNOWN: Meaning = ['io', "it does not say why: look at the server's log, its disk and its quotas"];

const MEANINGS: Readonly<Record<number, Meaning>> = {
  [STATUS.NO_SUCH_FILE]: GONE,
  [STATUS.UNSUPPORTED]: ['unsupported', 'it lacks a request that is needed'],
  [STATUS.NO_SUCH_PATH]: GONE,
  [STATUS.EXISTS]: ['exists', 'a file of that name is there'],
  [STATUS.NO_SPACE]: FULL,
  [STATUS.QUOTA]: FULL,
  5: ['protocol', 'it did not understand a request'],
  12: ['denied', 'it allows no writing there'],
  20: ['bad-name', "it cannot hold that name: change the rule's path"],
};
const READING = new Set(['list', 'read', 'remove']);

/** An answer of the server that refuses a request, and says why. */
export class StatusError extends Error {
  readonly code: number;

  constructor(message: string, code: number) {
    super(message);
    this.code = code;
  }
}

export const isStatus = (thrown: unknown): thrown is StatusError => thrown instanceof StatusError;

export const hasStatus = (thrown: unknown, ...codes: readonly number[]): boolean =>
  isStatus(thrown) && codes.includes(thrown.code);

export const isMissing = (thrown: unknown): boolean =>
  hasStatus(thrown, STATUS.NO_SUCH_FILE, STATUS.NO_SUCH_PATH);

/** Translates what ssh2 throws. */
export function toSftpError(thrown: unknown, peer: SftpPeer, details: ErrorDetails): FileSyncError {
  if (thrown instanceof FileSyncError) return thrown;
  const all = { ...details, device: peer.device, cause: thrown };
  const said = thrown instanceof Error ? maskedMessage(thrown.message, peer.secrets) : String(thrown);
  if (isStatus(thrown)) {
    const [kind, words] = meaningOf(thrown.code, READING.has(details.operation ?? ''));
    return new FileSyncError(
      kind,
      `${peer.host} answered "${serverWords(said, peer.secrets)}": ${words}`,
      all,
    );
  }
  const [kind, words] = troubleOf(thrown, said, peer);
  return new FileSyncError(kind, `${peer.host} ${words}`, all);
}

function meaningOf(code: number, isReading: boolean): Meaning {
  if (code === STATUS.DENIED) return ['denied', isReading ? RIGHTS_TO_READ : RIGHTS];
  return MEANINGS[code] ?? UNKNOWN;
}

/** What ssh2 says when a connection cannot be made or is lost. */
const TROUBLES: readonly (readonly [RegExp, ErrorKind, string])[] = [
  [
    /Connection lost before handshake|Invalid identification|Expected SSH banner|exceeded max/i,
    'unavailable',
    'closed the connection: check that an SSH server runs on that port, and how many connections it allows',
  ],
  [/Timed out while waiting for handshake|Keepalive timeout/i, 'unavailable', 'does not answer'],
  [
    /no matching/i,
    'denied',
    'offers no key exchange, key or cipher that is safe and known here: renew its SSH server',
  ],
  [
    /Unable to start subsystem|Channel open failure|while establishing SFTP/i,
    'denied',
    'offers no SFTP to that user: allow the subsystem sftp there',
  ],
  [/No response from server|Not connected/i, 'unavailable', 'closed the connection (connection reset)'],
];

function troubleOf(thrown: unknown, said: string, { user, secrets }: SftpPeer): Meaning {
  const level = thrown instanceof Error && 'level' in thrown ? thrown.level : undefined;
  if (level === 'client-authentication' || /Too many authentication failures/i.test(said))
    return [
      'denied',
      `refuses the login of ${user}: check user, password and key, and that its authorized_keys has the public key`,
    ];
  if (level === 'agent')
    return [
      'denied',
      `cannot be logged in to: the ssh-agent failed (${serverWords(said, secrets)}): check that it runs`,
    ];
  const network = connectionErrorText(thrown);
  if (network !== undefined) return ['unavailable', network];
  const [, kind, words] = TROUBLES.find(([pattern]) => pattern.test(said)) ?? [];
  if (kind !== undefined && words !== undefined) return [kind, words];
  return ['unavailable', `connection failed (${serverWords(said, secrets)})`];
}
