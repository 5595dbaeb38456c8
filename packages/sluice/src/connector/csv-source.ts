/** Reads CSV files: one split per file, or pieces of files without line breaks in quotes. */
import { EngineError } from '../base/errors.ts'
import { parseSize } from '../base/size.ts'
import { ChunkReader } from './chunk-reader.ts'
import { CSV_CONVERTERS, type CsvRecordOf, type CsvTypes } from './csv-columns.ts'
import { type CsvDialectOptions, csvDialect } from './csv-dialect.ts'
import { type CsvDecoding, type CsvRow, type CsvSplit, CsvFiles, csvSplits, undecodableRow } from './csv-files.ts'
import { errorPolicyOf } from './error-policy.ts'
import { byteSplits, findFiles, type InputPaths } from './file-splits.ts'
import {
  type FileEnumeratorState,
  type MonitorOptions,
  fileEnumerator,
  fileIdentity,
  monitorOf,
} from './folder-watch.ts'
import type { Source } from './source.ts'
import { takeRejected, type LineErrorPolicy } from './text-source.ts'

/** Where and how CSV files are read. */
export interface CsvReadOptions extends CsvDialectOptions, MonitorOptions {
  /** In front of a quote (or itself) inside quotes. Default: the quote, doubled, as in RFC 4180. */
  readonly escapeChar?: string
  /** Rows that begin with this character are passed over. Default: none. */
  readonly comment?: string
  /** `true`: spaces and tabs around fields do not belong to them, except inside quotes. Default `false`. */
  readonly trim?: boolean
  /**
   * `true`: no field has a line break in it, so that several subtasks may read one file, in pieces of `splitBytes`. Default `false`: a file is read by one
   * subtask.
   */
  readonly splittable?: boolean
  /** Size of the piece of a file that one subtask reads, with `splittable`; e.g. `32mb` (the default). */
  readonly splitBytes?: string
  /** Ends of the names of files in folders. Default `.csv` (and `.tsv`, if the delimiter is a tab). */
  readonly extensions?: readonly string[]
  /** What becomes of a row that cannot be decoded. Default `fail`. */
  readonly onError?: LineErrorPolicy
}

/** Rows with named columns. */
export interface CsvSourceOptions<Types extends CsvTypes = CsvTypes> extends CsvReadOptions {
  /** `true` (default): the first row of each file names its columns. A list: these are the names, and files have no such row. */
  readonly header?: true | readonly string[]
  /** What becomes of the text of a column: `number`, `boolean`, `bigint`, `date` (ISO 8601, UTC if it has no zone) or `string` (default). */
  readonly types?: Types
}

/** A source of CSV files. */
export type CsvSource<T> = Source<T, CsvSplit, FileEnumeratorState<CsvSplit>>

/**
 * Reads CSV files (RFC 4180): a file, a folder (its `.csv` files, with its folders, sorted by name), or a list of both. Fields may be quoted, rows end with `\n` or
 * `\r\n`, a byte order mark is dropped, blank rows are no records. A row with too many or too few fields, or with a field that does not fit its type, is treated by
 * `onError`. An empty field is null, in a column of strings it is `''`.
 *
 * @throws CFG1002 when an option does not fit, CFG1003 when two contradict each other; SRC1001 and SRC1002 while it reads
 * @example csvSource('orders/', { types: { id: 'bigint', total: 'number', paid: 'boolean', at: 'date' } })
 * @example csvSource('orders.csv', { delimiter: ';', parse: (row) => ({ id: Number(row.id) }) })
 * @example csvSource('matrix.csv', { header: false }) // records are arrays of texts
 */
