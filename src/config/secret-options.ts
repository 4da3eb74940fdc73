import * as z from 'zod';
import { bare, childOf, isRecord } from './introspect.js';
import type { ConfigPlace } from './issues.js';
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

/** A secret in the file itself is allowed, with a warning. */
export function warnOfSecrets(schema: z.ZodType, raw: unknown, place: ConfigPlace): void {
  for (const { path, value } of secretsIn(schema, raw))
    if (typeof value === 'string')
      place.at(...path).warn('a secret in the configuration itself; better { env: NAME } or { file: PATH }');
}
