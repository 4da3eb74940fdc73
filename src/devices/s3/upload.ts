import type { Outgoing, WriteEvents } from '../../ports.js';
import type { RequestScope } from '../web-client/scope.js';
import type { ObjectOptions } from './object-options.js';

export interface S3TargetOptions extends ObjectOptions {
  /** Bytes. */
  readonly part_size: number;
}

/** One file on its way. */
export interface S3Upload {
  readonly file: Outgoing;
  readonly path: string;
  readonly key: string;
  readonly offset: number;
  readonly events: WriteEvents;
  readonly scope: RequestScope;
}

/** What the server must say of an object. */
export interface Expected {
  readonly size: number;
  /** As it is where it is a hash of the bytes. */
  readonly etag: string;
  /** Hex. */
  readonly sha256: string | undefined;
  /** The ETag in the answer to the one request that has sent it all; undefined where that is not known. */
  readonly answered?: string | undefined;
}
