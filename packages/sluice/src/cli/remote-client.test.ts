import { describe, expect, test } from 'vitest'
import { RUNNING_JOB, START_MS, exampleCluster } from '../../test/example-cluster.ts'
import { type RestAppOptions, createRestApp } from '../rest/app.ts'
import { createManualEnv } from '../testing/manual-env.ts'
import { RemoteClient, type RemoteClientOptions } from './remote-client.ts'

const LEADER = 'http://127.0.0.1:8081'
const STANDBY = 'http://127.0.0.1:8082'

type Fetch = NonNullable<RemoteClientOptions['fetch']>

/** A network of apps by origin. */
function network(security: RestAppOptions['security'] = {}) {
  const [leader, standby] = [exampleCluster(), exampleCluster()]
  standby.follow(LEADER)
  const env = createManualEnv({ wallMs: START_MS })
  const apps = new Map([
    [LEADER, createRestApp({ api: leader, env, version: '0.1.0', security })],
    [STANDBY, createRestApp({ api: standby, env, version: '0.1.0', security })],
  ])
  const send: Fetch = async (input, init) => {
    const request = new Request(input, init)
    const app = apps.get(new URL(request.url).origin)
    if (app === undefined) throw new TypeError('fetch failed', { cause: new TypeError('connect ECONNREFUSED') })
    return app.fetch(request)
  }
  const client = (options: Partial<RemoteClientOptions> = {}): RemoteClient =>
    new RemoteClient({ url: LEADER, fetch: send, ...options })
  return { leader, standby, client }
}

function answering(response: () => Response): RemoteClient {
  return new RemoteClient({ url: LEADER, fetch: async () => response() })
}

describe('the client of the REST API', () => {
  test('asks for everything the commands show', async () => {
    const client = network().client()
    expect((await client.health()).role).toBe('leader')
    expect((await client.overview())['slots-total']).toBe(2)
    expect((await client.jobs()).jobs).toHaveLength(2)
    expect((await client.job(RUNNING_JOB)).name).toBe('orders')
    expect((await client.checkpoints(RUNNING_JOB)).counts.completed).toBe(2)
    expect((await client.exceptions(RUNNING_JOB)).exceptionHistory.entries).toHaveLength(1)
    const [taskManager] = (await client.taskManagers()).taskmanagers
    expect(await client.taskManagerLog(taskManager?.id ?? '')).toBe('registered\n')
    expect(await client.jobManagerLog()).toBe('leads\n')
  })

  test('uploads, submits, cancels, stops and takes checkpoints', async () => {
    const { client, leader } = network()
    const { artifact } = await client().uploadArtifact(new TextEncoder().encode('bundle'))
    expect(await client().submit({ artifact, params: {}, options: {}, start: 'continue' })).toBe(RUNNING_JOB)
    const stop = await client().stop(RUNNING_JOB)
    expect(await client().stopOutcome(RUNNING_JOB, stop)).toEqual({ status: { id: 'IN_PROGRESS' } })
    const checkpoint = await client().triggerCheckpoint(RUNNING_JOB)
    leader.publish(5)
    await Promise.resolve()
    expect(await client().checkpointOutcome(RUNNING_JOB, checkpoint)).toMatchObject({ operation: { checkpointId: 5 } })
    await client().cancel(RUNNING_JOB)
    expect(leader.asked.map((text) => text.split(' ')[0])).toEqual(['store', 'submit', 'stop', 'checkpoint', 'cancel'])
  })

  test('follows a standby to its leader once, with the token', async () => {
    const { client, leader } = network({ token: 'correct-horse' })
    const viaStandby = client({ url: STANDBY, token: 'correct-horse' })
    expect((await viaStandby.overview()).sluice.epoch).toBe(3)
    leader.follow(STANDBY)
    await expect(viaStandby.overview()).rejects.toMatchObject({
      code: 'NET1006',
      message: expect.stringContaining('changes just now'),
    })
  })

  test('does not take the token from HTTPS to HTTP', async () => {
    const client = new RemoteClient({
      url: 'https://127.0.0.1:8081',
      token: 'correct-horse',
      fetch: async (input) => {
        expect(String(input)).toMatch(/^https:/)
        return new Response('{}', { status: 307, headers: { location: `${LEADER}/v1/overview` } })
      },
    })
    await expect(client.overview()).rejects.toMatchObject({ code: 'NET1007' })
  })

  test('gives the errors of the API with their codes', async () => {
    const client = network().client()
    await expect(client.job('f'.repeat(32))).rejects.toMatchObject({ code: 'JOB1101' })
    await expect(client.job('x')).rejects.toMatchObject({ code: 'NET1008' })
  })

  test('says whether a token is missing or wrong', async () => {
    const { client } = network({ token: 'correct-horse' })
    await expect(client().overview()).rejects.toMatchObject({
      code: 'SEC1003',
      message: expect.stringContaining('needs a token'),
    })
    await expect(client({ token: 'no' }).overview()).rejects.toMatchObject({
      message: expect.stringContaining('does not accept this token'),
    })
  })

  test('says that nobody answers, and where', async () => {
    const { client } = network()
    await expect(client({ url: 'http://127.0.0.1:9' }).overview()).rejects.toMatchObject({
      code: 'NET1006',
      message: expect.stringMatching(/127\.0\.0\.1:9: connect ECONNREFUSED/),
    })
    const silent: Fetch = async () => Promise.reject(new DOMException('late', 'TimeoutError'))
    await expect(client({ fetch: silent, timeoutMs: 1500 }).overview()).rejects.toMatchObject({
      message: expect.stringContaining('no answer within 1.5 s'),
    })
  })

  test('recognises what is not this API', async () => {
    const html = () => new Response('<html>', { headers: { 'content-type': 'text/html' } })
    await expect(answering(html).overview()).rejects.toMatchObject({ code: 'NET1007' })
    await expect(answering(() => Response.json({ a: 1 })).overview()).rejects.toMatchObject({ code: 'NET1007' })
    await expect(answering(() => new Response('no', { status: 404 })).overview()).rejects.toMatchObject({
      code: 'NET1007',
    })
    await expect(answering(() => new Response('', { status: 307 })).overview()).rejects.toMatchObject({
      code: 'NET1007',
    })
  })

  test('takes addresses with and without a path, a slash and a version', () => {
    for (const end of ['', '/', '/v1', '/v1/']) expect(new RemoteClient({ url: LEADER + end }).url).toBe(LEADER)
    expect(new RemoteClient({ url: 'https://proxy.example/sluice/' }).url).toBe('https://proxy.example/sluice')
    for (const url of ['127.0.0.1:8081', 'localhost', 'ftp://a', '']) {
      expect(() => new RemoteClient({ url })).toThrow(/no address of a JobManager/)
    }
  })
})
