/**
 * Writes Parquet files, exactly once. The protocol of the files is docs/spec/file-sink.md.
 *
 * Q3 A file cannot be continued behind its footer, so every file ends at a checkpoint, or before.
 * Q4 Values are checked and kept column by column when the record comes; a row group is encoded when it is written.
 */
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { assert } from '../base/assert.ts'
import { EngineError } from '../base/errors.ts'
import { parseSize } from '../base/size.ts'
import type { Block, FileContent, FileFormat } from './file-content.ts'
import { type BucketOptions, type FileSink, type FileSinkOptions, type RollOptions, fileSink } from './file-sink.ts'
import { type ParquetColumn, type ParquetColumnTypes, parquetColumns } from './parquet-columns.ts'
import { type OpenParquet, type ParquetWriterLibrary, loadParquetWriter } from './parquet-writer-library.ts'

/** Which columns are written, and how. */
export interface ParquetSinkOptions<T> extends Omit<FileSinkOptions, 'roll'>, BucketOptions<T> {
  /** The columns and what they hold, in this order. */
  readonly columns: ParquetColumnTypes & { readonly [Column in keyof T & string]?: ParquetColumnTypes[string] }
  /**
   * When a row group ends: a number of rows, or a size before encoding, e.g. `8mb` (the default). A row group is kept in memory, for each subtask and open folder,
   * until it is written in one go.
   */
  readonly rowGroup?: number | string
  /** Default `snappy`. */
  readonly compression?: ParquetCompression
  /** A file ends at each checkpoint, or earlier at `sizeMax` (default `128mb`). */
  readonly roll?: Extract<RollOptions, { readonly every: 'checkpoint' }>
}

/** How pages are compressed. */
export type ParquetCompression = 'none' | 'snappy' | 'gzip' | 'zstd'

const ROW_GROUP_SIZE = '8mb'
const ROW_GROUP_ROWS_MAX = 1_000_000
/** Of a footer, as long as it is not known. */
const FOOTER_BYTES = 1024

const CODECS = { none: 'UNCOMPRESSED', snappy: 'SNAPPY', gzip: 'GZIP', zstd: 'ZSTD' } as const
const COMPRESSORS = {
  GZIP: (input: Uint8Array) => new Uint8Array(gzipSync(input)),
  ZSTD: (input: Uint8Array) => new Uint8Array(zstdCompressSync(input)),
}

/**
 * Writes records as rows of Parquet files in a directory; exactly once with checkpointing on. Every column may be null. A record whose value does not fit its
 * column fails the task (SER1001).
 *
 * @throws CFG1002 when an option does not fit, CFG1003 for a `roll` without `every: 'checkpoint'`
 * @example delays.sinkTo(parquetSink<Delay>('out/delays', { columns: { origin: 'string', minutes: 'int32', at: 'timestamp', tags: { list: 'string' } } }))
 */
export function parquetSink<T extends object>(directory: string, options: ParquetSinkOptions<T>): FileSink<T> {
  const { columns: types, compression = 'snappy', rowGroup = ROW_GROUP_SIZE } = options
  parquetColumns(types)
  if (!Object.hasOwn(CODECS, compression)) throw badCompression(compression)
  if (options.roll !== undefined && options.roll.every !== 'checkpoint') throw badRoll()
  const limits = rowGroupLimits(rowGroup)
  const format: FileFormat<T> = {
    begin: (file) => {
      assert(file === 'new', 'a Parquet file cannot be continued')
      return new ParquetContent<T>(parquetColumns(types), limits, compression)
    },
  }
  return fileSink<T>('parquet-files', directory, { extension: '.parquet', ...options, format })
}

interface RowGroupLimits {
  readonly rowsMax: number
  readonly bytesMax: number
}

