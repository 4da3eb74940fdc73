import { startReceiver, type Receiver, type Trouble } from '../../src/demo/receiver.js';
import type { DeviceContext, DeviceType } from '../../src/config/definition.js';
import type { Target } from '../../src/ports.js';
import { temporaryFolder } from '../conformance/temp-folder.js';
import { makeTarget } from './device.js';

export interface UploadBench {
  readonly receiver: Receiver;
  readonly target: Target;
}

export interface UploadSetup {
  readonly type: DeviceType;
  /** Path of the page on the receiver. */
  readonly page: string;
  readonly options?: Readonly<Record<string, unknown>>;
  readonly over?: Partial<DeviceContext>;
  /** What happens to the uploads, in order. */
  readonly troubles?: readonly Trouble[];
}

/** Does the work with a receiver and a target that uploads to it. */
export async function withUpload(
  setup: UploadSetup,
  work: (bench: UploadBench) => Promise<void>,
): Promise<void> {
  const { type, page, options, over, troubles } = setup;
  const folder = await temporaryFolder();
  const receiver = await startReceiver({ folder: folder.path, trouble: upload => troubles?.[upload] });
  const target = await makeTarget(type, { url: receiver.url + page, ...options }, over);
  try {
    await work({ receiver, target });
  } finally {
    await target.close();
    await receiver.close();
    await folder.remove();
  }
}
