import { describe, expect, onTestFinished, test } from 'vitest'
import { FINISHED_JOB, RUNNING_JOB, START_MS, exampleCluster } from '../../test/example-cluster.ts'
import type { LineOutput } from '../cluster/line-output.ts'
import { startRestServer } from '../cluster/rest-server.ts'
import { createRestApp } from '../rest/app.ts'
import type { JobSummary } from '../rest/rest-types.ts'
import { createManualEnv } from '../testing/manual-env.ts'
import { parseArguments } from './arguments.ts'
import { chooseJob, remoteCommand } from './remote-command.ts'

interface Output extends LineOutput {
  readonly text: () => string
}

function output(): Output {
  const parts: string[] = []
  return {
    write: (text) => void parts.push(text),
    writeLine: (line) => void parts.push(`${line}\n`),
    isBroken: () => false,
    text: () => parts.join(''),
  }
}

async function served() {
  const cluster = exampleCluster()
  const app = createRestApp({ api: cluster, env: createManualEnv({ wallMs: START_MS + 60_000 }), version: '0.1.0' })
  const server = await startRestServer(app, { host: '127.0.0.1', port: 0, access: 'open' })
  onTestFinished(async () => {
    app.close()
    await server.close()
  })
  const run = async (...words: string[]) => {
    const [stdout, stderr] = [output(), output()]
    const invocation = parseArguments([...words, '--jobmanager', server.url], '0.1.0')
    if (invocation.kind !== 'remote') throw new TypeError(`${invocation.kind} is no remote command`)
    const code = await remoteCommand(invocation, stdout, stderr)
    return { code, text: stdout.text(), json: () => JSON.parse(stdout.text()) as unknown }
  }
  return { cluster, run }
}

describe('the commands for a cluster', () => {
  test('list shows jobs with their states, newest first', async () => {
    const { run } = await served()
    const { code, text } = await run('list')
    expect(code).toBe(0)
    expect(text.split('\n')[0]).toMatch(/^JOB +NAME +STATE +STARTED +FOR +TASKS +RESTARTS$/)
    expect(text).toMatch(new RegExp(`${RUNNING_JOB} +orders +RUNNING +2023-11-14T22:13:20Z +1:00 +3/3 +1`))
    expect(text).toContain(`${FINISHED_JOB}  backfill  FINISHED`)
    expect((await run('list', '--json')).json()).toMatchObject({ jobs: [{ jid: RUNNING_JOB }, { jid: FINISHED_JOB }] })
  })

  test('show names state, slots, operators and failures of a job', async () => {
    const { run } = await served()
    const { text } = await run('show', 'orders')
    expect(text).toMatch(/state +RUNNING, running/)
    expect(text).toMatch(/checkpoints +2 completed, 1 failed; the last is 3 \(60 ms, 2\.93 KB\)/)
    expect(text).toMatch(/window-sum +sum by customer +RUNNING +2 +1,000 +2,000 +1970-01-01T00:16:40Z +50 % +40 %/)
    expect(text).toContain('[TSK1001] a user function threw: boom (sum by customer (2/2) on host1)')
    expect((await run('show', 'orders', '--json')).json()).toMatchObject({
      jid: RUNNING_JOB,
      exceptionHistory: { truncated: false },
    })
  })

  test('checkpoints shows the history with sizes, places and reasons', async () => {
    const { run } = await served()
    const { text } = await run('checkpoints', RUNNING_JOB.slice(0, 6))
    expect(text).toMatch(/^2 completed, 1 failed, 1 under way; restored from 1\n/)
    expect(text).toMatch(/3 +COMPLETED +\S+ +60 ms +2\.93 KB +\/ckpt\/orders\/3/)
    expect(text).toMatch(/2 +FAILED +\S+ +– +– +\[CKP1004\] no space left/)
  })

  test('taskmanagers and logs', async () => {
    const { run } = await served()
    expect((await run('taskmanagers')).text).toMatch(/tm-host1-4711-abc +host1 +4711 +0\/2 +4 +25 % +47\.7 MB/)
    expect((await run('logs')).text).toBe('leads\n')
    expect((await run('logs', 'tm-host1')).text).toBe('registered\n')
    expect((await run('logs', '--json')).json()).toEqual({ taskManager: null, lines: ['leads'] })
    await expect(run('logs', 'other')).rejects.toMatchObject({
      code: 'NET1009',
      message: expect.stringContaining('tm-host1-4711-abc'),
    })
  })

  test('cancel and stop say what they did', async () => {
    const { run, cluster } = await served()
    expect((await run('stop', 'orders')).text).toContain('is being stopped with a last checkpoint')
    expect((await run('cancel', 'orders', '--json')).json()).toMatchObject({ job: RUNNING_JOB, asked: 'cancel' })
    expect(cluster.asked).toEqual([`stop ${RUNNING_JOB}`, `cancel ${RUNNING_JOB}`])
    await expect(run('cancel', 'orders')).rejects.toMatchObject({ code: 'JOB1106' })
  })

  test('stop --wait tells where the last checkpoint is, and fails when the job ended otherwise', async () => {
    const first = await served()
    first.cluster.onStop = () => first.cluster.change(RUNNING_JOB, { state: 'FINISHED', phase: 'stopped' })
    const stopped = await first.run('stop', 'orders', '--wait')
    expect([stopped.code, stopped.text]).toEqual([
      0,
      expect.stringContaining('has stopped. Its last checkpoint is /ckpt/orders/3.'),
    ])
    const second = await served()
    second.cluster.onStop = () => second.cluster.change(RUNNING_JOB, { state: 'FAILED', phase: 'failed' })
    const failed = await second.run('stop', 'orders', '--wait', '--json')
    expect([failed.code, failed.json()]).toEqual([1, expect.objectContaining({ stopped: false })])
  })

  test('an address that is none, and nobody there, are told with what to do', async () => {
    const at = (url: string) => {
      const invocation = parseArguments(['list', '--jobmanager', url], '0.1.0')
      if (invocation.kind !== 'remote') throw new TypeError('no remote command')
      return remoteCommand(invocation, output(), output())
    }
    await expect(at('localhost')).rejects.toMatchObject({ code: 'CLI1001' })
    await expect(at('http://127.0.0.1:1')).rejects.toMatchObject({ code: expect.stringMatching(/^NET10/) })
  })
})

