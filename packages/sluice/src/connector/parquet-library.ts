/** The parts of hyparquet in use, loaded when the first Parquet file is opened, so that other jobs start without it. */
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from 'node:zlib'
import type { Compressors, ParquetParsers } from 'hyparquet/src/types.js'

export type {
  ColumnDecoder,
  ColumnMetaData,
  DecodedArray,
  FileMetaData,
  PageHeader,
  SchemaTree,
} from 'hyparquet/src/types.js'

export type ParquetLibrary = Awaited<ReturnType<typeof load>>

let loading: Promise<ParquetLibrary> | undefined

export function loadParquet(): Promise<ParquetLibrary> {
  return (loading ??= load())
}

/** Its types are those of the modules. */
async function load() {
  const [main, column, page, convert, plain] = await Promise.all([
    import('hyparquet'),
    import('hyparquet/src/column.js'),
    import('hyparquet/src/datapage.js'),
    import('hyparquet/src/convert.js'),
    import('hyparquet/src/plain.js'),
  ])
  return { main, column, page, convert, plain }
}

/** Snappy is built in; the others are node:zlib's. */
export const COMPRESSORS: Compressors = {
  ZSTD: (input) => zstdDecompressSync(input),
  GZIP: (input) => gunzipSync(input),
  BROTLI: (input) => brotliDecompressSync(input),
}

/** How moments are given to the job: milliseconds since 1970 as a number, or Date objects. */
export type TimestampForm = 'milliseconds' | 'date'

export function parsersFor(form: TimestampForm): Partial<ParquetParsers> {
  const give = form === 'date' ? (ms: number) => new Date(ms) : (ms: number) => ms
  return {
    timestampFromMilliseconds: (millis) => give(Number(millis)),
    timestampFromMicroseconds: (micros) => give(Math.floor(Number(micros) / 1000)),
    timestampFromNanoseconds: (nanos) => give(Number(nanos / 1_000_000n)),
    dateFromDays: (days) => give(days * 86_400_000),
  }
}

/** INT64 as number where that is exact. */
export function plainValue(value: unknown): unknown {
  if (typeof value !== 'bigint') return value
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}
