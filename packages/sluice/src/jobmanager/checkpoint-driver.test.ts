import { describe, expect, test } from 'vitest'
import { EngineError, errorToData } from '../base/errors.ts'
import {
  type CheckpointId,
  attemptNumber,
  checkpointId,
  leaderEpoch,
  operatorUid,
  subtaskIndex,
  vertexId,
} from '../base/ids.ts'
import type { CheckpointSettings } from '../checkpoint/checkpoint-protocol.ts'
import type { TaskAddress, TaskSnapshot } from '../checkpoint/handles.ts'
import { decodeManifest } from '../checkpoint/manifest.ts'
import { MemoryStore } from '../checkpoint/stores/memory-store.ts'
import { type ManualEnv, createManualEnv } from '../testing/manual-env.ts'
import { CheckpointDriver } from './checkpoint-driver.ts'

const TASKS: readonly TaskAddress[] = [0, 1].map((subtask) => ({
  vertex: vertexId('map'),
  subtask: subtaskIndex(subtask),
}))
const SETTINGS: CheckpointSettings = {
  mode: 'exactly-once',
  intervalMs: 1000,
  pauseMinMs: 0,
  timeoutMs: 5000,
  concurrentMax: 1,
  failuresMax: 0,
  retained: 2,
}

function snapshotOf(task: TaskAddress): TaskSnapshot {
  return { ...task, operators: [], stats: { alignmentMs: task.subtask + 1, syncMs: 0, asyncMs: 2, stateBytes: 100 } }
}

/** A store whose answers can be made to fail. */
class TroubledStore extends MemoryStore {
  trouble: 'none' | 'publish is lost' | 'publish answers with an error' | 'nothing can be read' = 'none'

  override async publish(checkpoint: CheckpointId, manifest: Uint8Array): Promise<'published' | 'exists'> {
    if (this.trouble !== 'publish is lost') {
      const outcome = await super.publish(checkpoint, manifest)
      if (this.trouble === 'none') return outcome
    }
    throw new EngineError('CKP1001', 'the disk failed.')
  }

  override async published(): Promise<readonly CheckpointId[]> {
    if (this.trouble === 'nothing can be read') throw new EngineError('CKP1002', 'the disk failed.')
    return super.published()
  }
}

class Bench {
  readonly env: ManualEnv = createManualEnv()
  readonly store = new TroubledStore()
  readonly log: string[] = []
  /** What broke the job, in words. */
  readonly jobFailures: string[] = []
  readonly driver: CheckpointDriver
  enumeratorTrouble: Error | undefined

  constructor(settings: Partial<CheckpointSettings> = {}) {
    this.driver = new CheckpointDriver({
      env: this.env,
      settings: { ...SETTINGS, ...settings },
      epoch: leaderEpoch(2),
      ids: { first: checkpointId(1), last: checkpointId(16) },
      completed: [],
      store: this.store,
      tasks: {
        expectedAcks: () => TASKS,
        trigger: (id, mode) => this.log.push(`trigger ${id} ${mode}`),
        notifyComplete: (id) => this.log.push(`complete ${id}`),
        notifyAborted: (id) => this.log.push(`aborted ${id}`),
      },
      enumerators: { snapshot: () => this.#snapshotEnumerators() },
      facts: () => ({
        jobName: 'orders',
        epoch: leaderEpoch(2),
        attempt: attemptNumber(0),
        layout: { version: 1, jobName: 'orders', operators: [] },
        layoutHash: 'c0ffee',
        parameters: { input: 'x' },
        vertices: [{ id: vertexId('map'), parallelism: 2, maxParallelism: 128 }],
      }),
      listener: {
        onReport: () => {},
        onJobFailure: (error) => {
          this.log.push(`job failure ${error.code}`)
          this.jobFailures.push(error.message)
        },
        onRemovalFailed: (id, error) => this.log.push(`removal of ${id} failed: ${error.code}`),
      },
    })
  }

  async ackAll(id: number): Promise<void> {
    for (const task of TASKS.toReversed()) this.driver.onAck(checkpointId(id), snapshotOf(task))
    await this.env.settle()
  }

  #snapshotEnumerators(): [{ uid: ReturnType<typeof operatorUid>; state: Uint8Array }] {
    this.log.push('cut enumerators')
    if (this.enumeratorTrouble !== undefined) throw this.enumeratorTrouble
    return [{ uid: operatorUid('source'), state: new Uint8Array([7]) }]
  }
}

