import { FileSyncError, type ErrorDetails } from '../../errors.js';
import { connectionErrorText } from '../../system/connection-errors.js';
import { meaningOf, type ErrorTable, type Meaning } from '../error-table.js';
import { PROXY_REFUSED, refusalError, type Server } from '../http/refusal.js';
import { webTrouble } from '../network.js';
import { ProxyError } from '../proxy.js';
import { maskedMessage } from '../server-words.js';

/** A bucket, as error messages need it. */
export interface S3Peer extends Server {
  readonly bucket: string;
  /** As configured. */
  readonly region: string;
}

const BUSY: Meaning = ['busy', 'cannot take it now'];
const NO_S3: Meaning = ['protocol', 'is no server with the S3 interface: check endpoint'];
const TOKEN: Meaning = ['denied', 'takes the session token for wrong or expired: renew it'];
const FULL: Meaning = ['no-space', 'is full, or its quota is used up: free space there, or raise the quota'];
const DAMAGED: Meaning = ['corrupt', 'received other bytes than were sent'];
const NAME: Meaning = ['bad-name', "cannot hold that name: change the rule's path, or prefix"];
const REGION: Meaning = ['denied', 'has the bucket in another region: correct region'];
const ENCRYPTION: Meaning = ['denied', 'refuses that encryption: correct encryption and kms_key'];
const NO_CLOCK: Meaning = [
  'denied',
  'refuses requests by a clock that is off: set the clock of this machine (timedatectl set-ntp true)',
];

/** Error codes of S3 (https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html), and those of other servers. */
const CODES: Readonly<Record<string, Meaning>> = {
  AllAccessDisabled: ['denied', 'has disabled that account: ask its owner'],
  AuthorizationHeaderMalformed: REGION,
  BadDigest: DAMAGED,
  BucketQuotaExceeded: FULL,
  // A part or a small file is never too large by itself.
  EntityTooLarge: FULL,
  EntityTooSmall: ['config', 'takes no parts of that size: raise part_size'],
  ExpiredToken: TOKEN,
  IllegalLocationConstraintException: REGION,
  IncompleteBody: DAMAGED,
  InsufficientCapacity: FULL,
  InvalidAccessKeyId: ['denied', 'does not know that access key: correct access_key'],
  InvalidBucketName: ['config', 'has no buckets of such names: correct bucket'],
  InvalidDigest: DAMAGED,
  InvalidEncryptionAlgorithmError: ENCRYPTION,
  InvalidObjectName: NAME,
  InvalidObjectState: ['denied', 'keeps it in an archive: restore it there first'],
  InvalidStorageClass: ['denied', 'has no such storage class: correct storage_class'],
  InvalidTag: ['denied', 'refuses a tag: correct tags'],
  InvalidToken: TOKEN,
  'KMS.DisabledException': ENCRYPTION,
  'KMS.NotFoundException': ENCRYPTION,
  KeyTooLongError: NAME,
  MethodNotAllowed: NO_S3,
  NoSuchKey: ['not-found', 'has no such object'],
  NoSuchUpload: ['changed', 'does not have the unfinished upload any more'],
  NotFound: ['not-found', 'has no such object'],
  NotImplemented: ['unsupported', 'cannot do that: leave out the options that ask for it (tags, encryption)'],
  NotSignedUp: ['denied', 'has no account for that access key: correct access_key'],
  OperationAborted: BUSY,
  PermanentRedirect: REGION,
  QuotaExceeded: FULL,
  RequestTimeTooSkewed: NO_CLOCK,
  RequestTimeout: BUSY,
  SignatureDoesNotMatch: [
    'denied',
    'takes the access key or its secret for wrong: correct access_key and secret_key',
  ],
  SlowDown: BUSY,
  TemporaryRedirect: REGION,
  Throttling: BUSY,
  TooManyParts: ['too-large', 'takes no file in so many parts: raise part_size'],
  XAmzContentSHA256Mismatch: DAMAGED,
  XMinioAdminBucketQuotaExceeded: FULL,
  XMinioStorageFull: FULL,
};

/** Of refusals whose code is not known. */
const STATUS: ErrorTable = {
  codes: {
    403: ['denied', 'does not allow it'],
    404: ['not-found', 'has no such object'],
    405: NO_S3,
    407: PROXY_REFUSED,
    408: BUSY,
    409: BUSY,
    412: ['changed', 'has another object there by now'],
    413: FULL,
    425: BUSY,
    429: BUSY,
    501: ['unsupported', 'cannot do that'],
    507: FULL,
  },
  classes: { 3: REGION, 4: ['rejected', 'refused the request'], 5: BUSY },
};

