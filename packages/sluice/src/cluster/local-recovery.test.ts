import { existsSync, readdirSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { LauncherPool } from '../../test/launcher-pool.ts'
import { WHOLE, numberedSummary } from '../../test/numbered-output.ts'
import { filesBelow, tempFolder } from '../../test/temp-folder.ts'
import { EngineError } from '../base/errors.ts'
import { artifactHash, type CheckpointId, jobId } from '../base/ids.ts'
import type { DataHandle } from '../checkpoint/handles.ts'
import { DirectoryStore } from '../checkpoint/stores/directory-store.ts'
import type { JobSpec } from '../control/cluster-messages.ts'
import type { JobEvent } from '../jobmanager/job-events.ts'
import { createJobMaster } from '../jobmanager/job-master.ts'
import type { LaunchedSlot, SlotLauncher } from '../taskmanager/slot-launcher.ts'
import { loadJobModule, planDefinition } from './job-module.ts'
import { createNodeEnv } from './node-env.ts'
import { createThreadSlotLauncher } from './thread-slot-launcher.ts'

const NUMBERED = new URL('../../test/jobs/numbered.ts', import.meta.url)
const COUNT = 20_000
/** So slow that checkpoints complete long before the end of the input. */
const RATE = 10_000
/** Near the end of the last of the splits. */
const FAULT_AT = 19_500
const SLOTS = 4

const env = createNodeEnv({ stdout: { writeLine: () => {} } })

/** What tasks could read of it is gone when the JobManager has looked whether it is whole. */
class VanishingStore extends DirectoryStore {
  readonly #root: string

  constructor(root: string) {
    super({ disk: env.disk, root, random: env.random })
    this.#root = root
  }

  override async readData(handle: DataHandle): Promise<Uint8Array> {
    const bytes = await super.readData(handle)
    rmSync(`${this.#root}/${handle.path}`)
    return bytes
  }
}

interface Given {
  readonly values?: Readonly<Record<string, string>>
  readonly params?: Readonly<Record<string, string>>
  /** Default: each has copies. */
  readonly copyRoot?: undefined
}

/** A job over two TaskManagers of two slots whose shared storage cannot be read by tasks. */
class World {
  readonly folder = tempFolder()
  readonly notes: string[] = []
  readonly events: JobEvent[] = []
  readonly #slots: LaunchedSlot[] = []
  #onCheckpoint: (checkpoint: CheckpointId) => void = () => {}

  async run({ values, params, ...given }: Given) {
    const { folder } = this
    const spec: JobSpec = {
      job: jobId('3'.repeat(32)),
      name: 'numbered',
      artifact: artifactHash('0'.repeat(64)),
      params: { output: `${folder}/out`, count: String(COUNT), rate: String(RATE), ...params },
      layers: [{ origin: 'test', values: { ...VALUES, ...values } }],
      storageRoot: `${folder}/state`,
    }
    const { graph, options } = planDefinition(await loadJobModule(NUMBERED.href), spec.params, spec.layers)
    const store = new VanishingStore(`${folder}/state`)
    const epoch = await store.claimEpoch()
    await store.seal(epoch)
    const launchers = ['tm-1', 'tm-2'].map((name) =>
      this.#launcher('copyRoot' in given ? undefined : `${folder}/${name}`),
    )
    const artifactPath = fileURLToPath(NUMBERED)
    const slots = new LauncherPool({ launchers, spec, slotCount: SLOTS, epoch, artifactPath })
    const listener = (event: JobEvent): void => {
      this.events.push(event)
      if (event.kind === 'checkpoint-completed') this.#onCheckpoint(event.checkpoint)
    }
    const master = createJobMaster({ graph, options, env, store, slots, params: spec.params, epoch, listener })
    master.start()
    return master.result
  }

  /** Once a checkpoint has completed in which every slot has state. */
  killASlotOnce(): void {
    this.#onCheckpoint = (checkpoint) => {
      const folder = `${this.folder}/state/checkpoints/chk-${String(checkpoint).padStart(6, '0')}`
      if (!existsSync(folder) || readdirSync(folder).length < SLOTS) return
      this.#onCheckpoint = () => {}
      this.#slots[0]?.kill(new EngineError('TSK1002', 'killed by the test'))
    }
  }

  #launcher(copyRoot: string | undefined): SlotLauncher {
    const launcher = createThreadSlotLauncher({
      slotCount: 2,
      host: '127.0.0.1',
      secret: undefined,
      tls: undefined,
      frameBytesMax: 64 * 1024 * 1024,
      output: { printLine: () => {}, consoleText: () => {} },
      ...(copyRoot === undefined ? {} : { copyRoot }),
      onNote: (text) => void this.notes.push(text),
      clock: env.clock,
      watchdog: 'on',
    })
    launcher.leaseUntil(env.clock.monotonicMs() + 600_000)
    return {
      leaseUntil: (untilMs) => launcher.leaseUntil(untilMs),
      launch: (launch, listener) => {
        const slot = launcher.launch(launch, listener)
        this.#slots.push(slot)
        return slot
      },
    }
  }
}

const VALUES = {
  parallelism: '4',
  'checkpoint.interval': '50ms',
  'restart.strategy': 'fixed-delay',
  'restart.delay': '0ms',
  'restart.attemptsMax': '1',
}

/** All of it: every slot has keyed state of one operator. */
const ALL_FROM_COPIES = [0, 1, 2, 3].map(
  (slot) => `slot ${slot} of job "numbered" restored 1 of 1 files from local copies`,
)

describe('a job whose tasks cannot read the shared storage', () => {
  test('goes on from local copies when a task has failed', async () => {
    const world = new World()
    const params = { fault: 'throw', faultAt: String(FAULT_AT), marker: `${world.folder}/marker` }
    const result = await world.run({ params })
    expect(result).toMatchObject({ state: 'finished', restartCount: 1 })
    expect(world.notes.sort()).toEqual(ALL_FROM_COPIES)
    expect(await numberedSummary(`${world.folder}/out`, COUNT)).toEqual(WHOLE)
  })

  test('goes on from local copies when a slot was lost, and its copies are gone when it has ended', async () => {
    const world = new World()
    world.killASlotOnce()
    const result = await world.run({})
    expect(result).toMatchObject({ state: 'finished', restartCount: 1 })
    expect(world.notes.sort()).toEqual(ALL_FROM_COPIES)
    expect(await numberedSummary(`${world.folder}/out`, COUNT)).toEqual(WHOLE)
    for (const name of ['tm-1', 'tm-2']) await expect.poll(() => filesBelow(`${world.folder}/${name}`)).toEqual([])
  })

  test.each([
    ['the job does not want copies', { values: { 'state.localRecovery': 'false' } }],
    ['its TaskManagers keep none', { copyRoot: undefined }],
  ] satisfies [string, Given][])('fails when %s', async (_why, given) => {
    const world = new World()
    world.killASlotOnce()
    const result = await world.run(given)
    expect([result.state, result.error?.code]).toEqual(['failed', 'JOB1003'])
    expect(world.notes).toEqual([])
    expect(JSON.stringify(world.events)).toContain('CKP1003')
  })
})
