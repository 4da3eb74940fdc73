import { FtpErrorCode, MAX_DATA, Opcode, type FtpPayload } from '../mavlink/ftp-payload.js';
import { errnoOf, Nak } from './exchange.js';
import type { Folder, FolderEntry, OpenMode } from './folder.js';
import { ardupilotName, ardupilotNames, px4Name, px4Names } from './names.js';

// How PX4 and ArduPilot differ. "Seen" facts come from recorded traffic of a live PX4 SITL (August 2026) and a live
// ArduPilot Copter SITL (July 2025), the others from their sources.

export interface HeartbeatFields {
  readonly customMode: number;
  /** MAV_AUTOPILOT. */
  readonly autopilot: number;
  /** MAV_MODE_FLAG while disarmed. */
  readonly baseMode: number;
  /** MAV_STATE while disarmed. */
  readonly systemStatus: number;
}

/** The messages that it sends on request. */
export interface CommandRules {
  /** MAV_CMD_REQUEST_MESSAGE is known; else only MAV_CMD_REQUEST_AUTOPILOT_CAPABILITIES, as in PX4 before 1.11. */
  readonly requestMessage: boolean;
  /** AUTOPILOT_VERSION: major, minor and patch of the firmware, and USB ids of the board. */
  readonly version: readonly [number, number, number];
  readonly board: { readonly vendor: number; readonly product: number };
  /** STORAGE_INFORMATION is sent. */
  readonly storage: boolean;
}

export interface SessionRules {
  /** One table and one file position for the link, and the id is always 0; else each requester chooses its own ids. */
  readonly shared: boolean;
  readonly limit: number;
  /** ms without activity after which a session is closed. */
  readonly idle: number;
  /** The packets of a burst count as activity. */
  readonly keptByBursts: boolean;
  /** Answer to an open in a session that has a file open. */
  readonly taken: FtpErrorCode;
  /** Answer to an open when the limit is reached. */
  readonly full: FtpErrorCode;
  /** Answer to a request in a session without a file. */
  readonly missing: FtpErrorCode;
  /** The same while another session of this requester has one. */
  readonly missingBesideOthers: FtpErrorCode;
  /** Answer to a read of what is open for writing, and the reverse; undefined: the file system refuses it. */
  readonly wrongMode: FtpErrorCode | undefined;
  /** A session that is not open can be terminated. */
  readonly terminatesAny: boolean;
}

export interface ReplyRules {
  /** Data bytes up to which a reply is kept, and sent again to a request with the same sequence number. */
  readonly keptUpTo: number;
  /** The kept reply is only for the requester and session that got it. */
  readonly keptPerSession: boolean;
  /** The errno of a failure is sent in later NAKs too. */
  readonly stickyErrno: boolean;
  /** Whether an ACK (else a NAK) repeats the request's offset; else it carries 0. */
  repeatsOffset(opcode: number, acknowledged: boolean): boolean;
  /** Replies go to component 0, which is all of them, as those of PX4 before 1.11. */
  readonly toAllComponents?: boolean;
  readonly unknownCommand: FtpErrorCode;
  readonly unknown: ReadonlySet<number>;
}

export interface ListingRules {
  /** `F`, `D`, `S` (counts in the offset, has no name), or undefined: not listed, does not count. */
  mark(entry: FolderEntry): 'F' | 'D' | 'S' | undefined;
  /** After each entry. */
  readonly terminator: string;
  /** A packet that an entry is too long for is an ACK without data; else the end of the listing. */
  readonly emptyPackets: boolean;
  /** Of a folder that cannot be read; ArduPilot leaves it to the errno. */
  readonly fault: FtpErrorCode;
}

export interface FileRules {
  name(request: FtpPayload): string;
  /** Of a rename: old and new. */
  names(request: FtpPayload): [string, string];
  /** What opening a folder for reading says its size is; undefined: it is not found. */
  readonly folderSize: number | undefined;
  /** How OpenFileWO opens. */
  readonly writeMode: OpenMode;
  /** Opens for writing, and writes, are answered with a size or a count. */
  readonly countsWrites: boolean;
  /** Nothing is read from behind the size that the file had when it was opened. */
  readonly endsAtOpenedSize: boolean;
  /** A read that yields nothing is the end of the file; else an ACK without data. */
  readonly emptyIsEnd: boolean;
  crcFault(error: unknown): Nak;
  readonly removeFile: (folder: Folder, path: string) => Promise<void>;
  readonly removeFolder: (folder: Folder, path: string) => Promise<void>;
}

export interface BurstRules {
  /** Packets of a burst; the last one is marked `burst_complete`. */
  readonly packets: number;
  /** ms from one packet to the next on average, however fast the link is; 0: as fast as the link takes them. */
  readonly interval: number;
  /** Data bytes of a packet. */
  size(request: FtpPayload): number;
  /** Other requests wait until the burst is over. */
  readonly blocks: boolean;
  /** The last data and the NAK at the end of the file are marked `burst_complete`. */
  readonly marksEnd: boolean;
}

