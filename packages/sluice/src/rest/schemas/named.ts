/** The schemas with a name in the description of the API. */
import { z } from 'zod'

export const SCHEMAS = z.registry<{ readonly id: string }>()

/** Registers the schema; its type must be the one of rest-types.ts. */
export function named<T>(id: string, schema: z.ZodType<T>): z.ZodType<T> {
  SCHEMAS.add(schema, { id })
  return schema
}

export const count = z.number().int().nonnegative()
/** Wall milliseconds; -1: not yet. */
export const moment = z.number().int().min(-1)
export const counts = z.record(z.string(), z.number())
export const texts = z.record(z.string(), z.string())
