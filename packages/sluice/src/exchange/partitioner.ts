/**
 * The end of an edge at its producer: decides which channel a record takes. One class per kind, so that each task's hot call stays monomorphic.
 */
import { assert } from '../base/assert.ts'
import { EngineError, messageOf } from '../base/errors.ts'
import { keyGroupOf, operatorIndexOf, type Key } from '../stream/key-groups.ts'
import { checkKey } from '../stream/key-groups.ts'
import type { ControlElement } from '../stream/element.ts'
import type { BatchWriter } from './batch-writer.ts'

export interface EdgeOutput {
  onRecord(value: unknown, timestamp: number): void
  /** To all channels, behind all records. */
  broadcast(element: ControlElement): void
  flush(): void
  recordsOut(): number
  close(): void
}

abstract class WriterSet implements EdgeOutput {
  protected readonly writers: readonly BatchWriter[]

  constructor(writers: readonly BatchWriter[]) {
    this.writers = writers
  }

  abstract onRecord(value: unknown, timestamp: number): void

  broadcast(element: ControlElement): void {
    for (const writer of this.writers) writer.sendControl(element)
  }

  flush(): void {
    for (const writer of this.writers) writer.flush()
  }

  recordsOut(): number {
    return this.writers.reduce((sum, writer) => sum + writer.recordsOut, 0)
  }

  close(): void {
    for (const writer of this.writers) writer.close()
  }
}

/** One consumer only: a forward edge, or any edge to a single subtask. */
export class ForwardOutput extends WriterSet {
  readonly #only: BatchWriter

  constructor(only: BatchWriter) {
    super([only])
    this.#only = only
  }

  onRecord(value: unknown, timestamp: number): void {
    this.#only.append(value, timestamp)
  }
}

/** Record by record in turn, starting at a subtask of its own so that small streams spread too. */
export class RebalanceOutput extends WriterSet {
  #next: number

  constructor(writers: readonly BatchWriter[], first: number) {
    super(writers)
    this.#next = first % writers.length
  }

  onRecord(value: unknown, timestamp: number): void {
    const index = this.#next
    this.#next = index + 1 === this.writers.length ? 0 : index + 1
    this.writers[index]?.append(value, timestamp)
  }
}

/** By the key group of the record's key. */
export class HashOutput extends WriterSet {
  readonly #keySelector: (value: unknown) => unknown
  readonly #maxParallelism: number
  readonly #consumer: string
  /** Key group to index of the consumer. */
  readonly #consumerOf: Uint16Array

  /** @param consumer uid of the keyed operator behind the edge */
  constructor(
    writers: readonly BatchWriter[],
    keySelector: (value: unknown) => unknown,
    maxParallelism: number,
    consumer: string,
  ) {
    super(writers)
    this.#consumer = consumer
    this.#keySelector = keySelector
    this.#maxParallelism = maxParallelism
    this.#consumerOf = Uint16Array.from({ length: maxParallelism }, (_, keyGroup) =>
      operatorIndexOf(keyGroup, maxParallelism, writers.length),
    )
  }

  onRecord(value: unknown, timestamp: number): void {
    const key = this.#keyOf(value)
    const consumer = this.#consumerOf[keyGroupOf(key, this.#maxParallelism)]
    const writer = consumer === undefined ? undefined : this.writers[consumer]
    assert(writer !== undefined, 'a key group has no consumer', { key: String(key) })
    writer.append(value, timestamp)
  }

  #keyOf(value: unknown): Key {
    try {
      return checkKey(this.#keySelector(value))
    } catch (thrown) {
      const context = { operator: this.#consumer }
      if (thrown instanceof EngineError) throw thrown.within(context)
      throw new EngineError(
        'TSK1001',
        `the keyBy function of operator "${this.#consumer}" threw: ${messageOf(thrown)}. The record was sent to no subtask and the task stops; its state ` +
          'stays as of the last checkpoint. Return a key for every record, e.g. a default where a field is missing.',
        { context, cause: thrown },
      )
    }
  }
}