export interface Personality {
  readonly heartbeat: HeartbeatFields;
  readonly commands: CommandRules;
  readonly sessions: SessionRules;
  readonly replies: ReplyRules;
  readonly listing: ListingRules;
  readonly files: FileRules;
  readonly burst: BurstRules;
}

const EISDIR = 21;
const isParent = (entry: FolderEntry) => entry.name === '.' || entry.name === '..';

export const PX4: Personality = {
  heartbeat: { customMode: 0x03040000, autopilot: 12, baseMode: 0x1d, systemStatus: 0 },
  commands: {
    requestMessage: true,
    version: [1, 16, 0],
    board: { vendor: 0x26ac, product: 0x0033 },
    storage: true,
  },
  sessions: {
    shared: true,
    limit: 1,
    idle: 10_000,
    keptByBursts: false,
    taken: FtpErrorCode.NO_SESSIONS_AVAILABLE,
    full: FtpErrorCode.NO_SESSIONS_AVAILABLE,
    missing: FtpErrorCode.INVALID_SESSION,
    missingBesideOthers: FtpErrorCode.INVALID_SESSION,
    wrongMode: undefined,
    terminatesAny: false,
  },
  replies: {
    keptUpTo: 4,
    keptPerSession: false,
    stickyErrno: true,
    repeatsOffset: () => true,
    unknownCommand: FtpErrorCode.UNKNOWN_COMMAND,
    unknown: new Set(),
  },
  listing: {
    mark: entry => (entry.type === 'file' ? 'F' : entry.type === 'directory' && !isParent(entry) ? 'D' : 'S'),
    terminator: '\0',
    emptyPackets: true,
    fault: FtpErrorCode.FILE_NOT_FOUND,
  },
  files: {
    name: px4Name,
    names: px4Names,
    folderSize: 4096,
    writeMode: 'write',
    countsWrites: true,
    endsAtOpenedSize: true,
    emptyIsEnd: false,
    // A failed open leaves the errno of an older failure in place; a failed read does not (both seen).
    crcFault: error => new Nak(FtpErrorCode.FAIL_ERRNO, errnoOf(error) === EISDIR ? EISDIR : undefined),
    removeFile: (folder, path) => folder.removeFile(path),
    removeFolder: (folder, path) => folder.removeFolder(path),
  },
  // Some 850 kB/s on loopback (seen).
  burst: { packets: 168, interval: 0.28, size: () => MAX_DATA, blocks: false, marksEnd: false },
};

const ARDUPILOT_OFFSETS: ReadonlySet<number> = new Set([
  Opcode.LIST_DIRECTORY,
  Opcode.READ_FILE,
  Opcode.WRITE_FILE,
]);

/** ArduPilot's file system has one call for both kinds, and the errno is that of the second attempt. */
async function removeEither(folder: Folder, path: string): Promise<void> {
  await folder.removeFolder(path).catch(() => folder.removeFile(path));
}

export const ARDUPILOT: Personality = {
  heartbeat: { customMode: 0, autopilot: 3, baseMode: 0x51, systemStatus: 3 },
  commands: {
    requestMessage: true,
    version: [4, 6, 1],
    board: { vendor: 0x1209, product: 0x5740 },
    storage: false,
  },
  sessions: {
    shared: false,
    limit: 5,
    idle: 20_000,
    keptByBursts: true,
    taken: FtpErrorCode.FAIL,
    full: FtpErrorCode.INVALID_SESSION,
    missing: FtpErrorCode.FILE_NOT_FOUND,
    missingBesideOthers: FtpErrorCode.INVALID_SESSION,
    wrongMode: FtpErrorCode.FAIL,
    terminatesAny: true,
  },
  replies: {
    keptUpTo: MAX_DATA,
    keptPerSession: true,
    stickyErrno: false,
    repeatsOffset: (opcode, acknowledged) => acknowledged && ARDUPILOT_OFFSETS.has(opcode),
    unknownCommand: FtpErrorCode.FAIL,
    unknown: new Set([Opcode.LIST_DIRECTORY_WITH_TIME, Opcode.TRUNCATE_FILE]),
  },
  listing: {
    mark: entry => (entry.type === 'directory' ? 'D' : entry.type === 'other' ? undefined : 'F'),
    terminator: '\0\0',
    emptyPackets: false,
    fault: FtpErrorCode.FAIL_ERRNO,
  },
  files: {
    name: ardupilotName,
    names: ardupilotNames,
    folderSize: undefined,
    writeMode: 'write-existing',
    countsWrites: false,
    endsAtOpenedSize: false,
    emptyIsEnd: true,
    crcFault: () => new Nak(FtpErrorCode.FILE_NOT_FOUND),
    removeFile: removeEither,
    removeFolder: removeEither,
  },
  // 500 packets seen; newer releases send up to 2000.
  burst: {
    packets: 500,
    interval: 0,
    size: request => request.size || MAX_DATA,
    blocks: true,
    marksEnd: true,
  },
};

export const PERSONALITIES = { px4: PX4, ardupilot: ARDUPILOT } as const;
