import { describe, expect, test } from 'vitest'
import { FINISHED_JOB, RUNNING_JOB, START_MS, exampleCluster } from '../../test/example-cluster.ts'
import { EngineError } from '../base/errors.ts'
import { createManualEnv } from '../testing/manual-env.ts'
import { type RestAppOptions, type RestEvent, createRestApp } from './app.ts'
import { describeApi, describedPath, isText } from './openapi.ts'
import type { Operation } from './operation.ts'
import { OPERATIONS } from './operations/all-operations.ts'
import { vertexKey } from './views/vertex-views.ts'

const JOB = `/jobs/${RUNNING_JOB}`
const BASE = 'http://127.0.0.1:8081'
const JSON_TYPE = { 'content-type': 'application/json' }
const TRIGGER = '00112233445566778899aabbccddeeff'

interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  readonly json: unknown
}

function started(options: Partial<RestAppOptions> = {}) {
  const cluster = exampleCluster()
  const env = createManualEnv({ wallMs: START_MS + 10_000 })
  const events: RestEvent[] = []
  const listener = (event: RestEvent): void => void events.push(event)
  const app = createRestApp({ api: cluster, env, version: '0.1.0', listener, ...options })
  const ask = async (path: string, init: RequestInit = {}): Promise<Answer> => {
    const response = await app.fetch(new Request(path.startsWith('http') ? path : BASE + path, init))
    const text = await response.text()
    const isJson = response.headers.get('content-type')?.startsWith('application/json') === true
    return { status: response.status, headers: response.headers, text, json: isJson ? JSON.parse(text) : undefined }
  }
  const send = (method: string, path: string, body: unknown, headers: Readonly<Record<string, string>> = {}) =>
    ask(path, { method, headers: { ...JSON_TYPE, ...headers }, body: JSON.stringify(body) })
  return { app, ask, send, cluster, env, events }
}

/** Ids that the example cluster knows. */
const IDS: Readonly<Record<string, string>> = {
  jobid: RUNNING_JOB,
  vertexid: vertexKey('window-sum'),
  checkpointid: '3',
  triggerid: TRIGGER,
  taskmanagerid: 'tm-host1-4711-abc',
}

const BOUNDS = { parallelism: { lowerBound: 1, upperBound: 4 } }

const BODIES: Readonly<Record<string, RequestInit>> = {
  submitJob: { headers: JSON_TYPE, body: JSON.stringify({ artifact: 'a'.repeat(64) }) },
  uploadArtifact: { body: 'bundle' },
  setResourceRequirements: { headers: JSON_TYPE, body: JSON.stringify({ source: BOUNDS, 'window-sum': BOUNDS }) },
  triggerCheckpoint: { headers: JSON_TYPE, body: JSON.stringify({ triggerId: TRIGGER }) },
  stopJob: { headers: JSON_TYPE, body: JSON.stringify({ triggerId: TRIGGER }) },
  triggerSavepoint: { headers: JSON_TYPE, body: JSON.stringify({ 'cancel-job': true }) },
}

/** Outcomes are asked for of what was started before; cancelling comes last. */
function inDriveOrder(): readonly Operation[] {
  const turn = ({ id }: Operation): number => {
    if (id === 'triggerCheckpoint' || id === 'stopJob') return 0
    return id.startsWith('cancelJob') ? 2 : 1
  }
  return [...OPERATIONS].sort((a, b) => turn(a) - turn(b))
}