/** What an access key needs for an operation. */
const RIGHTS: Readonly<Record<string, string>> = {
  list: 's3:ListBucket on the bucket',
  read: 's3:GetObject on its objects',
  checksum: 's3:GetObject on its objects',
  remove: 's3:DeleteObject on its objects (or leave out after: delete)',
};
const WRITE_RIGHTS = 's3:PutObject, s3:GetObject and s3:AbortMultipartUpload on its objects';

interface Refused extends Error {
  readonly $metadata: { readonly httpStatusCode?: number };
  readonly $response?: { readonly headers?: Readonly<Record<string, string>> };
  readonly Region?: string;
}

const isRefused = (thrown: unknown): thrown is Refused =>
  thrown instanceof Error && '$metadata' in thrown && statusOf(thrown) !== undefined;

/** Of a refusal. */
export function statusOf(thrown: unknown): number | undefined {
  if (!(thrown instanceof Error) || !('$metadata' in thrown)) return undefined;
  return (thrown.$metadata as Refused['$metadata'] | undefined)?.httpStatusCode;
}

/** The code of a refusal; of answers to HEAD there is none. */
export const codeOf = (thrown: unknown): string | undefined => (isRefused(thrown) ? thrown.name : undefined);

/** Translates what the SDK throws. */
export function toS3Error(thrown: unknown, peer: S3Peer, details: ErrorDetails): FileSyncError {
  if (thrown instanceof FileSyncError) return thrown;
  const all = { ...details, cause: thrown };
  if (isRefused(thrown)) return refusal(thrown, peer, all);
  if (thrown instanceof Error && /Credentials|Token(Provider)?Error/.test(thrown.name)) {
    const said = maskedMessage(thrown.message, peer.secrets);
    const message = `there are no credentials for ${peer.host} (${said}): set access_key and secret_key, or profile`;
    return new FileSyncError('config', message, { ...all, temporary: true });
  }
  if (isNetworkError(thrown))
    return new FileSyncError('unavailable', `${peer.host} ${webTrouble(thrown)}`, all);
  return new FileSyncError('protocol', `${peer.host} ${NO_S3[1]} (${saidBy(thrown, peer)})`, all);
}

const isNetworkError = (thrown: unknown): boolean =>
  thrown instanceof ProxyError ||
  connectionErrorText(thrown) !== undefined ||
  (thrown instanceof Error && 'code' in thrown);

const saidBy = (thrown: unknown, { secrets }: S3Peer): string =>
  maskedMessage(thrown instanceof Error ? thrown.message : String(thrown), secrets);

function refusal(thrown: Refused, peer: S3Peer, details: ErrorDetails): FileSyncError {
  const { name, message: said } = thrown;
  const status = statusOf(thrown) ?? 0;
  const words = name === 'Unknown' || name === 'Error' ? said : `${name}: ${said}`;
  const retryAfter = headerOf(thrown, 'retry-after');
  const meaning = meaningIn(thrown, peer, details.operation ?? '');
  return refusalError({ status, said: words, retryAfter }, meaning, peer, details);
}

function meaningIn(thrown: Refused, peer: S3Peer, operation: string): Meaning {
  const { name, message } = thrown;
  // An answer that is no XML of S3 leaves the SDK without a code.
  if (thrown instanceof SyntaxError || /Deserialization error|char '/.test(message)) return NO_S3;
  if (name === 'NoSuchBucket')
    return ['unavailable', `has no bucket ${peer.bucket}: make it, or correct bucket`];
  if (name === 'AccessDenied')
    return ['denied', `does not allow it to that access key: give it ${RIGHTS[operation] ?? WRITE_RIGHTS}`];
  const meaning = CODES[name] ?? meaningOf(statusOf(thrown) ?? 0, STATUS);
  return meaning === REGION ? regionMeaning(thrown, peer) : meaning;
}

/** Servers name the right region in various places. */
function regionMeaning(thrown: Refused, { region }: S3Peer): Meaning {
  const named = thrown.Region ?? headerOf(thrown, 'x-amz-bucket-region');
  const right = named ?? /expecting '([\w-]+)'/.exec(thrown.message)?.[1];
  if (right === undefined || right === region) return REGION;
  return ['denied', `has the bucket in another region: set region to ${right}`];
}

const headerOf = ({ $response }: Refused, name: string): string | undefined => $response?.headers?.[name];
