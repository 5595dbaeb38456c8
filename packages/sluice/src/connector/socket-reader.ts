/**
 * The reader of a socket source.
 *
 * Owns: the connection, its retries, the records that wait. Does not own: what records mean.
 *
 * T1 At most one connection is open or being opened; what belongs to an earlier one is dropped.
 * T2 At most `bufferedMax` records, or BUFFERED_BYTES_MAX bytes, and one read of the socket wait; then the server is held back.
 * T3 A record is whole: what follows the last delimiter is one only when the server has ended the connection in order.
 */
import { isUtf8 } from 'node:buffer'
import type { ByteStream, Timer } from '../base/env.ts'
import { EngineError, messageOf } from '../base/errors.ts'
import { NO_TIMESTAMP } from '../stream/element.ts'
import type { ErrorPolicy } from './error-policy.ts'
import { DelimitedBytes } from './delimited-bytes.ts'
import { BUFFERED_BYTES_MAX, LIVE_SPLIT, LiveBuffer, type LiveItem, type LiveSplit, socketsOf } from './live-source.ts'
import type { PollResult, ReaderContext, ReaderOutput, SourceReader } from './source.ts'
import { takeRejected, type DeadLetter } from './text-source.ts'

export interface SocketTerms {
  readonly host: string
  readonly port: number
  readonly delimiter: string
  readonly recordBytesMax: number
  readonly bufferedMax: number
  readonly whenClosed: 'reconnect' | 'end'
  readonly attemptsMax: number
  readonly pauseMs: { readonly initial: number; readonly max: number }
  readonly timeoutMs: number
  readonly policy: ErrorPolicy
  readonly decode: (line: string) => unknown
}

/** Characters of a record that go into messages and dead letters. */
const SAMPLE_CHARS = 120

type Link =
  /** Not assigned, or closed. */
  | { readonly kind: 'none' }
  | { readonly kind: 'connecting' }
  | { readonly kind: 'open'; readonly stream: ByteStream; isPaused: boolean }
  | { readonly kind: 'waiting'; readonly timer: Timer }
  /** The server has ended the input. */
  | { readonly kind: 'ended' }

export class SocketReader implements SourceReader<unknown, LiveSplit> {
  readonly #terms: SocketTerms
  readonly #context: ReaderContext
  readonly #buffer = new LiveBuffer<unknown, LiveItem<unknown>>()
  #link: Link = { kind: 'none' }
  #hasSplit = false
  #isRequested = false
  #hasAllSplits = false
  /** Connections that failed, or ended without a byte, since the last byte. */
  #failures = 0
  /** Records of all connections. */
  #received = 0
  #emitted = 0
  #isClosed = false

  constructor(terms: SocketTerms, context: ReaderContext) {
    this.#terms = terms
    this.#context = context
  }

  start(): void {
    this.#context.wake()
  }

  addSplits(): void {
    this.#hasSplit = true
    this.#connect()
  }

  noMoreSplits(): void {
    this.#hasAllSplits = true
    this.#context.wake()
  }

