import type { EmittingContext, FunctionContext, NoOperatorState } from '../operators/function-context.ts'
import type { KeyedProcessContext } from '../operators/keyed-context.ts'
import type { ProcessContext } from '../operators/process.ts'
import type { OperatorStateDeclarations } from '../operators/user-operator-states.ts'
import type { StateDeclarations } from '../operators/user-states.ts'
import type { Key } from '../stream/key-groups.ts'
import type { RecordType } from './record-type.ts'

/** What process functions of one input or two, with and without a key, have in common. */
export interface AnyProcessFunction<O, OS extends OperatorStateDeclarations> {
  /** The type of what `ctx.emit` takes; without it the output's type is unknown. */
  readonly emits?: RecordType<O>
  /** States of a subtask that belong to no key, by the name under which `ctx.operatorState` shows them. */
  readonly operatorState?: OS
  /**
   * Called once before the first record of a subtask, with `ctx.operatorState` as the checkpoint had it. Synchronous; it cannot emit. All subtasks of a thread
   * share one definition: what belongs to one subtask goes into its operator state, not into a variable.
   */
  open?(ctx: FunctionContext<OS>): void
  /** Called when no record and no event-time timer will come any more: the last chance to emit. Not called when a job is cancelled or fails. */
  onEnd?(ctx: EmittingContext<O, OS>): void
  /** Called when a subtask ends, in whatever way. Releases what `open` took; must not emit (TSK1005). May be asynchronous. */
  close?(): void | Promise<void>
}

/**
 * A function with side outputs, time and operator state, called for every record.
 *
 * @example
 * const numbered = lines.process({
 *   emits: recordType<string>(),
 *   operatorState: { skipped: operatorListState<string>('skipped') },
 *   onRecord(line, ctx) {
 *     if (line !== '') return ctx.emit(line)
 *     ctx.counter('emptyLines').add(1)
 *     ctx.sideOutput('empty', ctx.timestamp)
 *   },
 * })
 */
export interface ProcessFunction<
  T,
  O,
  OS extends OperatorStateDeclarations = NoOperatorState,
> extends AnyProcessFunction<O, OS> {
  /** Called for every record. Synchronous. `ctx` is one object for all calls: do not keep it. */
  onRecord(value: T, ctx: ProcessContext<O, OS>): void
}

/**
 * A function with state and timers per key.
 *
 * @example
 * const alerts = payments.keyBy((payment) => payment.card).process({
 *   emits: recordType<Alert>(),
 *   state: { count: valueState<number>('count') },
 *   onRecord(payment, ctx) {
 *     const count = (ctx.state.count.value() ?? 0) + 1
 *     ctx.state.count.update(count)
 *     if (count === 1) ctx.registerEventTimeTimer(ctx.timestamp + 60_000)
 *     if (count > 3) ctx.emit({ card: ctx.key, count })
 *   },
 *   onTimer(timestampMs, ctx) {
 *     ctx.state.count.clear()
 *   },
 * }).uid('alerts-by-card')
 */
export interface KeyedProcessFunction<
  T,
  K extends Key,
  S extends StateDeclarations,
  O,
  OS extends OperatorStateDeclarations = NoOperatorState,
> extends AnyProcessFunction<O, OS> {
  /** Every state that the function uses, by the name under which `ctx.state` shows it. */
  readonly state?: S
  /** Called for every record, with its key current. Synchronous. `ctx` is one object for all calls: do not keep it. */
  onRecord(value: T, ctx: KeyedProcessContext<K, S, O, OS>): void
  /** Called when a timer is due, with the timer's key current. Timers come in order of their times, those registered meanwhile included. */
  onTimer?(timestampMs: number, ctx: KeyedProcessContext<K, S, O, OS>): void
}
