import { EngineError, messageOf } from '../base/errors.ts'
import { parseSize } from '../base/size.ts'
import { ChunkReader, type Chunk, type ChunkFormat, type Reject } from './chunk-reader.ts'
import { baseName, byteSplits, findFiles, type FileSplit, type InputPaths } from './file-splits.ts'
import {
  type FileEnumeratorState,
  type MonitorOptions,
  fileEnumerator,
  fileIdentity,
  monitorOf,
} from './folder-watch.ts'
import { forEachLine, lineBlocks, lineStart, type LineBlock, type LineEncoding } from './line-chunks.ts'
import { DEAD_LETTER_RECORDS, SKIPPED_RECORDS, errorPolicyOf, type ErrorPolicy, type OnError } from './error-policy.ts'
import type { ReaderContext, ReaderOutput, Source } from './source.ts'

/** A line that could not be decoded. */
export interface DeadLetter {
  readonly file: string
  /** Byte offset of the line in the file. */
  readonly offset: number
  readonly line: string
  readonly error: string
}

/** What becomes of a line that cannot be decoded: the job fails, the line is counted and skipped, or it goes to a side output. */
export type LineErrorPolicy = OnError<DeadLetter>

/** A line and where it is. */
export interface PositionedLine {
  readonly line: string
  readonly file: string
  /** Byte offset of the line in the file. */
  readonly offset: number
}

/** How files of lines are read. */
export interface LineSourceOptions extends MonitorOptions {
  /** Size of the piece of a file that one subtask reads, e.g. `32mb` (the default). */
  readonly splitBytes?: string
  /** Default `fail`. */
  readonly onError?: LineErrorPolicy
}

/** How files of text are read. */
export interface TextSourceOptions extends LineSourceOptions {
  /** Makes each record `{ line, file, offset }` instead of the line alone. Default false. */
  readonly withPosition?: boolean
}

/** A source of files with one record per line. */
export type LineSource<T> = Source<T, FileSplit, FileEnumeratorState<FileSplit>>

/** Undefined is a blank line: no record by design. */
type Rejected = DeadLetter | undefined

/** Makes a record of a line; what it throws is the reason why it cannot. */
export type LineDecoder<T> = (line: string, file: string, offset: number) => T

const SPLIT_SIZE = '32mb'
/** Bytes of a line that go into an error message. */
const SAMPLE_CHARS = 120

/**
 * Reads the lines of UTF-8 text files: a file, a folder (with its folders, sorted by name, without hidden files), or a list of both.
 *
 * @example env.fromSource(textSource('access.log'), WatermarkStrategy.noWatermarks())
 */
export function textSource(
  paths: InputPaths,
  options: TextSourceOptions & { readonly withPosition: true },
): LineSource<PositionedLine>
export function textSource(paths: InputPaths, options?: TextSourceOptions): LineSource<string>
export function textSource(
  paths: InputPaths,
  options: TextSourceOptions = {},
): LineSource<string> | LineSource<PositionedLine> {
  if (options.withPosition === true)
    return lineSource('text', paths, options, (line, file, offset) => ({ line, file, offset }))
  return lineSource('text', paths, options, (line) => line)
}

/**
 * Reads files of one JSON value per line; blank lines are no records.
 *
 * @example env.fromSource(jsonLinesSource<Order>('orders/', { onError: 'dead-letter' }), strategy)
 */
export function jsonLinesSource<T>(paths: InputPaths, options: LineSourceOptions = {}): LineSource<T> {
  return lineSource('json-lines', paths, options, (line) => JSON.parse(line) as T) // the type is the caller's promise about the file
}

/**
 * A source of files with one record per line.
 *
 * @example const prices = lineSource('prices', 'prices.csv', { onError: 'skip' }, (line) => Number(line.split(';')[1]))
 */