  poll(output: ReaderOutput<unknown>, recordsMax: number): PollResult {
    if (!this.#hasSplit) return this.#askForSplit()
    const split = output.split(LIVE_SPLIT.id)
    for (let left = recordsMax; left > 0 && !output.isFull();) {
      const item = this.#buffer.take()
      if (item === undefined) break
      this.#emitted++
      if ('record' in item) {
        left--
        split.emit(item.record, NO_TIMESTAMP)
      } else this.#onLetter(item.letter, output)
    }
    this.#resumeIfRoom()
    if (this.#buffer.size > 0) return 'more'
    if (this.#link.kind !== 'ended') return 'nothing'
    output.finishSplit(LIVE_SPLIT.id)
    this.#hasSplit = false
    this.#hasAllSplits = true
    return 'end'
  }

  snapshot(): readonly LiveSplit[] {
    return this.#hasSplit ? [LIVE_SPLIT] : []
  }

  position(): string | undefined {
    return this.#emitted === 0 ? undefined : `${this.#place()} record ${this.#emitted}`
  }

  async close(): Promise<void> {
    this.#isClosed = true
    const link = this.#link
    this.#link = { kind: 'none' }
    if (link.kind === 'open') link.stream.destroy()
    if (link.kind === 'waiting') link.timer.cancel()
  }

  #onLetter(letter: DeadLetter, output: ReaderOutput<unknown>): void {
    const { policy } = this.#terms
    if (policy.kind === 'fail') throw undecodable(letter)
    takeRejected(letter, policy, { output, context: this.#context })
  }

  #askForSplit(): PollResult {
    if (this.#hasAllSplits) return 'end'
    if (!this.#isRequested) this.#context.requestSplit()
    this.#isRequested = true
    return 'nothing'
  }

  #place(): string {
    return `${this.#terms.host}:${this.#terms.port}`
  }

  #connect(): void {
    const { host, port, timeoutMs } = this.#terms
    this.#link = { kind: 'connecting' }
    socketsOf(this.#context, 'socketSource')
      ?.connect({ host, port }, timeoutMs)
      .then(
        (stream) => this.#onConnected(stream),
        (error: unknown) => this.#onFailed(error),
      )
  }

  // T1
  #onConnected(stream: ByteStream): void {
    if (this.#isClosed) return stream.destroy()
    const { delimiter, recordBytesMax } = this.#terms
    const link: Link = { kind: 'open', stream, isPaused: false }
    this.#link = link
    const records = new DelimitedBytes({
      delimiter,
      recordBytesMax,
      onRecord: (bytes, length) => this.#onRecord(bytes, length),
    })
    stream.receive({
      onBytes: (bytes) => this.#onBytes(records, bytes),
      onClosed: (error) => {
        if (this.#link !== link) return
        if (error !== undefined) return this.#onFailed(error)
        records.end() // T3
        this.#onEnded()
      },
    })
  }

  #onBytes(records: DelimitedBytes, bytes: Uint8Array): void {
    this.#failures = 0
    records.push(bytes)
    if (this.#link.kind === 'open' && !this.#link.isPaused && this.#isFull()) {
      this.#link.isPaused = true // T2
      this.#link.stream.pause()
    }
    this.#context.wake()
  }

  #resumeIfRoom(): void {
    if (this.#link.kind !== 'open' || !this.#link.isPaused) return
    if (this.#buffer.size > this.#terms.bufferedMax / 2 || this.#buffer.bytes > BUFFERED_BYTES_MAX / 2) return
    this.#link.isPaused = false
    this.#link.stream.resume()
  }

  #isFull(): boolean {
    return this.#buffer.size >= this.#terms.bufferedMax || this.#buffer.bytes >= BUFFERED_BYTES_MAX
  }

  /** `length` is more than there are bytes where the record is too long to be kept. */
  #onRecord(bytes: Uint8Array, length: number): void {
    const offset = this.#received++
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
    try {
      if (length > bytes.length) throw new RangeError(`it has ${length} bytes, more than ${this.#terms.recordBytesMax}`)
      if (!isUtf8(bytes)) throw new SyntaxError('it is not valid UTF-8')
      this.#buffer.add({ record: this.#terms.decode(text) }, bytes.length)
    } catch (error) {
      // The policy handles it, in order, when the records in front have been emitted.
      const letter = { file: this.#place(), offset, line: text, error: messageOf(error) }
      this.#buffer.add({ letter }, bytes.length)
    }
  }

  #onEnded(): void {
    if (this.#terms.whenClosed === 'reconnect') return this.#onFailed(new TypeError('it ended the connection'))
    this.#link = { kind: 'ended' }
    this.#context.wake()
  }

  #onFailed(error: unknown): void {
    if (this.#isClosed) return
    this.#failures++
    const { attemptsMax, pauseMs } = this.#terms
    if (this.#failures >= attemptsMax)
      return this.#context.fail(unreachableServer(this.#place(), this.#failures, error))
    const { timers, random } = this.#context.env
    const waitMs = Math.min(pauseMs.max, pauseMs.initial * 2 ** (this.#failures - 1)) * (0.5 + random.fraction() / 2)
    this.#context.count('reconnects', 1)
    this.#link = { kind: 'waiting', timer: timers.after(waitMs, () => this.#connect()) }
  }
}

function undecodable({ file, offset, line, error }: DeadLetter): EngineError {
  return new EngineError(
    'SRC1002',
    `record ${offset} from ${file} cannot be decoded: ${error}. It begins with ${JSON.stringify(line.slice(0, SAMPLE_CHARS))}. The job stops there. ` +
      "Correct what the server sends, or set onError: 'skip' or 'dead-letter' on the source.",
  )
}

function unreachableServer(place: string, failures: number, error: unknown): EngineError {
  return new EngineError(
    'SRC1009',
    `the server ${place} of a socket source cannot be reached in ${failures} tries: ${messageOf(error)}. The job restarts from its last checkpoint and connects again; ` +
      'what the server sends meanwhile is lost. Start the server, or correct host and port.',
    { cause: error },
  )
}
