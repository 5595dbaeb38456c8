import type { Key } from '../stream/key-groups.ts'
import type { Sink } from '../connector/sink.ts'
import { printSink } from '../connector/print-sink.ts'
import type { LogicalEdge, NodeId, Partitioning } from '../graph/logical-graph.ts'
import { filterOperator } from '../operators/filter.ts'
import { flatMapOperator, type Collector } from '../operators/flat-map.ts'
import { mapOperator } from '../operators/map.ts'
import type { OperatorSpec } from '../operators/operator.ts'
import type { OutputTag } from '../operators/output-tag.ts'
import { timestampsOperator } from '../operators/timestamps.ts'
import type { WatermarkStrategy } from '../time/watermark-strategy.ts'
import type { GraphBuilder } from './graph-builder.ts'
import { KeyedStream } from './keyed-stream.ts'

const FORWARD: Partitioning = Object.freeze({ kind: 'forward' })
const REBALANCE: Partitioning = Object.freeze({ kind: 'rebalance' })

/** Where a stream comes from: outputs of nodes; several are a union. */
export interface StreamOrigin {
  readonly builder: GraphBuilder
  readonly edges: readonly LogicalEdge[]
}

/** A watermark strategy without its refining methods: they would keep a stream of a subtype from being a stream of its supertype. */
export type EventTimeOf<T> = Omit<WatermarkStrategy<T>, 'withTimestamp' | 'withIdleness'>

/** A stream of records of type T. Immutable: every method describes a new stream and leaves this one as it is. */
export class DataStream<T> {
  readonly #origin: StreamOrigin

  constructor(origin: StreamOrigin) {
    this.#origin = origin
  }

