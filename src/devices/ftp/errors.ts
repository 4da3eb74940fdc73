import { FTPError } from 'basic-ftp';
import { FileSyncError, type ErrorDetails, type ErrorKind } from '../../errors.js';
import { connectionTrouble } from '../../system/connection-trouble.js';
import { serverWords } from '../server-words.js';
import { wordsFromWire } from './names.js';

/** What an error message may name, and what it must not. */
export interface Peer {
  readonly device: string;
  readonly host: string;
  /** Those that are in use; it may grow. */
  readonly secrets: Iterable<string>;
}

/** `missing`: wanted, and not there yet. */
export type Encryption = 'off' | 'missing' | 'on';

interface Meaning {
  readonly kind: ErrorKind;
  /** What to do about it, as a sentence's end. */
  readonly cure: string;
}

const RIGHTS = 'give the user the right to write, make folders and rename there';
const RIGHTS_TO_READ = 'give the user the right to list, read and (for after: delete) remove there';
const LACKING = 'it lacks one of the commands that are needed (SIZE, APPE, MKD, RNFR, RNTO)';
const LACKING_TO_READ = 'it lacks one of the commands that are needed (CWD, MLSD or LIST, RETR, DELE)';
const SPACE = 'free space on the server, or raise its quota';

/** RFC 959 section 4.2 and RFC 4217 replies. A code that is missing here is judged by its first digit. */
const MEANINGS: Readonly<Record<number, Meaning>> = {
  421: { kind: 'busy', cure: 'it has too many connections or is shutting down' },
  425: { kind: 'unavailable', cure: 'no data connection: a firewall may block its passive ports' },
  426: { kind: 'io', cure: 'the transfer broke off' },
  450: { kind: 'busy', cure: 'the file is in use there' },
  451: { kind: 'io', cure: 'it could not write' },
  452: { kind: 'no-space', cure: SPACE },
  500: { kind: 'unsupported', cure: LACKING },
  501: { kind: 'bad-name', cure: 'it cannot take that name' },
  502: { kind: 'unsupported', cure: LACKING },
  530: { kind: 'denied', cure: 'check user and password' },
  532: { kind: 'denied', cure: 'check user and password' },
  550: { kind: 'denied', cure: RIGHTS },
  552: { kind: 'no-space', cure: SPACE },
  553: { kind: 'denied', cure: RIGHTS },
};
/** Where they differ when a file is fetched and not brought. */
const MEANINGS_OF_READING: typeof MEANINGS = {
  451: { kind: 'io', cure: 'it could not read, or the file changed meanwhile' },
  500: { kind: 'unsupported', cure: LACKING_TO_READ },
  501: { kind: 'unsupported', cure: LACKING_TO_READ },
  502: { kind: 'unsupported', cure: LACKING_TO_READ },
  550: { kind: 'denied', cure: RIGHTS_TO_READ },
  553: { kind: 'denied', cure: RIGHTS_TO_READ },
};
const READING = new Set(['list', 'read', 'remove']);
const TEMPORARY: Meaning = { kind: 'busy', cure: 'it cannot serve now' };
const PERMANENT: Meaning = { kind: 'protocol', cure: 'it did not take the command' };

/** Replies about TLS come with codes of every kind; only their words tell. */
const WANTS_TLS: Meaning = { kind: 'denied', cure: 'it asks for an encrypted connection: set tls: true' };
const LACKS_TLS: Meaning = {
  kind: 'denied',
  cure: 'it offers no TLS: set it up there (tls: false would send the password in the clear)',
};
/** ProFTPD refuses the password of a client too many (530), others greet it with 421. */
const TOO_MANY: Meaning = {
  kind: 'busy',
  cure: 'it lets no more connections in: set connections of this device to what it allows',
};
const TOO_LONG: Meaning = { kind: 'bad-name', cure: "it cannot hold that name: change the rule's path" };

/** Translates whatever basic-ftp throws. */
export function toFtpError(
  thrown: unknown,
  peer: Peer,
  encryption: Encryption,
  details: ErrorDetails,
): FileSyncError {
  if (thrown instanceof FileSyncError) return thrown;
  const all = { ...details, device: peer.device, cause: thrown };
  if (thrown instanceof FTPError) {
    const { kind, cure } = meaningOf(thrown, encryption, READING.has(details.operation ?? ''));
    const words = serverWords(wordsFromWire(thrown.message), peer.secrets);
    return new FileSyncError(kind, `${peer.host} answered "${words}": ${cure}`, all);
  }
  const said = thrown instanceof Error ? thrown.message : String(thrown);
  const trouble = connectionTrouble(thrown) ?? `broke the connection (${serverWords(said, peer.secrets)})`;
  return new FileSyncError('unavailable', `${peer.host} ${trouble}`, all);
}

function meaningOf({ code, message }: FTPError, encryption: Encryption, reading: boolean): Meaning {
  if (encryption === 'missing' && code >= 500) return LACKS_TLS;
  if (encryption === 'off' && /\b(TLS|SSL|AUTH|encrypt\w*)\b/i.test(message)) return WANTS_TLS;
  return (
    meaningOfWords(code, message) ??
    (reading ? MEANINGS_OF_READING[code] : undefined) ??
    MEANINGS[code] ??
    (code < 500 ? TEMPORARY : PERMANENT)
  );
}

/** Where the code alone would lead astray. */
function meaningOfWords(code: number, message: string): Meaning | undefined {
  if (/name too long/i.test(message)) return TOO_LONG;
  const tooMany = /(too many|maximum number of) (connect|client|user)/i.test(message);
  return tooMany && (code === 421 || code === 530) ? TOO_MANY : undefined;
}
