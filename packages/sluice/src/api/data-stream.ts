/**
 * Streams as users see them.
 *
 * Owns: the methods, and what they promise. Does not own: nodes and edges (stream-origin.ts, graph-builder.ts), what operators do (operators/), streams with
 * keys, windows and two inputs, which have files of their own and get `attach` from here, so that no two of these files need each other at run time.
 */
import { EngineError } from '../base/errors.ts'
import type { Key } from '../stream/key-groups.ts'
import { errorPolicyOf, type OnError } from '../connector/error-policy.ts'
import type { Sink } from '../connector/sink.ts'
import { printSink } from '../connector/print-sink.ts'
import type { NodeId } from '../graph/logical-graph.ts'
import type { DeadLetterRecord } from '../operators/dead-letter.ts'
import { filterOperator } from '../operators/filter.ts'
import { flatMapOperator, type Collector } from '../operators/flat-map.ts'
import { mapOperator } from '../operators/map.ts'
import type { OperatorSpec } from '../operators/operator.ts'
import type { NoOperatorState } from '../operators/function-context.ts'
import { GlobalWindows, type WindowAssigner } from '../operators/window-assigners.ts'
import type { OutputTag } from '../operators/output-tag.ts'
import { processOperator } from '../operators/process.ts'
import type { BroadcastDeclarations } from '../operators/broadcast-state.ts'
import { timestampsOperator } from '../operators/timestamps.ts'
import type { OperatorStateDeclarations } from '../operators/user-operator-states.ts'
import type { WatermarkStrategy } from '../time/watermark-strategy.ts'
import { BroadcastConnectedStream, BroadcastStream, partsOf } from './broadcast-stream.ts'
import { CoGroupedStreams } from './co-grouped-streams.ts'
import { ConnectedStreams } from './connected-streams.ts'
import { DataStreamSink } from './data-stream-sink.ts'
import { AllWindowedStream, type AllKey, keyOfAll } from './all-windowed-stream.ts'
import type { GraphBuilder } from './graph-builder.ts'
import { JoinedStreams } from './joined-streams.ts'
import { KeyedStream } from './keyed-stream.ts'
import { countWindows, WindowedStream } from './windowed-stream.ts'
import type { ProcessFunction } from './process-function.ts'
import {
  addOperator,
  addSink,
  byFunction,
  byKey,
  outputOf,
  PARTITIONING,
  repartition,
  sideOutputOf,
  type StreamOrigin,
} from './stream-origin.ts'
import { twoInputs } from './two-inputs.ts'

/** A watermark strategy without its refining methods: they would keep a stream of a subtype from being a stream of its supertype. */
export type EventTimeOf<T> = Omit<WatermarkStrategy<T>, 'withTimestamp' | 'withIdleness' | 'withWatermarkAlignment'>

/** Of any stream, for what adds operators from outside of the class. */
let originOf: <T>(stream: DataStream<T>) => StreamOrigin