describe('the checkpoint driver', () => {
  test('takes a periodic checkpoint from the trigger to the manifest', async () => {
    const bench = new Bench()
    bench.driver.start()
    await bench.env.advanceAndSettle(1000)
    await bench.ackAll(1)
    expect(bench.log).toEqual(['cut enumerators', 'trigger 1 exactly-once', 'complete 1'])
    const manifest = decodeManifest(await bench.store.readManifest(checkpointId(1)), checkpointId(1))
    expect(manifest.vertices[0]?.tasks.map(({ subtask }) => subtask)).toEqual([0, 1])
    expect(manifest.enumerators).toEqual([{ uid: 'source', state: new Uint8Array([7]) }])
    expect(manifest.completedWallMs).toBe(bench.env.clock.wallMs())
    expect(bench.driver.stats()).toMatchObject({
      triggered: 1,
      completed: 1,
      failed: 0,
      lastCompleted: { checkpoint: 1, stateBytes: 200, alignmentMaxMs: 2 },
    })
    expect(bench.driver.newestCompleted()).toBe(1)
  })

  test('a caller gets a checkpoint of its own', async () => {
    const bench = new Bench({ intervalMs: undefined })
    bench.driver.start()
    const published = bench.driver.trigger()
    await bench.ackAll(1)
    expect(await published).toBe(1)
  })

  test('a caller hears why there is none', async () => {
    const bench = new Bench({ intervalMs: undefined, failuresMax: 9 })
    await expect(bench.driver.trigger()).rejects.toMatchObject({ code: 'CKP1009' })
    bench.driver.start()
    const declined = bench.driver.trigger()
    const [task] = TASKS
    if (task === undefined) return expect.unreachable()
    bench.driver.onDecline(checkpointId(1), task, errorToData(new EngineError('CKP1001', 'the disk is full.')))
    await expect(declined).rejects.toThrow(/checkpoint 1 was declined by "map" subtask 0: the disk is full/)
    const timedOut = bench.driver.trigger()
    bench.driver.onAck(checkpointId(2), snapshotOf(task))
    bench.env.advance(5000)
    await expect(timedOut).rejects.toThrow(
      /checkpoint 2 was not complete after 5s: no acknowledgement from "map" subtask 1/,
    )
    bench.enumeratorTrouble = new TypeError('cannot')
    await expect(bench.driver.trigger()).rejects.toMatchObject({ code: 'CKP1004' })
    expect(bench.log.filter((line) => line.startsWith('aborted'))).toEqual(['aborted 1', 'aborted 2'])
  })

  test.for([
    { failuresMax: 0, says: 'a checkpoint failed, and none may: checkpoint 1' },
    { failuresMax: 1, says: '2 checkpoints in a row failed, and 1 may. The last one: checkpoint 2' },
  ])('a job that fails because of checkpoints says why once ($failuresMax may fail)', async ({ failuresMax, says }) => {
    const bench = new Bench({ intervalMs: undefined, failuresMax })
    bench.driver.start()
    const [task] = TASKS
    if (task === undefined) return expect.unreachable()
    const cause = new EngineError('CKP1001', 'data could not be written to /d/map-0: full (ENOSPC). Free space there.')
    for (let id = 1; id <= failuresMax + 1; id++) {
      const declined = expect(bench.driver.trigger()).rejects.toMatchObject({ code: 'CKP1004' })
      bench.driver.onDecline(checkpointId(id), task, errorToData(cause))
      await declined
    }
    expect(bench.jobFailures).toEqual([
      `${says} was declined by "map" subtask 0: data could not be written to /d/map-0: full (ENOSPC). The job fails over. ` +
        'No checkpoint can be restored yet. Remove the cause, or raise checkpoint.failuresMax.',
    ])
  })

  test('a publication that failed only in its answer is a completed checkpoint', async () => {
    const bench = new Bench({ intervalMs: undefined })
    bench.driver.start()
    const published = bench.driver.trigger()
    bench.store.trouble = 'publish answers with an error'
    await bench.ackAll(1)
    expect(await published).toBe(1)
    expect(bench.log.at(-1)).toBe('complete 1')
  })

  test('a publication that failed is given up only after a look at the storage', async () => {
    const bench = new Bench({ intervalMs: undefined })
    bench.driver.start()
    const published = bench.driver.trigger()
    const rejected = expect(published).rejects.toMatchObject({ code: 'CKP1001' })
    bench.store.trouble = 'publish is lost'
    await bench.ackAll(1)
    await rejected
    expect(bench.log.slice(-2)).toEqual(['aborted 1', 'job failure CKP1005'])
  })

  test('a failover waits until a publication in doubt is decided', async () => {
    const bench = new Bench({ intervalMs: undefined })
    bench.driver.start()
    const published = bench.driver.trigger()
    bench.store.trouble = 'nothing can be read'
    await bench.ackAll(1)
    let isQuiet = false
    const suspended = bench.driver.suspend().then(() => (isQuiet = true))
    await bench.env.advanceAndSettle(500)
    expect(isQuiet).toBe(false)
    bench.store.trouble = 'none'
    await bench.env.advanceAndSettle(500)
    await suspended
    expect(await published).toBe(1)
    expect(bench.log).not.toContain('complete 1')
    bench.driver.resume()
    expect(bench.driver.newestCompleted()).toBe(1)
  })

  test('gives up, but removes nothing, when the storage never answers', async () => {
    const bench = new Bench({ intervalMs: undefined })
    bench.driver.start()
    const rejected = expect(bench.driver.trigger()).rejects.toMatchObject({ code: 'CKP1002' })
    bench.store.trouble = 'nothing can be read'
    await bench.ackAll(1)
    await bench.env.advanceAndSettle(10_000)
    await rejected
    expect(bench.log.at(-1)).toBe('job failure CKP1002')
    bench.store.trouble = 'none'
    expect(await bench.store.published()).toEqual([1])
  })

  test('a manifest of somebody else ends this leader', async () => {
    const bench = new Bench({ intervalMs: undefined })
    bench.driver.start()
    await bench.store.publish(checkpointId(1), new Uint8Array([1]))
    const rejected = expect(bench.driver.trigger()).rejects.toMatchObject({ code: 'CKP1007' })
    await bench.ackAll(1)
    await rejected
    expect(bench.log.at(-1)).toBe('job failure CKP1007')
    expect(await bench.store.published()).toEqual([1])
  })

  test('keeps the newest checkpoints and removes the others, in the background', async () => {
    const bench = new Bench({ intervalMs: undefined })
    bench.driver.start()
    for (const id of [1, 2, 3]) {
      const published = bench.driver.trigger()
      await bench.ackAll(id)
      await published
    }
    await bench.driver.stop()
    expect(await bench.store.published()).toEqual([2, 3])
  })

  test('a removal that fails is told and stops nothing', async () => {
    const bench = new Bench({ intervalMs: undefined, retained: 1 })
    bench.store.discard = () => Promise.reject(new EngineError('CKP1001', 'the disk failed.'))
    bench.driver.start()
    for (const id of [1, 2]) {
      const published = bench.driver.trigger()
      await bench.ackAll(id)
      await published
    }
    await bench.driver.stop()
    expect(bench.log.at(-1)).toBe('removal of 1 failed: CKP1001')
  })

  test('leaves no timer behind when it stops', async () => {
    const bench = new Bench()
    bench.driver.start()
    await bench.env.advanceAndSettle(1000)
    await bench.driver.stop()
    await bench.driver.stop()
    expect(bench.env.timerCount()).toBe(0)
    await expect(bench.driver.suspend()).resolves.toBeUndefined()
  })

  test('what a notification causes at once waits for the end of the step', async () => {
    const bench = new Bench({ intervalMs: undefined })
    bench.driver.start()
    const first = bench.driver.trigger()
    const second = first.then(() => bench.driver.trigger())
    await bench.ackAll(1)
    await bench.ackAll(2)
    expect(await second).toBe(2)
  })
})
