import type { Status } from '../api/schema.js';

// The forms of the API, as types only: nothing of the server's code becomes part of the page.

export type {
  EditResult,
  File,
  FilePage,
  FlightPage,
  FlightView,
  Status,
  TransferView,
  Verdict,
  WaitingGroup,
} from '../api/schema.js';
export type { FleetPage, FleetVehicle } from '../api/schema-fleet.js';
export type { Receipt } from '../api/schema-files.js';
export type {
  Link,
  LinkFigures,
  LinkSample,
  Listing,
  LogEntry,
  LogPage,
  Signal,
  SignalsView,
} from '../api/schema-live.js';

export type Device = Status['devices'][number];

/** The answer to `GET /session`. */
export interface Session {
  readonly scopes: readonly string[];
  /** Whether there is a password that opens the page. */
  readonly login: boolean;
}
