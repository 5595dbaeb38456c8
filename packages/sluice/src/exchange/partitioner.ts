/**
 * The end of an edge at its producer: decides which channel a record takes. One class per kind, so that each task's hot call stays monomorphic.
 *
 * Owns: the choice among the channels it is given. Does not own: which channels there are (graph/connections.ts), batches (batch-writer.ts).
 *
 * P1 Every record goes to exactly one channel; of a broadcast, to each of them.
 * P2 Control elements go to all channels, behind all records, whatever the kind: no consumer waits for a watermark or a barrier in vain.
 * P3 What a choice depends on is the record and this subtask's own count or generator: never a clock, never another subtask.
 */
import { assert } from '../base/assert.ts'
import { EngineError, messageOf } from '../base/errors.ts'
import type { Random } from '../base/env.ts'
import { below } from '../base/random.ts'
import { valueText } from '../base/value-text.ts'
import { checkKey, keyGroupOf, operatorIndexOf, type Key } from '../stream/key-groups.ts'
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

/** To one by chance, each as likely as any other. */
export class ShuffleOutput extends WriterSet {
  readonly #random: Random

  constructor(writers: readonly BatchWriter[], random: Random) {
    super(writers)
    this.#random = random
  }

  onRecord(value: unknown, timestamp: number): void {
    this.writers[below(this.#random, this.writers.length)]?.append(value, timestamp)
  }
}

/** To every one. */
export class BroadcastOutput extends WriterSet {
  onRecord(value: unknown, timestamp: number): void {
    for (let index = 0; index < this.writers.length; index++) this.writers[index]?.append(value, timestamp)
  }

  /** A record counts once, however many get it. */
  override recordsOut(): number {
    return this.writers[0]?.recordsOut ?? 0
  }
}

/** To the first one; the others get control elements only. */
export class GlobalOutput extends WriterSet {
  readonly #first: BatchWriter

  constructor(first: BatchWriter, others: readonly BatchWriter[]) {
    super([first, ...others])
    this.#first = first
  }

  onRecord(value: unknown, timestamp: number): void {
    this.#first.append(value, timestamp)
  }
}

/** To the one that the user's function names. */
export class CustomOutput extends WriterSet {
  readonly #partitioner: (value: unknown, subtaskCount: number) => number
  readonly #consumer: string

  /** @param consumer uid of the operator behind the edge */
  constructor(
    writers: readonly BatchWriter[],
    partitioner: (value: unknown, subtaskCount: number) => number,
    consumer: string,
  ) {
    super(writers)
    this.#partitioner = partitioner
    this.#consumer = consumer
  }

  onRecord(value: unknown, timestamp: number): void {
    const index: unknown = this.#choose(value) // what types promise is not what every user keeps
    const writer = typeof index === 'number' ? this.writers[index] : undefined
    if (writer === undefined) throw this.#outOfRange(value, index)
    writer.append(value, timestamp)
  }

  #choose(value: unknown): number {
    try {
      return this.#partitioner(value, this.writers.length)
    } catch (thrown) {
      const context = { operator: this.#consumer }
      if (thrown instanceof EngineError) throw thrown.within(context)
      throw new EngineError(
        'TSK1001',
        `the partitioner in front of operator "${this.#consumer}" threw for the record ${valueText(value)}: ${messageOf(thrown)}. The record was sent ` +
          'to no subtask and the task stops; its state stays as of the last checkpoint. Return the number of a subtask for every record.',
        { context, cause: thrown },
      )
    }
  }

  #outOfRange(value: unknown, index: unknown): EngineError {
    const returned = index instanceof Promise ? 'a promise' : typeof index === 'number' ? `${index}` : valueText(index)
    return new EngineError(
      'KEY1002',
      `the partitioner in front of operator "${this.#consumer}" returned ${returned} for the record ${valueText(value)}, not a whole number from ` +
        `0 to ${this.writers.length - 1}. The record was sent to no subtask and the task stops; its state stays as of the last checkpoint. Return the ` +
        'number of a subtask, below the second argument, for every record.',
      { context: { operator: this.#consumer } },
    )
  }
}

/** The operator behind an edge that is partitioned by key. */
export interface HashConsumer {
  readonly uid: string
  /** What becomes of a record that has no key: the producer fails, or its first subtask gets the record, for which an error policy stands there. */
  readonly onBadKey: 'fail' | 'send'
}

/** By the key group of the record's key. */
export class HashOutput extends WriterSet {
  readonly #keySelector: (value: unknown) => unknown
  readonly #maxParallelism: number
  readonly #consumer: HashConsumer
  /** Key group to index of the consumer. */
  readonly #consumerOf: Uint16Array

  constructor(
    writers: readonly BatchWriter[],
    keySelector: (value: unknown) => unknown,
    maxParallelism: number,
    consumer: HashConsumer,
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
    const consumer = key === undefined ? 0 : this.#consumerOf[keyGroupOf(key, this.#maxParallelism)]
    const writer = consumer === undefined ? undefined : this.writers[consumer]
    assert(writer !== undefined, 'a key group has no consumer', { key: String(key) })
    writer.append(value, timestamp)
  }

  /** Undefined: the consumer meets the same error and handles it. */
  #keyOf(value: unknown): Key | undefined {
    try {
      return checkKey(this.#keySelector(value))
    } catch (thrown) {
      if (this.#consumer.onBadKey === 'send') return undefined
      const context = { operator: this.#consumer.uid }
      if (thrown instanceof EngineError) throw thrown.within(context)
      throw new EngineError(
        'TSK1001',
        `the keyBy function of operator "${this.#consumer.uid}" threw: ${messageOf(thrown)}. The record was sent to no subtask and the task stops; its state ` +
          'stays as of the last checkpoint. Return a key for every record, e.g. a default where a field is missing.',
        { context, cause: thrown },
      )
    }
  }
}
