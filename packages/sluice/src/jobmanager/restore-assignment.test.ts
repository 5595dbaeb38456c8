import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { operatorUid, subtaskIndex, vertexId } from '../base/ids.ts'
import type { KeyedStateHandle, TaskSnapshot } from '../checkpoint/handles.ts'
import type { CheckpointManifest } from '../checkpoint/manifest.ts'
import { sampleManifest } from '../../test/sample-manifest.ts'
import type { ChainedOperator, JobVertex } from '../graph/job-graph.ts'
import { bytesToValue, valueToBytes } from '../serde/value-codec.ts'
import type { OperatorStateList } from '../state/operator-state.ts'
import { keyGroupRange } from '../stream/key-groups.ts'
import { assignRestore } from './restore-assignment.ts'

const MAX_PARALLELISM = 16
const STATS = { alignmentMs: 0, syncMs: 0, asyncMs: 0, stateBytes: 0 }

function chained(uid: string): ChainedOperator {
  const node = {
    kind: 'operator' as const,
    id: 0,
    name: uid,
    inputs: [],
    operator: { kind: 'map', keyed: true, stateful: true, layout: null, create: () => expect.unreachable() },
  }
  return { uid: operatorUid(uid), node, chained: [], outputs: [] }
}

function vertexOf(id: string, parallelism: number, ...uids: string[]): JobVertex {
  return {
    id: vertexId(id),
    name: id,
    parallelism,
    maxParallelism: MAX_PARALLELISM,
    slotSharingGroup: 'default',
    operators: uids.map(chained),
    inputs: [],
    outputs: [],
  }
}

function handleOf(subtask: number, parallelism: number, entryCount = 1): KeyedStateHandle {
  return {
    data: { path: `sum-${subtask}`, sizeBytes: 1, crc32: 0 },
    keyGroups: keyGroupRange(subtask, MAX_PARALLELISM, parallelism),
    entryCount,
  }
}

function offsets(...items: readonly unknown[]): Uint8Array {
  const lists: OperatorStateList[] = [{ name: 'offsets', mode: 'split', items }]
  return valueToBytes(lists)
}

/** A vertex `sum` with keyed state in operator `sum` and one offset per subtask in operator `sink`. */
function written(parallelism: number): CheckpointManifest {
  const tasks = Array.from({ length: parallelism }, (_, subtask): TaskSnapshot => ({
    vertex: vertexId('sum'),
    subtask: subtaskIndex(subtask),
    operators: [
      { uid: operatorUid('sum'), keyed: handleOf(subtask, parallelism) },
      { uid: operatorUid('sink'), operatorState: offsets(subtask) },
    ],
    stats: STATS,
  }))
  return sampleManifest({ vertices: [{ id: vertexId('sum'), parallelism, maxParallelism: MAX_PARALLELISM, tasks }] })
}

function itemsOf(state: Uint8Array | undefined): unknown {
  return state === undefined
    ? undefined
    : (bytesToValue(state) as readonly OperatorStateList[]).map(({ items }) => items) // written above
}

describe('the state of a checkpoint', () => {
  test('goes back to where it was when nothing changed', () => {
    const restores =
      assignRestore(written(2), { vertices: [vertexOf('sum', 2, 'sum', 'sink')] }).get(vertexId('sum')) ?? []
    expect(restores.map(({ checkpoint }) => checkpoint)).toEqual([42, 42])
    expect(
      restores.map(({ operators }) => operators.map(({ uid, keyed }) => [uid, keyed.map(({ data }) => data.path)])),
    ).toEqual([
      [
        ['sum', ['sum-0']],
        ['sink', []],
      ],
      [
        ['sum', ['sum-1']],
        ['sink', []],
      ],
    ])
    expect(restores.map(({ operators }) => itemsOf(operators[1]?.operatorState))).toEqual([[[0]], [[1]]])
  })

  test('reaches every key group and every item exactly once at any parallelism', () => {
    const parallelism = fc.integer({ min: 1, max: MAX_PARALLELISM })
    fc.assert(
      fc.property(parallelism, parallelism, (before, now) => {
        const restores =
          assignRestore(written(before), { vertices: [vertexOf('sum', now, 'sum', 'sink')] }).get(vertexId('sum')) ?? []
        expect(restores).toHaveLength(now)
        for (const [subtask, { operators }] of restores.entries()) {
          const range = keyGroupRange(subtask, MAX_PARALLELISM, now)
          const covered = operators.flatMap(({ keyed }) => keyed.map(({ keyGroups }) => keyGroups))
          for (let group = range.first; group <= range.last; group++) {
            expect(covered.filter(({ first, last }) => first <= group && group <= last)).toHaveLength(1)
          }
          expect(covered.every(({ first, last }) => first <= range.last && last >= range.first)).toBe(true)
        }
        const items = restores.flatMap(({ operators }) =>
          operators.flatMap(({ operatorState }) => itemsOf(operatorState) ?? []),
        )
        const byNumber = (a: number, b: number): number => a - b
        expect(items.flat().map(Number).toSorted(byNumber)).toEqual(
          Array.from({ length: before }, (_, subtask) => subtask),
        )
      }),
    )
  })

  test('follows its operator into another chain', () => {
    const graph = { vertices: [vertexOf('sum', 2, 'sum'), vertexOf('sink', 1, 'sink')] }
    const restores = assignRestore(written(2), graph)
    expect(restores.get(vertexId('sum'))?.[0]?.operators.map(({ uid }) => uid)).toEqual(['sum'])
    expect(itemsOf(restores.get(vertexId('sink'))?.[0]?.operators[0]?.operatorState)).toEqual([[0, 1]])
  })

  test('is nothing for an operator that had none', () => {
    const restores = assignRestore(written(1), { vertices: [vertexOf('map', 2, 'map')] }).get(vertexId('map'))
    expect(restores?.map(({ operators }) => operators)).toEqual([[], []])
  })

  test('that is not a list of named states is refused', () => {
    const manifest = written(1)
    const [vertex] = manifest.vertices
    const [task] = vertex?.tasks ?? []
    if (vertex === undefined || task === undefined) return expect.unreachable()
    const tasks = [{ ...task, operators: [{ uid: operatorUid('sink'), operatorState: valueToBytes({ offsets: 1 }) }] }]
    expect(() =>
      assignRestore({ ...manifest, vertices: [{ ...vertex, tasks }] }, { vertices: [vertexOf('sum', 1, 'sink')] }),
    ).toThrow(/operator "sink" in checkpoint 42 is not a list of named states/)
  })
})
