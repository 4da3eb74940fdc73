import * as z from 'zod';
import { bare, childOf, isRecord } from './introspect.js';
import { isSecret } from './options.js';

/** A secret among the options of a device: where it is, and the reference or the value itself. */
export interface SecretOption {
  readonly path: readonly string[];
  readonly value: unknown;
}

/** Every secret in the options of a device, as they were written or as they were read. */
export function* secretsIn(
  schema: z.ZodType,
  value: unknown,
  path: readonly string[] = [],
): Generator<SecretOption> {
  if (isSecret(bare(schema)) && value !== undefined && value !== '') yield { path, value };
  else if (isRecord(value))
    for (const [key, inner] of Object.entries(value)) {
      const child = isConfidential(schema, key) && childOf(schema, key);
      if (child) yield* secretsIn(child, inner, [...path, key]);
    }
}

/** Under keys of the user's own (headers), a value is a secret only if the name of its key says so. */
function isConfidential(schema: z.ZodType, key: string): boolean {
  return !(bare(schema) instanceof z.ZodRecord) || /auth|cookie|key|pass|secret|token/i.test(key);
}
