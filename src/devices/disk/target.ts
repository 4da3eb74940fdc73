import type { Observable } from 'rxjs';
import type { Availability, Checksum, Receipt, Target, TargetCapabilities, TargetStat } from '../../ports.js';
import type { DeviceContext } from '../../config/definition.js';
import type { NameStyle } from '../../system/portable-names.js';
import { DirectoryTarget } from '../directory/target.js';
import { checkTargetPath } from '../target-path.js';
import type { Drive } from './drive.js';
import { DriveEnd } from './drive-end.js';

/** A drive that files are copied to, wherever it is mounted. */
export class DiskTarget implements Target {
  readonly capabilities: TargetCapabilities;
  readonly availability: Observable<Availability>;
  readonly #device: string;
  readonly #end: DriveEnd<DirectoryTarget>;

  constructor(drive: Drive, context: DeviceContext) {
    const folderAt = (path: string) => new DirectoryTarget(path, context, drive.timeout);
    this.capabilities = folderAt('/').capabilities;
    this.#device = context.name;
    this.#end = new DriveEnd(drive, 'write', context, folderAt);
    this.availability = this.#end.availability;
  }

  stat(path: string, token: string, signal: AbortSignal): Promise<TargetStat> {
    return this.#do('stat', path, signal, folder => folder.stat(path, token, signal));
  }

  checksum(path: string, signal: AbortSignal): Promise<Checksum> {
    return this.#do('checksum', path, signal, folder => folder.checksum(path, signal));
  }

  write(...request: Parameters<Target['write']>): Promise<Receipt> {
    const [, path, , signal] = request;
    return this.#do('write', path, signal, folder => folder.write(...request));
  }

  names(path: string, signal: AbortSignal): Promise<NameStyle> {
    return this.#do('write', path, signal, folder => folder.names(path, signal));
  }

  probe(signal: AbortSignal): Promise<void> {
    return this.#end.do(folder => folder.probe(signal), '.', signal, 'probe');
  }

  close(): Promise<void> {
    return this.#end.close();
  }

  async #do<Value>(
    operation: string,
    path: string,
    signal: AbortSignal,
    work: (folder: DirectoryTarget) => Promise<Value>,
  ): Promise<Value> {
    checkTargetPath(path, { device: this.#device, operation, path });
    return this.#end.do(work, path, signal, operation);
  }
}
