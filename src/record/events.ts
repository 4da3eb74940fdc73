import type { FileFacts } from '../file-facts.js';
import type { Checkpoint, FileRecord, FileState, Receipt } from '../ports.js';

/** The hashes of a file, known when all its bytes have been read. */
export type Digested = Pick<FileRecord, 'sha256' | 'proof'>;

/** What a person wants a record to be. */
export interface Edit {
  /** FOUND: fetch it again; DOWNLOADED: deliver it again to every target; FAILED: give up. */
  readonly state?: FileState;
  readonly description?: string;
  /** All its targets, by device name. */
  readonly targets?: readonly string[];
  /** Why it is given up; only with FAILED. */
  readonly reason?: string;
}

/** `retry`: another attempt will be made; `failed`: only a person brings it back. */
export type Outcome = 'retry' | 'failed';

/** Everything that can happen to a file. Who emits it, and what it changes: docs/ARCHITECTURE.md. */
export type FileEvent =
  | { readonly type: 'Found'; readonly record: FileRecord }
  /**
   * On the source again after it was gone, before all targets had it: listed (`asOf`: when the listing began, monotonic ms;
   * absent: now), or recognised by its bytes, maybe with another time (`modified`).
   */
  | { readonly type: 'SeenAgain'; readonly asOf?: number; readonly modified?: number }
  | { readonly type: 'Gone'; readonly asOf: number }
  /** The result of today's rules; `paths` by target. */
  | ({ readonly type: 'Planned'; readonly paths: Readonly<Record<string, string | undefined>> } & Pick<
      FileRecord,
      'via' | 'skipped'
    >)
  | { readonly type: 'FetchBegan'; readonly local: string }
  | { readonly type: 'Checkpointed'; readonly checkpoint: Checkpoint }
  /** All bytes have arrived; the finished copy gets the name `local` next. */
  | ({ readonly type: 'Hashed'; readonly local: string } & Digested)
  | { readonly type: 'Fetched' }
  /** Its contents, or their ends, have been read. */
  | { readonly type: 'FactsRead'; readonly facts: FileFacts }
  /** Its name on a target depends on what is in it, and has been chosen: once. */
  | { readonly type: 'Named'; readonly target: string; readonly path: string }
  /** After a crash: there is no finished copy under the name that it was about to get. */
  | { readonly type: 'NotRecovered' }
  | { readonly type: 'FetchFailed'; readonly reason: string; readonly outcome: Outcome | 'gone' }
  /** The bytes that arrived do not have the source's checksum. */
  | { readonly type: 'Mismatched'; readonly reason: string }
  /** The local copy is gone, or has changed since it was fetched. */
  | { readonly type: 'CopyLost'; readonly reason: string }
  /** It has the same bytes as an earlier file, whose deliveries count for it too. */
  | ({ readonly type: 'Recognised'; readonly earlier: FileRecord } & Digested)
  /** It has other bytes than the earlier file that it looks like. */
  | { readonly type: 'Distinguished' }
  | { readonly type: 'DeliveryBegan'; readonly target: string; readonly path: string }
  | ({ readonly type: 'Committing'; readonly target: string; readonly path: string } & Digested)
  | ({
      readonly type: 'Delivered';
      readonly target: string;
      readonly path: string;
      readonly receipt: Receipt;
    } & Digested)
  /** `unanswered`: the attempt was interrupted when the target could already have the file. */
  | {
      readonly type: 'DeliveryFailed';
      readonly target: string;
      readonly reason: string;
      readonly outcome: Outcome;
      readonly unanswered: boolean;
    }
  | { readonly type: 'Removed' }
  | { readonly type: 'RemovalFailed'; readonly reason: string; readonly outcome: Outcome }
  | { readonly type: 'Evicted' }
  | { readonly type: 'Retried' }
  | { readonly type: 'Edited'; readonly edit: Edit }
  /** A person found that a target does not have the file, or not its bytes, any more. */
  | { readonly type: 'DeliveryLost'; readonly target: string; readonly reason: string }
  /** A person asked for the local copy of a delivered file, which was lost. */
  | { readonly type: 'CopyWanted' }
  /** A person does not need the local copy of a delivered file. */
  | { readonly type: 'CopyUnwanted' }
  /** A person asked for its bytes. */
  | { readonly type: 'Asked' }
  | { readonly type: 'Prioritised'; readonly first: number }
  /** The program starts: nothing is under way. */
  | { readonly type: 'Restarted' }
  /** The wall clock jumped by `delta` ms; what this boot has written since `since` was written by the wrong clock. */
  | { readonly type: 'ClockSet'; readonly delta: number; readonly since: number };
