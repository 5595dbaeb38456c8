/**
 * Reads Parquet files: one split per row group, decoded column by column, handed out as plain objects.
 *
 * Q1 The position is (file, row group, row): a restore decodes the row group again and goes on at the row.
 * Q2 At most one decoded row group per split is held; objects are made CHUNK_ROWS at a time.
 */
import type { Disk } from '../base/env.ts'
import { EngineError, messageOf } from '../base/errors.ts'
import { ChunkReader, type Chunk, type OrderedSplit } from './chunk-reader.ts'
import {
  baseName,
  checkUnchanged,
  findFiles,
  isSameFile,
  readExactly,
  sequenceOf,
  type FileIdentity,
  type FileOrder,
  type InputFile,
  type InputPaths,
} from './file-splits.ts'
import {
  type FileEnumeratorState,
  type MonitorOptions,
  fileEnumerator,
  fileIdentity,
  monitorOf,
} from './folder-watch.ts'
import { decodeColumn, type ColumnValues } from './parquet-column.ts'
import {
  COMPRESSORS,
  loadParquet,
  parsersFor,
  plainValue,
  type ColumnDecoder,
  type ColumnMetaData,
  type FileMetaData,
  type ParquetLibrary,
  type SchemaTree,
  type TimestampForm,
} from './parquet-library.ts'
import { compileRows, type BuildRows } from './parquet-rows.ts'
import type { Source } from './source.ts'

/** How Parquet files are read. */
export interface ParquetSourceOptions extends MonitorOptions {
  /** Columns to read; the others are not even read from the disk. Default: all. */
  readonly columns?: readonly string[]
  /** How TIMESTAMP and DATE columns come: `milliseconds` since 1970 as a number (default), or `date` for Date objects. */
  readonly timestamps?: TimestampForm
}

interface ParquetSplit extends OrderedSplit, FileIdentity {
  readonly fileBytes: number
  readonly rowGroup: number
  readonly rowCount: number
  /** The first row of the group that is not emitted yet. */
  readonly row: number
}

/** A source of Parquet files. */
export type ParquetSource<T> = Source<T, ParquetSplit, FileEnumeratorState<ParquetSplit>>

/** Rows made into objects at a time. */
const CHUNK_ROWS = 8192
const SUFFIXES = ['.parquet', '.parq']

/**
 * Reads Parquet files: a file, a folder (its `.parquet` files, with its folders, sorted by name), or a list of both. INT64 comes as number where
 * that is exact, else as bigint.
 *
 * @example env.fromSource(parquetSource<Flight>('flights.parquet', { columns: ['origin', 'delay'] }))
 */
export function parquetSource<T extends object>(
  paths: InputPaths,
  options: ParquetSourceOptions = {},
): ParquetSource<T> {
  const monitor = monitorOf('the parquet source', options)
  return Object.freeze<ParquetSource<T>>({
    kind: 'parquet',
    identity: fileIdentity(paths, monitor),
    boundedness: monitor === undefined ? 'bounded' : 'continuous',
    createEnumerator: (context, restored) =>
      fileEnumerator(context, restored, {
        kind: 'parquet',
        paths,
        suffixes: SUFFIXES,
        monitor,
        fileOrder: options.fileOrder,
        findAll: (disk) => findFiles(disk, paths, SUFFIXES),
        splitsOf: rowGroups,
        sizeOf: ({ rowCount }) => rowCount,
      }),
    createReader: (context) => {
      const files = new ParquetFiles<T>(context.disk, options)
      return new ChunkReader({ open: (split) => files.chunks(split), onReject: () => {} }, context)
    },
  })
}

async function rowGroups(disk: Disk, files: readonly InputFile[], order: FileOrder): Promise<readonly ParquetSplit[]> {
  const splits: ParquetSplit[] = []
  for (const file of files) {
    const metadata = await readMetadata(await loadParquet(), disk, file)
    for (const [rowGroup, { num_rows }] of metadata.row_groups.entries()) {
      if (num_rows === 0n) continue
      const id = `${file.path}#${rowGroup}`
      splits.push({
        id,
        index: splits.length,
        sequence: sequenceOf(file.path, order),
        path: file.path,
        fileBytes: file.sizeBytes,
        rowGroup,
        rowCount: Number(num_rows),
        row: 0,
      })
    }
  }
  return splits
}

async function readMetadata(library: ParquetLibrary, disk: Disk, file: InputFile): Promise<FileMetaData> {
  const slice = async (start: number, end = file.sizeBytes): Promise<ArrayBuffer> =>
    arrayBufferOf(await readExactly(disk, file.path, start, end - start))
  try {
    return await library.main.parquetMetadataAsync({ byteLength: file.sizeBytes, slice })
  } catch (error) {
    if (error instanceof EngineError) throw error
    throw new EngineError(
      'SRC1002',
      `${file.path} is not a Parquet file that can be read: ${messageOf(error)}. Nothing was read from it. Write it again, or take it out of the input.`,
      { context: { path: file.path }, cause: error },
    )
  }
}

/** One column of the file as the job sees it. */
interface Field {
  readonly name: string
  readonly tree: SchemaTree
}

interface OpenFile {
  readonly file: FileIdentity
  readonly library: ParquetLibrary
  readonly metadata: FileMetaData
  readonly root: SchemaTree
  readonly fields: readonly Field[]
  readonly build: BuildRows
}

class ParquetFiles<T extends object> {
  readonly #disk: Disk
  readonly #options: ParquetSourceOptions
  /** Row groups of one file follow each other: its footer is read once. */
  #open: OpenFile | undefined

  constructor(disk: Disk, options: ParquetSourceOptions) {
    this.#disk = disk
    this.#options = options
  }

