import { FileSyncError, type ErrorDetails, type ErrorKind } from '../../errors.js';
import { serverWords } from '../server-words.js';

/** A remote, as error messages need it. */
export interface RemotePeer {
  readonly device: string;
  /** Of the remote in the configuration of rclone. */
  readonly name: string;
  /** Those that are in use; more may be added. */
  readonly secrets: Iterable<string>;
}

/** Words by which rclone or a service behind it says what failed, the kind, and the words of the message. `%`: the remote's name. */
type Row = readonly [said: RegExp, kind: ErrorKind, words: string];

const BUSY = 'cannot serve now';
const RIGHTS = 'refuses it: give the account of the remote the right to list, read, write and delete there';

/** The first row that fits counts. Services say things in their own words; rclone quotes them with their HTTP status. */
const ROWS: readonly Row[] = [
  [
    /didn't find section in config file/,
    'config',
    "is no remote of the rclone configuration: see 'rclone listremotes', make it with 'rclone config', or set config",
  ],
  [
    /unable to decrypt configuration|derived password/,
    'denied',
    'is in a rclone configuration that is encrypted: set config_password to its password',
  ],
  [
    /token (is |has )?expired|expired.{0,10}token|couldn't fetch token|empty token found|invalid_grant|invalid_token|invalidauthenticationtoken/i,
    'denied',
    "has a login that has expired: run 'rclone config reconnect %:' as the user of FileSync",
  ],
  [
    /rate ?limit|\b429\b|too many requests|slow ?down|throttl|quota metric/i,
    'busy',
    'has had too many requests',
  ],
  [
    /no space left|disk space|quota|insufficient.?(storage|space)|\b507\b|disk full|storage.?(limit|cap)|account is full/i,
    'no-space',
    'is full: free space there, or raise the quota',
  ],
  [
    /\b401\b|unauthori[sz]ed|invalidaccesskey|signaturedoesnotmatch|unable to authenticate|login (incorrect|failed)|logon_failure|invalid (credentials|password)/i,
    'denied',
    "refuses the login: correct it with 'rclone config update %'",
  ],
  [/read.?only/i, 'denied', 'is read-only'],
  [/\b403\b|forbidden|access.?denied|permission denied|operation not permitted/i, 'denied', RIGHTS],
  [
    /is a file not a directory|not a directory/,
    'unavailable',
    'has a file in place of a folder: correct remote',
  ],
  [/can't upload empty files/i, 'rejected', 'cannot hold empty files'],
  [
    /entity ?too ?large|\b413\b|file.{0,20}too (large|big)|exceeds the.{0,20}size/i,
    'too-large',
    'does not take a file of that size',
  ],
  [
    /name too long|(bad|invalid|illegal|malformed).{0,12}(name|path)/i,
    'bad-name',
    "cannot hold that name: change the rule's path",
  ],
  [
    /(directory|object|file) not found|no such file or directory|\b404\b|NoSuchBucket/i,
    'not-found',
    'has no such file or folder',
  ],
  [
    /no such host|server misbehaving|lookup /i,
    'unavailable',
    'cannot be reached: there is no network, or its host name is wrong',
  ],
  [/connection refused/i, 'unavailable', 'refuses connections: check that its server runs, and its address'],
  [
    /x509|certificate/i,
    'unavailable',
    "presents a certificate that is not trusted: check this machine's clock and the remote's address",
  ],
  [
    /i\/o timeout|timed? ?out|deadline exceeded|no route|unreachable|connection (reset|closed)|broken pipe|TLS handshake|\bEOF\b|use of closed/i,
    'unavailable',
    'does not answer, or closed the connection',
  ],
  [/context canceled/i, 'unavailable', 'was not waited for'],
  [/(?<![\d.:])5\d\d\b/, 'busy', BUSY],
  [/\b400\b/, 'rejected', 'refused it'],
];

const UNKNOWN: Row = [/(?:)/, 'io', 'failed'];

/** What the words of rclone mean: `<remote> <words> (rclone: "<what it said>")`. */
export function toRcloneError(said: string, peer: RemotePeer, details: ErrorDetails): FileSyncError {
  const [, kind, words] = ROWS.find(([pattern]) => pattern.test(said)) ?? UNKNOWN;
  const quoted = serverWords(withoutAddresses(said), peer.secrets) || 'no words';
  // The configuration of rclone may be completed while the program runs.
  const isFixable = kind === 'config' && { temporary: true };
  const message = `${peer.name} ${words.replaceAll('%', peer.name)} (rclone: "${quoted}")`;
  return new FileSyncError(kind, message, { ...details, device: peer.device, ...isFixable });
}

/** Signed addresses of services, and those that files are offered at, are secrets. */
function withoutAddresses(said: string): string {
  return said.replace(/(https?:\/\/[^\s/"?]+)[^\s"]*/g, '$1/…');
}
