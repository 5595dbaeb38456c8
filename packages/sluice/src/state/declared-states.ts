import { assert } from '../base/assert.ts'
import { EngineError } from '../base/errors.ts'
import type { DescriptorKind, StateDescriptor } from './descriptors.ts'
import { FIRST_STATE_SLOT, PAIRS_SLOT } from './entry.ts'

/** What a slot holds and how it is written: with a time to live it is something else. */
export type StateKind = DescriptorKind | `expiring-${DescriptorKind}`

/** What a user declares for it, whether or not it has a time to live. */
const DECLARED_AS: Readonly<Record<StateKind, DescriptorKind>> = {
  value: 'value',
  list: 'list',
  map: 'map',
  reducing: 'reducing',
  aggregating: 'aggregating',
  'expiring-value': 'value',
  'expiring-list': 'list',
  'expiring-map': 'map',
  'expiring-reducing': 'reducing',
  'expiring-aggregating': 'aggregating',
}

/** A state and where each entry keeps it. */
export interface DeclaredState {
  readonly name: string
  readonly kind: StateKind
  readonly slot: number
}

/** Moves what restored entries hold of a state that got a time to live, or lost it. */
export type ConvertState = (from: DeclaredState, to: DeclaredState) => void

/**
 * The states of one operator: name, kind and slot.
 *
 * A state may first be heard of from a snapshot (the operator declares it when it opens, which may be later); what nobody has declared
 * when the first key comes does not fit.
 */
export class DeclaredStates {
  readonly #uid: string
  readonly #convert: ConvertState
  readonly #states: DeclaredState[] = []
  readonly #undeclared = new Set<string>()
  readonly #taken = new Set<string>()
  #areAllKnown = false
  #isSealed = false

  constructor(uid: string, known: readonly StateDescriptor[] | undefined, convert: ConvertState) {
    this.#uid = uid
    this.#convert = convert
    if (known === undefined) return
    for (const descriptor of known) this.#append(descriptor.name, kindOf(descriptor))
    this.#areAllKnown = true
  }

  get all(): readonly DeclaredState[] {
    return this.#states
  }

  /** The slot of a state that the operator declares. */
  declare(descriptor: StateDescriptor): DeclaredState {
    const { name } = descriptor
    const kind = kindOf(descriptor)
    assert(!this.#isSealed, 'states are declared before the first key', { operator: this.#uid, state: name })
    if (this.#taken.has(name)) throw this.#declaredTwice(name)
    this.#taken.add(name)
    this.#undeclared.delete(name)
    const known = this.#find(name)
    if (known === undefined) return this.#append(name, kind)
    this.#checkKind(name, kind, known.kind)
    return known.kind === kind ? known : this.#replace(known, kind)
  }

  /** A state that a snapshot holds: where it goes, and as what. */
  restored(name: string, kind: StateKind): DeclaredState {
    const known = this.#find(name)
    if (known !== undefined) {
      this.#checkKind(name, known.kind, kind)
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

  /** The restored state got a time to live, or lost it. */
  #replace(known: DeclaredState, kind: StateKind): DeclaredState {
    const index = this.#states.indexOf(known)
    const state = { name: known.name, kind, slot: FIRST_STATE_SLOT + index }
    this.#states[index] = state
    this.#convert(known, state)
    return state
  }

  #checkKind(name: string, declared: StateKind, found: StateKind): void {
    if (DECLARED_AS[declared] !== DECLARED_AS[found])
      throw this.#otherKind(name, DECLARED_AS[declared], DECLARED_AS[found])
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

  #otherKind(name: string, declared: DescriptorKind, found: DescriptorKind): EngineError {
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

function kindOf({ kind, ttl }: StateDescriptor): StateKind {
  return ttl === undefined ? kind : `expiring-${kind}`
}
