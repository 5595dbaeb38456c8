import { errorPolicyOf, type OnError } from '../connector/error-policy.ts'
import type { NodeId } from '../graph/logical-graph.ts'
import type { DeadLetterRecord } from '../operators/dead-letter.ts'
import type { OutputTag } from '../operators/output-tag.ts'
import type { DataStream } from './data-stream.ts'
import type { GraphBuilder } from './graph-builder.ts'
import { sideOutputOf, type StreamOrigin } from './stream-origin.ts'

/** A stream of what an origin gives. Given from outside, so that streams and sinks do not need each other at run time. */
type StreamOf = <U>(origin: StreamOrigin) => DataStream<U>

/** The end of a stream. */
export class DataStreamSink {
  readonly #builder: GraphBuilder
  readonly #node: NodeId
  readonly #streamOf: StreamOf

  constructor(builder: GraphBuilder, node: NodeId, streamOf: StreamOf) {
    this.#builder = builder
    this.#node = node
    this.#streamOf = streamOf
  }

  /** Names the sink in plans, progress and messages. Default: its uid, without one its kind. */
  name(name: string): this {
    this.#builder.patch(this.#node, { name })
    return this
  }

  /** The id under which checkpoints keep what is not committed yet. Derived from the sink's kind and position when absent. */
  uid(uid: string): this {
    this.#builder.patch(this.#node, { uid })
    return this
  }

  /**
   * What happens to a record that the sink cannot turn into what it writes (SER1001), e.g. because its `format` throws: see `onError` of operators. Writes
   * that fail are not the record's fault: they fail the job in any case.
   *
   * @example totals.sinkTo(jsonLinesSink('./out')).onError('skip')
   */
  onError<V = unknown>(policy: OnError<DeadLetterRecord<V>>): this {
    this.#builder.patch(this.#node, { errorPolicy: errorPolicyOf(policy) })
    return this
  }

  /**
   * Records that the sink set aside under `tag`, or under the name of a tag.
   *
   * @example const written = totals.sinkTo(jsonLinesSink('./out')).onError('dead-letter')
   * written.getSideOutput<DeadLetterRecord>(DEAD_LETTER).print('unwritable')
   */
  getSideOutput<U>(tag: OutputTag<U> | string): DataStream<U> {
    return this.#streamOf<U>(sideOutputOf(this.#builder, this.#node, tag))
  }

  /** Number of writers, 1 to 32768. Default: the parallelism of the job. */
  setParallelism(parallelism: number): this {
    this.#builder.patch(this.#node, { parallelism })
    return this
  }

  /** Number of key groups, 1 to 32768: the parallelism can never exceed it. Part of the state: fixed while the state lives. */
  setMaxParallelism(maxParallelism: number): this {
    this.#builder.patch(this.#node, { maxParallelism })
    return this
  }

  /**
   * Runs in a task of its own: not chained to the operator in front of it.
   *
   * @example totals.sinkTo(slowSink).disableChaining()
   */
  disableChaining(): this {
    this.#builder.patch(this.#node, { chaining: 'never' })
    return this
  }

  /**
   * Writers of different groups, and operators of other ones, never share a slot.
   *
   * @param group letters, digits, `.`, `_`, `-` (GRA1008 otherwise). Default: that of the operators in front of it if they agree, else `default`
   * @example totals.sinkTo(slowSink).slotSharingGroup('writing')
   */
  slotSharingGroup(group: string): this {
    this.#builder.patch(this.#node, { slotSharingGroup: group })
    return this
  }
}
