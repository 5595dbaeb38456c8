/** What is in the files of a file sink: how records become bytes. */
import { EngineError, messageOf } from '../base/errors.ts'

/** Makes the content of each file. */
export interface FileFormat<T> {
  /** Of a file that is begun, or of one that is continued behind what an earlier attempt wrote. */
  begin(file: 'new' | 'continued'): FileContent<T>
}

/** The content of one file. What it is given it makes into blocks, which are written in order. */
export interface FileContent<T> {
  /** Throws an `EngineError` for a record that cannot be written; then nothing was added. */
  add(value: T): void
  /** Whether enough was added for a block. */
  isDue(): boolean
  /** All that was added since the last block; undefined: nothing. */
  take(): Block | undefined
  /** What ends the file, behind the last block; undefined: nothing. */
  end(): Block | undefined
}

export interface Block {
  /** Of the bytes; about, where they are made later. */
  readonly sizeBytes: number
  /** Called once, in order of the blocks of a file. */
  readonly bytes: () => Uint8Array | Promise<Uint8Array>
}

/** Characters collected before they are encoded and written. */
const BLOCK_CHARS = 64 * 1024

/** Lines of text; each file begins with the line `header`. */
export function lineFileFormat<T>(format: (value: T) => string, header?: string): FileFormat<T> {
  return { begin: (file) => new LineContent(format, file === 'new' ? header : undefined) }
}

class LineContent<T> implements FileContent<T> {
  readonly #format: (value: T) => string
  readonly #encoder = new TextEncoder()
  #header: string | undefined
  #text = ''

  constructor(format: (value: T) => string, header: string | undefined) {
    this.#format = format
    this.#header = header
  }

  add(value: T): void {
    const line = this.#lineOf(value)
    if (typeof line !== 'string') throw notText(line)
    if (this.#header !== undefined) {
      this.#text = this.#header + '\n'
      this.#header = undefined
    }
    this.#text += line + '\n'
  }

  isDue(): boolean {
    return this.#text.length >= BLOCK_CHARS
  }

  take(): Block | undefined {
    if (this.#text === '') return undefined
    const bytes = this.#encoder.encode(this.#text)
    this.#text = ''
    return { sizeBytes: bytes.length, bytes: () => bytes }
  }

  end(): undefined {
    return undefined
  }

  #lineOf(value: T): string {
    try {
      return this.#format(value)
    } catch (cause) {
      throw cause instanceof EngineError ? cause : unformatted(cause)
    }
  }
}

function unformatted(cause: unknown): EngineError {
  return new EngineError(
    'SER1001',
    `the format function of a file sink threw: ${messageOf(cause)}. The record was not written and the task fails. Handle such records in the function, or ` +
      'say with onError on the sink what becomes of them.',
    { cause },
  )
}

function notText(line: unknown): EngineError {
  return new EngineError(
    'SER1001',
    `the format function of a file sink returned ${line === null ? 'null' : `a value of type ${typeof line}`}, not a string. The record was not written and the task fails. Return the line as a string.`,
  )
}
