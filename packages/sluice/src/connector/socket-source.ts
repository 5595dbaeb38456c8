/** Reads lines from a TCP server. The states of its connection are in docs/spec/connectors.md. */
import { isAscii } from 'node:buffer'
import { parseDuration } from '../base/duration.ts'
import { EngineError } from '../base/errors.ts'
import { parseSize } from '../base/size.ts'
import { errorPolicyOf } from './error-policy.ts'
import { type LiveSplit, limitOf, liveEnumerator } from './live-source.ts'
import { SocketReader, type SocketTerms } from './socket-reader.ts'
import type { Source } from './source.ts'
import type { SplitQueueState } from './split-queue.ts'
import type { LineErrorPolicy } from './text-source.ts'

/** Which server `socketSource` reads from, and what it does when there is trouble. */
export interface SocketSourceOptions {
  /** Name or address of the server. */
  readonly host: string
  /** From 1 to 65535. */
  readonly port: number
  /** Between two records: ASCII. Default `\n`, in front of which a `\r` is dropped. */
  readonly delimiter?: string
  /** Longest record; a longer one is treated by `onError`. Default `1mb`. */
  readonly recordBytesMax?: string
  /** Records that wait to be read before the server is held back. Default 10,000; 32 MB of them do it too. */
  readonly buffered?: number
  /** What it means that the server ends the connection: open it again (default), or the end of the input. */
  readonly whenClosed?: 'reconnect' | 'end'
  readonly reconnect?: {
    /** Connections that fail, or end without a byte, one after the other before the job fails with SRC1009. Default 10, from 1 to 1000. */
    readonly attempts?: number
    /** Pause before the second try; it doubles with each further one. Default `100ms`. */
    readonly initial?: string
    /** Longest pause. Default `10s`. */
    readonly max?: string
  }
  /** Of one try to connect. Default `10s`, at most `1h`. */
  readonly timeout?: string
  /** What becomes of a record that cannot be decoded. Default `fail`. */
  readonly onError?: LineErrorPolicy
}

/** What `socketSource` makes. */
export type SocketSource<T> = Source<T, LiveSplit, SplitQueueState<LiveSplit>>

/**
 * Reads text from a TCP server, one record per line. At most once: what the server has sent and no completed checkpoint covers is lost when the job fails, and so is
 * what it sends while nobody is connected. One subtask reads; give the source a parallelism of 1.
 *
 * @throws CFG1002 when an option does not fit; SRC1009 while it reads, when the server cannot be reached
 * @example env.fromSource(socketSource({ host: 'localhost', port: 9999 })).print()
 * @example socketSource({ host: 'feed.example', port: 7001, decode: parse, onError: 'skip' })
 */
export function socketSource<T>(
  options: SocketSourceOptions & { readonly decode: (line: string) => T },
): SocketSource<T>
export function socketSource(options: SocketSourceOptions): SocketSource<string>
export function socketSource(
  options: SocketSourceOptions & { readonly decode?: (line: string) => unknown },
): SocketSource<unknown> {
  const terms = termsOf(options)
  const { host, port, whenClosed } = terms
  return Object.freeze<SocketSource<unknown>>({
    kind: 'socket',
    identity: { host, port },
    boundedness: whenClosed === 'end' ? 'bounded' : 'continuous',
    createEnumerator: liveEnumerator,
    createReader: (context) => new SocketReader(terms, context),
  })
}

function termsOf(options: SocketSourceOptions & { readonly decode?: (line: string) => unknown }): SocketTerms {
  const { host, reconnect = {}, delimiter = '\n' } = options
  const what = `socketSource ${host}`
  const duration = (name: string, text: string): number => parseDuration(text, `${what}: ${name}`)
  if (!isAsciiText(delimiter)) throw badDelimiter(what, delimiter)
  return {
    host,
    port: limitOf(`${what}: port`, options.port, { min: 1, max: 65_535 }),
    delimiter,
    recordBytesMax: limitOf(`${what}: recordBytesMax`, parseSize(options.recordBytesMax ?? '1mb'), {
      min: 1,
      max: 2 ** 29,
    }),
    bufferedMax: limitOf(`${what}: buffered`, options.buffered ?? 10_000, { min: 1, max: 1_000_000 }),
    whenClosed: options.whenClosed ?? 'reconnect',
    attemptsMax: limitOf(`${what}: reconnect.attempts`, reconnect.attempts ?? 10, { min: 1, max: 1000 }),
    pauseMs: {
      initial: duration('reconnect.initial', reconnect.initial ?? '100ms'),
      max: duration('reconnect.max', reconnect.max ?? '10s'),
    },
    timeoutMs: limitOf(`${what}: timeout in milliseconds`, duration('timeout', options.timeout ?? '10s'), {
      min: 1,
      max: 3_600_000,
    }),
    policy: errorPolicyOf(options.onError ?? 'fail'),
    decode: options.decode ?? ((line) => line),
  }
}

function isAsciiText(text: string): boolean {
  return text !== '' && isAscii(Buffer.from(text))
}

function badDelimiter(what: string, delimiter: string): EngineError {
  return new EngineError(
    'CFG1002',
    `${what}: delimiter is ${JSON.stringify(delimiter)}. The graph was not built. Give ASCII characters, at least one: they are looked for in bytes.`,
  )
}
