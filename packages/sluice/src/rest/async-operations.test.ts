import { describe, expect, test } from 'vitest'
import { EngineError } from '../base/errors.ts'
import { createManualEnv } from '../testing/manual-env.ts'
import { type AsyncOutcome, AsyncOperations } from './async-operations.ts'

const SCOPE = { kind: 'checkpoint', job: 'a' } as const
const DONE: AsyncOutcome = { kind: 'done', checkpoint: 1 }
const LIMITS = { keptMs: 1000, countMax: 2 }

function operations() {
  const env = createManualEnv()
  return { env, requests: new AsyncOperations(env, LIMITS) }
}

const underWay = async () => () => undefined
const done = async () => () => DONE

describe('operations that take longer than a request', () => {
  test('begin once for one trigger id, even while the first is just beginning', async () => {
    const { requests } = operations()
    let begun = 0
    const begin = async () => {
      begun++
      await Promise.resolve()
      return () => undefined
    }
    const ids = await Promise.all([requests.start(SCOPE, 'x', begin), requests.start(SCOPE, 'x', begin)])
    expect([ids, begun]).toEqual([['x', 'x'], 1])
    await requests.start({ ...SCOPE, job: 'b' }, 'x', begin)
    expect(begun).toBe(2)
  })

  test('that could not begin are not known, and may begin again', async () => {
    const { requests } = operations()
    const failing = async () => Promise.reject(new EngineError('JOB1101', 'no such job'))
    await expect(requests.start(SCOPE, 'x', failing)).rejects.toMatchObject({ code: 'JOB1101' })
    expect(requests.outcome(SCOPE, 'x')).toBe('unknown')
    await requests.start(SCOPE, 'x', done)
    expect(requests.outcome(SCOPE, 'x')).toEqual(DONE)
  })

  test('keep their outcome for its time, from when it was first seen', async () => {
    const { requests, env } = operations()
    await requests.start(SCOPE, 'x', done)
    expect(requests.outcome(SCOPE, 'x')).toEqual(DONE)
    env.advance(1000)
    expect(requests.outcome(SCOPE, 'x')).toEqual(DONE)
    env.advance(1)
    expect(requests.outcome(SCOPE, 'x')).toBe('unknown')
  })

  test('are refused at the limit, and take the place of the oldest that has ended', async () => {
    const { requests } = operations()
    await requests.start(SCOPE, 'old', done)
    await requests.start(SCOPE, 'running', underWay)
    expect(await requests.start(SCOPE, 'new', underWay)).toBe('new')
    expect(requests.outcome(SCOPE, 'old')).toBe('unknown')
    expect(requests.outcome(SCOPE, 'running')).toBe('under-way')
    await expect(requests.start(SCOPE, 'more', underWay)).rejects.toMatchObject({ code: 'NET1012' })
  })

  test('get ids of 32 hexadecimal digits', async () => {
    const { requests } = operations()
    expect(await requests.start(SCOPE, undefined, underWay)).toMatch(/^[0-9a-f]{32}$/)
  })
})
