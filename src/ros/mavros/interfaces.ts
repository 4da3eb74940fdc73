import type { Message, MessageType, ServiceType } from '../graph.js';

// Messages and services of MAVROS: mavros_msgs of mavros 2.

/** mavros_msgs/msg/State, as far as it is needed here. */
export interface StateMessage {
  /** MAVROS receives heartbeats of the vehicle. */
  readonly connected: boolean;
  readonly armed: boolean;
}

export interface FileEntryMessage {
  readonly name: string;
  /** 0 file, 1 folder. */
  readonly type: number;
  readonly size: bigint;
}

export const FOLDER_ENTRY = 1;

/** How every answer of the FTP plugin but that of `reset` ends. */
export interface FtpAnswer {
  readonly success: boolean;
  /** Linux' numbers. Left over from an earlier call where the vehicle's error has no number in MAVROS. */
  readonly r_errno: number;
}

export interface FilePath {
  readonly file_path: string;
}

export interface ListRequest {
  readonly dir_path: string;
}

export interface ListAnswer extends FtpAnswer {
  readonly list: readonly FileEntryMessage[];
}

export interface OpenRequest extends FilePath {
  /** 0: for reading. */
  readonly mode: number;
}

export interface OpenAnswer extends FtpAnswer {
  /** Bytes. */
  readonly size: number;
}

export interface ReadRequest extends FilePath {
  /** Bytes. */
  readonly offset: bigint;
  readonly size: bigint;
}

export interface ReadAnswer extends FtpAnswer {
  readonly data: Uint8Array | readonly number[];
}

export interface ChecksumAnswer extends FtpAnswer {
  readonly crc32: number;
}

/** An endpoint of the MAVROS router. */
export interface EndpointRequest {
  /** A topic prefix, where the type is UAS. */
  readonly url: string;
  readonly type: number;
}

export interface EndpointRemoval extends EndpointRequest {
  /** 0: the first that has the url and the type. */
  readonly id: number;
}

export interface EndpointAnswer {
  readonly successful: boolean;
  readonly reason: string;
}

export const ENDPOINT_TYPE_UAS = 2;

const ftp = <Request extends Message, Answer extends FtpAnswer>(
  name: string,
): ServiceType<Request, Answer> => ({
  name: `mavros_msgs/srv/${name}`,
  failed: () => ({ success: false, r_errno: 5 }) as Partial<Answer>,
});

const endpoint = <Request extends Message>(name: string): ServiceType<Request, EndpointAnswer> => ({
  name: `mavros_msgs/srv/${name}`,
  failed: reason => ({ successful: false, reason }),
});

export const stateType: MessageType<StateMessage> = { name: 'mavros_msgs/msg/State' };

export const ftpTypes = {
  list: ftp<ListRequest, ListAnswer>('FileList'),
  open: ftp<OpenRequest, OpenAnswer>('FileOpen'),
  read: ftp<ReadRequest, ReadAnswer>('FileRead'),
  close: ftp<FilePath, FtpAnswer>('FileClose'),
  remove: ftp<FilePath, FtpAnswer>('FileRemove'),
  checksum: ftp<FilePath, ChecksumAnswer>('FileChecksum'),
} as const;

export const routerTypes = {
  add: endpoint<EndpointRequest>('EndpointAdd'),
  remove: endpoint<EndpointRemoval>('EndpointDel'),
} as const;

/** mavros_msgs/msg/Mavlink: one frame. Only sent and received serialized. */
export const MAVLINK_TYPE = 'mavros_msgs/msg/Mavlink';
