/** The formats whose contents are read. */
export type FactFormat = 'ulog' | 'ardupilot' | 'mcap' | 'rosbag2' | 'jpeg' | 'tiff';

/** Degrees (WGS 84), north and east positive; metres above mean sea level. */
export interface Position {
  readonly latitude: number;
  readonly longitude: number;
  readonly altitude?: number;
}

/**
 * What a file says about itself. It is kept in the file's record, so it is small: as JSON at most MAX_FACTS_BYTES. What the file
 * does not say is absent.
 */
export interface FileFacts {
  readonly format: FactFormat;
  /** When it begins, or the picture was taken: ms since the Unix epoch, by GPS or by a clock that knows its zone. */
  readonly start?: number;
  /** ms from the first to the last message. */
  readonly duration?: number;
  /** A name that is unique to the vehicle, such as PX4's `sys_uuid`. */
  readonly vehicle?: string;
  readonly firmware?: string;
  readonly hardware?: string;
  readonly airframe?: string;
  /** Logged messages of at least that severity. */
  readonly errors?: number;
  readonly warnings?: number;
  /** How often the logger lost data, and for how many ms in all. */
  readonly dropouts?: number;
  readonly dropoutMs?: number;
  /** The file ends within a message. */
  readonly truncated?: true;
  /** PX4 has added data to the file after a crash. */
  readonly appended?: true;
  /** Of a recording: what its messages are, such as `ros2`. */
  readonly profile?: string;
  readonly topics?: number;
  readonly messages?: number;
  readonly camera?: string;
  /** A thermal picture whose pixels are temperatures. */
  readonly radiometric?: boolean;
  /** The first one; only where the configuration asks for it. */
  readonly position?: Position;
  /** Only its beginning and its end were read, before it was fetched: what needs the whole file is missing. */
  readonly endsOnly?: true;
  /** Why something is missing: the file is damaged, or is too large to be read whole. */
  readonly note?: string;
}

export const MAX_FACTS_BYTES = 2048;
