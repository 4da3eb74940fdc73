import * as z from 'zod';

// Reads zod's schemas, for the checks and the docs.

export type Shape = Readonly<Record<string, z.ZodType>>;

/** The schema inside `optional`, `default` and the like. */
export function bare(schema: z.ZodType): z.ZodType {
  let inner = schema;
  while (
    inner instanceof z.ZodOptional ||
    inner instanceof z.ZodNullable ||
    inner instanceof z.ZodDefault ||
    inner instanceof z.ZodPrefault
  ) {
    inner = inner.unwrap() as z.ZodType;
  }
  return inner;
}

/** The keys of a map, also in a union with other values; undefined where any key, or none, is allowed. */
export function shapeOf(schema: z.ZodType): Shape | undefined {
  const inner = bare(schema);
  if (inner instanceof z.ZodObject) return inner.shape;
  if (!(inner instanceof z.ZodUnion)) return undefined;
  const [map, another] = inner.options.filter(option => option instanceof z.ZodObject);
  return another ? undefined : map?.shape;
}

/** The schema of one key or item of a map or list. */
export function childOf(schema: z.ZodType, key: PropertyKey): z.ZodType | undefined {
  const inner = bare(schema);
  const shape = shapeOf(inner);
  // Own keys only: a user may write `__proto__`.
  if (shape) return Object.hasOwn(shape, key) ? shape[String(key)] : undefined;
  if (inner instanceof z.ZodRecord) return inner.valueType as z.ZodType;
  return inner instanceof z.ZodArray ? (inner.element as z.ZodType) : undefined;
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