describe('the description of the API', () => {
  const paths = Object.keys(describeApi('0.1.0')['paths'] ?? {})

  test('has every route of the server, and the server every described one', () => {
    const { app } = started()
    const routed = app.routes.map(({ method, path }) => `${method} ${path.replace(/:(\w+)/g, '{$1}')}`)
    const described = OPERATIONS.flatMap((one) => {
      const path = describedPath(one)
      expect(paths).toContain(path)
      return [`${one.method} ${path}`, `${one.method} ${path.slice('/v1'.length)}`]
    })
    expect([...routed].sort()).toEqual([...described].sort())
    app.close()
  })

  test('refers only to schemas it has, and names every operation once', () => {
    const text = JSON.stringify(describeApi('0.1.0'))
    const parsed: { components: { schemas: Record<string, unknown> } } = JSON.parse(text)
    for (const [, name] of text.matchAll(/"#\/components\/schemas\/(\w+)"/g))
      expect(Object.keys(parsed.components.schemas)).toContain(name)
    expect(new Set(OPERATIONS.map(({ id }) => id)).size).toBe(OPERATIONS.length)
  })

  test('fits what the server answers, for every operation', async () => {
    const { ask, app, cluster } = started()
    for (const one of inDriveOrder()) {
      cluster.change(RUNNING_JOB, { state: 'RUNNING', endedWallMs: undefined })
      const path = `/v1${one.path.replace(/:(\w+)/g, (_, name: string) => IDS[name] ?? name)}`
      const answer = await ask(path, { method: one.method, ...BODIES[one.id] })
      expect([one.id, answer.status, answer.text]).toEqual([one.id, one.status ?? 200, answer.text])
      if (isText(one.answer)) expect(answer.headers.get('content-type')).toBe(one.answer.contentType)
      // what a schema does not name, it drops: equal means that nothing is undescribed
      else expect([one.id, one.answer.parse(answer.json)]).toEqual([one.id, answer.json])
    }
    app.close()
  })
})

