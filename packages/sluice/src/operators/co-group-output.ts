/** Behind the window operator of a coGroup: what fires becomes one call of the user's function. */
import type { Key } from '../stream/key-groups.ts'
import type { CoGroupContext } from './co-group-definition.ts'
import type { SideLists } from './co-group-lists.ts'
import type { AnyCoGroup, Firing } from './co-group-windows.ts'
import { type FunctionRuntime, type NoOperatorState, UserContext } from './function-context.ts'
import type { RecordReceiver } from './operator.ts'
import { refusePromise } from './user-error.ts'
import type { TimeWindow } from './window-definition.ts'

const NOTHING: readonly never[] = Object.freeze([])

export class CoGroupOutput implements RecordReceiver {
  readonly #definition: AnyCoGroup
  readonly #what: string
  readonly #firing: Firing
  readonly #runtime: FunctionRuntime
  readonly #user: FiringContext
  /** Otherwise a window that fires gives its lists away. */
  readonly #keepsLists: boolean

  constructor(definition: AnyCoGroup, firing: Firing, runtime: FunctionRuntime) {
    this.#definition = definition
    this.#what = definition.kind === 'co-group' ? 'coGroup function' : 'join function'
    this.#firing = firing
    this.#runtime = runtime
    this.#user = new FiringContext(firing, runtime)
    this.#keepsLists = (definition.allowedLatenessMs ?? 0) > 0
  }

  onRecord({ lefts, rights }: SideLists, timestamp: number): void {
    const user = this.#user
    user.timestamp = timestamp
    user.output.begin()
    let returned: unknown
    try {
      returned = this.#definition.coGroup(this.#given(lefts), this.#given(rights), user)
    } catch (cause) {
      const { key, window } = this.#firing
      throw user.output.failed(this.#what, cause, { kind: 'window', key, window })
    }
    user.output.end()
    if (returned !== undefined) refusePromise(this.#runtime.context.info, this.#what, returned)
  }

  #given(list: unknown[] | null): readonly unknown[] {
    if (list === null) return NOTHING
    return this.#keepsLists ? list.slice() : list
  }
}

class FiringContext extends UserContext<unknown, NoOperatorState> implements CoGroupContext<Key, unknown> {
  readonly #firing: Firing

  constructor(firing: Firing, runtime: FunctionRuntime) {
    super(runtime)
    this.#firing = firing
  }

  get key(): Key {
    return this.#firing.key
  }

  get window(): TimeWindow {
    return this.#firing.window
  }
}
