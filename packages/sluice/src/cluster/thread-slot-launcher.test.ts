import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { LauncherPool } from '../../test/launcher-pool.ts'
import { WHOLE, numberedSummary } from '../../test/numbered-output.ts'
import { tempFolder } from '../../test/temp-folder.ts'
import { deferred } from '../base/deferred.ts'
import { ERROR_CODES } from '../base/error-codes.ts'
import { EngineError, type ErrorData } from '../base/errors.ts'
import { allocationId, artifactHash, jobId, leaderEpoch, slotIndex } from '../base/ids.ts'
import { Secret } from '../base/secret.ts'
import { DirectoryStore } from '../checkpoint/stores/directory-store.ts'
import type { JobSpec } from '../control/cluster-messages.ts'
import { createJobMaster } from '../jobmanager/job-master.ts'
import type { SlotLaunch, SlotLauncher, SlotReady } from '../taskmanager/slot-launcher.ts'
import { loadJobModule, planDefinition } from './job-module.ts'
import { createNodeEnv } from './node-env.ts'
import { createThreadSlotLauncher } from './thread-slot-launcher.ts'

const NUMBERED = new URL('../../test/jobs/numbered.ts', import.meta.url)
const COUNT = 20_000

const env = createNodeEnv({ stdout: { writeLine: () => {} } })

function launcherOf(
  secret?: Secret,
  where: { host: string; listenHost?: string } = { host: '127.0.0.1' },
): SlotLauncher {
  const launcher = createThreadSlotLauncher({
    slotCount: 4,
    ...where,
    secret,
    tls: undefined,
    frameBytesMax: 64 * 1024 * 1024,
    output: { printLine: () => {}, consoleText: () => {} },
    clock: env.clock,
    watchdog: 'on',
  })
  launcher.leaseUntil(env.clock.monotonicMs() + 600_000)
  return launcher
}

function specOf(folder: string, params: Readonly<Record<string, string>> = {}): JobSpec {
  return {
    job: jobId('2'.repeat(32)),
    name: 'numbered',
    artifact: artifactHash('0'.repeat(64)),
    params: { output: `${folder}/out`, count: String(COUNT), ...params },
    layers: [
      { origin: 'test', values: { parallelism: '4', 'checkpoint.interval': '100ms', 'restart.strategy': 'none' } },
    ],
    storageRoot: `${folder}/state`,
  }
}

/** Runs the job over the slots of two launchers, as two TaskManagers would. */
async function run(launchers: readonly SlotLauncher[]) {
  const folder = tempFolder()
  const spec = specOf(folder)
  const { graph, options } = planDefinition(await loadJobModule(NUMBERED.href), spec.params, spec.layers)
  const store = new DirectoryStore({ disk: env.disk, root: `${folder}/state`, random: env.random })
  const epoch = await store.claimEpoch()
  await store.seal(epoch)
  const master = createJobMaster({
    graph,
    options,
    env,
    store,
    slots: new LauncherPool({ launchers, spec, slotCount: 4, epoch, artifactPath: fileURLToPath(NUMBERED) }),
    params: spec.params,
    epoch,
    listener: () => {},
  })
  master.start()
  return { folder, result: await master.result }
}

describe('slot threads of two TaskManagers', () => {
  test('run one job with an exchange over ports and over the network', async () => {
    const secret = new Secret('the secret of the cluster')
    const { folder, result } = await run([launcherOf(secret), launcherOf(secret)])
    expect(result).toMatchObject({ state: 'finished', restartCount: 0 })
    expect(await numberedSummary(`${folder}/out`, COUNT)).toEqual(WHOLE)
  })
})

describe('a slot thread of a TaskManager', () => {
  function started(launcher: SlotLauncher, artifactPath: string) {
    const ready = deferred<SlotReady>()
    const lost = deferred<ErrorData>()
    const launch: SlotLaunch = {
      allocation: allocationId('a'),
      spec: specOf(tempFolder()),
      slot: slotIndex(0),
      epoch: leaderEpoch(1),
      artifactPath,
    }
    const slot = launcher.launch(launch, {
      onReady: (told) => ready.resolve(told),
      onMessage: () => {},
      onLost: (error) => lost.resolve(error),
    })
    return { slot, ready: ready.promise, lost: lost.promise }
  }

  test('tells where it takes data connections, and its loss with the reason of its kill', async () => {
    const { slot, ready, lost } = started(launcherOf(), fileURLToPath(NUMBERED))
    expect(await ready).toMatchObject({
      layoutHash: expect.any(String),
      data: { host: '127.0.0.1', port: expect.any(Number) },
    })
    slot.kill(new EngineError('TSK1002', 'it was killed'))
    expect(await lost).toMatchObject({ code: 'TSK1002', message: 'it was killed' })
    expect(await slot.end()).toBe('ended')
  })

  test('listens in one place and tells another: a name of this machine, and all of its addresses', async () => {
    const { slot, ready } = started(
      launcherOf(undefined, { host: 'tm.example', listenHost: '0.0.0.0' }),
      fileURLToPath(NUMBERED),
    )
    expect((await ready).data).toEqual({ host: 'tm.example', port: expect.any(Number) })
    expect(await slot.end()).toBe('ended')
  })

  test('that cannot take data connections is lost, to be tried again, and says what to do', async () => {
    const { lost } = started(
      launcherOf(undefined, { host: '127.0.0.1', listenHost: '192.0.2.1' }),
      fileURLToPath(NUMBERED),
    )
    const error = await lost
    expect(error).toMatchObject({ code: 'NET1005', message: expect.stringContaining('--data-port') })
    expect(ERROR_CODES[error.code].retry).toBe('restart')
  })

  test('that cannot load its job is lost with the reason', async () => {
    const path = `${tempFolder()}/broken.mjs`
    writeFileSync(path, 'throw new RangeError("not today")\n')
    const { lost } = started(launcherOf(), path)
    expect(await lost).toMatchObject({ code: 'JOB1001', message: expect.stringContaining('not today') })
  })

  test('that is killed while it loads is lost once, with the reason of its kill', async () => {
    const { slot, lost } = started(launcherOf(), fileURLToPath(NUMBERED))
    slot.kill(new EngineError('TSK1002', 'it was killed early'))
    expect(await lost).toMatchObject({ message: 'it was killed early' })
  })

  test('does not commit when the lease is over', async () => {
    const launchers = [launcherOf(), launcherOf()]
    for (const launcher of launchers) launcher.leaseUntil('over')
    const { folder, result } = await run(launchers)
    expect(result.state).toBe('failed')
    expect(result.error?.code).toBe('JOB1003')
    expect((await numberedSummary(`${folder}/out`, COUNT)).lost).toBe(COUNT)
  })
})
