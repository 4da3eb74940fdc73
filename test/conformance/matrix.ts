import type { Source, Target } from '../../src/ports.js';
import { defineSuite, type Deviations } from './support.js';

/** What of a suite goes into docs/DEVICES.md; the reporter that writes it finds it on the suite. */
interface MatrixEntry {
  /** Device type, then what it was tested on: `ftp, vsftpd with TLS`. */
  readonly name: string;
  readonly end: 'source' | 'target';
  readonly what: 'rules' | 'faults';
  readonly deviations?: Deviations<string>;
  /** As the device told them, once a test has run. */
  capabilities?: object | undefined;
}

export function noteInMatrix(suite: Mocha.Suite, matrix: MatrixEntry): void {
  Object.assign(suite, { matrix });
}

interface DeviceBench {
  readonly source?: Source;
  readonly target?: Target;
  close(): Promise<void>;
}

/** The rules of one end of a device, as a suite that docs/DEVICES.md tells of. */
export function defineDeviceSuite<Bench extends DeviceBench, Title extends string>(
  { name, end }: Pick<MatrixEntry, 'name' | 'end'>,
  cases: Readonly<Record<Title, (bench: Bench) => Promise<void>>>,
  setup: () => Promise<Bench>,
  deviations: Deviations<Title>,
): void {
  const entry: MatrixEntry = { name, end, what: 'rules', deviations };
  const noted = async (): Promise<Bench> => {
    const bench = await setup();
    entry.capabilities = bench[end]?.capabilities;
    return bench;
  };
  noteInMatrix(defineSuite(`${name}: conformance of a ${end}`, cases, noted, deviations), entry);
}
