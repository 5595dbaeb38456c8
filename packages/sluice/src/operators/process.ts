/** A user function without a key: side outputs, time and operator state, but no timers. What it sees: function-context.ts. */
import { present } from '../base/assert.ts'
import { EngineError } from '../base/errors.ts'
import type { OperatorStateItems } from '../state/operator-state.ts'
import type { Advance, Turn } from '../state/turn.ts'
import { BaseOperator } from './base-operator.ts'
import { EventClock } from './event-clock.ts'
import { type EmittingContext, UserContext } from './function-context.ts'
import { type LifecycleFunctions, type LifecycleHooks, lifecycleOf } from './function-lifecycle.ts'
import type { OperatorContext, OperatorInfo, OperatorSpec } from './operator.ts'
import { refuseKeyed } from './refuse-keyed.ts'
import { layoutOfOperatorStates, type OperatorStateDeclarations, OperatorStates } from './user-operator-states.ts'
import { refusePromise } from './user-error.ts'

/** What a process function without a key works with. One object serves all calls: do not keep it. */
export type ProcessContext<O, OS extends OperatorStateDeclarations> = EmittingContext<O, OS>

export interface ProcessDefinition<T, O, OS extends OperatorStateDeclarations> extends LifecycleFunctions<O, OS> {
  readonly operatorState: OS
  readonly onRecord: (value: T, context: ProcessContext<O, OS>) => void
}

/**
 * Stateful only with operator state: without it, the watermark in its checkpoints would only go on later.
 *
 * @throws GRA1006 when two operator states have the same name, STA1003 when it declares keyed state or `onTimer`
 */
export function processOperator<T, O, OS extends OperatorStateDeclarations>(
  definition: ProcessDefinition<T, O, OS>,
): OperatorSpec {
  refuseKeyed(definition)
  const operatorStates = layoutOfOperatorStates(definition.operatorState)
  return Object.freeze({
    kind: 'process',
    keyed: false,
    stateful: Object.keys(definition.operatorState).length > 0,
    layout: { operatorStates },
    create: () => new ProcessOperator(definition),
  })
}

class ProcessOperator<T, O, OS extends OperatorStateDeclarations> extends BaseOperator {
  readonly #definition: ProcessDefinition<T, O, OS>
  readonly #clock = new EventClock()
  #running: Running<O, OS> | undefined

  constructor(definition: ProcessDefinition<T, O, OS>) {
    super()
    this.#definition = definition
  }

  override open(context: OperatorContext): void {
    this.#clock.restore(context.restored)
    const states = new OperatorStates(this.#definition.operatorState, context)
    const user = new UnkeyedContext<O, OS>({ context, clock: this.#clock }, states)
    const lifecycle = lifecycleOf(this.#definition, user)
    this.#running = { info: context.info, states, user, lifecycle }
    lifecycle.open()
  }

  override onRecord(value: T, timestamp: number): void {
    const { user, info } = this.#opened()
    user.timestamp = timestamp
    user.output.begin()
    let returned: unknown
    try {
      returned = this.#definition.onRecord(value, user)
    } catch (cause) {
      throw user.output.failed('onRecord function', cause)
    }
    user.output.end()
    if (returned !== undefined) refusePromise(info, 'onRecord function', returned)
  }

  override onWatermark(watermark: number, _turn: Turn): Advance {
    this.#clock.advanceTo(watermark)
    return 'done'
  }

  override onEnd(): void {
    this.#opened().lifecycle.onEnd()
  }

  override snapshot(_checkpoint: number): OperatorStateItems {
    return [...this.#clock.snapshot(), ...this.#opened().states.snapshot()]
  }

  override close(): Promise<void> | undefined {
    const running = this.#running
    this.#running = undefined
    return running?.lifecycle.close()
  }

  #opened(): Running<O, OS> {
    return present(this.#running, 'the context of an open operator')
  }
}

interface Running<O, OS extends OperatorStateDeclarations> {
  readonly info: OperatorInfo
  readonly states: OperatorStates<OS>
  readonly user: UnkeyedContext<O, OS>
  readonly lifecycle: LifecycleHooks
}

/** Tells those who look for timers where they are. */
class UnkeyedContext<O, OS extends OperatorStateDeclarations> extends UserContext<O, OS> {
  registerEventTimeTimer(): never {
    throw this.#noTimers()
  }

  registerProcessingTimeTimer(): never {
    throw this.#noTimers()
  }

  #noTimers(): EngineError {
    const { name, uid, subtask } = this.info
    return new EngineError(
      'GRA1005',
      `operator "${name}" registered a timer, but its stream has no keys and a timer belongs to one. The task stops. Call keyBy before process.`,
      { context: { operator: uid, subtask } },
    )
  }
}
