/** The records of random jobs, and what their functions and the plain loops beside them have in common: arithmetic that depends on no order. */

/** The one type of record of random jobs. Two items with the same id are equal. */
export interface SimItem {
  /** 32 bits that say what the item is made of. */
  readonly id: number
  readonly key: string
  /** Its timestamp, as the engine has to know it too. */
  readonly t: number
  readonly n: number
}

/** Numbers of items stay below, so that sums of them are exact. */
const NUMBER_MAX = 1000

const KEYS = ['ada', 'bob', 'cleo', 'dora', 'eve', 'finn', 'gus']

export function keyOf(hash: number, keyCount: number): string {
  return KEYS[hash % Math.min(keyCount, KEYS.length)] ?? 'ada'
}

/** A number of 32 bits in which every bit of both counts. */
export function mix(a: number, b: number): number {
  let h = Math.imul(a ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(b + 0x7f4a7c15, 0xc2b2ae35)
  h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d)
  h = Math.imul(h ^ (h >>> 12), 0x297a2d39)
  return (h ^ (h >>> 15)) >>> 0
}

/** Items put together in any order. Encodable: it is an accumulator too. */
export interface Fold {
  readonly ids: number
  readonly n: number
}

export const NO_ITEMS: Fold = { ids: 0, n: 0 }

export function plus(fold: Fold, { id, n }: { readonly id: number; readonly n: number }): Fold {
  return { ids: (fold.ids + id) >>> 0, n: fold.n + n }
}

export function plusFold(first: Fold, second: Fold): Fold {
  return { ids: (first.ids + second.ids) >>> 0, n: first.n + second.n }
}

export function foldOf(items: readonly SimItem[]): Fold {
  return items.reduce(plus, NO_ITEMS)
}

/** What becomes of a fold at time `t`. */
export function itemOf(salt: number, key: string, t: number, fold: Fold): SimItem {
  return { id: mix(mix(mix(salt, fold.ids), t), mix(fold.n, hashOf(key))), key, t, n: fold.n % NUMBER_MAX }
}

export function hashOf(text: string): number {
  return Array.from(text).reduce((hash, character) => mix(hash, character.charCodeAt(0)), 0)
}

/** By what `groupOf` says, in order of their first. */
export function grouped<T, G>(items: readonly T[], groupOf: (item: T) => G): Map<G, T[]> {
  const groups = new Map<G, T[]>()
  for (const item of items) {
    const group = groupOf(item)
    const own = groups.get(group)
    if (own === undefined) groups.set(group, [item])
    else own.push(item)
  }
  return groups
}
