import { assert } from '../base/assert.ts'
import { EngineError } from '../base/errors.ts'
import type { StateDescriptor } from './descriptors.ts'
import { FIRST_STATE_SLOT, PAIRS_SLOT } from './entry.ts'

export type StateKind = StateDescriptor['kind']

/** A state and where each entry keeps it. */
export interface DeclaredState {
  readonly name: string
  readonly kind: StateKind
  readonly slot: number
}

/**
 * The states of one operator: name, kind and slot.
 *
 * A state may first be heard of from a snapshot (the operator declares it when it opens, which may be later); what nobody has declared
 * when the first key comes does not fit.
 */
export class DeclaredStates {
  readonly #uid: string
  readonly #states: DeclaredState[] = []
  readonly #undeclared = new Set<string>()
  readonly #taken = new Set<string>()
  #areAllKnown = false
  #isSealed = false

  constructor(uid: string, known: readonly StateDescriptor[] | undefined) {
    this.#uid = uid
    if (known === undefined) return
    for (const { name, kind } of known) this.#append(name, kind)
    this.#areAllKnown = true
  }

  get all(): readonly DeclaredState[] {
    return this.#states
  }

  /** The slot of a state that the operator declares. */
  declare(descriptor: StateDescriptor): DeclaredState {
    const { name, kind } = descriptor
    assert(!this.#isSealed, 'states are declared before the first key', { operator: this.#uid, state: name })
    if (this.#taken.has(name)) throw this.#declaredTwice(name)
    this.#taken.add(name)
    this.#undeclared.delete(name)
    const known = this.#find(name)
    if (known === undefined) return this.#append(name, kind)
    if (known.kind !== kind) throw this.#otherKind(name, kind, known.kind)
    return known
  }

  /** The slot of a state that a snapshot holds. */
  restored(name: string, kind: StateKind): DeclaredState {
    const known = this.#find(name)
    if (known !== undefined) {
      if (known.kind !== kind) throw this.#otherKind(name, known.kind, kind)
      return known
    }
    if (this.#areAllKnown) throw this.#notDeclared([name])
    this.#undeclared.add(name)
    return this.#append(name, kind)
  }

  /** No more declarations: the first key is there. */
  seal(): void {
    if (this.#undeclared.size > 0) throw this.#notDeclared([...this.#undeclared])
    this.#isSealed = true
  }

  #find(name: string): DeclaredState | undefined {
    return this.#states.find((state) => state.name === name)
  }

  #append(name: string, kind: StateKind): DeclaredState {
    if (this.#find(name) !== undefined) throw this.#declaredTwice(name)
    const isFirstMap = kind === 'map' && !this.#states.some(({ slot }) => slot === PAIRS_SLOT)
    const state = { name, kind, slot: isFirstMap ? PAIRS_SLOT : FIRST_STATE_SLOT + this.#states.length }
    this.#states.push(state)
    return state
  }

  #declaredTwice(name: string): EngineError {
    return new EngineError(
      'GRA1006',
      `operator "${this.#uid}" declares two states named "${name}". The task cannot start: a checkpoint could not tell them apart. Give each state its own name.`,
      { context: { operator: this.#uid } },
    )
  }

  #otherKind(name: string, declared: StateKind, found: StateKind): EngineError {
    return new EngineError(
      'STA1002',
      `state "${name}" of operator "${this.#uid}" is declared as ${declared} state, but is ${found} state in the snapshot. ` +
        'Nothing was restored. Declare it as it was, or give the new state another name.',
      { context: { operator: this.#uid } },
    )
  }

  #notDeclared(names: readonly string[]): EngineError {
    const declared = this.#states.filter(({ name }) => !names.includes(name)).map(({ name }) => `"${name}"`)
    return new EngineError(
      'STA1002',
      `the snapshot holds ${names.map((name) => `state "${name}"`).join(', ')}, which operator "${this.#uid}" does not declare ` +
        `(it declares ${declared.join(', ') || 'none'}). The job was not restored, because that state would be lost. ` +
        'Declare it again (renaming a state is declaring another one), or start from a fresh state directory.',
      { context: { operator: this.#uid } },
    )
  }
}
