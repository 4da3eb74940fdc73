import { FileSyncError, type ErrorDetails } from '../../errors.js';
import type { Meaning } from '../error-table.js';
import { serverWords } from '../server-words.js';

/** A remote, as error messages need it. */
export interface RemotePeer {
  readonly device: string;
  /** Of the remote in the configuration of rclone. */
  readonly name: string;
  /** What follows the colon. */
  readonly folder: string;
  /** Those that are in use; more may be added. */
  readonly secrets: Iterable<string>;
}

/** What rclone, or a service behind it, says of a failure, and what that means. NAME is replaced by the remote's name. */
type Row = readonly [said: RegExp, meaning: Meaning];

/** The service, and not this request alone, is asked too much. */
const SLOW_DOWN: Meaning = ['busy', 'has had too many requests'];

/**
 * The first row that fits counts. rclone has one text for an error, in which it quotes the service with its HTTP status; codes it has
 * for a missing file or folder alone (fs/rc/params.go).
 */
const ROWS: readonly Row[] = [
  [
    /didn't find section in config file/,
    [
      'config',
      "is no remote of the rclone configuration: see 'rclone listremotes', make it with 'rclone config', or set config",
    ],
  ],
  [
    /unable to decrypt configuration|derived password/,
    ['denied', 'is in a rclone configuration that is encrypted: set config_password to its password'],
  ],
  [
    /token (is |has )?expired|expired.{0,10}token|couldn't fetch token|empty token found|invalid_grant|invalid_?(authentication)?token/i,
    [
      'denied',
      "has a login that has expired: run 'rclone config reconnect NAME:' as the user that FileSync runs as",
    ],
  ],
  [/rate ?limit|\b429\b|too many requests|slow ?down|throttl|quota metric/i, SLOW_DOWN],
  [
    /no space left|disk space|quota|insufficient.?(storage|space)|\b507\b|disk full|storage.?(limit|cap)|account is full/i,
    ['no-space', 'is full: free space there, or raise the quota'],
  ],
  [/corrupted on transfer|(hash|size)(es|s)? differ/i, ['corrupt', 'has other bytes than were sent']],
  [
    /\b401\b|unauthori[sz]ed|invalidaccesskey|signaturedoesnotmatch|unable to authenticate|login (incorrect|failed)|logon_failure|invalid (credentials|password)/i,
    ['denied', "refuses the login: correct it with 'rclone config update NAME'"],
  ],
  [/read.?only/i, ['denied', 'can only be read: name another remote']],
  [
    /\b403\b|forbidden|access.?denied|permission denied|operation not permitted/i,
    ['denied', 'refuses it: give the account of the remote the right to list, read, write and delete there'],
  ],
  [
    /is a file not a directory|not a directory/,
    ['unavailable', 'has a file in place of a folder: correct remote'],
  ],
  [
    /can't upload empty files/i,
    ['rejected', 'cannot hold empty files: leave them out of the rule (larger_than)'],
  ],
  [
    /entity ?too ?large|\b413\b|file.{0,20}too (large|big)|exceeds the.{0,20}size/i,
    ['too-large', 'does not take a file of that size: leave such files out of the rule (smaller_than)'],
  ],
  [
    /name too long|(bad|invalid|illegal|malformed).{0,12}(name|path)/i,
    ['bad-name', "cannot hold that name: change the rule's path"],
  ],
  [
    /(directory|object|file) not found|no such file or directory|\b404\b|NoSuchBucket/i,
    ['not-found', 'has no such file or folder'],
  ],
  [
    /no such host|server misbehaving|lookup /i,
    ['unavailable', 'cannot be reached: there is no network, or its host name is wrong'],
  ],
  [
    /connection refused/i,
    ['unavailable', 'refuses connections: check that its server runs, and its address'],
  ],
  [
    /x509|certificate/i,
    [
      'unavailable',
      "presents a certificate that is not trusted: check this machine's clock and the address of the remote",
    ],
  ],
  [
    /i\/o timeout|timed? ?out|deadline exceeded|no route|unreachable|connection (reset|closed)|broken pipe|TLS handshake|\bEOF\b|use of closed/i,
    ['unavailable', 'does not answer, or closed the connection'],
  ],
  [
    /\b5\d\d (internal|not implemented|bad gateway|service|gateway|server)|(status|error|code):? 5\d\d\b/i,
    ['busy', 'cannot serve now'],
  ],
  [/\b400 bad request|(status|error|code):? 400\b/i, ['rejected', 'refused it']],
];

const UNKNOWN: Meaning = ['io', 'failed'];

/** What the words of rclone mean: `<remote> <words> (rclone: "<what it said>")`. */
export function toRcloneError(said: string, peer: RemotePeer, details: ErrorDetails): FileSyncError {
  const plain = withoutNames(said, [details.path, peer.folder]);
  const [, meaning] = ROWS.find(([pattern]) => pattern.test(plain)) ?? [undefined, UNKNOWN];
  const [kind, words] = meaning;
  const quoted = serverWords(withoutAddresses(said), peer.secrets) || 'no words';
  // The configuration of rclone may be completed while the program runs.
  const isFixable = kind === 'config' && { temporary: true };
  const message = `${peer.name} ${words.replaceAll('NAME', peer.name)} (rclone: "${quoted}")`;
  const forDevice = meaning === SLOW_DOWN && { retryAfterMs: 0 };
  return new FileSyncError(kind, message, { ...details, device: peer.device, ...isFixable, ...forDevice });
}

/** A file may be called `quota exceeded 403`. */
function withoutNames(said: string, names: readonly (string | undefined)[]): string {
  return names.reduce<string>((text, name) => (name ? text.replaceAll(name, '…') : text), said);
}

/** Signed addresses of services, and those at which files are offered, are secrets. */
function withoutAddresses(said: string): string {
  return said.replace(/(https?:\/\/[^\s/"?]+)[^\s"]*/g, '$1/…');
}
