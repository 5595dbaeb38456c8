import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { crc32 } from '../base/bytes.ts'
import type { JsonValue } from '../base/json.ts'
import { EngineError } from '../base/errors.ts'
import { checkpointId, subtaskIndex } from '../base/ids.ts'
import { dataHandlesOf, decodeManifest, encodeManifest } from './manifest.ts'
import { sampleManifest, sampleTask } from '../../test/sample-manifest.ts'

const id = checkpointId(42)

/** The sample with one change to its JSON, under a correct header. */
function changed(change: (json: string) => string): Uint8Array {
  const text = new TextDecoder().decode(encodeManifest(sampleManifest()))
  const json = change(text.slice(text.indexOf('\n') + 1))
  const body = new TextEncoder().encode(json)
  const header = `sluice-manifest 1 crc32=${crc32(body).toString(16).padStart(8, '0')} length=${body.length}\n`
  return new TextEncoder().encode(header + json)
}

function problemOf(bytes: Uint8Array): string {
  try {
    decodeManifest(bytes, id)
  } catch (error) {
    if (error instanceof EngineError && error.code === 'CKP1003') return error.message
    throw error
  }
  return 'none'
}

describe('a manifest', () => {
  test('comes back as it was written', () => {
    const manifest = sampleManifest()
    expect(decodeManifest(encodeManifest(manifest), id)).toEqual(manifest)
  })

  test('names, parameters and states may be any text and any bytes', () => {
    const manifests = fc.record({
      jobName: fc.string({ unit: 'grapheme' }),
      parameters: fc.dictionary(fc.string(), fc.string()).map((parameters) => ({ ...parameters })),
    })
    fc.assert(
      fc.property(manifests, fc.uint8Array(), (fields, state) => {
        const manifest = sampleManifest({
          ...fields,
          enumerators: sampleManifest().enumerators.map((one) => ({ ...one, state })),
        })
        expect(decodeManifest(encodeManifest(manifest), id)).toEqual(manifest)
      }),
    )
  })

  test('equal manifests give equal bytes, whatever the order of their fields', () => {
    const { jobName, ...rest } = sampleManifest()
    expect(encodeManifest({ jobName, ...rest })).toEqual(encodeManifest({ ...rest, jobName }))
  })

  test('any single changed byte is noticed', () => {
    const bytes = encodeManifest(sampleManifest())
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const damaged = bytes.slice()
        damaged[at] = (damaged[at] ?? 0) ^ flip
        expect(problemOf(damaged)).toContain('is damaged')
      }),
    )
  })

  test('any truncation is noticed', () => {
    const bytes = encodeManifest(sampleManifest())
    fc.assert(fc.property(fc.nat(bytes.length - 1), (length) => problemOf(bytes.slice(0, length)) !== 'none'))
    expect(problemOf(new Uint8Array([...bytes, 10]))).toContain('bytes behind its first line instead of')
  })

  test('says what is wrong in it', () => {
    expect(problemOf(changed((json) => json.replace('"epoch":3', '"epoch":"3"')))).toContain(
      'manifest.epoch is "3", not an integer',
    )
    expect(problemOf(changed((json) => json.replace('"jobName":"orders","layout":', '"layout":')))).toContain(
      'manifest.jobName is missing',
    )
    expect(problemOf(changed((json) => json.replace('"epoch":3', '"epoch":3,"extra":1')))).toContain(
      'manifest.extra is not known',
    )
    expect(problemOf(changed((json) => json.replace('"AP8H"', '"AP8H!"')))).toContain(
      'manifest.enumerators[0].state is not base64',
    )
    expect(problemOf(changed((json) => json.replace('"first":64', '"first":200')))).toContain(
      'keyGroups.last is 127, not an integer of at least 200',
    )
    expect(problemOf(changed((json) => json.slice(1)))).toContain('is damaged')
    expect(problemOf(changed(() => '[]'))).toContain('manifest is an array, not an object')
  })

  test('a newer format version is refused as such', () => {
    const text = new TextDecoder().decode(encodeManifest(sampleManifest()))
    expect(problemOf(new TextEncoder().encode(text.replace('sluice-manifest 1', 'sluice-manifest 2')))).toContain(
      'format version 2',
    )
  })

  test('has every subtask of every vertex exactly once', () => {
    const [vertex] = sampleManifest().vertices
    if (vertex === undefined) return expect.unreachable()
    const twice = sampleManifest({ vertices: [{ ...vertex, tasks: [sampleTask(0), sampleTask(0)] }] })
    expect(problemOf(encodeManifest(twice))).toContain('does not hold subtasks 0 to 1 of sum in order')
    const tooFew = sampleManifest({
      vertices: [{ ...vertex, tasks: [{ ...sampleTask(0), subtask: subtaskIndex(0) }] }],
    })
    expect(problemOf(encodeManifest(tooFew))).toContain('does not hold subtasks')
  })

  test('of another checkpoint under this name is refused', () => {
    expect(problemOf(encodeManifest(sampleManifest({ checkpoint: checkpointId(41) })))).toContain(
      'it says that it is checkpoint 41',
    )
  })

  test('names all its files', () => {
    expect(dataHandlesOf(sampleManifest()).map(({ path }) => path)).toEqual([
      'checkpoints/chk-000042/sum-0',
      'checkpoints/chk-000042/sum-1',
    ])
  })

  test('layouts are kept as they are', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const layout: JsonValue = JSON.parse(JSON.stringify(value))
        const manifest = sampleManifest({
          layout: {
            version: 1,
            jobName: 'orders',
            operators: [{ uid: 'a', kind: 'map', layout, maxParallelism: 1, inputs: [layout] }],
          },
        })
        expect(decodeManifest(encodeManifest(manifest), id).layout).toEqual(manifest.layout)
      }),
    )
  })
})
