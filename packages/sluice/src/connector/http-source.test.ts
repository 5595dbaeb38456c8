import { createHmac } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type { HttpAnswer } from '../base/env.ts'
import { createManualEnv } from '../testing/manual-env.ts'
import { MemoryDisk } from '../testing/memory-disk.ts'
import { MemorySockets, type MemoryRequest } from '../testing/memory-sockets.ts'
import { SourceRun } from '../testing/source-run.ts'
import { DEAD_LETTER } from './error-policy.ts'
import { type HttpSourceOptions, httpSource } from './http-source.ts'

const SECRET = 'a secret of both sides'
const HOST = { host: 'localhost:8080' }

type Options = Partial<HttpSourceOptions> & { readonly decode?: (body: unknown) => unknown }

async function listening(options: Options = {}) {
  const sockets = new MemorySockets()
  const disk = new MemoryDisk()
  const env = createManualEnv({ disk, sockets })
  const source = httpSource({ port: 8080, decode: (body) => body, ...options })
  const run = new SourceRun(source, disk, 1, undefined, env)
  await run.start()
  run.pollOnce()
  await env.settle()
  return {
    run,
    sockets,
    env,
    post: (request: MemoryRequest) => sockets.request({ ...request, headers: { ...HOST, ...request.headers } }),
  }
}

/** What has been answered so far. */
function answersOf(requests: readonly Promise<HttpAnswer>[]): (number | undefined)[] {
  const answers: (number | undefined)[] = requests.map(() => undefined)
  for (const [n, request] of requests.entries()) void request.then(({ status }) => (answers[n] = status))
  return answers
}