  async *chunks(split: ParquetSplit): AsyncGenerator<Chunk<T, ParquetSplit>> {
    const file = await this.#file(split)
    const columns = await this.#columns(file, split)
    for (let first = split.row; first < split.rowCount; first += CHUNK_ROWS) {
      yield {
        records: file.build(columns, first, Math.min(split.rowCount, first + CHUNK_ROWS)) as T[], // the caller's promise about the file
        rejects: [],
        positionAfter: (count) => ({ ...split, row: first + count }),
        describe: (index) => `${baseName(split.path)} row group ${split.rowGroup} row ${first + index}`,
      }
    }
  }

  async #file(split: ParquetSplit): Promise<OpenFile> {
    const { path, fileBytes } = split
    if (this.#open !== undefined && isSameFile(this.#open.file, split)) return this.#open
    await checkUnchanged(this.#disk, path, fileBytes)
    const library = await loadParquet()
    const metadata = await readMetadata(library, this.#disk, { path, sizeBytes: fileBytes })
    const root = library.main.parquetSchema(metadata)
    const fields = selectFields(path, root, this.#options.columns)
    this.#open = { file: split, library, metadata, root, fields, build: compileRows(fields.map(({ name }) => name)) }
    return this.#open
  }

  async #columns(file: OpenFile, split: ParquetSplit): Promise<readonly ColumnValues[]> {
    const columns: ColumnValues[] = []
    for (const field of file.fields) {
      try {
        const isFlat = field.tree.children.length === 0 && field.tree.element.repetition_type !== 'REPEATED'
        columns.push(await (isFlat ? this.#flatColumn(file, split, field) : this.#nestedColumn(file, split, field)))
      } catch (error) {
        if (error instanceof EngineError) throw error
        throw undecodable(split, field.name, error)
      }
    }
    return columns
  }

  async #flatColumn(file: OpenFile, split: ParquetSplit, { name, tree }: Field): Promise<ColumnValues> {
    const metadata = columnMetadata(file, split.rowGroup, name)
    const start = Number(metadata.dictionary_page_offset ?? metadata.data_page_offset)
    const bytes = await readExactly(this.#disk, split.path, start, Number(metadata.total_compressed_size))
    const parsers = {
      ...file.library.convert.DEFAULT_PARSERS,
      ...parsersFor(this.#options.timestamps ?? 'milliseconds'),
    }
    const decoder: ColumnDecoder = {
      pathInSchema: [name],
      type: metadata.type,
      element: tree.element,
      schemaPath: [file.root, tree],
      codec: metadata.codec,
      parsers,
      compressors: COMPRESSORS,
    }
    return decodeColumn(file.library, decoder, bytes, split.rowCount)
  }

  /** Lists, maps and structs: the library's own way, which is slower and does it all. */
  async #nestedColumn(file: OpenFile, split: ParquetSplit, { name }: Field): Promise<ColumnValues> {
    const { metadata, library } = file
    const slice = async (start: number, end = split.fileBytes): Promise<ArrayBuffer> =>
      arrayBufferOf(await readExactly(this.#disk, split.path, start, end - start))
    const rowStart = metadata.row_groups
      .slice(0, split.rowGroup)
      .reduce((sum, group) => sum + Number(group.num_rows), 0)
    const rows = await library.main.parquetReadObjects({
      file: { byteLength: split.fileBytes, slice },
      metadata,
      columns: [name],
      rowStart,
      rowEnd: rowStart + split.rowCount,
      compressors: COMPRESSORS,
      parsers: parsersFor(this.#options.timestamps ?? 'milliseconds'),
    })
    const values: unknown[] = [null]
    for (const row of rows) values.push(withPlainNumbers(row[name] ?? null)) // a list that is null comes as undefined
    return { values, indexes: Int32Array.from(rows, (_, row) => row + 1) }
  }
}

function selectFields(path: string, root: SchemaTree, wanted: readonly string[] | undefined): readonly Field[] {
  const all = root.children.map((tree) => ({ name: tree.element.name, tree }))
  if (wanted === undefined) return all
  return wanted.map((name) => {
    const field = all.find((candidate) => candidate.name === name)
    if (field !== undefined) return field
    throw new EngineError(
      'SRC1001',
      `${path} has no column ${JSON.stringify(name)}. Nothing was read from it. It has: ${all.map((candidate) => candidate.name).join(', ')}.`,
      { context: { path } },
    )
  })
}

function columnMetadata(file: OpenFile, rowGroup: number, name: string): ColumnMetaData {
  const columns = file.metadata.row_groups[rowGroup]?.columns ?? []
  const found = columns.find(
    ({ meta_data }) => meta_data?.path_in_schema.length === 1 && meta_data.path_in_schema[0] === name,
  )
  if (found?.meta_data === undefined) throw new TypeError(`row group ${rowGroup} does not hold it`)
  return found.meta_data
}

function withPlainNumbers(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withPlainNumbers)
  if (value === null || typeof value !== 'object' || Object.getPrototypeOf(value) !== Object.prototype)
    return plainValue(value)
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, withPlainNumbers(inner)]))
}

function arrayBufferOf(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer
}

function undecodable(split: ParquetSplit, column: string, error: unknown): EngineError {
  return new EngineError(
    'SRC1002',
    `${split.path} row group ${split.rowGroup}: column ${JSON.stringify(column)} cannot be decoded: ${messageOf(error)}. ` +
      'The job stops there. Write the file again, or leave the column out with `columns`.',
    { context: { path: split.path, record: `${baseName(split.path)} row group ${split.rowGroup}` }, cause: error },
  )
}