describe('the REST API', () => {
  test('answers under /v1 and without', async () => {
    const { ask } = started()
    expect((await ask('/v1/overview')).json).toEqual((await ask('/overview')).json)
  })

  test('answers an unknown path, job, vertex and request with 404 and the reason', async () => {
    const { ask } = started()
    for (const path of [
      '/nothing',
      '/jobs/' + 'f'.repeat(32),
      `${JOB}/vertices/none`,
      `${JOB}/checkpoints/${TRIGGER}`,
    ]) {
      const { status, json } = await ask(path)
      expect([path, status]).toEqual([path, 404])
      expect(json).toMatchObject({ errors: [expect.any(String)] })
    }
  })

  test('refuses ids, queries and bodies that are not as described with 400', async () => {
    const { ask, send, cluster } = started()
    const refused = [
      await ask('/jobs/..%2f..%2fetc'),
      await ask('/taskmanagers/..%2f..%2fpasswd/log'),
      await ask(`${JOB}?mode=explode`, { method: 'PATCH' }),
      await send('POST', '/jobs', { artifact: 'none' }),
      await ask('/jobs', { method: 'POST', headers: JSON_TYPE, body: '{"artifact"' }),
      await ask('/jobs', { method: 'POST', headers: JSON_TYPE, body: '{"params":{"__proto__":{"a":1}}}' }),
      await ask('/jobs', { method: 'POST', headers: { 'content-type': 'text/plain' }, body: '{}' }),
      await send('PUT', `${JOB}/resource-requirements`, { source: BOUNDS }),
      await send('PUT', `${JOB}/resource-requirements`, { source: BOUNDS, 'window-sum': BOUNDS, other: BOUNDS }),
      await ask(`${JOB}/vertices/source/subtasks/metrics?agg=median`),
    ]
    expect(refused.map(({ status, json }) => [status, json])).toEqual(
      refused.map(() => [400, { errors: [expect.any(String)], code: 'NET1008' }]),
    )
    expect(cluster.asked).toEqual([])
  })

  test('refuses bodies above the limit before it has read them', async () => {
    const { ask, send } = started({ limits: { bodyBytesMax: 100, artifactBytesMax: 10 } })
    const bundle = await ask('/artifacts', { method: 'POST', body: 'x'.repeat(11) })
    expect(bundle).toMatchObject({
      status: 413,
      json: { errors: [expect.stringContaining('raise artifact.bytesMax')] },
    })
    expect((await send('POST', '/jobs', { artifact: 'a'.repeat(64), params: { a: 'x'.repeat(100) } })).status).toBe(413)
  })

  test('submits a job from an uploaded bundle, and refuses a name that runs with 409', async () => {
    const { ask, send, cluster } = started()
    const uploaded = await ask('/artifacts', { method: 'POST', body: 'bundle' })
    expect(uploaded.json).toEqual({ artifact: 'a'.repeat(64), size: 6 })
    const artifact = 'a'.repeat(64)
    expect((await send('POST', '/jobs', { artifact, params: { day: '1' }, start: 'fresh' })).json).toEqual({
      jobid: RUNNING_JOB,
    })
    expect(cluster.asked).toEqual(['store 6 bytes', 'submit {"day":"1"} fresh'])
    const twice = await send('POST', '/jobs', { artifact, params: { name: 'orders' } })
    expect([twice.status, twice.json]).toEqual([409, { errors: ['job "orders" runs already'], code: 'JOB1102' }])
  })

  test('cancels a job by PATCH and by GET, and answers 409 for one that has ended', async () => {
    const { ask, cluster } = started()
    expect((await ask(`${JOB}?mode=cancel`, { method: 'PATCH' })).status).toBe(202)
    expect(cluster.asked).toEqual([`cancel ${RUNNING_JOB}`])
    expect((await ask(`${JOB}?mode=cancel`, { method: 'PATCH' })).status).toBe(409)
    expect((await ask(`/jobs/${FINISHED_JOB}/yarn-cancel`)).status).toBe(409)
  })

  test('stops a job asynchronously: the location of the last checkpoint is there when it has ended', async () => {
    const { send, ask, cluster } = started()
    const poll = `${JOB}/savepoints/${TRIGGER}`
    const begun = await send('POST', `${JOB}/stop`, { triggerId: TRIGGER })
    expect([begun.status, begun.json]).toEqual([202, { 'request-id': TRIGGER }])
    await send('POST', `${JOB}/stop`, { triggerId: TRIGGER })
    expect(cluster.asked).toEqual([`stop ${RUNNING_JOB}`])
    expect((await ask(poll)).json).toEqual({ status: { id: 'IN_PROGRESS' } })
    cluster.change(RUNNING_JOB, { state: 'FINISHED', phase: 'stopped' })
    expect((await ask(poll)).json).toEqual({ status: { id: 'COMPLETED' }, operation: { location: '/ckpt/orders/3' } })
  })

  test('tells that a stop ended otherwise', async () => {
    const { send, ask, cluster } = started()
    await send('POST', `${JOB}/stop`, { triggerId: TRIGGER })
    cluster.change(RUNNING_JOB, { state: 'CANCELED', phase: 'canceled' })
    expect((await ask(`${JOB}/savepoints/${TRIGGER}`)).json).toMatchObject({
      status: { id: 'COMPLETED' },
      operation: { 'failure-cause': { class: 'JOB1106' } },
    })
  })

  test('takes a checkpoint asynchronously and forgets the outcome after 5 minutes', async () => {
    const { send, ask, cluster, env } = started()
    const poll = `${JOB}/checkpoints/${TRIGGER}`
    await send('POST', `${JOB}/checkpoints`, { triggerId: TRIGGER })
    expect((await ask(poll)).json).toEqual({ status: { id: 'IN_PROGRESS' } })
    cluster.publish(5)
    await env.settle()
    const done = { status: { id: 'COMPLETED' }, operation: { checkpointId: 5 } }
    expect((await ask(poll)).json).toEqual(done)
    env.advance(299_000)
    expect((await ask(poll)).json).toEqual(done)
    env.advance(2000)
    expect((await ask(poll)).status).toBe(404)
  })

  test('tells why a checkpoint failed', async () => {
    const { send, ask, cluster, env } = started()
    await send('POST', `${JOB}/checkpoints`, { triggerId: TRIGGER })
    cluster.failCheckpoint(new EngineError('CKP1004', 'no space left'))
    await env.settle()
    expect((await ask(`${JOB}/checkpoints/${TRIGGER}`)).json).toMatchObject({
      operation: { failureCause: { class: 'CKP1004' } },
    })
  })

  test('makes request ids where the client gives none, one per request', async () => {
    const { send } = started()
    const first = await send('POST', `${JOB}/checkpoints`, {})
    const second = await send('POST', `${JOB}/checkpoints`, {})
    expect(first.text).toMatch(/^{"request-id":"[0-9a-f]{32}"}$/)
    expect(second.text).not.toBe(first.text)
  })

  test('says that savepoints of running jobs, draining and other places are not supported', async () => {
    const { send, cluster } = started()
    const refused = [
      await send('POST', `${JOB}/savepoints`, {}),
      await send('POST', `${JOB}/stop`, { drain: true }),
      await send('POST', `${JOB}/stop`, { targetDirectory: '/else' }),
      await send('POST', `${JOB}/checkpoints`, { checkpointType: 'INCREMENTAL' }),
    ]
    expect(refused.map(({ status }) => status)).toEqual([501, 501, 501, 501])
    expect(cluster.asked).toEqual([])
  })

  test('has no checkpoints, 404, where checkpointing is off', async () => {
    const { ask } = started()
    expect((await ask(`/jobs/${FINISHED_JOB}/checkpoints`)).status).toBe(404)
    expect((await ask(`/jobs/${FINISHED_JOB}/checkpoints/config`)).status).toBe(404)
  })

  test('rescales by the largest bounds that any vertex asks for', async () => {
    const { send, ask, cluster } = started()
    const wanted = { [vertexKey('source')]: { parallelism: { lowerBound: 1, upperBound: 1 } }, 'window-sum': BOUNDS }
    expect((await send('PUT', `${JOB}/resource-requirements`, wanted)).json).toEqual({})
    expect(cluster.asked).toEqual(['parallelism 1 to 4'])
    expect((await ask(`${JOB}/resource-requirements`)).json).toEqual({
      [vertexKey('source')]: { parallelism: { lowerBound: 1, upperBound: 1 } },
      [vertexKey('window-sum')]: { parallelism: { lowerBound: 1, upperBound: 2 } },
    })
  })

  test('gives rates of records per second as means over the last 10 seconds', async () => {
    const { ask, cluster, env } = started()
    const path = `${JOB}/vertices/source/subtasks/metrics?get=numRecordsInPerSecond,busyTimeMsPerSecond&agg=sum`
    expect((await ask(path)).json).toContainEqual({ id: 'numRecordsInPerSecond', sum: 0 })
    env.advance(2000)
    cluster.read(2000)
    env.advance(2000)
    expect((await ask(path)).json).toEqual([
      { id: 'numRecordsInPerSecond', sum: 500 },
      { id: 'busyTimeMsPerSecond', sum: 250 },
    ])
  })

  test('names its metrics when none is asked for, and aggregates chosen subtasks', async () => {
    const { ask } = started()
    const path = `${JOB}/vertices/window-sum/subtasks/metrics`
    expect((await ask(path)).json).toContainEqual({ id: 'backPressuredTimeMsPerSecond' })
    expect((await ask(`${path}?get=busyTimeMsPerSecond,none`)).json).toEqual([
      { id: 'busyTimeMsPerSecond', min: 250, max: 500, avg: 375, sum: 750 },
    ])
    expect((await ask(`${path}?get=busyTimeMsPerSecond&agg=max&subtasks=0`)).json).toEqual([
      { id: 'busyTimeMsPerSecond', max: 250 },
    ])
    const source = await ask(`${JOB}/vertices/source/metrics?get=0.Source__read_orders.numRecordsOut`)
    expect(source.json).toEqual([{ id: '0.Source__read_orders.numRecordsOut', value: '2000' }])
  })

  test('hides secrets in parameters and options', async () => {
    const { ask } = started({ secretNames: ['region'] })
    const shown = (await ask(JOB)).text + (await ask(`${JOB}/config`)).text
    for (const secret of ['k-123', 'hunter2', '"eu"']) expect(shown).not.toContain(secret)
    expect(shown).toContain('kafka://me:******@broker/orders')
    expect(shown).toContain('orders.jsonl')
  })

  test('tells what was changed, for the log', async () => {
    const { ask, events } = started()
    await ask('/overview')
    await ask(JOB, { method: 'PATCH' })
    await ask(JOB, { method: 'PATCH' })
    expect(events).toEqual([
      { kind: 'changed', operation: 'cancelJob', path: JOB, status: 202 },
      { kind: 'changed', operation: 'refused', path: JOB, status: 409 },
    ])
  })

  test('answers 500 without a stack for a bug of the engine, and tells it', async () => {
    const { ask, cluster, events } = started()
    cluster.change(RUNNING_JOB, { vertices: null as never }) // what no JobManager gives
    const { status, text } = await ask(JOB)
    expect(status).toBe(500)
    expect(text).not.toMatch(/\.ts/)
    expect(events).toMatchObject([{ kind: 'broke', path: JOB }])
  })
})