  /**
   * One record out for each record in.
   *
   * @example flights.map((flight) => flight.delay)
   */
  map<U>(transform: (value: T) => U): SingleOutputStreamOperator<U> {
    return attach(this.#origin, mapOperator(transform))
  }

  /**
   * Any number of records out for each record in: call `out` for each of them, during the call.
   *
   * @example lines.flatMap<string>((line, out) => line.split(' ').forEach((word) => out(word)))
   */
  flatMap<U>(transform: (value: T, out: Collector<U>) => void): SingleOutputStreamOperator<U> {
    return attach(this.#origin, flatMapOperator(transform))
  }

  /**
   * Only the records for which `predicate` is true. A type guard narrows the stream's type.
   *
   * @example flights.filter((flight) => flight.delay > 0)
   */
  filter<U extends T>(predicate: (value: T) => value is U): SingleOutputStreamOperator<U>
  filter(predicate: (value: T) => boolean): SingleOutputStreamOperator<T>
  filter(predicate: (value: T) => boolean): SingleOutputStreamOperator<T> {
    return attach(this.#origin, filterOperator(predicate))
  }

  /**
   * Brings all records of one key to one subtask, where state is kept per key.
   *
   * @param keySelector must give the same key for the same record every time: a string, finite number, boolean or bigint
   *   (KEY1001 while the job runs otherwise)
   * @example flights.keyBy((flight) => flight.origin)
   */
  keyBy<K extends Key>(keySelector: (value: T) => K): KeyedStream<T, K> {
    const keyed = repartition(this.#origin, Object.freeze({ kind: 'hash', keySelector }))
    return new KeyedStream({ keySelector }, (operator) => attach(keyed, operator))
  }

  /** The records of this stream and of others, in no particular order between them. */
  union<U>(...others: readonly DataStream<U>[]): DataStream<T | U> {
    const edges = [this.#origin, ...others.map((other) => other.#origin)].flatMap((origin) => origin.edges)
    return new DataStream({ builder: this.#origin.builder, edges: Object.freeze(edges) })
  }

  /** Deals records out to the subtasks of the next operator in turn. */
  rebalance(): DataStream<T> {
    return new DataStream(repartition(this.#origin, REBALANCE))
  }

  /**
   * Gives records their event time here instead of at the source; older watermarks end here.
   *
   * @example events.assignTimestampsAndWatermarks(
   *   WatermarkStrategy.forBoundedOutOfOrderness<Event>('5s').withTimestamp((event) => event.timeMs))
   */
  assignTimestampsAndWatermarks(strategy: EventTimeOf<T>): SingleOutputStreamOperator<T> {
    return attach(this.#origin, timestampsOperator(strategy as WatermarkStrategy<T>)) // see EventTimeOf
  }

  /**
   * Writes the stream. With checkpoints on, what a transactional sink writes becomes visible when its checkpoint completes.
   *
   * @example delays.sinkTo(jsonLinesSink('./out')).uid('delays-out')
   */
  sinkTo(sink: Sink<T>): DataStreamSink {
    const { builder, edges } = this.#origin
    const id = builder.add((id) => ({ kind: 'sink', id, name: sink.kind, sink: erased(sink), inputs: edges }))
    return new DataStreamSink(builder, id)
  }

  /** Prints every record as a line on standard output: strings as they are, anything else as JSON. */
  print(prefix?: string): DataStreamSink {
    return this.sinkTo(printSink<T>(prefix === undefined ? {} : { prefix }))
  }
}

/** The output of one operator or source: a stream that has a name, an id and a parallelism of its own. */
export class SingleOutputStreamOperator<T> extends DataStream<T> {
  readonly #builder: GraphBuilder
  readonly #node: NodeId

  constructor(builder: GraphBuilder, node: NodeId) {
    super({ builder, edges: Object.freeze([Object.freeze({ from: node, partitioning: FORWARD })]) })
    this.#builder = builder
    this.#node = node
  }

  /** Names the operator in plans, progress and messages. Default: its uid, without one its kind, e.g. `map`. */
  name(name: string): this {
    this.#builder.patch(this.#node, { name })
    return this
  }

  /**
   * The id under which checkpoints keep the operator's state: letters, digits, `.`, `_`, `-`. Required for every operator that
   * keeps state (GRA1001), unique within the job (GRA1002), and not to be changed while the state lives.
   */
  uid(uid: string): this {
    this.#builder.patch(this.#node, { uid })
    return this
  }

  /** Number of subtasks, 1 to 32768. Default: the parallelism of the job. */
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
   * What the operator sets aside under `tag`, or under the name of a tag.
   *
   * @example averages.getSideOutput(lateFlights).sinkTo(jsonLinesSink('./late'))
   */
  getSideOutput<U>(tag: OutputTag<U> | string): DataStream<U> {
    const sideTag = typeof tag === 'string' ? tag : tag.name
    const edge = Object.freeze({ from: this.#node, sideTag, partitioning: FORWARD })
    return new DataStream({ builder: this.#builder, edges: Object.freeze([edge]) })
  }
}

/** The end of a stream. */
export class DataStreamSink {
  readonly #builder: GraphBuilder
  readonly #node: NodeId

  constructor(builder: GraphBuilder, node: NodeId) {
    this.#builder = builder
    this.#node = node
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

  /** Number of writers, 1 to 32768. Default: the parallelism of the job. */
  setParallelism(parallelism: number): this {
    this.#builder.patch(this.#node, { parallelism })
    return this
  }
}

/** Adds an operator behind a stream. */
function attach<U>({ builder, edges }: StreamOrigin, operator: OperatorSpec): SingleOutputStreamOperator<U> {
  const id = builder.add((id) => ({ kind: 'operator', id, name: operator.kind, operator, inputs: edges }))
  return new SingleOutputStreamOperator<U>(builder, id)
}

function repartition({ builder, edges }: StreamOrigin, partitioning: Partitioning): StreamOrigin {
  return { builder, edges: Object.freeze(edges.map((edge) => Object.freeze({ ...edge, partitioning }))) }
}

/** The graph holds sinks of any type: the stream in front of it guarantees the records. */
function erased<T>(sink: Sink<T>): Sink<unknown> {
  return sink
}
