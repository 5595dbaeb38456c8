/**
 * Rows of CSV files, from any byte at which one begins.
 *
 * V1 The position is the byte at which a row begins, so a restored job goes on with the very row.
 * V2 The header is read from the start of the file by whoever reads any part of it.
 * V3 A row belongs to the split in which it begins.
 */
import { isUtf8 } from 'node:buffer'
import type { Disk } from '../base/env.ts'
import { EngineError, messageOf } from '../base/errors.ts'
import type { Chunk, Reject } from './chunk-reader.ts'
import { CsvColumns, type CsvTypes } from './csv-columns.ts'
import type { CsvDialect } from './csv-dialect.ts'
import { fieldsOf, isNoRow, rowEnds } from './csv-rows.ts'
import { type FileIdentity, type FileSplit, baseName, checkUnchanged, isSameFile, readExactly } from './file-splits.ts'
import { LINE_BYTES_MAX, READ_BYTES, asBuffer, firstLineStart } from './line-chunks.ts'
import type { DeadLetter } from './text-source.ts'

export interface CsvSplit extends FileSplit {
  /** Rows of the file in front of the position; not known when the file is read in pieces. */
  readonly row?: number
}

/** A row as texts, by column. */
export type CsvRow = Readonly<Record<string, string>>

/** How records are made of rows. */
export interface CsvDecoding {
  readonly header: boolean | readonly string[]
  readonly types: CsvTypes
  readonly parse: ((row: unknown) => unknown) | undefined
}

/** A row that cannot be decoded. */
export interface BadRow {
  readonly letter: DeadLetter
  /** E.g. `row 17`. */
  readonly place: string
}

/** Undefined is a blank row or a comment: no record by design. */
type Rejected = BadRow | undefined

/** Makes a record of the fields of a row; what it throws is the reason why it cannot. */
type Decode = (fields: readonly string[]) => unknown

/** Characters of a row that go into an error message. */
const SAMPLE_CHARS = 120
const NEWLINE = 10
const CARRIAGE_RETURN = 13
/** As files had it that are read as one row. */
const OLD_NEWLINE = /\r(?!\n)/

/** Whole rows, and where in the file they are. */
interface RowBlock {
  readonly offset: number
  readonly bytes: Buffer
  readonly ends: readonly number[]
}

interface OpenFile {
  readonly file: FileIdentity
  readonly decode: Decode
  /** Where the rows of records begin, and how many rows are in front of it. */
  readonly headerEnd: number
  readonly headerRows: number
}

/** Rows are counted where a file is read from its start. */
export function csvSplits(splits: readonly FileSplit[], { rows }: CsvDialect): readonly CsvSplit[] {
  return rows === 'of-one-line' ? splits : splits.map((split) => ({ ...split, row: 0 }))
}

export class CsvFiles {
  readonly #disk: Disk
  readonly #dialect: CsvDialect
  readonly #decoding: CsvDecoding
  /** Pieces of one file follow each other: its header is read once. */
  #open: OpenFile | undefined

  constructor(disk: Disk, dialect: CsvDialect, decoding: CsvDecoding) {
    this.#disk = disk
    this.#dialect = dialect
    this.#decoding = decoding
  }