describe('a standby', () => {
  test('points to the leader with 307, path and query kept', async () => {
    const { ask, cluster } = started()
    cluster.follow('http://10.0.0.2:8081/')
    const answer = await ask(`/v1${JOB}?mode=cancel`, { method: 'PATCH' })
    expect(answer.status).toBe(307)
    expect(answer.headers.get('location')).toBe(`http://10.0.0.2:8081/v1${JOB}?mode=cancel`)
    expect(cluster.asked).toEqual([])
  })

  test('answers 503 when it knows of no leader', async () => {
    const { ask, cluster } = started()
    cluster.follow(undefined)
    expect((await ask('/overview')).status).toBe(503)
  })

  test('tells its health, its log and the description itself', async () => {
    const { ask, cluster } = started()
    cluster.follow('http://10.0.0.2:8081')
    expect((await ask('/health')).json).toEqual({
      status: 'ok',
      role: 'standby',
      leader: 'http://10.0.0.2:8081',
      version: '0.1.0',
    })
    for (const path of ['/jobmanager/log', '/openapi.json', '/metrics', '/config'])
      expect((await ask(path)).status).toBe(200)
  })
})

describe('the health of a JobManager', () => {
  test('is bad without a leader in sight', async () => {
    const { ask, cluster } = started()
    cluster.follow(undefined)
    const { status, json } = await ask('/health')
    expect([status, json]).toMatchObject([503, { code: 'CLU1001' }])
    cluster.lead()
    expect((await ask('/health')).status).toBe(200)
  })

  test('is bad when something keeps it from its work, for a standby, too', async () => {
    const problem = new EngineError('CLU1003', 'the shared storage cannot be written')
    const { ask, cluster } = started({ fitness: async () => problem })
    expect(await ask('/health')).toMatchObject({ status: 503, json: { errors: [problem.message], code: 'CLU1003' } })
    cluster.follow('http://10.0.0.2:8081')
    expect((await ask('/health')).status).toBe(503)
  })
})

