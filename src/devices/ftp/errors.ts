import { FTPError } from 'basic-ftp';
import { FileSyncError, type ErrorDetails } from '../../errors.js';
import { connectionErrorText } from '../../system/connection-errors.js';
import { meaningOf, type ErrorTable, type Meaning } from '../error-table.js';
import { maskedMessage, serverWords } from '../server-words.js';
import { wordsFromWire } from './names.js';

/** A server, as error messages need it. */
export interface FtpPeer {
  readonly device: string;
  readonly host: string;
  /** Those that are in use; more may be added at each login. */
  readonly secrets: Iterable<string>;
}

/** `missing`: configured, and not established yet. */
export type Encryption = 'off' | 'missing' | 'on';

const RIGHTS = 'give the user the right to write, make folders and rename there';
const RIGHTS_TO_READ = 'give the user the right to list, read and (for after: delete) remove there';
const LACKING = 'it lacks one of the commands that are needed (SIZE, APPE, MKD, RNFR, RNTO)';
const LACKING_TO_READ = 'it lacks one of the commands that are needed (CWD, MLSD or LIST, RETR, DELE)';
const TEMPORARY: Meaning = ['busy', 'it cannot serve now'];
const LOGIN: Meaning = ['denied', 'check user and password'];
const FULL: Meaning = ['no-space', 'free space on the server, or raise its quota'];

/** RFC 959 section 4.2 and RFC 4217. The words follow the server's reply. */
const REPLIES: ErrorTable = {
  codes: {
    421: ['busy', 'it has too many connections or is shutting down'],
    425: ['unavailable', 'no data connection: a firewall may block its passive ports'],
    426: ['io', 'the transfer was aborted'],
    450: ['busy', 'the file is in use there'],
    451: ['io', 'it could not write: check whether its disk or the quota is full'],
    452: FULL,
    500: ['unsupported', LACKING],
    501: ['bad-name', 'it cannot take that name: set names: portable in the rule'],
    502: ['unsupported', LACKING],
    530: LOGIN,
    532: LOGIN,
    550: ['denied', RIGHTS],
    552: FULL,
    553: ['denied', RIGHTS],
  },
  classes: { 3: TEMPORARY, 4: TEMPORARY, 5: ['protocol', 'it did not accept the command'] },
};

/** To commands that list, read or remove. */
const REPLIES_TO_READING: ErrorTable = {
  ...REPLIES,
  codes: {
    ...REPLIES.codes,
    451: ['io', 'it could not read, or the file changed meanwhile'],
    500: ['unsupported', LACKING_TO_READ],
    501: ['unsupported', LACKING_TO_READ],
    502: ['unsupported', LACKING_TO_READ],
    550: ['denied', RIGHTS_TO_READ],
    553: ['denied', RIGHTS_TO_READ],
  },
};
const READING = new Set(['list', 'read', 'remove']);

/** Replies about TLS have codes of every kind; only their words distinguish them. */
const WANTS_TLS: Meaning = ['denied', 'it asks for an encrypted connection: set tls: true'];
const LACKS_TLS: Meaning = [
  'denied',
  'it offers no TLS: set it up there (tls: false would send the password in the clear)',
];
/** ProFTPD refuses the password of a client too many (530), others greet it with 421. */
const TOO_MANY: Meaning = [
  'busy',
  'it accepts no more connections: set connections of this device to what it allows',
];
const TOO_LONG: Meaning = ['bad-name', "it cannot hold that name: change the rule's path"];

/** Translates what basic-ftp throws. */
export function toFtpError(
  thrown: unknown,
  peer: FtpPeer,
  encryption: Encryption,
  details: ErrorDetails,
): FileSyncError {
  // The messages quote the server.
  if (thrown instanceof Error) thrown.message = maskedMessage(thrown.message, peer.secrets);
  if (thrown instanceof FileSyncError) return thrown;
  const all = { ...details, device: peer.device, cause: thrown, ...slowDown(thrown) };
  if (thrown instanceof FTPError) {
    const table = READING.has(details.operation ?? '') ? REPLIES_TO_READING : REPLIES;
    const [kind, words] = exceptionOf(thrown, encryption) ?? meaningOf(thrown.code, table);
    const quoted = serverWords(wordsFromWire(thrown.message), peer.secrets);
    return new FileSyncError(kind, `${peer.host} answered "${quoted}": ${words}`, all);
  }
  const said = thrown instanceof Error ? thrown.message : String(thrown);
  const trouble =
    connectionErrorText(thrown) ??
    troubleIn(said) ??
    `connection failed (${serverWords(said, peer.secrets)})`;
  return new FileSyncError('unavailable', `${peer.host} ${trouble}`, all);
}

/** basic-ftp's words for silence, and for a connection that was ended. */
function troubleIn(said: string): string | undefined {
  if (/^Server sent FIN packet/.test(said))
    return 'closed the connection: check that an FTP server runs there, and not the login page of a network';
  if (/^Timeout when trying to open data connection/.test(said))
    return 'does not answer on its data ports: a firewall may block them (passive mode)';
  if (/\bTimeout \(data socket\)/.test(said))
    return 'stopped in the middle of a transfer and does not answer';
  return /\bTimeout \(control socket\)/.test(said) ? 'does not answer' : undefined;
}

/** Where the words of a reply say more than its code. */
function exceptionOf({ code, message }: FTPError, encryption: Encryption): Meaning | undefined {
  if (encryption === 'missing' && code >= 500) return LACKS_TLS;
  if (encryption === 'off' && /\b(TLS|SSL|AUTH|encrypt\w*)\b/i.test(message)) return WANTS_TLS;
  if (/name too long/i.test(message)) return TOO_LONG;
  return (code === 421 || code === 530) && SAYS_FULL.test(message) ? TOO_MANY : undefined;
}

const SAYS_FULL = /(too many|maximum number of) (connect|client|user)/i;

const slowDown = (thrown: unknown): ErrorDetails => (isFull(thrown) ? { retryAfterMs: 0 } : {});

/** Whether the server accepts no more connections, or closes this one. */
export const isFull = (thrown: unknown): boolean =>
  thrown instanceof FTPError &&
  (thrown.code === 421 || (thrown.code === 530 && SAYS_FULL.test(thrown.message)));
