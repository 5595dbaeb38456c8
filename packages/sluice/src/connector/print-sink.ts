import type { Committer, Sink, SinkContext, SinkWriter } from './sink.ts'
import { plainLine } from './line-format.ts'

/** How records are printed. */
export interface PrintSinkOptions {
  /** In front of each line, as `prefix> `. Default: nothing. */
  readonly prefix?: string
}

/**
 * Prints each record as a line on standard output: strings as they are, anything else as JSON. With several subtasks the one-based number of the subtask is in
 * front. At-least-once: what is printed cannot be taken back, so records after the last checkpoint are printed again after a restart.
 *
 * @example stream.sinkTo(printSink({ prefix: 'late' }))
 */
export function printSink<T>(options: PrintSinkOptions = {}): Sink<T, never, never> {
  return directSink<T>('print', options.prefix ?? '', (context) => {
    const front = frontOf(options.prefix, context)
    const { stdout } = context.env
    return (value) => stdout.writeLine(front + plainLine(value))
  })
}

function frontOf(prefix: string | undefined, { parallelism, subtask }: SinkContext): string {
  const parts = [...(prefix === undefined ? [] : [prefix]), ...(parallelism > 1 ? [String(subtask + 1)] : [])]
  return parts.length === 0 ? '' : `${parts.join(':')}> `
}

/** A sink that hands each record on at once and keeps nothing. */
export function directSink<T>(
  kind: string,
  name: string,
  open: (context: SinkContext) => (value: T, timestamp: number) => void,
): Sink<T, never, never> {
  return Object.freeze<Sink<T, never, never>>({
    kind,
    identity: name,
    prepare: async () => {},
    createWriter: (context) => new DirectWriter(open(context)),
    createCommitter: (): Committer<never> | undefined => undefined,
  })
}

class DirectWriter<T> implements SinkWriter<T, never, never> {
  readonly #write: (value: T, timestamp: number) => void

  constructor(write: (value: T, timestamp: number) => void) {
    this.#write = write
  }

  write(value: T, timestamp: number): void {
    this.#write(value, timestamp)
  }

  isBlocked(): boolean {
    return false
  }

  async snapshot(): Promise<{ readonly committables: readonly never[]; readonly states: readonly never[] }> {
    return { committables: [], states: [] }
  }

  async close(): Promise<void> {}
}