export function csvSource<const Types extends CsvTypes>(
  paths: InputPaths,
  options: CsvSourceOptions<Types> & { readonly types: Types; readonly parse?: never },
): CsvSource<CsvRecordOf<Types>>
export function csvSource<T>(
  paths: InputPaths,
  options: CsvSourceOptions & { readonly parse: (row: CsvRow) => T; readonly types?: never },
): CsvSource<T>
export function csvSource<T>(
  paths: InputPaths,
  options: CsvReadOptions & {
    readonly header: false
    readonly parse: (row: readonly string[]) => T
    readonly types?: never
  },
): CsvSource<T>
export function csvSource(
  paths: InputPaths,
  options: CsvReadOptions & { readonly header: false; readonly parse?: never; readonly types?: never },
): CsvSource<readonly string[]>
export function csvSource<T extends object = CsvRow>(paths: InputPaths, options?: CsvSourceOptions): CsvSource<T>
export function csvSource(paths: InputPaths, options: AnyOptions = {}): CsvSource<unknown> {
  const what = 'csvSource'
  const dialect = csvDialect(what, options)
  const decoding = decodingOf(what, options)
  const monitor = monitorOf(what, options)
  const policy = errorPolicyOf(options.onError ?? 'fail')
  const splitBytes = splitBytesOf(what, options)
  const suffixes = options.extensions ?? (dialect.delimiter === '\t' ? ['.csv', '.tsv'] : ['.csv'])
  return Object.freeze<CsvSource<unknown>>({
    kind: 'csv',
    identity: fileIdentity(paths, monitor),
    boundedness: monitor === undefined ? 'bounded' : 'continuous',
    createEnumerator: (context, restored) =>
      fileEnumerator(context, restored, {
        kind: 'csv',
        paths,
        suffixes,
        monitor,
        fileOrder: options.fileOrder,
        findAll: (disk) => findFiles(disk, paths, suffixes),
        splitsOf: async (_disk, files, order) => csvSplits(byteSplits(files, splitBytes, order), dialect),
        sizeOf: ({ start, end }) => end - start,
      }),
    createReader: (context) => {
      const files = new CsvFiles(context.disk, dialect, decoding)
      return new ChunkReader(
        {
          open: (split) => files.chunks(split),
          onReject: (row, output) => {
            if (row === undefined) return
            if (policy.kind === 'fail') throw undecodableRow(row)
            takeRejected(row.letter, policy, { output, context })
          },
        },
        context,
      )
    },
  })
}

/** What all the forms of the function together take. */
interface AnyOptions extends CsvReadOptions {
  readonly header?: boolean | readonly string[]
  readonly types?: CsvTypes | undefined
  /** Gets what `header` promises. */
  readonly parse?: ((row: never) => unknown) | undefined
}

function decodingOf(what: string, { header = true, types = {}, parse }: AnyOptions): CsvDecoding {
  const isTyped = Object.keys(types).length > 0
  if (isTyped && (parse !== undefined || header === false)) {
    throw new EngineError(
      'CFG1003',
      `${what}: types was given together with ${parse === undefined ? 'header: false' : 'parse'}. The graph was not built, because one of them would do nothing. Convert the texts in parse, or leave it out.`,
    )
  }
  for (const [column, type] of Object.entries(types)) {
    if (!Object.hasOwn(CSV_CONVERTERS, type)) throw badType(what, column, type)
  }
  if (Array.isArray(header)) checkNames(what, header, types)
  return { header, types, parse: parse as ((row: unknown) => unknown) | undefined } // gets what the header promises
}

function checkNames(what: string, names: readonly string[], types: CsvTypes): void {
  const unknown = Object.keys(types).find((name) => !names.includes(name))
  const twice = names.find((name, k) => names.indexOf(name) !== k)
  if (names.length > 0 && unknown === undefined && twice === undefined) return
  const problem =
    twice !== undefined
      ? `names column ${JSON.stringify(twice)} twice`
      : unknown !== undefined
        ? `does not name column ${JSON.stringify(unknown)}, which has a type`
        : 'names no column'
  throw new EngineError(
    'CFG1003',
    `${what}: header ${problem}. The graph was not built. Name each column of the files once, in their order.`,
  )
}

function badType(what: string, column: string, type: unknown): EngineError {
  return new EngineError(
    'CFG1002',
    `${what}: the type of column ${JSON.stringify(column)} is ${JSON.stringify(type)}. The graph was not built. The types are ${Object.keys(CSV_CONVERTERS).join(', ')}.`,
  )
}

function splitBytesOf(what: string, { splittable, splitBytes }: CsvReadOptions): number {
  if (splittable !== true && splitBytes !== undefined) {
    throw new EngineError(
      'CFG1003',
      `${what}: splitBytes was given without splittable. The graph was not built. Say splittable: true if no field has a line break in it; otherwise leave splitBytes out.`,
    )
  }
  if (splittable !== true) return Infinity
  const bytes = parseSize(splitBytes ?? SPLIT_SIZE)
  if (bytes >= 1) return bytes
  throw new EngineError('CFG1002', `${what}: splitBytes is 0. The graph was not built. Give a size such as "32mb".`)
}

const SPLIT_SIZE = '32mb'
