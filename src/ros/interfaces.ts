import type { File, FlightView, Status, TransferView, WaitingGroup } from '../api/schema.js';
import type { Message, MessageType, ServiceType } from './graph.js';

// The node's messages and services, as msg/, srv/ and the standard packages define them.

/** builtin_interfaces/Time. */
export interface Time {
  readonly sec: number;
  readonly nanosec: number;
}

/** An object of the API as a message: times as `Time`, bytes as int64, states as their numbers. */
type Of<Shape> = {
  readonly [Key in keyof Shape]: Key extends `${string}_at` | 'modified' | 'since' | 'until'
    ? Time
    : Key extends 'size' | 'bytes'
      ? bigint
      : Key extends 'state' | 'seconds_left'
        ? number
        : Shape[Key];
};

export type DeliveryMessage = Of<File['targets'][number]>;
export type WaitingGroupMessage = Of<WaitingGroup>;
export type FailingNotificationMessage = Of<Status['notifications'][number]>;
export type DeviceStateMessage = Of<Omit<Status['devices'][number], 'link'>> & {
  readonly link_bytes_per_second: number;
  readonly link_loss: number;
  readonly link_rtt_ms: number;
};

export interface FileStateMessage extends Omit<Of<File>, 'targets' | 'waiting' | 'facts'> {
  readonly deleted: boolean;
  readonly targets: readonly DeliveryMessage[];
  readonly waiting: readonly Of<File['waiting'][number]>[];
}

export interface FlightMessage extends Omit<Of<FlightView>, 'missing' | 'duration_seconds'> {
  /** -1 if it is not known. */
  readonly duration_seconds: number;
  readonly missing: readonly Of<FlightView['missing'][number]>[];
}

export interface FileStateArrayMessage {
  readonly stamp: Time;
  readonly files: readonly FileStateMessage[];
  readonly unfinished: number;
  readonly counts: readonly { readonly state: number; readonly count: number }[];
}

export interface DeviceStateArrayMessage {
  readonly stamp: Time;
  readonly devices: readonly DeviceStateMessage[];
}

export interface ProgressMessage extends Of<TransferView> {
  readonly stamp: Time;
}

export interface StatusMessage extends Pick<
  Status,
  'version' | 'paused' | 'database' | 'configuration' | 'web'
> {
  readonly stamp: Time;
  readonly code: number;
  readonly text: string;
  readonly seconds_left: number;
  readonly running_since: Time;
  readonly devices: readonly DeviceStateMessage[];
  readonly counts: FileStateArrayMessage['counts'];
  readonly transfers: readonly ProgressMessage[];
  readonly waiting: readonly WaitingGroupMessage[];
  readonly units: Status['units'];
  readonly notifications: readonly FailingNotificationMessage[];
  readonly disk_free: bigint;
  readonly disk_total: bigint;
}

export interface DiagnosticStatusMessage {
  readonly level: number;
  readonly name: string;
  readonly message: string;
  readonly hardware_id: string;
  readonly values: readonly { readonly key: string; readonly value: string }[];
}

export interface DiagnosticArrayMessage {
  readonly header: { readonly stamp: Time; readonly frame_id: string };
  readonly status: readonly DiagnosticStatusMessage[];
}

/** How every answer begins. */
export interface ServiceResponse {
  readonly success: boolean;
  /** Why not, if not. */
  readonly message: string;
}

export interface FileId {
  readonly id: string;
}

export interface ListFilesRequest {
  readonly states: Uint8Array | readonly number[];
  readonly device: string;
  readonly offset: number;
  readonly limit: number;
}

export interface ListFilesResponse extends ServiceResponse {
  readonly files: readonly FileStateMessage[];
  readonly total: number;
}

export interface FlightsRequest {
  readonly since: Time;
  readonly vehicle: string;
  readonly offset: number;
  readonly limit: number;
}

export interface FlightsResponse extends ServiceResponse {
  readonly flights: readonly FlightMessage[];
  readonly total: number;
}

export interface FileResponse extends ServiceResponse {
  readonly file: FileStateMessage;
}

export interface GetFileResponse extends FileResponse {
  /** JSON. */
  readonly facts: string;
}

export interface SetFileRequest extends FileId {
  readonly set_state: boolean;
  readonly state: number;
  readonly set_description: boolean;
  readonly description: string;
  readonly set_targets: boolean;
  readonly targets: readonly string[];
}

/** Of a file, the others of its unit are changed as well. */
export interface ChangedResponse extends ServiceResponse {
  readonly ids: readonly string[];
}

const message = <M extends Message>(name: string): MessageType<M> => ({ name });

export const topics = {
  fileState: message<FileStateMessage>('filesync/msg/FileState'),
  files: message<FileStateArrayMessage>('filesync/msg/FileStateArray'),
  devices: message<DeviceStateArrayMessage>('filesync/msg/DeviceStateArray'),
  status: message<StatusMessage>('filesync/msg/Status'),
  progress: message<ProgressMessage>('filesync/msg/Progress'),
  diagnostics: message<DiagnosticArrayMessage>('diagnostic_msgs/msg/DiagnosticArray'),
} as const;

const service = <Request extends Message, Response extends ServiceResponse>(
  name: string,
): ServiceType<Request, Response> => ({
  name,
  failed: reason => ({ success: false, message: reason }) as Partial<Response>,
});

export const services = {
  listFiles: service<ListFilesRequest, ListFilesResponse>('filesync/srv/ListFiles'),
  flights: service<FlightsRequest, FlightsResponse>('filesync/srv/Flights'),
  getFile: service<FileId, GetFileResponse>('filesync/srv/GetFile'),
  setFile: service<SetFileRequest, FileResponse>('filesync/srv/SetFile'),
  forgetFile: service<FileId, ServiceResponse>('filesync/srv/ForgetFile'),
  retry: service<FileId, ChangedResponse>('filesync/srv/Retry'),
  cancel: service<FileId, ChangedResponse>('filesync/srv/Cancel'),
  fetchFile: service<FileId, ServiceResponse>('filesync/srv/FetchFile'),
  first: service<{ readonly ids: readonly string[] }, ServiceResponse>('filesync/srv/First'),
  trigger: service<object, ServiceResponse>('std_srvs/srv/Trigger'),
  setBool: service<{ readonly data: boolean }, ServiceResponse>('std_srvs/srv/SetBool'),
} as const;
