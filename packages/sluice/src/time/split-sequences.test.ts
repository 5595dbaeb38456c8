import fc from 'fast-check'
import { expect, test } from 'vitest'
import { SplitSequences } from './split-sequences.ts'

interface ModelSplit {
  readonly sequence: string
  readonly state: 'unread' | 'open'
}

/** Some ids name a sequence, the others are one of their own. */
const NAMES: Readonly<Record<string, string>> = { a1: 'a', a2: 'a', a3: 'a', b1: 'b', b2: 'b' }
const step = fc.record({
  id: fc.constantFrom(...Object.keys(NAMES), 'c', 'd'),
  action: fc.constantFrom('assigned', 'assigned', 'opened', 'removed'),
})

test('waits exactly when a sequence has a split that is not read and none that is, whatever happens', () => {
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const sequences = new SplitSequences()
      const model = new Map<string, ModelSplit>()
      for (const { id, action } of steps) {
        const name = NAMES[id]
        const own = { sequence: name ?? id }
        if (action === 'assigned') {
          sequences.assigned({ id, ...(name === undefined ? {} : { sequence: name }) })
          if (!model.has(id)) model.set(id, { ...own, state: 'unread' })
        } else if (action === 'opened') {
          sequences.opened(id)
          // one that was never announced belongs to nothing
          const { sequence } = model.get(id) ?? { sequence: `unannounced ${id}` }
          model.set(id, { sequence, state: 'open' })
        } else {
          sequences.removed(id)
          model.delete(id)
        }
        const splits = [...model.values()]
        const open = new Set(splits.filter(({ state }) => state === 'open').map(({ sequence }) => sequence))
        const unread = splits.filter(({ state }) => state === 'unread')
        expect(sequences.hasUnread()).toBe(unread.length > 0)
        expect(sequences.isWaiting()).toBe(unread.some(({ sequence }) => !open.has(sequence)))
      }
    }),
  )
})
