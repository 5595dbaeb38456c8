import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { GrowingMap } from './growing-map.ts'

const writes = fc.array(fc.record({ version: fc.nat(), key: fc.integer({ min: 0, max: 5 }), value: fc.nat(3) }), {
  maxLength: 40,
})

describe('a growing map', () => {
  test('has what was written, the newest value of each key, in the order of the keys', () => {
    const map = GrowingMap.of([['a', 1]])
      .with('b', 2)
      .with('a', 3)
    expect([...map.entries()]).toEqual([
      ['a', 3],
      ['b', 2],
    ])
    expect([map.size, map.get('a'), map.get('c'), map.has('b')]).toEqual([2, 3, undefined, true])
  })

  test('every version, also one that was continued twice, stays what a copied map would be', () => {
    fc.assert(
      fc.property(writes, (all) => {
        const versions = [{ map: GrowingMap.of<number, number>(), model: new Map<number, number>() }]
        for (const { version, key, value } of all) {
          const from = versions[version % versions.length] ?? versions[0]!
          versions.push({ map: from.map.with(key, value), model: new Map(from.model).set(key, value) })
        }
        for (const { map, model } of versions) {
          expect([...map.entries()]).toEqual([...model])
          expect([...map.keys()]).toEqual([...model.keys()])
          expect([...map.values()]).toEqual([...model.values()])
          expect(map.size).toBe(model.size)
          for (let key = 0; key <= 5; key++)
            expect([map.get(key), map.has(key)]).toEqual([model.get(key), model.has(key)])
        }
      }),
    )
  })
})
