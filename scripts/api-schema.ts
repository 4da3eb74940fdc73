import * as z from 'zod';
import { action, editResult, failure, file, flight, flightPage, page, status } from '../src/api/schema.js';
import { fleetPage, fleetVehicle } from '../src/api/schema-fleet.js';
import { event } from '../src/api/schema-events.js';

/** The JSON Schema (2020-12) of what `--json` prints and the socket answers, as docs/api.schema.json holds it. */
export function apiSchema(): string {
  const files = { file, page, flight, flightPage, editResult };
  const shapes = { status, ...files, fleetVehicle, fleetPage, action, event, failure };
  const definitions = Object.entries(shapes).map(([name, shape]) => {
    const { $schema: _dialect, ...definition } = z.toJSONSchema(shape);
    return [name, definition];
  });
  const schema = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title:
      'filesync: status, file, page of files, flight, page of flights, result of an edit, vehicle of a fleet, page of them, answer to an action, event, failure',
    $defs: Object.fromEntries(definitions) as Record<string, unknown>,
  };
  return `${JSON.stringify(schema, undefined, 2)}\n`;
}