describe('a job is chosen', () => {
  const summary = (jid: string, name: string, state: JobSummary['state'], startMs: number): JobSummary => ({
    jid,
    name,
    state,
    'start-time': startMs,
    'end-time': -1,
    duration: 0,
    'last-modification': 0,
    tasks: {
      total: 0,
      created: 0,
      scheduled: 0,
      deploying: 0,
      running: 0,
      finished: 0,
      canceling: 0,
      canceled: 0,
      failed: 0,
      reconciling: 0,
      initializing: 0,
    },
    sluice: { phase: 'running', attempt: 0, restartCount: 0, waiting: null },
  })
  const jobs = [
    summary('aa11', 'orders', 'CANCELED', 1),
    summary('aa22', 'orders', 'FAILED', 3),
    summary('ab33', 'clicks', 'RUNNING', 2),
    summary('ab44', 'aa', 'FINISHED', 4),
  ]
  const chosen = (wanted: string, among = jobs) => chooseJob(among, wanted, 'http://x').jid

  test('by id, by its beginning and by name', () => {
    expect([chosen('aa11'), chosen('ab3'), chosen('clicks')]).toEqual(['aa11', 'ab33', 'ab33'])
    expect(chosen('aa')).toBe('ab44')
  })

  test('of several with one name the one that lives, else the newest', () => {
    expect(chosen('orders')).toBe('aa22')
    expect(chosen('orders', [...jobs, summary('cc55', 'orders', 'RUNNING', 2)])).toBe('cc55')
  })

  test('never by a beginning that fits several, or by nothing', () => {
    expect(() => chosen('a')).toThrow(/fits several jobs: .*aa11 "orders"/)
    expect(() => chosen('ab')).toThrow(/fits several jobs/)
    expect(() => chosen('none')).toThrow(/there is no job "none"/)
  })
})