/** A stream of records of type T. Immutable: every method describes a new stream and leaves this one as it is. */
export class DataStream<T> {
  static {
    originOf = (stream) => stream.#origin
  }

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
   * Runs a function with side outputs, time and operator state. State and timers per key need `keyBy` first. Needs `.uid(…)` when it declares operator state.
   *
   * @throws GRA1006 when two operator states share a name, STA1003 when it declares keyed state or `onTimer`
   * @example lines.process({ emits: recordType<string>(), onRecord(line, ctx) { ctx.emit(line.trim()) } })
   */
  process<O = unknown, OS extends OperatorStateDeclarations = NoOperatorState>(
    definition: ProcessFunction<T, O, OS>,
  ): SingleOutputStreamOperator<O> {
    const { emits: _emits, ...functions } = definition
    const operatorState = definition.operatorState ?? ({} as OS) // without declarations OS has none
    return attach(this.#origin, processOperator<T, O, OS>({ ...functions, operatorState }))
  }

  /**
   * Brings all records of one key to one subtask, where state is kept per key.
   *
   * @param keySelector must give the same key for the same record every time: a string, finite number, boolean or bigint
   *   (KEY1001 while the job runs otherwise)
   * @example flights.keyBy((flight) => flight.origin)
   */
  keyBy<K extends Key>(keySelector: (value: T) => K): KeyedStream<T, K> {
    const keyed = byKey(this.#origin, keySelector)
    return new KeyedStream({ keySelector }, (operator) => attach(keyed, operator), { origin: keyed, attach })
  }

  /**
   * Groups all records into windows, without keys. They are computed in one subtask, whatever the parallelism of the job: where keys can
   * be had, `keyBy` and `window` spread the work.
   *
   * @example flights.windowAll(TumblingEventTimeWindows.of('1h')).aggregate(count()).uid('flights-per-hour')
   */
  windowAll(assigner: WindowAssigner<T>): AllWindowedStream<T> {
    return new AllWindowedStream(this.#windowsOfAll(assigner))
  }

  /**
   * Groups all records by their number: every `size` records give a result, over these; with a `slide`, every `slide` records give one, over the last
   * `size`. Computed in one subtask.
   *
   * @param size records, a whole number from 1
   * @param slide records, a whole number from 1; default: `size`, and nothing is kept behind a result
   * @throws GRA1005 when one of them is none
   * @example bids.countWindowAll(1000).aggregate(average((bid) => bid.price)).uid('average-bid')
   */
  countWindowAll(size: number, slide?: number): AllWindowedStream<T> {
    return new AllWindowedStream(countWindows(this.#windowsOfAll(GlobalWindows.create()), size, slide))
  }

  #windowsOfAll(assigner: WindowAssigner<T>): WindowedStream<T, AllKey> {
    const all = byKey(this.#origin, keyOfAll)
    return new WindowedStream((operator) => attachAlone(all, operator), { keySelector: keyOfAll, assigner })
  }

  /** The records of this stream and of others, in no particular order between them. */
  union<U>(...others: readonly DataStream<U>[]): DataStream<T | U> {
    const edges = [this.#origin, ...others.map((other) => other.#origin)].flatMap((origin) => origin.edges)
    return new DataStream({ builder: this.#origin.builder, edges: Object.freeze(edges) })
  }

  /**
   * This stream and another, each with its own type, as the inputs of one operator; or this stream and a broadcast stream, whose records every subtask
   * gets and keeps what they say in broadcast state.
   *
   * @throws GRA1020 when the other stream belongs to another job
   * @example clicks.connect(searches).map((click) => click.page, (search) => search.text)
   * @example
   * lines
   *   .connect(words.broadcast({ hidden: mapState<string, boolean>('hidden') }))
   *   .process({
   *     emits: recordType<string>(),
   *     onRecord(line, ctx) {
   *       if (!ctx.broadcastState.hidden.has(line)) ctx.emit(line)
   *     },
   *     onBroadcast(word, ctx) {
   *       ctx.broadcastState.hidden.put(word, true)
   *     },
   *   })
   *   .uid('shown-lines')
   */
  connect<U>(other: DataStream<U>): ConnectedStreams<T, U>
  connect<U, B extends BroadcastDeclarations>(other: BroadcastStream<U, B>): BroadcastConnectedStream<T, U, B>
  connect<U, B extends BroadcastDeclarations>(
    other: DataStream<U> | BroadcastStream<U, B>,
  ): ConnectedStreams<T, U> | BroadcastConnectedStream<T, U, B> {
    const first = { origin: this.#origin, attach }
    if (other instanceof DataStream) return new ConnectedStreams<T, U>(twoInputs(first, other.#origin))
    const { origin, states } = partsOf(other)
    return new BroadcastConnectedStream<T, U, B>(states, twoInputs(first, origin))
  }

  /**
   * Joins the records of two streams that have the same key and window.
   *
   * @throws GRA1020 when the other stream belongs to another job
   * @example orders.join(payments).where((order) => order.id).equalTo((payment) => payment.orderId).window(TumblingEventTimeWindows.of('1h'))
   */
  join<U>(other: DataStream<U>): JoinedStreams<T, U> {
    return new JoinedStreams(twoInputs({ origin: this.#origin, attach }, other.#origin))
  }

  /**
   * Gives the records of two streams that have the same key and window to one function, also where one stream has none.
   *
   * @throws GRA1020 when the other stream belongs to another job
   * @example people.coGroup(auctions).where((person) => person.id).equalTo((auction) => auction.seller).window(TumblingEventTimeWindows.of('10s'))
   */
  coGroup<U>(other: DataStream<U>): CoGroupedStreams<T, U> {
    return new CoGroupedStreams(twoInputs({ origin: this.#origin, attach }, other.#origin))
  }

  /**
   * Hands each record to the subtask of the next operator that has the same number; the operators may be chained. What streams do anyway
   * between operators of equal parallelism; asked for by name, different parallelisms are refused instead of rebalanced.
   *
   * @throws GRA1009 when the job is planned and the next operator has another parallelism
   * @example parsed.forward().map(enrich)
   */
  forward(): DataStream<T> {
    return new DataStream(repartition(this.#origin, PARTITIONING.forwardOnly))
  }

  /**
   * Deals records out to all subtasks of the next operator in turn: each gets the same number.
   *
   * @example lines.rebalance().map(parse)
   */
  rebalance(): DataStream<T> {
    return new DataStream(repartition(this.#origin, PARTITIONING.rebalance))
  }

  /**
   * Deals records out in turn to a part of the next operator's subtasks, so that fewer subtasks are connected with each other: with 2 subtasks
   * before 6, each feeds 3 of its own; with 6 before 2, 3 feed each.
   *
   * @example lines.setParallelism(2).rescale().map(parse).setParallelism(6)
   */
  rescale(): DataStream<T> {
    return new DataStream(repartition(this.#origin, PARTITIONING.rescale))
  }

  /**
   * Sends each record to a subtask of the next operator picked at random, each as likely as any other. The choices repeat when a job is run again
   * with the same subtasks.
   *
   * @example clicks.shuffle().map(score)
   */
  shuffle(): DataStream<T> {
    return new DataStream(repartition(this.#origin, PARTITIONING.shuffle))
  }

  /**
   * Sends each record to every subtask of the next operator. As everywhere, what else reads it in the same slot gets the same object: do not change it.
   *
   * @param states map states by name that the records change in every subtask of the operator that this stream is connected to; with none the
   *   result is an ordinary stream
   * @example limits.broadcast().map(remember)
   * @example payments.connect(limits.broadcast({ limits: mapState<string, number>('limits') }))
   */
  broadcast(): DataStream<T>
  broadcast<B extends BroadcastDeclarations>(states: B): BroadcastStream<T, B>
  broadcast<B extends BroadcastDeclarations>(states?: B): DataStream<T> | BroadcastStream<T, B> {
    const origin = repartition(this.#origin, PARTITIONING.broadcast)
    return states === undefined ? new DataStream<T>(origin) : new BroadcastStream<T, B>({ origin, states })
  }

  /**
   * Sends all records to the first subtask of the next operator. The others get none, but watermarks and the end of the input.
   *
   * @example totals.global().map(rank)
   */
  global(): DataStream<T> {
    return new DataStream(repartition(this.#origin, PARTITIONING.global))
  }

  /**
   * Sends each record to the subtask of the next operator whose number a function gives. Keys and their state need `keyBy` instead.
   *
   * @param partitioner gives a whole number from 0 to below `partitionCount`, the number of subtasks now (KEY1002 while the job runs otherwise);
   *   it is given the key if there is a `keySelector`, else the record
   * @example orders.partitionCustom((order, partitionCount) => order.region % partitionCount)
   * @example orders.partitionCustom((region: number, partitionCount) => region % partitionCount, (order) => order.region)
   */
  partitionCustom(partitioner: (value: T, partitionCount: number) => number): DataStream<T>
  partitionCustom<K>(
    partitioner: (key: K, partitionCount: number) => number,
    keySelector: (value: T) => K,
  ): DataStream<T>
  partitionCustom<K>(
    partitioner: (keyOrValue: T & K, partitionCount: number) => number,
    keySelector?: (value: T) => T & K, // the overloads say which of the two it is
  ): DataStream<T> {
    return new DataStream(repartition(this.#origin, byFunction<T & K>(partitioner, keySelector)))
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
    return new DataStreamSink(this.#origin.builder, addSink(this.#origin, sink), streamOf)
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
    super(outputOf(builder, node))
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
   * Begins a chain of its own: no longer runs in one task with the operator in front of it. What follows may still be chained to it.
   *
   * @example parsed.map(score).startNewChain()
   */
  startNewChain(): this {
    this.#builder.patch(this.#node, { chaining: 'head' })
    return this
  }

  /**
   * Runs in a task of its own: chained neither to what is in front of it nor to what follows.
   *
   * @example parsed.map(score).disableChaining()
   */
  disableChaining(): this {
    this.#builder.patch(this.#node, { chaining: 'never' })
    return this
  }

  /**
   * Subtasks of different groups never share a slot, so a heavy operator can have threads of its own. The job needs the sum of what its groups need: the
   * largest parallelism of each.
   *
   * @param group letters, digits, `.`, `_`, `-` (GRA1008 otherwise). Default: that of the operators in front of it if they agree, else `default`
   * @example parsed.map(score).slotSharingGroup('scoring')
   */
  slotSharingGroup(group: string): this {
    this.#builder.patch(this.#node, { slotSharingGroup: group })
    return this
  }

  /**
   * What happens to a record that a function of this operator cannot handle: because it throws, because what it gives is no key or no timestamp, or because an
   * asynchronous request fails or times out. `'skip'` counts it as `skippedRecords`; a tag sends it, with the error, to a side output and counts
   * it as `deadLetterRecords`; `'dead-letter'` does the same with the tag `DEAD_LETTER`. What the function emitted and changed in state before it
   * threw stays. Default `'fail'`: the job restarts by its restart strategy, and meets the record again. At a source it is about the timestamps
   * of its records: what it decodes has a policy among the options of the source.
   *
   * @example const bad = outputTag<DeadLetterRecord<string>>('bad-lines')
   * const parsed = lines.map((line) => parse(line)).onError(bad)
   * parsed.getSideOutput(bad).sinkTo(jsonLinesSink('./bad'))
   */
  onError<V = unknown>(policy: OnError<DeadLetterRecord<V>>): this {
    this.#builder.patch(this.#node, { errorPolicy: errorPolicyOf(policy) })
    return this
  }

  /**
   * What the operator sets aside under `tag`, or under the name of a tag.
   *
   * @example totals.getSideOutput(lateOrders).sinkTo(jsonLinesSink('./late'))
   */
  getSideOutput<U>(tag: OutputTag<U> | string): DataStream<U> {
    return streamOf<U>(sideOutputOf(this.#builder, this.#node, tag))
  }
}

/** The output of an operator that runs in one subtask, because all records meet in it. */
class NonParallelStreamOperator<T> extends SingleOutputStreamOperator<T> {
  constructor(builder: GraphBuilder, node: NodeId) {
    super(builder, node)
    super.setParallelism(1)
  }

  override setParallelism(parallelism: number): this {
    if (parallelism === 1) return this
    throw new EngineError(
      'GRA1003',
      `windows over a whole stream (windowAll, countWindowAll) were given parallelism ${String(parallelism)}. The job was not built, because all records ` +
        'meet in one subtask. Leave setParallelism out, or use keyBy and window.',
    )
  }
}

/** Adds an operator behind any stream: for parts of the API that are no methods of it. */
export function attachTo<T, U>(stream: DataStream<T>, operator: OperatorSpec): SingleOutputStreamOperator<U> {
  return attach(originOf(stream), operator)
}

/** Adds an operator behind a stream. */
function attach<U>(origin: StreamOrigin, operator: OperatorSpec): SingleOutputStreamOperator<U> {
  return new SingleOutputStreamOperator<U>(origin.builder, addOperator(origin, operator))
}

function streamOf<U>(origin: StreamOrigin): DataStream<U> {
  return new DataStream<U>(origin)
}

/** Adds an operator that all records meet in. */
function attachAlone<U>(origin: StreamOrigin, operator: OperatorSpec): SingleOutputStreamOperator<U> {
  return new NonParallelStreamOperator<U>(origin.builder, addOperator(origin, operator))
}