function rowGroupLimits(rowGroup: number | string): RowGroupLimits {
  const limits =
    typeof rowGroup === 'number'
      ? { rowsMax: rowGroup, bytesMax: Infinity }
      : { rowsMax: ROW_GROUP_ROWS_MAX, bytesMax: parseSize(rowGroup) }
  const { rowsMax, bytesMax } = limits
  if (Number.isSafeInteger(rowsMax) && rowsMax >= 1 && rowsMax <= ROW_GROUP_ROWS_MAX && bytesMax >= 1) return limits
  throw new EngineError(
    'CFG1002',
    `parquetSink: rowGroup is ${JSON.stringify(rowGroup)}. The graph was not built. Give a size such as "8mb", or a number of rows from 1 to ${ROW_GROUP_ROWS_MAX}.`,
  )
}

class ParquetContent<T extends object> implements FileContent<T> {
  readonly #columns: readonly ParquetColumn[]
  readonly #limits: RowGroupLimits
  readonly #compression: ParquetCompression
  /** Of the row that is being added. */
  readonly #kept: unknown[] = []
  #rows = 0
  /** Made with the first block. */
  #file: OpenParquet | undefined

  constructor(columns: readonly ParquetColumn[], limits: RowGroupLimits, compression: ParquetCompression) {
    this.#columns = columns
    this.#limits = limits
    this.#compression = compression
  }

  add(value: T): void {
    const columns = this.#columns
    const record = value as Readonly<Record<string, unknown>> // any object has fields, which are checked one by one
    for (let k = 0; k < columns.length; k++) this.#kept[k] = columns[k]?.keep(record[columns[k]?.name ?? '']) // in bounds
    for (let k = 0; k < columns.length; k++) columns[k]?.add(this.#kept[k])
    this.#rows++
  }

  isDue(): boolean {
    return this.#rows >= this.#limits.rowsMax || this.#bytes() >= this.#limits.bytesMax
  }

  take(): Block | undefined {
    if (this.#rows === 0) return undefined
    const sizeBytes = this.#bytes()
    const rows = this.#rows
    const columnData = this.#columns.map((column) => ({ name: column.name, data: column.take() }))
    this.#rows = 0
    return {
      sizeBytes,
      bytes: async () => {
        const open = this.#open(await loadParquetWriter())
        void open.file.write({ columnData, rowGroupSize: rows }) // into memory: done when it returns
        return bytesOf(open)
      },
    }
  }

  end(): Block {
    return {
      sizeBytes: FOOTER_BYTES,
      bytes: async () => {
        const open = this.#open(await loadParquetWriter())
        void open.file.finish() // into memory: done when it returns
        return bytesOf(open)
      },
    }
  }

  #bytes(): number {
    let bytes = 0
    for (const column of this.#columns) bytes += column.bytes
    return bytes
  }

  #open({ ParquetWriter, ByteWriter }: ParquetWriterLibrary): OpenParquet {
    if (this.#file !== undefined) return this.#file
    const memory = new ByteWriter()
    const file = new ParquetWriter({
      writer: memory,
      schema: [
        { name: 'root', num_children: this.#columns.length },
        ...this.#columns.flatMap((column) => column.schema()),
      ],
      codec: CODECS[this.#compression],
      compressors: COMPRESSORS,
      createdBy: 'sluice',
    })
    return (this.#file = { file, memory })
  }
}

/** What was made since the last time; positions in the file go on. */
function bytesOf({ memory }: OpenParquet): Uint8Array {
  const bytes = new Uint8Array(memory.getBytes())
  memory.index = 0
  return bytes
}

function badCompression(compression: unknown): EngineError {
  return new EngineError(
    'CFG1002',
    `parquetSink: compression is ${JSON.stringify(compression)}. The graph was not built. Give one of ${Object.keys(CODECS).join(', ')}.`,
  )
}

function badRoll(): EngineError {
  return new EngineError(
    'CFG1003',
    "parquetSink: roll lets files span checkpoints. The graph was not built, because a Parquet file cannot be continued behind its footer. Give roll: { every: 'checkpoint', sizeMax }, or leave it out.",
  )
}