describe('httpSource', () => {
  test('answers 200 when a checkpoint that covers all records of the request is complete', async () => {
    const { run, env, post } = await listening()
    const answers = answersOf([post({ body: '[1,2]' }), post({ body: '3' })])
    await run.read(1)
    run.snapshot(1) // in the middle of the first request
    await run.read(1)
    run.snapshot(2)
    await run.complete(1)
    await env.settle()
    expect(answers).toEqual([undefined, undefined])
    await run.read(1)
    run.snapshot(3)
    await run.complete(2)
    await env.settle()
    expect(answers).toEqual([200, undefined])
    await run.complete(4)
    await env.settle()
    expect([answers, run.records]).toEqual([
      [200, 200],
      [1, 2, 3],
    ])
    expect(env.timerCount()).toBe(0)
  })

  test('on receipt the answer is 202 at once', async () => {
    const { run, post } = await listening({ acknowledge: 'on-receipt' })
    expect(await post({ body: '{"id":1}' })).toMatchObject({ status: 202 })
    await run.read(1)
    expect(run.records).toEqual([{ id: 1 }])
    expect(run.position()).toBe('POST / record 1')
  })

  test('the body is JSON, an array of records, JSON lines or text', async () => {
    const { run, post } = await listening({ acknowledge: 'on-receipt' })
    await post({ body: '{"a":1}', headers: { 'content-type': 'application/json; charset=utf-8' } })
    await post({ body: '[1,[2]]', headers: { 'content-type': 'application/cloudevents+json' } })
    await post({ body: '3\n\n{"b":4}\n', headers: { 'content-type': 'application/x-ndjson' } })
    await post({ body: 'five', headers: { 'content-type': 'text/plain' } })
    expect(await post({ body: '[]' })).toMatchObject({ status: 202 })
    await run.read(6)
    expect(run.records).toEqual([{ a: 1 }, 1, [2], 3, { b: 4 }, 'five'])
  })

  test.each([
    [{ path: '/other' }, 404],
    [{ method: 'GET' }, 405],
    [{ headers: { 'content-type': 'image/png' } }, 415],
    [{ headers: { 'content-encoding': 'gzip' } }, 415],
    [{ headers: { origin: 'https://evil.example' } }, 403],
    [{ headers: { host: 'evil.example' } }, 403],
    [{ body: '{' }, 400],
    [{ body: '[1,"no"]' }, 400],
    [{ body: '[1,2,3,4,5,6]' }, 413],
    [{ body: `"${'x'.repeat(100)}"` }, 413],
  ] as const)('%j is refused with %i and counted, and nothing of it is taken', async (request, status) => {
    const decode = (body: unknown): unknown => {
      if (typeof body === 'string') throw new TypeError('a number is wanted')
      return body
    }
    const { run, post } = await listening({ acknowledge: 'on-receipt', buffered: 5, bodyBytesMax: '100b', decode })
    expect(await post({ body: '1', ...request })).toMatchObject({ status })
    expect((await post({ body: '7' })).status).toBe(202)
    await run.read(1)
    expect(run.records).toEqual([7])
    if (status !== 413) expect(run.counts.get('refusedRequests')).toBe(1)
  })

  test('with a policy the records that cannot be decoded are set aside and the others taken', async () => {
    const { run, post } = await listening({ acknowledge: 'on-receipt', onError: 'dead-letter', path: '/in' })
    const body = '1\nbroken\n3\n'
    expect(await post({ path: '/in', body, headers: { 'content-type': 'application/jsonl' } })).toMatchObject({
      status: 202,
    })
    await run.read(2)
    expect([run.records, run.sideRecords]).toEqual([
      [1, 3],
      [{ tag: DEAD_LETTER, value: expect.objectContaining({ file: '/in', offset: 1, line: 'broken' }) }],
    ])
    expect(run.counts.get('deadLetterRecords')).toBe(1)
  })

  test('a full buffer, or too many open requests, is 503 with the wish to come again', async () => {
    const { run, post } = await listening({ buffered: 3, openRequests: 2 })
    const answers = answersOf([post({ body: '[1,2]' })])
    expect(await post({ body: '[3,4]' })).toMatchObject({ status: 503, headers: { 'retry-after': '1' } })
    answersOf([post({ body: '5' })])
    await run.read(3)
    expect(await post({ body: '6' })).toMatchObject({ status: 503 })
    run.snapshot(1)
    await run.complete(1)
    await run.env.settle()
    expect(answers).toEqual([200])
    void post({ body: '7' })
    await run.read(1)
    expect(run.records).toEqual([1, 2, 5, 7])
  })

  test('while many bytes wait, more are 503, however few records they are', async () => {
    const { run, post } = await listening({ acknowledge: 'on-receipt', bodyBytesMax: '64mb' })
    const headers = { 'content-type': 'text/plain' }
    const large = { headers, body: 'x'.repeat(40 * 1024 * 1024) }
    expect([await post(large), await post({ body: '1' }), await post(large)]).toMatchObject([
      { status: 202 },
      { status: 503 },
      { status: 503 },
    ])
    await run.read(1)
    expect(await post({ body: '1' })).toMatchObject({ status: 202 })
  })

  test('requests whose time is over while no checkpoint completes do not delay the answers of later ones', async () => {
    const { run, env, post } = await listening({ timeout: '10s' })
    const answers = answersOf([post({ body: '1' })])
    await run.read(1)
    for (let checkpoint = 1; checkpoint < 5; checkpoint++) {
      run.snapshot(checkpoint)
      await env.advanceAndSettle(5000)
    }
    const later = answersOf([post({ body: '2' })])
    await run.read(1)
    run.snapshot(5)
    await run.complete(4)
    await env.settle()
    expect([answers, later]).toEqual([[503], [undefined]])
    await run.complete(5)
    await env.settle()
    expect(later).toEqual([200])
  })

  test('a request that no checkpoint covers in time, or whose task ends, is 503', async () => {
    const { run, env, post, sockets } = await listening({ timeout: '30s' })
    const answers = answersOf([post({ body: '1' })])
    await env.advanceAndSettle(30_000)
    expect(answers).toEqual([503])
    const last = answersOf([post({ body: '2' })])
    await run.close()
    await env.settle()
    expect([last, sockets.listening, env.timerCount()]).toEqual([[503], [], 0])
  })

  test('a token is asked for', async () => {
    const { post } = await listening({ host: '0.0.0.0', token: SECRET, acknowledge: 'on-receipt' })
    const send = async (authorization: string) =>
      (await post({ body: '1', headers: { host: 'me', authorization } })).status
    expect([await send(''), await send(`Bearer ${SECRET}x`), await send(`Bearer ${SECRET}`)]).toEqual([401, 401, 202])
  })

  test('a signature of the body is asked for', async () => {
    const { post } = await listening({ host: '0.0.0.0', signature: { secret: SECRET }, acknowledge: 'on-receipt' })
    const digits = createHmac('sha256', SECRET).update('{"a":1}').digest('hex')
    const send = async (body: string, signature: string) =>
      (await post({ body, headers: { host: 'me', 'x-hub-signature-256': signature } })).status
    expect(await send('{"a":1}', `sha256=${digits}`)).toBe(202)
    expect(await send('{"a":2}', `sha256=${digits}`)).toBe(401)
    expect(await send('{"a":1}', digits)).toBe(401)
    expect((await post({ body: '{"a":1}', headers: { host: 'me' } })).status).toBe(401)
  })

  test('a timestamped signature is good for a while', async () => {
    const { post, env } = await listening({
      signature: { secret: SECRET, form: 'timestamped', tolerance: '1m' },
      acknowledge: 'on-receipt',
    })
    const seconds = Math.floor(env.clock.wallMs() / 1000)
    const digits = createHmac('sha256', SECRET).update(`${seconds}.1`).digest('hex')
    const send = async (signature: string) =>
      (await post({ body: '1', headers: { 'stripe-signature': signature } })).status
    const signature = `t=${seconds},v0=abc,v1=${digits}`
    expect([await send(signature), await send(`t=${seconds + 1},v1=${digits}`)]).toEqual([202, 401])
    // While the secret changes there is a signature with each.
    const other = 'f'.repeat(64)
    expect(await send(`t=${seconds},v1=${other},v1=${digits}`)).toBe(202)
    expect(await send(`t=${seconds},v1=${digits},v1=${other}`)).toBe(202)
    expect(await send(`t=${seconds},v1=${other},v1=${other}`)).toBe(401)
    await env.advanceAndSettle(61_000)
    expect(await send(signature)).toBe(401)
  })

  test('without checkpoints the answer comes on receipt, and on-checkpoint is refused', async () => {
    const start = async (options: Options): Promise<unknown> => {
      const sockets = new MemorySockets()
      const env = createManualEnv({ sockets })
      let failure: unknown
      const reader = httpSource({ port: 8080, ...options }).createReader({
        disk: env.disk,
        env,
        subtask: 0,
        parallelism: 1,
        delivery: 'none',
        wake: () => {},
        requestSplit: () => {},
        sendSourceEvent: () => {},
        fail: (error) => void (failure = error),
        count: () => {},
      })
      reader.start()
      reader.addSplits([{ id: 'socket', index: 0 }])
      await env.settle()
      return failure ?? (await sockets.request({ body: '1', headers: HOST })).status
    }
    expect(await start({})).toBe(202)
    expect(await start({ acknowledge: 'on-checkpoint' })).toMatchObject({ code: 'CFG1003' })
  })

  test('a port that is taken fails the task with NET1005', async () => {
    const sockets = new MemorySockets()
    sockets.isUp = false
    const disk = new MemoryDisk()
    const run = new SourceRun(httpSource({ port: 8080 }), disk, 1, undefined, createManualEnv({ disk, sockets }))
    await run.start()
    run.pollOnce()
    await run.env.settle()
    expect(run.failure).toMatchObject({ code: 'NET1005' })
  })

  test('options that do not fit are refused when the graph is built', () => {
    const refused = (options: object, code: string): void =>
      expect(() => httpSource({ port: 8080, ...options })).toThrow(expect.objectContaining({ code }))
    refused({ host: '0.0.0.0' }, 'SEC1002')
    refused({ token: 'short' }, 'SEC1005')
    refused({ signature: { secret: 'short' } }, 'SEC1005')
    refused({ port: 65_536 }, 'CFG1002')
    refused({ path: 'orders' }, 'CFG1002')
    refused({ bodyBytesMax: '1gb' }, 'CFG1002')
    refused({ openRequests: 0 }, 'CFG1002')
    refused({ timeout: '0s' }, 'CFG1002')
  })
})
