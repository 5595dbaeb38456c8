/** Handing state out to another number of subtasks: every number of subtasks up to 64 to every other, against the formulas. */
import { expect, test } from 'vitest'
import type { OperatorStateItems, RedistributionMode } from '../state/operator-state.ts'
import { valueState } from '../state/descriptors.ts'
import { createHeapBackend } from '../state/heap-backend.ts'
import { type Key, type KeyGroupRange, keyGroupOf, keyGroupRange } from '../stream/key-groups.ts'
import { redistributeOperatorState } from './redistribute.ts'

const PARALLELISM_MAX = 64
/** Few, so that with many subtasks some own one key group only. */
const MAX_PARALLELISM = 64
const SEED = 730_411

/** Numbers that are the same in every run. */
function randomOf(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

interface Declared {
  readonly name: string
  readonly mode: RedistributionMode
}

const STATES: readonly Declared[] = [
  { name: 'first', mode: 'split' },
  { name: 'all', mode: 'union' },
  { name: 'second', mode: 'split' },
  { name: 'shared', mode: 'broadcast' },
  { name: 'third', mode: 'split' },
]

/** Some subtasks have no operator state at all, and some not every state. */
function randomStates(parallelism: number, random: (below: number) => number): (OperatorStateItems | undefined)[] {
  return Array.from({ length: parallelism }, (_, subtask) => {
    if (random(7) === 0) return undefined
    return STATES.filter(() => random(5) > 0).map(({ name, mode }) => ({
      name,
      mode,
      items: Array.from({ length: random(4) }, (_item, index) => `${name} ${subtask}/${index}`),
    }))
  })
}

function itemsOf(states: OperatorStateItems | undefined, name: string): readonly unknown[] | undefined {
  return states?.find((state) => state.name === name)?.items
}

/** The rules once more, item by item. */
function expectedStates(
  old: readonly (OperatorStateItems | undefined)[],
  parallelism: number,
): Map<string, unknown[][]> {
  const expected = new Map<string, unknown[][]>()
  let rotation = 0
  const names = [...new Set(old.flatMap((states) => (states ?? []).map(({ name }) => name)))]
  for (const name of names) {
    const mode = STATES.find((state) => state.name === name)?.mode
    const lists = old.map((states) => itemsOf(states, name))
    const all = lists.flatMap((items) => items ?? [])
    const shares: unknown[][] = Array.from({ length: parallelism }, () => [])
    if (mode === 'split' && old.length === parallelism)
      lists.forEach((items, subtask) => shares[subtask]?.push(...(items ?? [])))
    else if (mode === 'split') {
      const sizes = shares.map(
        (_, turn) => Math.floor(all.length / parallelism) + (turn < all.length % parallelism ? 1 : 0),
      )
      const owners = sizes.flatMap((size, turn) => Array.from({ length: size }, () => (rotation + turn) % parallelism))
      all.forEach((item, index) => shares[owners[index] ?? 0]?.push(item))
      rotation = (rotation + all.length) % parallelism
    } else if (mode === 'union') shares.forEach((share) => share.push(...all))
    else shares.forEach((share, subtask) => share.push(...(firstCopyFrom(lists, subtask) ?? [])))
    expected.set(name, shares)
  }
  return expected
}

function firstCopyFrom(
  lists: readonly (readonly unknown[] | undefined)[],
  subtask: number,
): readonly unknown[] | undefined {
  const order = lists.map((_, step) => lists[(subtask + step) % lists.length])
  return order.find((copy) => copy !== undefined)
}

test(`operator state goes from every number of subtasks to every other as the formulas say (seed ${SEED})`, () => {
  const random = randomOf(SEED)
  for (let from = 1; from <= PARALLELISM_MAX; from++) {
    const old = randomStates(from, random)
    for (let to = 1; to <= PARALLELISM_MAX; to++) {
      const given = redistributeOperatorState(old, to)
      const expected = expectedStates(old, to)
      const found = new Map([...expected.keys()].map((name) => [name, given.map((states) => itemsOf(states, name))]))
      if (JSON.stringify([...found]) !== JSON.stringify([...expected]))
        expect(found, `from ${from} to ${to}, seed ${SEED}`).toEqual(expected)
    }
  }
})

test(`keyed state goes from every number of subtasks to every other: each key to the one that owns it (seed ${SEED})`, () => {
  const random = randomOf(SEED)
  const contents = new Map<Key, number>()
  while (contents.size < 40)
    contents.set(random(2) === 0 ? `key ${random(1_000_000)}` : random(1_000_000), random(1000))
  const writtenBy = Array.from({ length: PARALLELISM_MAX }, (_, index) => written(contents, index + 1))
  for (const [index, files] of writtenBy.entries()) {
    for (let to = 1; to <= PARALLELISM_MAX; to++) {
      const restored = new Map<Key, number | undefined>()
      for (let subtask = 0; subtask < to; subtask++) addRestored(restored, files, { subtask, parallelism: to })
      if (restored.size === contents.size && [...contents].every(([key, value]) => restored.get(key) === value))
        continue
      expect(restored, `from ${index + 1} to ${to}, seed ${SEED}`).toEqual(contents)
    }
  }
})

/** The keyed state of one subtask and its key groups, as a checkpoint has them. */
interface KeyedFile {
  readonly keyGroups: KeyGroupRange
  readonly bytes: Uint8Array
}

function written(contents: ReadonlyMap<Key, number>, parallelism: number): KeyedFile[] {
  return Array.from({ length: parallelism }, (_, subtask) => {
    const keyGroups = keyGroupRange(subtask, MAX_PARALLELISM, parallelism)
    const backend = createHeapBackend({ uid: 'operator', maxParallelism: MAX_PARALLELISM, keyGroups })
    const state = backend.valueState(valueState<number>('value'))
    for (const [key, value] of contents) {
      const owner = Math.floor((keyGroupOf(key, MAX_PARALLELISM) * parallelism) / MAX_PARALLELISM)
      if (owner !== subtask) continue
      backend.setCurrentKey(key)
      state.update(value)
    }
    const snapshot = backend.beginSnapshot()
    while (snapshot.encodeSlice(100) === 'more');
    return { keyGroups, bytes: Buffer.concat(snapshot.takeChunks().map(({ bytes }) => bytes)) }
  })
}

/** What one new subtask makes of the files that touch its key groups. */
function addRestored(
  restored: Map<Key, number | undefined>,
  files: readonly KeyedFile[],
  { subtask, parallelism }: { readonly subtask: number; readonly parallelism: number },
): void {
  const keyGroups = keyGroupRange(subtask, MAX_PARALLELISM, parallelism)
  const backend = createHeapBackend({ uid: 'operator', maxParallelism: MAX_PARALLELISM, keyGroups })
  const state = backend.valueState(valueState<number>('value'))
  for (const file of files) {
    if (file.keyGroups.first <= keyGroups.last && file.keyGroups.last >= keyGroups.first) backend.restore(file.bytes)
  }
  for (const key of backend.keys()) {
    backend.setCurrentKey(key)
    if (restored.has(key)) expect.fail(`key ${String(key)} has two owners of ${parallelism}, seed ${SEED}`)
    restored.set(key, state.value())
  }
}
