/** Types of fields, little-endian on the wire. */
const SCALARS = {
  uint8: {
    size: 1,
    get: (view, at) => view.getUint8(at),
    set: (view, at, value) => view.setUint8(at, value),
  },
  uint16: {
    size: 2,
    get: (view, at) => view.getUint16(at, true),
    set: (view, at, value) => view.setUint16(at, value, true),
  },
  uint32: {
    size: 4,
    get: (view, at) => view.getUint32(at, true),
    set: (view, at, value) => view.setUint32(at, value, true),
  },
  int32: {
    size: 4,
    get: (view, at) => view.getInt32(at, true),
    set: (view, at, value) => view.setInt32(at, value, true),
  },
  float: {
    size: 4,
    get: (view, at) => view.getFloat32(at, true),
    set: (view, at, value) => view.setFloat32(at, value, true),
  },
} as const satisfies Record<string, Scalar>;

interface Scalar {
  readonly size: number;
  get(view: DataView, at: number): number;
  set(view: DataView, at: number, value: number): void;
}

/** A number of one of the scalar types, or an array of that many bytes. */
type FieldType = keyof typeof SCALARS | { readonly bytes: number };
export type Fields = Readonly<Record<string, FieldType>>;

/** The values of a message's fields. */
export type Values<F extends Fields> = {
  -readonly [Name in keyof F]: F[Name] extends { bytes: number } ? Uint8Array : number;
};

/** One kind of message. Its fields are in the order of the wire, extensions last. */
export interface MessageType<F extends Fields = Fields> {
  readonly id: number;
  readonly name: string;
  readonly crcExtra: number;
  /** Bytes of the payload in full. */
  readonly length: number;
  encode(values: Values<F>): Uint8Array;
  /** `payload` must be of full length. Byte arrays are views of it. */
  decode(payload: Uint8Array): Values<F>;
}

export const Heartbeat = defineMessage('HEARTBEAT', 0, 50, {
  customMode: 'uint32',
  type: 'uint8',
  autopilot: 'uint8',
  baseMode: 'uint8',
  systemStatus: 'uint8',
  mavlinkVersion: 'uint8',
});

export const CommandLong = defineMessage('COMMAND_LONG', 76, 152, {
  param1: 'float',
  param2: 'float',
  param3: 'float',
  param4: 'float',
  param5: 'float',
  param6: 'float',
  param7: 'float',
  command: 'uint16',
  targetSystem: 'uint8',
  targetComponent: 'uint8',
  confirmation: 'uint8',
});

export const CommandAck = defineMessage('COMMAND_ACK', 77, 143, {
  command: 'uint16',
  result: 'uint8',
  progress: 'uint8',
  resultParam2: 'int32',
  targetSystem: 'uint8',
  targetComponent: 'uint8',
});

export const FileTransferProtocol = defineMessage('FILE_TRANSFER_PROTOCOL', 110, 84, {
  targetNetwork: 'uint8',
  targetSystem: 'uint8',
  targetComponent: 'uint8',
  payload: { bytes: 251 },
});

export const AutopilotVersion = defineMessage('AUTOPILOT_VERSION', 148, 178, {
  capabilities: { bytes: 8 },
  uid: { bytes: 8 },
  flightSwVersion: 'uint32',
  middlewareSwVersion: 'uint32',
  osSwVersion: 'uint32',
  boardVersion: 'uint32',
  vendorId: 'uint16',
  productId: 'uint16',
  flightCustomVersion: { bytes: 8 },
  middlewareCustomVersion: { bytes: 8 },
  osCustomVersion: { bytes: 8 },
  uid2: { bytes: 18 },
});

/** Capacities in MiB. */
export const StorageInformation = defineMessage('STORAGE_INFORMATION', 261, 179, {
  timeBootMs: 'uint32',
  totalCapacity: 'float',
  usedCapacity: 'float',
  availableCapacity: 'float',
  readSpeed: 'float',
  writeSpeed: 'float',
  storageId: 'uint8',
  storageCount: 'uint8',
  status: 'uint8',
  type: 'uint8',
  name: { bytes: 32 },
  storageUsage: 'uint8',
});

/** The properties of a message that the frame codec needs. */
export type MessageLayout = Pick<MessageType, 'id' | 'crcExtra' | 'length'>;

const LAYOUTS: ReadonlyMap<number, MessageLayout> = new Map(
  [Heartbeat, CommandLong, CommandAck, FileTransferProtocol, AutopilotVersion, StorageInformation].map(
    type => [type.id, type],
  ),
);

/** The layout of a known message; a frame of any other cannot be checked. */
export function layoutOf(messageId: number): MessageLayout | undefined {
  return LAYOUTS.get(messageId);
}

/** A field and its position in the payload, bytes. */
interface Place {
  readonly name: string;
  readonly type: FieldType;
  readonly start: number;
  readonly end: number;
}

function defineMessage<F extends Fields>(
  name: string,
  id: number,
  crcExtra: number,
  fields: F,
): MessageType<F> {
  const places = placesOf(fields);
  const length = places.at(-1)?.end ?? 0;
  return {
    id,
    name,
    crcExtra,
    length,
    encode: values => encode(places, length, values),
    decode: payload => decode(places, payload) as Values<F>,
  };
}

function placesOf(fields: Fields): Place[] {
  let end = 0;
  return Object.entries(fields).map(([name, type]) => {
    const start = end;
    end += typeof type === 'string' ? SCALARS[type].size : type.bytes;
    return { name, type, start, end };
  });
}

function encode(
  places: readonly Place[],
  length: number,
  values: Readonly<Record<string, number | Uint8Array>>,
): Uint8Array {
  const payload = new Uint8Array(length);
  const view = new DataView(payload.buffer);
  for (const { name, type, start, end } of places) {
    const value = values[name] ?? 0;
    if (typeof type === 'string') SCALARS[type].set(view, start, Number(value));
    else if (typeof value === 'object') payload.set(value.subarray(0, end - start), start);
  }
  return payload;
}

function decode(places: readonly Place[], payload: Uint8Array): Record<string, number | Uint8Array> {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const values: Record<string, number | Uint8Array> = {};
  for (const { name, type, start, end } of places)
    values[name] = typeof type === 'string' ? SCALARS[type].get(view, start) : payload.subarray(start, end);
  return values;
}
