import bytes from 'bytes';
import ms, { type StringValue } from 'ms';
import { z } from 'zod';

// The small types that options are made of. Every option of the program is built from these, so that one table
// feeds validation, help and docs.

/** A time span: `250ms`, `10s`, `30d`; a bare number is seconds. Becomes milliseconds. */
export const duration = () =>
  z.union([z.number().nonnegative(), z.string()]).transform((value, context) => {
    const parsed = typeof value === 'number' ? value * 1000 : ms(value as StringValue);
    if (Number.isFinite(parsed) && parsed >= 0) return parsed;
    context.addIssue({ code: 'custom', message: `not a time span; write it like 10s, 5m or 30d` });
    return z.NEVER;
  });

/** An amount of data: `10GB`, `512KB`; a bare number is bytes. Becomes bytes. */
export const size = () =>
  z.union([z.number().nonnegative(), z.string()]).transform((value, context) => {
    const parsed = typeof value === 'number' ? value : bytes.parse(value);
    if (parsed !== null && Number.isFinite(parsed)) return parsed;
    context.addIssue({ code: 'custom', message: `not a size; write it like 512KB or 10GB` });
    return z.NEVER;
  });

/** A secret: `{ env: NAME }`, `{ file: PATH }` or (with a warning) the value itself. */
export const secret = () =>
  z.union([
    z.strictObject({ env: z.string().min(1) }),
    z.strictObject({ file: z.string().min(1) }),
    z.string(),
  ]);
export type SecretRef = z.output<ReturnType<typeof secret>>;

/** Options that any device may carry beside its own. */
export const commonDeviceOptions = {
  lock: z
    .string()
    .min(1)
    .optional()
    .describe('devices that name the same lock are never used at the same time'),
  connections: z
    .number()
    .int()
    .min(1)
    .max(64)
    .optional()
    .describe('operations at once (default: what the device bears)'),
};
