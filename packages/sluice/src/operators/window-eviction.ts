/** Evictors that run: which elements of a window stay. */
import type { EngineError } from '../base/errors.ts'
import { NO_TIMESTAMP } from '../stream/element.ts'
import type { Key } from '../stream/key-groups.ts'
import type { DeltaEvictor, Evictor, EvictorContext, TimestampedValue } from './evictors.ts'
import type { OperatorInfo } from './operator.ts'
import { userError, userResultError } from './user-error.ts'
import type { TimeWindow } from './window-definition.ts'

export type Elements = readonly TimestampedValue<unknown>[]

/** The firing for which elements are evicted. */
export interface Firing {
  readonly key: Key
  readonly window: TimeWindow
}

export class Eviction {
  readonly #evictor: Evictor<unknown>
  readonly #info: OperatorInfo
  readonly #context: EvictorContext

  constructor(evictor: Evictor<unknown>, info: OperatorInfo, context: EvictorContext) {
    this.#evictor = evictor
    this.#info = info
    this.#context = context
  }

  before(elements: Elements, firing: Firing): Elements {
    return this.#at('before', elements, firing)
  }

  after(elements: Elements, firing: Firing): Elements {
    return this.#at('after', elements, firing)
  }

  #at(when: 'before' | 'after', elements: Elements, firing: Firing): Elements {
    const evictor = this.#evictor
    if (evictor.kind === 'custom') return this.#custom(when, elements, firing)
    if (evictor.when !== when) return elements
    switch (evictor.kind) {
      case 'count':
        return elements.length <= evictor.maxCount ? elements : elements.slice(elements.length - evictor.maxCount)
      case 'time':
        return younger(elements, evictor.sizeMs)
      case 'delta':
        return this.#nearer(evictor, elements, firing)
    }
  }

  #nearer(evictor: DeltaEvictor<unknown>, elements: Elements, { key, window }: Firing): Elements {
    const last = elements.at(-1)
    if (last === undefined) return elements
    try {
      return elements.filter(({ value }) => !(evictor.deltaOf(value, last.value) >= evictor.threshold))
    } catch (cause) {
      throw userError(this.#info, 'delta function of an evictor', cause, { kind: 'window', window, key })
    }
  }

  #custom(when: 'before' | 'after', elements: Elements, { key, window }: Firing): Elements {
    const evictor = this.#evictor
    if (evictor.kind !== 'custom') return elements
    let kept: unknown
    try {
      if (when === 'before' && evictor.evictBefore !== undefined) {
        kept = evictor.evictBefore(elements, window, this.#context)
      } else if (when === 'after' && evictor.evictAfter !== undefined) {
        kept = evictor.evictAfter(elements, window, this.#context)
      } else return elements
    } catch (cause) {
      throw userError(this.#info, evictorName(when, evictor.name), cause, { kind: 'window', window, key })
    }
    if (!Array.isArray(kept)) throw this.#noList(evictorName(when, evictor.name), kept)
    return kept
  }

  #noList(what: string, kept: unknown): EngineError {
    return userResultError(
      this.#info,
      what,
      `returned ${kept === undefined ? 'nothing' : `a value of type ${typeof kept}`}. The window gave no result, and the task stops, because it is not known which ` +
        'records stay. Return an array of the elements to keep.',
    )
  }
}

function evictorName(when: 'before' | 'after', name: string): string {
  return `${when === 'before' ? 'evictBefore' : 'evictAfter'} function of evictor "${name}"`
}

function younger(elements: Elements, sizeMs: number): Elements {
  if (elements[0] === undefined || elements[0].timestamp === NO_TIMESTAMP) return elements
  let youngest = NO_TIMESTAMP
  for (const { timestamp } of elements) if (timestamp > youngest) youngest = timestamp
  return elements.filter(({ timestamp }) => timestamp > youngest - sizeMs)
}