  async *chunks(split: CsvSplit): AsyncGenerator<Chunk<unknown, CsvSplit, Rejected>> {
    const { path, fileBytes, end } = split
    await checkUnchanged(this.#disk, path, fileBytes)
    const file = await this.#file(split)
    const start = await firstLineStart(this.#disk, split, READ_BYTES)
    let rows = start < file.headerEnd ? file.headerRows : (split.row ?? 0)
    for await (const block of this.#blocks(split, Math.max(start, file.headerEnd), end)) {
      yield this.#decodeBlock(split, block, { decode: file.decode, rowsBefore: rows })
      rows += block.ends.length
    }
  }

  async *#blocks(split: CsvSplit, start: number, end: number): AsyncGenerator<RowBlock> {
    let offset = start
    let want = READ_BYTES
    while (offset < end) {
      const block = await this.#read(split, { offset, end, want })
      const cut = block.ends.at(-1)
      if (cut === undefined) {
        if (want >= LINE_BYTES_MAX) throw tooLong(split.path, offset)
        want *= 2
        continue
      }
      yield block
      offset += cut
      want = READ_BYTES
    }
  }

  /** The whole rows of up to `want` bytes that begin in front of `end`. */
  async #read(
    { path, fileBytes }: CsvSplit,
    { offset, end, want }: { readonly offset: number; readonly end: number; readonly want: number },
  ): Promise<RowBlock> {
    const length = Math.min(want, fileBytes - offset)
    const bytes = asBuffer(await readExactly(this.#disk, path, offset, length))
    const isLast = offset + length === fileBytes
    return { offset, bytes, ends: rowEnds({ bytes, limit: end - offset, isLast }, this.#dialect) }
  }

  // V2
  async #file(split: CsvSplit): Promise<OpenFile> {
    if (this.#open !== undefined && isSameFile(this.#open.file, split)) return this.#open
    const { header, types } = this.#decoding
    if (header === true) this.#open = await this.#fileWithHeader(split)
    else {
      const columns = header === false ? undefined : new CsvColumns(header, types)
      this.#open = { file: split, decode: this.#decoderFor(columns), headerEnd: 0, headerRows: 0 }
    }
    return this.#open
  }

  async #fileWithHeader(split: CsvSplit): Promise<OpenFile> {
    const { path, fileBytes } = split
    const whole = { ...split, start: 0, position: 0, end: fileBytes }
    let rows = 0
    for await (const block of this.#blocks(whole, await firstLineStart(this.#disk, whole, READ_BYTES), fileBytes)) {
      for (const [k, end] of block.ends.entries()) {
        rows++
        const text = rowText(block, k)
        if (isNoRow(text, this.#dialect)) continue
        const columns = this.#columnsOf(path, text)
        return { file: split, decode: this.#decoderFor(columns), headerEnd: block.offset + end, headerRows: rows }
      }
    }
    return { file: split, decode: () => undefined, headerEnd: fileBytes, headerRows: rows } // nothing but blank rows
  }

  #columnsOf(path: string, text: string): CsvColumns {
    const names = this.#headerFields(path, text)
    if (!text.includes(this.#dialect.quote) && OLD_NEWLINE.test(text))
      throw badHeader(path, 'rows seem to end with \\r, which is no line break without \\n')
    const twice = names.find((name, k) => names.indexOf(name) !== k)
    if (twice !== undefined) throw badHeader(path, `it names column ${JSON.stringify(twice)} twice`)
    const missing = Object.keys(this.#decoding.types).find((name) => !names.includes(name))
    if (missing !== undefined)
      throw badHeader(path, `it has no column ${JSON.stringify(missing)}; it has ${names.join(', ')}`)
    return new CsvColumns(names, this.#decoding.types)
  }

  #headerFields(path: string, text: string): readonly string[] {
    try {
      return fieldsOf(text, this.#dialect)
    } catch (error) {
      throw badHeader(path, messageOf(error))
    }
  }

  #decoderFor(columns: CsvColumns | undefined): Decode {
    const { parse } = this.#decoding
    const plain: Decode = columns === undefined ? (fields) => fields : (fields) => columns.record(fields)
    return parse === undefined ? plain : (fields) => parse(plain(fields))
  }

  #decodeBlock(
    split: CsvSplit,
    block: RowBlock,
    { decode, rowsBefore }: { readonly decode: Decode; readonly rowsBefore: number },
  ): Chunk<unknown, CsvSplit, Rejected> {
    const decoded = new BlockDecoding(split, block, { decode, dialect: this.#dialect, rowsBefore })
    decoded.run()
    return decoded.chunk()
  }
}

interface BlockTerms {
  readonly decode: Decode
  readonly dialect: CsvDialect
  readonly rowsBefore: number
}

class BlockDecoding {
  readonly #split: CsvSplit
  readonly #block: RowBlock
  readonly #terms: BlockTerms
  readonly #records: unknown[] = []
  /** Which row of the block each record is. */
  readonly #rowOf: number[] = []
  readonly #rejects: Reject<Rejected>[] = []

  constructor(split: CsvSplit, block: RowBlock, terms: BlockTerms) {
    this.#split = split
    this.#block = block
    this.#terms = terms
  }

  /** Every row. */
  run(): void {
    const { decode, dialect } = this.#terms
    const isValid = isUtf8(this.#block.bytes)
    for (let row = 0; row < this.#block.ends.length; row++) {
      const text = rowText(this.#block, row)
      try {
        if (!isValid && !isUtf8(rowBytes(this.#block, row))) throw new SyntaxError('it is not valid UTF-8')
        if (isNoRow(text, dialect)) {
          this.#rejects.push({ before: this.#records.length, value: undefined })
          continue
        }
        this.#records.push(decode(fieldsOf(text, dialect)))
        this.#rowOf.push(row)
      } catch (error) {
        // The policy handles it, in order, when the records in front have been emitted.
        this.#rejects.push({ before: this.#records.length, value: this.#badRow(row, text, messageOf(error)) })
      }
    }
  }

  chunk(): Chunk<unknown, CsvSplit, Rejected> {
    return {
      records: this.#records,
      rejects: this.#rejects,
      positionAfter: (count) => this.#splitAt(this.#rowOf[count] ?? this.#block.ends.length),
      describe: (index) => `${baseName(this.#split.path)} ${this.#place(this.#rowOf[index] ?? 0)}`,
    }
  }

  #splitAt(row: number): CsvSplit {
    const position = this.#offsetOf(row)
    if (this.#split.row === undefined) return { ...this.#split, position }
    return { ...this.#split, position, row: this.#terms.rowsBefore + row }
  }

  #badRow(row: number, line: string, error: string): BadRow {
    return { letter: { file: this.#split.path, offset: this.#offsetOf(row), line, error }, place: this.#place(row) }
  }

  #offsetOf(row: number): number {
    return this.#block.offset + rowStart(this.#block, row)
  }

  #place(row: number): string {
    if (this.#split.row === undefined) return `byte ${this.#offsetOf(row)}`
    return `row ${this.#terms.rowsBefore + row + 1}`
  }
}

function rowStart({ ends }: RowBlock, row: number): number {
  return row === 0 ? 0 : (ends[row - 1] ?? 0) // below the number of rows, or the end
}

/** Without the line break. */
function rowText(block: RowBlock, row: number): string {
  const { bytes, ends } = block
  const start = rowStart(block, row)
  let end = ends[row] ?? start // below the number of rows
  if (bytes[end - 1] === NEWLINE) end--
  if (end > start && bytes[end - 1] === CARRIAGE_RETURN) end--
  return bytes.toString('utf8', start, end)
}

function rowBytes(block: RowBlock, row: number): Buffer {
  return block.bytes.subarray(rowStart(block, row), block.ends[row])
}

export function undecodableRow({ letter: { file, offset, line, error }, place }: BadRow): EngineError {
  const sample = line.length > SAMPLE_CHARS ? `${line.slice(0, SAMPLE_CHARS)}…` : line
  return new EngineError(
    'SRC1002',
    `${file}: the CSV row at byte ${offset} (${place}) cannot be decoded: ${error}. It reads ${JSON.stringify(sample)}. ` +
      "The job stops in front of it. Correct the row, or set onError: 'skip' or 'dead-letter' on the source.",
    { context: { path: file, record: `${baseName(file)} ${place}` } },
  )
}

function badHeader(path: string, problem: string): EngineError {
  return new EngineError(
    'SRC1002',
    `${path}: the header cannot be used: ${problem}. No record of the file was read. Correct the file, or name its columns with header: [...].`,
    { context: { path } },
  )
}

function tooLong(path: string, offset: number): EngineError {
  return new EngineError(
    'SRC1002',
    `${path}: the CSV row at byte ${offset} has no end within ${LINE_BYTES_MAX} bytes. The job stops there. Is a quote missing that closes a field?`,
    { context: { path, record: `${baseName(path)} byte ${offset}` } },
  )
}