describe('who may use the REST API', () => {
  test('with a token configured nobody without it gets anything but the health', async () => {
    const { ask } = started({ security: { token: 'correct-horse' } })
    const withToken = (token: string) => ask('/overview', { headers: { authorization: token } })
    expect((await ask('/health')).status).toBe(200)
    const refused = [await ask('/overview'), await withToken('Bearer wrong'), await withToken('correct-horse')]
    expect(refused.map(({ status }) => status)).toEqual([401, 401, 401])
    expect(refused[0]?.headers.get('www-authenticate')).toContain('Bearer')
    expect((await withToken('Bearer correct-horse')).status).toBe(200)
  })

  test('host names that are not ours are refused, numbers and configured names are not', async () => {
    const { ask } = started({ security: { hosts: ['jm.example'] } })
    for (const host of ['localhost:8081', '127.0.0.1:8081', '[::1]:8081', '10.1.2.3', 'JM.example:80'])
      expect([host, (await ask('/overview', { headers: { host } })).status]).toEqual([host, 200])
    for (const host of ['evil.example:8081', 'localhost.evil.example', '10.1.2.3.evil.example', ''])
      for (const path of ['/overview', '/nothing'])
        expect([host, (await ask(path, { headers: { host } })).status]).toEqual([host, 403])
  })

  test('pages of other origins are refused', async () => {
    const { ask } = started({ security: { origins: ['https://dash.example'] } })
    const status = async (headers: Readonly<Record<string, string>>, path = '/overview') =>
      (await ask(path, { headers })).status
    expect(await status({ origin: BASE })).toBe(200)
    expect(await status({ origin: 'https://dash.example' })).toBe(200)
    expect(await status({ origin: 'https://evil.example' })).toBe(403)
    expect(await status({ origin: 'null' })).toBe(403)
    expect(await status({ 'sec-fetch-site': 'cross-site' }, `${JOB}/yarn-cancel`)).toBe(403)
    const configured = { 'sec-fetch-site': 'same-site', origin: 'https://dash.example' }
    expect((await ask(`/jobs/${FINISHED_JOB}`, { method: 'PATCH', headers: configured })).status).toBe(409)
    expect(await status({ 'sec-fetch-site': 'same-origin' }, `${JOB}/yarn-cancel`)).toBe(202)
  })

  test('every answer says how it may be used', async () => {
    const { ask } = started()
    for (const path of ['/overview', '/nothing', '/jobmanager/log']) {
      const { headers } = await ask(path)
      expect(headers.get('x-content-type-options')).toBe('nosniff')
      expect(headers.get('cache-control')).toBe('no-store')
      expect(headers.has('access-control-allow-origin')).toBe(false)
    }
  })
})
