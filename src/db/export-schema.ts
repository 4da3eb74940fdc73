import * as z from 'zod';
import { exportHeader, exportLine } from './export-format.js';

/** The JSON Schema (2020-12) of the lines of an export, as docs/export.schema.json holds it. */
export function exportSchema(): string {
  const schema = {
    title: 'filesync export: one line',
    ...z.toJSONSchema(z.union([exportHeader, exportLine])),
  };
  return `${JSON.stringify(schema, undefined, 2)}\n`;
}