export function lineSource<T>(
  kind: string,
  paths: InputPaths,
  options: LineSourceOptions,
  decode: LineDecoder<T>,
): LineSource<T> {
  const policy = errorPolicyOf(options.onError ?? 'fail')
  const splitBytes = parseSize(options.splitBytes ?? SPLIT_SIZE)
  if (splitBytes < 1)
    throw new EngineError('CFG1002', 'splitBytes is 0. The graph was not built. Give a size such as "32mb".')
  const monitor = monitorOf(`the ${kind} source`, options)
  return Object.freeze<LineSource<T>>({
    kind,
    identity: fileIdentity(paths, monitor),
    boundedness: monitor === undefined ? 'bounded' : 'continuous',
    createEnumerator: (context, restored) =>
      fileEnumerator(context, restored, {
        kind,
        paths,
        suffixes: [],
        monitor,
        fileOrder: options.fileOrder,
        findAll: (disk) => findFiles(disk, paths),
        splitsOf: async (_disk, files, order) => byteSplits(files, splitBytes, order),
        sizeOf: ({ start, end }) => end - start,
      }),
    createReader: (context) => new ChunkReader(lineFormat(context, decode, policy), context),
  })
}

function lineFormat<T>(
  context: ReaderContext,
  decode: LineDecoder<T>,
  policy: ErrorPolicy,
): ChunkFormat<T, FileSplit, Rejected> {
  return {
    open: (split) => lineChunks(context, split, decode),
    onReject: (value, output) => {
      if (value === undefined) return
      if (policy.kind === 'fail') throw undecodable(value)
      takeRejected(value, policy, { output, context })
    },
  }
}

interface RejectWay {
  readonly output: Pick<ReaderOutput<unknown>, 'sideOutput'>
  readonly context: Pick<ReaderContext, 'count'>
}

/** Sets a record that cannot be decoded aside, or passes it over, and counts it. */
export function takeRejected(value: unknown, policy: ErrorPolicy, { output, context }: RejectWay): void {
  if (policy.kind === 'dead-letter') output.sideOutput(policy.tag, value)
  context.count(policy.kind === 'skip' ? SKIPPED_RECORDS : DEAD_LETTER_RECORDS, 1)
}

async function* lineChunks<T>(
  context: ReaderContext,
  split: FileSplit,
  decode: LineDecoder<T>,
): AsyncGenerator<Chunk<T, FileSplit, Rejected>> {
  for await (const block of lineBlocks(context.disk, split)) yield decodeBlock(split, block, decode)
}

function decodeBlock<T>(split: FileSplit, block: LineBlock, decode: LineDecoder<T>): Chunk<T, FileSplit, Rejected> {
  const decoding = new BlockDecoding(split.path, decode)
  forEachLine(block, (line, offset, encoding) => decoding.add(line, offset, encoding))
  const { records, rejects } = decoding
  /** Rejected lines in front of a record are done with when the record in front of them is. */
  const startOf = (index: number): number => {
    if (index === records.length) return block.offset + block.bytes.length
    return lineStart(block, index + rejects.filter((reject) => reject.before <= index).length)
  }
  return {
    records,
    rejects,
    positionAfter: (count) => ({ ...split, position: startOf(count) }),
    describe: (index) => `${baseName(split.path)} byte ${startOf(index)}`,
  }
}

class BlockDecoding<T> {
  readonly #file: string
  readonly #decode: LineDecoder<T>
  readonly records: T[] = []
  readonly rejects: Reject<Rejected>[] = []

  constructor(file: string, decode: LineDecoder<T>) {
    this.#file = file
    this.#decode = decode
  }

  add(line: string, offset: number, encoding: LineEncoding): void {
    if (encoding === 'broken') return this.#reject(line, offset, 'it is not valid UTF-8')
    try {
      this.records.push(this.#decode(line, this.#file, offset))
    } catch (error) {
      // The policy handles it, in order, when the records in front have been emitted.
      this.#reject(line, offset, messageOf(error))
    }
  }

  #reject(line: string, offset: number, error: string): void {
    const letter: DeadLetter = { file: this.#file, offset, line, error }
    this.rejects.push({ before: this.records.length, value: line.trim() === '' ? undefined : letter })
  }
}

function undecodable({ file, offset, line, error }: DeadLetter): EngineError {
  const sample = line.length > SAMPLE_CHARS ? `${line.slice(0, SAMPLE_CHARS)}…` : line
  return new EngineError(
    'SRC1002',
    `${file}: the line at byte ${offset} cannot be decoded: ${error}. It reads ${JSON.stringify(sample)}. ` +
      "The job stops there. Correct the line, or set onError: 'skip' or 'dead-letter' on the source.",
    { context: { path: file, record: `${baseName(file)} byte ${offset}` } },
  )
}
